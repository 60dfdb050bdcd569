// SPDX-License-Identifier: GPL-2.0-only
/**
 * Routing of SPIs by a GICv3: GICD_IROUTER<n>.
 *
 *     63      40 39   32 31  30     24 23   16 15    8 7     0
 *     ┌─────────┬───────┬───┬─────────┬───────┬───────┬───────┐
 *     │  RES0   │ Aff3  │IRM│  RES0   │ Aff2  │ Aff1  │ Aff0  │
 *     └─────────┴───────┴───┴─────────┴───────┴───────┴───────┘
 *
 * IRM = 0: to the core with that affinity, or to no core when there is none. IRM = 1 ("1 of N", the
 * controller picks): to the lowest numbered core that is awake and has the group of the interrupt
 * enabled, core 0 when there is none; a fixed choice, so runs repeat. This may be core 0 while it
 * sleeps, so such an interrupt can wake it, which GICD_CTLR.E1NWF = 0 need not allow.
 *
 * Specification: IHI 0069, 12.9.22 GICD_IROUTER, 3.3 (routing).
 */

import { type CpuInterface, GROUP0, GROUP1, type GroupMask } from './cpu-interface.ts';
import { FIRST_SPI, type InterruptState } from './interrupt-state.ts';

const AFFINITY_LOW = 0x00ff_ffff;
const AFFINITY_HIGH = 0xff;
const IRM = 0x8000_0000;

export class GicV3Routing {
  private readonly state: InterruptState;
  private readonly interfaces: readonly CpuInterface[];
  /** Cores by affinity: Aff3 and Aff2.Aff1.Aff0, packed by `key`. */
  private readonly cores = new Map<number, number>();
  private readonly low: Uint32Array;
  private readonly high: Uint8Array;
  /** Cores chosen for 1-of-N interrupts of group 0 and of group 1. */
  private oneOfN: readonly [number, number] = [0, 0];

  /**
   * @param mpidrs affinity fields of each core as in MPIDR_EL1 (39:32 Aff3, 23:0 Aff2 to Aff0);
   * other bits are ignored
   * @throws RangeError when two cores have the same affinity
   */
  constructor(state: InterruptState, interfaces: readonly CpuInterface[], mpidrs: readonly number[]) {
    this.state = state;
    this.interfaces = interfaces;
    this.low = new Uint32Array(state.spis);
    this.high = new Uint8Array(state.spis);
    for (const [cpu, mpidr] of mpidrs.entries()) {
      const affinity = key(affinityHigh(mpidr), affinityLow(mpidr));
      const other = this.cores.get(affinity);
      if (other !== undefined) {
        throw new RangeError(`cores ${other} and ${cpu} have the same affinity, MPIDR ${mpidr}`);
      }
      this.cores.set(affinity, cpu);
    }
    this.reset();
  }

  /** Routes every SPI to affinity 0.0.0.0 (the architecture leaves the reset value open). */
  reset(): void {
    this.low.fill(0);
    this.high.fill(0);
    for (let index = 0; index < this.state.spis; index++) this.apply(index);
  }

  /**
   * State without derived values: the targets, which are saved with the interrupts, and the
   * choices, which follow from the interfaces.
   */
  saveState() {
    return { low: [...this.low], high: [...this.high] };
  }

  /** Call after the CPU interfaces are restored. */
  restoreState({ low, high }: ReturnType<GicV3Routing['saveState']>): void {
    this.low.set(low);
    this.high.set(high);
    this.oneOfN = this.picks();
  }

  /** Core with that affinity, or null. */
  findCore(aff3: number, aff2to0: number): number | null {
    return this.cores.get(key(aff3, aff2to0)) ?? null;
  }

  /** Reads half 0 (bits 31:0) or half 1 (bits 63:32). Zero for an INTID that is not an SPI. */
  read(intid: number, half: 0 | 1): number {
    return (half === 0 ? this.low : this.high)[intid - FIRST_SPI] ?? 0;
  }

  write(intid: number, half: 0 | 1, value: number): void {
    const index = intid - FIRST_SPI;
    if (index < 0 || index >= this.state.spis) return;
    if (half === 0) {
      this.low[index] = value & (IRM | AFFINITY_LOW);
    } else {
      this.high[index] = value & AFFINITY_HIGH;
    }
    this.apply(index);
  }

  /**
   * Call when a core wakes, sleeps, or changes its group enables. O(cores), O(SPIs) when another
   * core is chosen.
   */
  repick(): void {
    const picks = this.picks();
    if (picks[0] === this.oneOfN[0] && picks[1] === this.oneOfN[1]) return;
    this.oneOfN = picks;
    for (let index = 0; index < this.state.spis; index++) this.applyOneOfN(index);
  }

  /** Call when INTIDs 32k..32k+31 may have changed their groups. O(1). */
  regroup(k: number): void {
    const first = 32 * k - FIRST_SPI;
    for (let index = first; index < Math.min(first + 32, this.state.spis); index++) this.applyOneOfN(index);
  }

  private picks(): readonly [number, number] {
    const pick = (group: GroupMask) =>
      this.interfaces.findIndex((core) => !core.asleep && (core.enables & group) !== 0);
    return [Math.max(0, pick(GROUP0)), Math.max(0, pick(GROUP1))];
  }

  private applyOneOfN(index: number): void {
    if (this.low[index]! >= IRM) this.apply(index);
  }

  private apply(index: number): void {
    const low = this.low[index]!;
    const slot = this.state.slot(0, index + FIRST_SPI);
    const picked = this.oneOfN[this.state.hasBit('grouped', slot) ? 1 : 0];
    const core = low >= IRM ? picked : this.findCore(this.high[index]!, low);
    this.state.setTargets(slot, core === null ? 0 : 1 << core);
  }
}

/** Aff2.Aff1.Aff0 of an MPIDR. */
export function affinityLow(mpidr: number): number {
  return mpidr & AFFINITY_LOW;
}

/** Aff3 of an MPIDR, which lies above 32 bits. */
export function affinityHigh(mpidr: number): number {
  return Math.floor(mpidr / 2 ** 32) & AFFINITY_HIGH;
}

function key(aff3: number, aff2to0: number): number {
  return aff3 * 2 ** 24 + aff2to0;
}
