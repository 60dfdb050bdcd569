// SPDX-License-Identifier: GPL-2.0-only
/**
 * One machine on Unicorn and the same on the own core, side by side: the own core follows Unicorn's
 * slices and interrupts (decisions.ts), and its registers are compared at every exception and every
 * so many instructions; at the end the bytes of RAM as well.
 *
 *     Unicorn    ├──── n instructions ────┤ decisions, exceptions with their registers
 *     own core                             ├──── the same n ────┤ compared, then on
 *
 * The first difference lies between two comparisons. A second pair finds it (narrow.ts):
 * it goes there, and then on by single instructions, as stopping never changes a run.
 */

import { PAGE_SIZE, physAddr } from '#common/address.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import { LevitateMachine, type MachineSettings, type RunBounds } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { changedRam } from '#workbench/snapshot/memory-pages.ts';
import { differing, EVERY, everyRegister, GENERAL, generalRegisters, type Picture } from './core-picture.ts';
import { type Decision, follow, type Following, DivergenceError, lead } from './decisions.ts';

/** An exception, before its first instruction: the text of its event, and the registers. */
interface Entry {
  readonly what: string;
  readonly tick: number;
  readonly picture: Picture;
}

export interface Difference {
  /** The difference: registers by name, or the way in which the machines part. */
  readonly what: string;
  readonly names: readonly string[];
  readonly leader: Picture;
  readonly follower: Picture;
}

/** Agreement up to an instruction, and what ended it. */
export interface Agreement {
  readonly instructions: number;
  readonly exceptions: number;
  readonly outcome: Outcome | null;
  readonly difference: Difference | null;
}

export class Lockstep {
  readonly leader: LevitateMachine;
  readonly follower: LevitateMachine;
  /** Exceptions and interrupts at which registers were the same. */
  exceptions = 0;
  private readonly decisions: Decision[] = [];
  private readonly entries: Entry[] = [];
  private decided = 0;
  private entered = 0;
  private difference: Difference | null = null;
  private readonly following: Following = {
    next: () => this.decisions[this.decided++],
    entered: () => this.entered,
    atException: null,
  };

  constructor(settings: MachineSettings) {
    const traced = { ...settings, trace: ['exception', 'irq'] } as const;
    this.leader = new LevitateMachine({ ...traced, engine: 'unicorn' });
    this.follower = new LevitateMachine({ ...traced, engine: 'wasm', likeUnicorn: true });
    const { clock: leading } = this.leader.machine;
    const { clock: following } = this.follower.machine;
    forEachCore(this.leader, (core) => lead(core, leading, this.decisions, () => this.entries.length));
    forEachCore(this.follower, (core) => follow(core, following, this.following));
    onException(this.leader, (entry) => this.entries.push(entry));
    onException(this.follower, (entry) => this.compareEntry(entry));
  }

  close(): void {
    this.leader.close();
    this.follower.close();
  }

  get instructions(): number {
    return this.follower.machine.clock.instructions;
  }

  /** Typed to both. */
  type(text: string): void {
    this.leader.type(text);
    this.follower.type(text);
  }

  /**
   * Runs both machines for `instructions`, and compares at exceptions, and at the end if
   * `compared`. Null: no difference.
   */
  advance(instructions: number, bounds: RunBounds, compared = true): Agreement | null {
    this.decisions.length = 0;
    this.entries.length = 0;
    this.decided = 0;
    this.entered = 0;
    const outcome = this.leader.runSlice(instructions, bounds);
    try {
      this.follower.runSlice(instructions, bounds);
      if (this.decided < this.decisions.length) throw new DivergenceError('the end, where the other one goes on');
    } catch (error) {
      if (!(error instanceof DivergenceError)) throw error;
      this.difference ??= this.differenceOf(error.message, everyRegister);
    }
    if (compared) this.compareCores();
    if (outcome !== null) this.compareMemory();
    const { exceptions, difference } = this;
    if (outcome === null && difference === null) return null;
    return { instructions: this.instructions, exceptions, outcome, difference };
  }

