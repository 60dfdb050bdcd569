// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random operations on a GICv2, a GICv3 and the plain model: lines, acknowledged INTIDs, pending
 * and active registers and running priorities must agree after every one.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { GicV2TestMachine, GicV3TestMachine } from './testing/test-machine.ts';
import { ReferenceGic } from './testing/reference-model.ts';

const CPUS = 3;
const SPIS = 40;

type Flag = 'enable' | 'pend' | 'active' | 'group' | 'edge';

type Step =
  | { kind: 'line'; cpu: number; intid: number; on: boolean }
  | { kind: Flag; cpu: number; intid: number; on: boolean }
  | { kind: 'priority'; cpu: number; intid: number; value: number }
  | { kind: 'target'; intid: number; cores: number }
  | { kind: 'sgi'; cpu: number; intid: number; cores: number }
  | { kind: 'groups'; cpu: number | null; value: number }
  | { kind: 'pmr' | 'bpr0' | 'bpr1'; cpu: number; value: number }
  | { kind: 'control'; cpu: number; splitEoi: boolean; commonBpr: boolean }
  | { kind: 'ack'; cpu: number; group: 0 | 1 }
  | { kind: 'end'; cpu: number; intid: number | null }
  | { kind: 'deactivate'; cpu: number; intid: number | null };

/** Few INTIDs, so that operations concern the same ones. */
const INTIDS = [0, 1, 15, 16, 27, 31, 32, 33, 63, 64, 71];
const intid = fc.constantFrom(...INTIDS);
const shared = fc.constantFrom(...INTIDS.slice(-5));
const cpu = fc.nat(CPUS - 1);
const on = fc.boolean();
const cores = fc.nat(7);
const priority = fc.constantFrom(0, 0x08, 0x40, 0x48, 0x50, 0xa0, 0xa3, 0xf0, 0xff);

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('line' as const), cpu, intid, on }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constantFrom<Flag>('enable', 'enable', 'pend', 'pend', 'active', 'group', 'edge'),
      cpu,
      intid,
      on,
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('priority' as const), cpu, intid, value: priority }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('target' as const), intid: shared, cores }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('sgi' as const), cpu, intid: fc.constantFrom(0, 1, 15), cores }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('groups' as const), cpu: fc.option(cpu), value: fc.nat(3) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pmr' as const), cpu, value: priority }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('bpr0' as const, 'bpr1' as const), cpu, value: fc.nat(7) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('control' as const), cpu, splitEoi: on, commonBpr: on }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('ack' as const), cpu, group: fc.constantFrom(0 as const, 1 as const) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('end' as const), cpu, intid: fc.option(intid, { freq: 6 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('deactivate' as const), cpu, intid: fc.option(intid) }) },
);

/** Operations that the driver of a controller needs. */
interface Driver {
  readonly lines: string;
  line(cpu: number, intid: number, level: boolean): void;
  /** A register of one bit per INTID, by the offset that both architectures share. */
  bit(cpu: number, intid: number, offset: number): void;
  readWord(cpu: number, intid: number, offset: number): number;
  writeWord(cpu: number, intid: number, offset: number, value: number): void;
  priority(cpu: number, intid: number, value: number): void;
  target(intid: number, cores: number): void;
  sgi(cpu: number, intid: number, cores: number): void;
  setPending(cpu: number, intid: number, on: boolean): void;
  distributorGroups(value: number): void;
  coreGroups(cpu: number, value: number): void;
  mask(cpu: number, value: number): void;
  binaryPoint(cpu: number, group: 0 | 1, value: number): void;
  control(cpu: number, splitEoi: boolean, commonBpr: boolean): void;
  acknowledge(cpu: number, group: 0 | 1): number;
  end(cpu: number, group: 0 | 1, intid: number): void;
  deactivate(cpu: number, intid: number): void;
  runningPriority(cpu: number): number;
}

class V2Driver implements Driver {
  private readonly machine = new GicV2TestMachine(CPUS, SPIS);
  private readonly controlBits = new Array<number>(CPUS).fill(8); // FIQEn: group 0 is FIQ, group 1 IRQ

