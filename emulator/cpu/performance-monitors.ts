// SPDX-License-Identifier: GPL-2.0-only
/**
 * Performance monitors of one core: the counters and PMCR_EL0. The engine keeps the other registers
 * as storage.
 *
 *     PMSWINC_EL0 ──► event counters whose event is SW_INCR      ┐
 *     a tick      ──► event counters whose event is CPU_CYCLES   ├ while PMCR_EL0.E and their enable bit are set
 *                 ──► the cycle counter                          ┘
 *
 * The engine would count by the host's clock, so it never sees PMCR_EL0.E set. One instruction is
 * one cycle. Counters are updated before any register that they depend on is accessed, so they cost
 * nothing in between. Filters by exception level (PMEVTYPER, PMCCFILTR), PMCR_EL0.D and the
 * overflow interrupt are not modelled.
 *
 * Specification: Arm ARM DDI 0487 K.a, D13 (the Performance Monitors Extension), D24.5 (its
 * registers).
 */

import type { CoreRegisters } from '#emulator/engine/engine.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

/** PMCR_EL0: E, D, X, DP, LC are writable; P and C act; the other fields are read-only. */
const PMCR_E = 1n << 0n;
const PMCR_P = 1n << 1n;
const PMCR_C = 1n << 2n;
const PMCR_LC = 1n << 6n;
const PMCR_WRITABLE = PMCR_E | (1n << 3n) | (1n << 4n) | (1n << 5n) | PMCR_LC;
const PMCR_KEPT = PMCR_WRITABLE | PMCR_P | PMCR_C;
const PMCR_N_SHIFT = 11n;
const PMCR_N_MASK = 31n;

const CYCLE_COUNTER = 31;
const EVENT_MASK = 0xffffn;
const SW_INCR = 0n;
const CPU_CYCLES = 0x11n;

const PMCR_EL0: SystemRegisterEncoding = [3, 3, 9, 12, 0];
const PMCNTENSET_EL0: SystemRegisterEncoding = [3, 3, 9, 12, 1];
const PMSELR_EL0: SystemRegisterEncoding = [3, 3, 9, 12, 5];
const PMOVSSET_EL0: SystemRegisterEncoding = [3, 3, 9, 14, 3];
const PMUSERENR_EL0: SystemRegisterEncoding = [3, 3, 9, 14, 0];

/**
 * PMUSERENR_EL0: EL0 may access everything (EN), write PMSWINC (SW), read the cycle counter (CR),
 * read and select event counters (ER).
 */
const USER_EN = 1n << 0n;
const USER_SW = 1n << 1n;
const USER_CR = 1n << 2n;
const USER_ER = 1n << 3n;

/** Effect of a register on the counters. */
type Role =
  | { readonly is: 'control' | 'increment' | 'cycles' }
  /** Event counter, by number or by PMSELR_EL0 (null). */
  | { readonly is: 'counter'; readonly index: number | null }
  /** Register that decides what counts; the engine keeps it. */
  | { readonly is: 'setting' };

/** Role of a register; null for registers that do not affect the counters. */
function roleOf([op0, op1, crn, crm, op2]: SystemRegisterEncoding): Role | null {
  if (op0 !== 3 || op1 !== 3) return null;
  if (crn === 14) {
    const index = (crm % 4) * 8 + op2;
    if (crm < 8 || index === CYCLE_COUNTER) return null;
    return crm < 12 ? { is: 'counter', index } : { is: 'setting' };
  }
  if (crn !== 9) return null;
  if (crm === 12) {
    if (op2 === 0) return { is: 'control' };
    if (op2 === 4) return { is: 'increment' };
    // PMCNTENSET, PMCNTENCLR, PMOVSCLR.
    return op2 < 4 ? { is: 'setting' } : null;
  }
  if (crm === 13) {
    if (op2 === 0) return { is: 'cycles' };
    if (op2 === 1) return { is: 'setting' };
    if (op2 === 2) return { is: 'counter', index: null };
  }
  return crm === 14 && op2 === 3 ? { is: 'setting' } : null;
}

/** True when accesses to the register must be intercepted. */
export const isMonitorRegister = (encoding: SystemRegisterEncoding): boolean => roleOf(encoding) !== null;

/** True when the engine keeps the register; the counters are updated before each access. */
export const isMonitorSetting = (encoding: SystemRegisterEncoding): boolean => roleOf(encoding)?.is === 'setting';

/** True for PMSWINC_EL0, which is write-only, so that the engine appears not to have it. */
export const isSoftwareIncrement = (encoding: SystemRegisterEncoding): boolean => roleOf(encoding)?.is === 'increment';

export class PerformanceMonitors {
  private control = 0n;
  /** Counter values at tick `settledAt`. */
  private events: bigint[] = [];
  private cycles = 0n;
  private settledAt = 0;

  reset(): void {
    this.control = 0n;
    this.events = [];
    this.cycles = 0n;
  }

