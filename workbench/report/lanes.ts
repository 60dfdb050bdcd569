// SPDX-License-Identifier: GPL-2.0-only
/**
 * The cores' activity side by side, for a time axis: stretches and marks in lanes. A lane with too
 * many marks keeps fewer and says how many each one stands for.
 *
 *     core 0              [ on ……………………………… ]
 *     core 0, level            [EL0 ][EL1]     between two exceptions: where the second one came from
 *     core 0, exceptions   |  | ||   |
 *     core 0, interrupts   [ INTID 27 ]
 *     core 0, MMIO         | |
 *
 * Exceptions, interrupts and MMIO are present if they were traced. A reset ends all stretches; its
 * `boot` event starts core 0 again.
 */

import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import type { Lane, LaneMark } from './page-data.ts';

/** Most marks in a lane. Above, neighbours are merged until half of the marks are left. */
const MOST_MARKS = 1000;

export class LaneRecorder {
  private readonly lanes = new Map<string, LaneMark[]>();
  /** Interrupts acknowledged and not ended, by core. */
  private readonly active = new Map<number, { readonly intid: number; readonly t: number }[]>();
  private readonly on = new Map<number, number>([[0, 0]]);
  private readonly lastException = new Map<number, number>();

  add(event: LogEvent): void {
    const { t, core } = event;
    switch (event.kind) {
      case 'boot':
        this.restart(t);
        break;
      case 'power':
        this.addPower(event);
        break;
      case 'exception': {
        const { level, from, esr, pc } = event.fields;
        const before = this.lastException.get(core);
        this.lastException.set(core, t);
        // The level before the first exception is not known.
        if (before !== undefined) this.put(`core ${core}, level`, before, t, `EL${from}`);
        this.put(`core ${core}, exceptions`, t, t, `EL${from} to EL${level}, ESR 0x${esr.toString(16)}, at ${pc}`);
        break;
      }
      case 'irq':
        this.addInterrupt(event);
        break;
      case 'mmio': {
        const { device, offset, write, value } = event.fields;
        this.put(`core ${core}, MMIO`, t, t, `${device} ${offset} ${write ? '=' : 'is'} ${value}`);
        break;
      }
      default:
        break;
    }
  }

  /** The lanes of a run that ended at `endNs`: cores in their order. */
  at(endNs: number): Lane[] {
    const found = new Map([...this.lanes].map(([name, marks]) => [name, [...marks]]));
    for (const { name, t, text } of this.open()) found.set(name, [...(found.get(name) ?? []), [t, endNs, 1, text]]);
    const order = new Intl.Collator('en', { numeric: true });
    return [...found].map(([name, marks]) => ({ name, marks })).sort((a, b) => order.compare(a.name, b.name));
  }

  /** Stretches that have begun and not ended. */
  private *open(): Generator<{ readonly name: string; readonly t: number; readonly text: string }> {
    for (const [core, t] of this.on) yield { name: `core ${core}`, t, text: 'on' };
    for (const [core, list] of this.active) {
      for (const { intid, t } of list) yield { name: `core ${core}, interrupts`, t, text: `INTID ${intid}` };
    }
  }

  private restart(now: number): void {
    // Nothing was open before the first one.
    if (now > 0) for (const { name, t, text } of this.open()) this.put(name, t, now, text);
    this.active.clear();
    this.lastException.clear();
    this.on.clear();
    this.on.set(0, now);
  }

  private addPower({ t, fields: { action, core } }: LogEvent<'power'>): void {
    if (core === undefined) return;
    if (action === 'core on') this.on.set(core, t);
    const since = this.on.get(core);
    if (action !== 'core off' || since === undefined) return;
    this.on.delete(core);
    this.put(`core ${core}`, since, t, 'on');
  }

  private addInterrupt({ t, core, fields: { acknowledged, ended } }: LogEvent<'irq'>): void {
    const active = this.active.get(core) ?? [];
    this.active.set(core, active);
    if (acknowledged !== undefined) active.push({ intid: acknowledged, t });
    const index = active.findLastIndex(({ intid }) => intid === ended);
    const [begun] = ended === undefined || index < 0 ? [] : active.splice(index, 1);
    if (begun !== undefined) this.put(`core ${core}, interrupts`, begun.t, t, `INTID ${begun.intid}`);
  }

  private put(name: string, from: number, to: number, text: string): void {
    const marks = this.lanes.get(name) ?? [];
    marks.push([from, to, 1, text]);
    this.lanes.set(name, marks.length > MOST_MARKS ? halved(marks) : marks);
  }
}

/** Every two neighbours one. */
function halved(marks: readonly LaneMark[]): LaneMark[] {
  return marks.flatMap(([from, to, count, text], index): LaneMark[] => {
    if (index % 2 === 1) return [];
    const [, end = to, more = 0] = marks[index + 1] ?? [];
    return [[from, Math.max(to, end), count + more, text]];
  });
}