  constructor() {
    for (let cpu = 0; cpu < CPUS; cpu++) this.writeControl(cpu, 8);
  }
  get lines() {
    return this.machine.lines;
  }
  line(cpu: number, intid: number, level: boolean) {
    if (intid < 32) this.machine.gic.setPpi(cpu, intid, level);
    else this.machine.gic.setSpi(intid, level);
  }
  bit(cpu: number, intid: number, offset: number) {
    this.machine.on(cpu).setD(offset + 4 * (intid >>> 5), (1 << (intid & 31)) >>> 0);
  }
  readWord(cpu: number, intid: number, offset: number) {
    return this.machine.on(cpu).d(offset + 4 * (intid >>> 5));
  }
  writeWord(cpu: number, intid: number, offset: number, value: number) {
    this.machine.on(cpu).setD(offset + 4 * (intid >>> 5), value);
  }
  priority(cpu: number, intid: number, value: number) {
    this.machine.on(cpu).gic.distributor.write(0x400 + intid, 1, value);
  }
  target(intid: number, cores: number) {
    this.machine.gic.distributor.write(0x800 + intid, 1, cores);
  }
  sgi(cpu: number, intid: number, cores: number) {
    this.machine.on(cpu).setD(0xf00, (cores << 16) | intid);
  }
  setPending(cpu: number, intid: number, on: boolean) {
    if (intid >= 16) this.bit(cpu, intid, on ? 0x200 : 0x280);
    else this.machine.on(cpu).gic.distributor.write((on ? 0xf20 : 0xf10) + intid, 1, on ? 1 << cpu : 0xff);
  }
  distributorGroups(value: number) {
    this.machine.setD(0, value);
  }
  coreGroups(cpu: number, value: number) {
    this.writeControl(cpu, (this.controlBits[cpu]! & ~3) | value);
  }
  mask(cpu: number, value: number) {
    this.machine.on(cpu).setC(0x4, value);
  }
  binaryPoint(cpu: number, group: 0 | 1, value: number) {
    this.machine.on(cpu).setC(group === 0 ? 0x8 : 0x1c, value);
  }
  control(cpu: number, splitEoi: boolean, commonBpr: boolean) {
    this.writeControl(cpu, (this.controlBits[cpu]! & 0xf) | (commonBpr ? 0x10 : 0) | (splitEoi ? 0x200 : 0));
  }
  acknowledge(cpu: number, group: 0 | 1) {
    const value = this.machine.on(cpu).c(group === 0 ? 0xc : 0x20);
    return value === 1022 ? 1023 : value;
  }
  end(cpu: number, _group: 0 | 1, intid: number) {
    this.machine.on(cpu).setC(0x10, intid);
  }
  deactivate(cpu: number, intid: number) {
    this.machine.on(cpu).setC(0x1000, intid);
  }
  runningPriority(cpu: number) {
    return this.machine.on(cpu).c(0x14);
  }
  private writeControl(cpu: number, value: number) {
    this.controlBits[cpu] = value;
    this.machine.on(cpu).setC(0, value);
  }
}

class V3Driver implements Driver {
  private readonly machine = new GicV3TestMachine(CPUS, 'single', SPIS);

  constructor() {
    for (let cpu = 0; cpu < CPUS; cpu++) this.machine.setR(cpu, 0x14, 0);
    for (let intid = 32; intid < 32 + SPIS; intid++) this.target(intid, 0);
  }
  get lines() {
    return this.machine.lines;
  }
  line(cpu: number, intid: number, level: boolean) {
    if (intid < 32) this.machine.gic.setPpi(cpu, intid, level);
    else this.machine.gic.setSpi(intid, level);
  }
  bit(cpu: number, intid: number, offset: number) {
    this.writeWord(cpu, intid, offset, (1 << (intid & 31)) >>> 0);
  }
  readWord(cpu: number, intid: number, offset: number) {
    return intid < 32 ? this.machine.r(cpu, 0x1_0000 + offset) : this.machine.d(offset + 4 * (intid >>> 5));
  }
  writeWord(cpu: number, intid: number, offset: number, value: number) {
    if (intid < 32) this.machine.setR(cpu, 0x1_0000 + offset, value);
    else this.machine.setD(offset + 4 * (intid >>> 5), value);
  }
  priority(cpu: number, intid: number, value: number) {
    if (intid < 32) this.machine.gic.redistributors.write(cpu * 0x2_0000 + 0x1_0400 + intid, 1, value);
    else this.machine.gic.distributor.write(0x400 + intid, 1, value);
  }
  /** The lowest core of the set; an affinity without a core for the empty set. */
  target(intid: number, cores: number) {
    this.machine.setD(0x6000 + 8 * intid, cores === 0 ? 0xff_ff00 : lowest(cores) << 8);
  }
  sgi(cpu: number, intid: number, cores: number) {
    for (let target = 0; target < CPUS; target++) {
      if ((cores & (1 << target)) === 0) continue;
      const grouped = (this.machine.r(target, 0x1_0080) & (1 << intid)) !== 0;
      this.machine.setIcc(cpu, grouped ? 'SGI1R' : 'SGI0R', (intid << 24) | (target << 16) | 1);
    }
  }
  setPending(cpu: number, intid: number, on: boolean) {
    this.bit(cpu, intid, on ? 0x200 : 0x280);
  }
  distributorGroups(value: number) {
    this.machine.setD(0, value);
  }
  coreGroups(cpu: number, value: number) {
    this.machine.setIcc(cpu, 'IGRPEN0', value & 1);
    this.machine.setIcc(cpu, 'IGRPEN1', value >>> 1);
  }
  mask(cpu: number, value: number) {
    this.machine.setIcc(cpu, 'PMR', value);
  }
  binaryPoint(cpu: number, group: 0 | 1, value: number) {
    this.machine.setIcc(cpu, group === 0 ? 'BPR0' : 'BPR1', value);
  }
  control(cpu: number, splitEoi: boolean, commonBpr: boolean) {
    this.machine.setIcc(cpu, 'CTLR', (splitEoi ? 2 : 0) | (commonBpr ? 1 : 0));
  }
  acknowledge(cpu: number, group: 0 | 1) {
    return this.machine.icc(cpu, group === 0 ? 'IAR0' : 'IAR1')!;
  }
  end(cpu: number, group: 0 | 1, intid: number) {
    this.machine.setIcc(cpu, group === 0 ? 'EOIR0' : 'EOIR1', intid);
  }
  deactivate(cpu: number, intid: number) {
    this.machine.setIcc(cpu, 'DIR', intid);
  }
  runningPriority(cpu: number) {
    return this.machine.icc(cpu, 'RPR')!;
  }
}