  saveState() {
    const { control, events, cycles, settledAt } = this;
    return { control, events: [...events], cycles, settledAt };
  }

  restoreState({ control, events, cycles, settledAt }: ReturnType<PerformanceMonitors['saveState']>): void {
    Object.assign(this, { control, events: [...events], cycles, settledAt });
  }

  /** True when PMUSERENR_EL0 lets EL0 access the register. */
  allowedAtEl0(engine: CoreRegisters, encoding: SystemRegisterEncoding, read: boolean): boolean {
    const role = roleOf(encoding)?.is;
    let bits = USER_EN;
    if (role === 'increment') bits |= USER_SW;
    else if (role === 'cycles' && read) bits |= USER_CR;
    else if (role === 'counter' && read) bits |= USER_ER;
    return ((engine.getSystemRegister(PMUSERENR_EL0) ?? 0n) & bits) !== 0n;
  }

  /**
   * Reads a register at tick `ticks`. Undefined: the engine keeps it; the counters are up to date.
   */
  read(engine: CoreRegisters, encoding: SystemRegisterEncoding, ticks: number): bigint | undefined {
    const role = roleOf(encoding);
    if (role === null) return undefined;
    this.settle(engine, ticks);
    if (role.is === 'control') return ((engine.getSystemRegister(PMCR_EL0) ?? 0n) & ~PMCR_KEPT) | this.control;
    if (role.is === 'cycles') return this.cycles;
    if (role.is !== 'counter') return undefined;
    const index = role.index ?? selected(engine);
    return index < counters(engine) ? (this.events[index] ?? 0n) : undefined;
  }

  /** Writes a register. Returns false when the engine keeps it; the counters are up to date. */
  write(engine: CoreRegisters, encoding: SystemRegisterEncoding, value: bigint, ticks: number): boolean {
    const role = roleOf(encoding);
    if (role === null) return false;
    this.settle(engine, ticks);
    switch (role.is) {
      case 'setting':
        return false;
      case 'control':
        this.control = value & PMCR_WRITABLE;
        if ((value & PMCR_P) !== 0n) this.events = [];
        if ((value & PMCR_C) !== 0n) this.cycles = 0n;
        return true;
      case 'cycles':
        this.cycles = value;
        return true;
      case 'increment':
        this.forCounting(engine, (index, event) => {
          if (event === SW_INCR && ((value >> BigInt(index)) & 1n) !== 0n) this.add(engine, index, 1n);
        });
        return true;
      case 'counter': {
        const index = role.index ?? selected(engine);
        if (index >= counters(engine)) return false;
        this.events[index] = BigInt.asUintN(32, value);
        return true;
      }
    }
  }

  /** Adds the ticks since the last update to the counters. */
  private settle(engine: CoreRegisters, ticks: number): void {
    const passed = BigInt(ticks - this.settledAt);
    this.settledAt = ticks;
    if (passed === 0n || (this.control & PMCR_E) === 0n) return;
    this.forCounting(engine, (index, event) => {
      if (event === CPU_CYCLES) this.add(engine, index, passed);
    });
    if (enabled(engine) >> BigInt(CYCLE_COUNTER) === 0n) return;
    const before = this.cycles;
    this.cycles = BigInt.asUintN(64, before + passed);
    const width = (this.control & PMCR_LC) === 0n ? 32n : 64n;
    if (before >> width !== (before + passed) >> width) overflow(engine, CYCLE_COUNTER);
  }

  private forCounting(engine: CoreRegisters, count: (index: number, event: bigint) => void): void {
    if ((this.control & PMCR_E) === 0n) return;
    const on = enabled(engine);
    for (let index = 0; index < counters(engine); index++) {
      if (((on >> BigInt(index)) & 1n) === 0n) continue;
      count(index, (engine.getSystemRegister([3, 3, 14, 12 + (index >> 3), index & 7]) ?? 0n) & EVENT_MASK);
    }
  }

  private add(engine: CoreRegisters, index: number, amount: bigint): void {
    const sum = (this.events[index] ?? 0n) + amount;
    this.events[index] = BigInt.asUintN(32, sum);
    if (sum >> 32n !== 0n) overflow(engine, index);
  }
}

/** PMCR_EL0.N. */
const counters = (engine: CoreRegisters): number =>
  Number(((engine.getSystemRegister(PMCR_EL0) ?? 0n) >> PMCR_N_SHIFT) & PMCR_N_MASK);

const selected = (engine: CoreRegisters): number => Number((engine.getSystemRegister(PMSELR_EL0) ?? 0n) & 31n);

const enabled = (engine: CoreRegisters): bigint => engine.getSystemRegister(PMCNTENSET_EL0) ?? 0n;

function overflow(engine: CoreRegisters, index: number): void {
  const flags = engine.getSystemRegister(PMOVSSET_EL0) ?? 0n;
  engine.setSystemRegister(PMOVSSET_EL0, flags | (1n << BigInt(index)));
}