  private compareEntry({ what, tick, picture }: Entry): void {
    const entry = this.entries[this.entered++];
    this.following.atException?.();
    if (this.difference !== null) return;
    this.exceptions++;
    const at = `${what} at tick ${tick}`;
    if (entry === undefined) throw new DivergenceError(`${at}, where the other one takes no exception`);
    if (entry.what !== what || entry.tick !== tick) {
      throw new DivergenceError(`${at}, not ${entry.what} at tick ${entry.tick}`);
    }
    const names = differing(GENERAL, entry.picture, picture);
    if (names.length === 0) return;
    this.difference = { what: `registers at ${at}`, names, leader: entry.picture, follower: picture };
    throw new DivergenceError('');
  }

  private compareMemory(): void {
    if (this.difference !== null) return;
    const [leader, follower] = [this.leader.memory, this.follower.memory];
    // In both directions, because one machine alone may have touched a chunk.
    const changed = [...changedRam(follower, leader), ...changedRam(leader, follower)];
    const found = changed.find(({ pages }) => pages.length > 0);
    if (found === undefined) return;
    const page = found.base + PAGE_SIZE * firstBit(found.bitmap);
    const [theirs, ours] = [leader, follower].map((memory) => memory.readBytes(physAddr(page), PAGE_SIZE)) as [
      Uint8Array,
      Uint8Array,
    ];
    const at = theirs.findIndex((byte, index) => byte !== ours[index]);
    const what = `a byte of RAM at 0x${(page + at).toString(16)}: 0x${ours[at]?.toString(16)}, not 0x${theirs[at]?.toString(16)}`;
    this.difference = { what, names: [], leader: [], follower: [] };
  }

  private compareCores(): void {
    if (this.difference !== null) return;
    const difference = this.differenceOf('registers', everyRegister);
    if (difference.names.length > 0) this.difference = difference;
  }

  /** The difference of the first core that has one; else that of the core that runs. */
  private differenceOf(what: string, look: (core: MachineCore) => Picture): Difference {
    const [leaders, followers] = [this.leader.machine.cores, this.follower.machine.cores];
    const all = leaders.map((core, index) => {
      const other = followers[index];
      const leader = look(core);
      const follower = other === undefined ? [] : look(other);
      const names = differing(EVERY, leader, follower);
      return { what: leaders.length === 1 ? what : `${what} of core ${core.index}`, names, leader, follower };
    });
    return all.find(({ names }) => names.length > 0) ?? (all[this.leader.machine.currentCore] as Difference);
  }
}

function firstBit(bitmap: Uint8Array): number {
  const byte = bitmap.findIndex((bits) => bits !== 0);
  const bits = bitmap[byte] as number;
  return 8 * byte + Math.log2(bits & -bits);
}

function forEachCore({ machine }: LevitateMachine, use: (core: MachineCore) => void): void {
  for (const core of machine.cores) use(core);
  machine.observer = { coreOpened: use, gateEntered: () => {}, gateLeft: () => {} };
}

function onException({ events, machine }: LevitateMachine, use: (entry: Entry) => void): void {
  const entered = (what: string): void => {
    const core = machine.cores.find(({ index }) => index === machine.currentCore);
    if (core !== undefined) use({ what, tick: machine.clock.ticks, picture: generalRegisters(core) });
  };
  events.subscribe(({ fields }) => {
    const { level, esr, far, pc, from } = fields;
    const address = far === null ? '' : `, FAR ${far}`;
    entered(`an exception from EL${from} to EL${level}, ESR 0x${esr.toString(16)}${address}, ELR ${pc},`);
  }, 'exception');
  events.subscribe(({ fields }) => entered(`${fields.taken} at ${fields.pc}`), 'irq');
}