function lowest(cores: number): number {
  return [0, 1, 2].find((core) => (cores & (1 << core)) !== 0)!;
}

/** Applies one step to both. `last` is what each core acknowledged and did not end. */
function apply(step: Step, version: 2 | 3, driver: Driver, model: ReferenceGic, last: number[][]): void {
  switch (step.kind) {
    case 'line':
      if (step.intid >= 16) {
        driver.line(step.cpu, step.intid, step.on);
        model.setLine(step.cpu, step.intid, step.on);
      }
      break;
    case 'enable':
      driver.bit(step.cpu, step.intid, step.on ? 0x100 : 0x180);
      model.interrupt(step.cpu, step.intid).enabled = step.on || (version === 2 && step.intid < 16);
      break;
    case 'pend':
      driver.setPending(step.cpu, step.intid, step.on);
      if (version === 3 || step.intid >= 16) model.interrupt(step.cpu, step.intid).latch = step.on;
      else if (step.on) model.interrupt(step.cpu, step.intid).sources.add(step.cpu);
      else model.interrupt(step.cpu, step.intid).sources.clear();
      break;
    case 'active':
      driver.bit(step.cpu, step.intid, step.on ? 0x300 : 0x380);
      model.interrupt(step.cpu, step.intid).active = step.on;
      break;
    case 'group': {
      const word = driver.readWord(step.cpu, step.intid, 0x080);
      const bit = 1 << (step.intid & 31);
      driver.writeWord(step.cpu, step.intid, 0x080, (step.on ? word | bit : word & ~bit) >>> 0);
      model.interrupt(step.cpu, step.intid).group = step.on ? 1 : 0;
      break;
    }
    case 'edge':
      writeTrigger(driver, step.cpu, step.intid, step.on);
      model.interrupt(step.cpu, step.intid).edge = step.on || step.intid < 16;
      break;
    case 'priority':
      driver.priority(step.cpu, step.intid, step.value);
      model.interrupt(step.cpu, step.intid).priority = step.value & 0xf8;
      break;
    case 'target': {
      driver.target(step.intid, step.cores);
      const all = [0, 1, 2].filter((core) => (step.cores & (1 << core)) !== 0);
      model.interrupt(0, step.intid).targets = new Set(version === 2 ? all : all.slice(0, 1));
      break;
    }
    case 'sgi':
      driver.sgi(step.cpu, step.intid, step.cores);
      for (let target = 0; target < CPUS; target++) {
        if ((step.cores & (1 << target)) === 0) continue;
        if (version === 3) model.interrupt(target, step.intid).latch = true;
        else model.interrupt(target, step.intid).sources.add(step.cpu);
      }
      break;
    case 'groups': {
      const enables: [boolean, boolean] = [(step.value & 1) !== 0, (step.value & 2) !== 0];
      if (step.cpu === null) {
        driver.distributorGroups(step.value);
        model.distributor = enables;
      } else {
        driver.coreGroups(step.cpu, step.value);
        model.cores[step.cpu]!.enables = enables;
      }
      break;
    }
    case 'pmr':
      driver.mask(step.cpu, step.value);
      model.cores[step.cpu]!.pmr = step.value & 0xf8;
      break;
    case 'bpr0':
      driver.binaryPoint(step.cpu, 0, step.value);
      model.cores[step.cpu]!.bpr[0] = Math.max(2, step.value);
      break;
    case 'bpr1':
      driver.binaryPoint(step.cpu, 1, step.value);
      if (version === 2 || !model.cores[step.cpu]!.commonBpr) {
        model.cores[step.cpu]!.bpr[1] = Math.max(3, step.value);
      }
      break;
    case 'control':
      driver.control(step.cpu, step.splitEoi, step.commonBpr);
      Object.assign(model.cores[step.cpu]!, { splitEoi: step.splitEoi, commonBpr: step.commonBpr });
      break;
    case 'ack': {
      const intid = driver.acknowledge(step.cpu, step.group);
      expect(intid).toBe(model.acknowledge(step.cpu, [step.group]));
      if (intid !== 1023) last[step.cpu]!.push(intid & 0x3ff);
      break;
    }
    case 'end': {
      const intid = step.intid ?? last[step.cpu]!.pop() ?? 27;
      // GICv2 has one EOIR, and the interrupt's group decides; GICv3's must match the running one.
      const group = version === 2 ? model.interrupt(step.cpu, intid).group : (model.activeGroup(step.cpu) ?? 0);
      driver.end(step.cpu, group, intid);
      model.end(step.cpu, group, intid);
      break;
    }
    case 'deactivate': {
      const intid = step.intid ?? last[step.cpu]!.at(-1) ?? 27;
      driver.deactivate(step.cpu, intid);
      model.deactivate(step.cpu, intid);
      break;
    }
  }
}

function writeTrigger(driver: Driver, cpu: number, intid: number, edge: boolean): void {
  // ICFGR has two words for each 32 INTIDs: go through the base of the right one.
  const offset = 0xc00 + 4 * (intid >>> 4) - 4 * (intid >>> 5);
  const word = driver.readWord(cpu, intid, offset);
  const bit = 2 << (2 * (intid & 15));
  driver.writeWord(cpu, intid, offset, (edge ? word | bit : word & ~bit) >>> 0);
}

function expectedLines(model: ReferenceGic): string {
  return model.cores.map((_, cpu) => ['F', 'I'][model.signalled(cpu)?.group ?? 2] ?? '-').join('');
}

function wordOf(first: number, has: (intid: number) => boolean): number {
  let word = 0;
  for (let n = 0; n < 32; n++) if (first + n < 32 + SPIS && has(first + n)) word += 2 ** n;
  return word;
}

describe.each([
  [2, () => new V2Driver()],
  [3, () => new V3Driver()],
] as const)('GICv%i against the plain model', (version, newDriver) => {
  it('agrees after every operation', () => {
    const acknowledged = new Set<number>();
    fc.assert(
      fc.property(fc.array(step, { minLength: 20, maxLength: 120 }), (steps) => {
        const driver = newDriver();
        const model = new ReferenceGic(CPUS, SPIS);
        const last: number[][] = model.cores.map(() => []);
        const prelude: Step[] = [{ kind: 'groups', cpu: null, value: 3 }];
        for (let cpu = 0; cpu < CPUS; cpu++) {
          prelude.push({ kind: 'groups', cpu, value: 3 }, { kind: 'pmr', cpu, value: 0xff });
          for (const intid of INTIDS) prelude.push({ kind: 'enable', cpu, intid, on: true });
        }
        for (const intid of INTIDS.slice(-5)) prelude.push({ kind: 'target', intid, cores: 7 });
        for (const next of [...prelude, ...steps]) {
          apply(next, version, driver, model, last);
          expect(driver.lines, JSON.stringify(next)).toBe(expectedLines(model));
          for (const intid of last.flat()) acknowledged.add(intid);
        }
        for (let cpu = 0; cpu < CPUS; cpu++) {
          expect(driver.runningPriority(cpu)).toBe(model.runningPriority(cpu));
          for (const first of [0, 32, 64]) {
            const is = (property: 'enabled' | 'active') => (intid: number) => model.interrupt(cpu, intid)[property];
            const sgis = version === 2 && first === 0 ? 0xffff : 0; // which a GICv2 always enables
            expect(driver.readWord(cpu, first, 0x100)).toBe((wordOf(first, is('enabled')) | sgis) >>> 0);
            expect(driver.readWord(cpu, first, 0x300)).toBe(wordOf(first, is('active')));
            const pending = wordOf(first, (intid) => model.isPending(model.interrupt(cpu, intid)));
            expect(driver.readWord(cpu, first, 0x200)).toBe(pending);
          }
        }
      }),
      { numRuns: 400 },
    );
    // SGIs, PPIs and SPIs were acknowledged: the property was not true for lack of interrupts.
    expect(acknowledged.size).toBe(INTIDS.length);
  });
});
