// SPDX-License-Identifier: GPL-2.0-only
/**
 * Registers of self-hosted debug, and matching of breakpoints and watchpoints. The machine keeps
 * these registers: the engine's own breakpoints need lists that it never builds, and its
 * watchpoints and software step do nothing.
 *
 *     DBGBCRn_EL1  23:20 BT   19:16 LBN   15:14 SSC   13 HMC   8:5 BAS                2:1 PMC   0 E
 *     DBGWCRn_EL1  28:24 MASK  20 WT  19:16 LBN  15:14 SSC  13 HMC  12:5 BAS  4:3 LSC  2:1 PAC   0 E
 *     MDSCR_EL1    15 MDE   13 KDE   0 SS
 *
 * Specification: Arm ARM DDI 0487 K.a, D2.8 (breakpoints), D2.10 (watchpoints), D2.3 (enabling),
 * D24.3 (registers). Implementation choices: a reserved MASK or BAS disables the watchpoint, the
 * first run of ones in BAS counts; breakpoints that match only a context never match.
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

/** Bits of MDSCR_EL1. */
const SS = 1n << 0n;
const KDE = 1n << 13n;
const MDE = 1n << 15n;
/** OSLSR_EL1: OSLM (an OS lock exists), OSLK (it is locked). */
const OSLSR_OSLM = 1n << 3n;
const OSLSR_OSLK = 1n << 1n;

/** Fields of DBGBCRn and DBGWCRn. */
const ENABLE = 1;
const HMC = 1 << 13;
const SECURE_ONLY = 2;
/** Values of BT: unlinked and linked address match, linked context match. */
const ADDRESS = 0;
const LINKED_ADDRESS = 1;
const LINKED_CONTEXT = 3;
const LINKED = 1 << 20;

/** op2 of DBGBVRn, DBGBCRn, DBGWVRn and DBGWCRn; CRm is n. */
type BankNumber = 4 | 5 | 6 | 7;
const isBank = (op2: number): op2 is BankNumber => op2 >= 4;
const NUMBER = 16;
/**
 * First context-aware breakpoint: the last two of a Cortex-A72's six are
 * (ID_AA64DFR0_EL1.CTX_CMPs).
 */
const FIRST_OF_CONTEXT = 4;
/** Width of a breakpoint address: bits 48:2, the top bit is the sign. */
const ADDRESS_BITS = 49;

const MDSCR_EL1: SystemRegisterEncoding = [2, 0, 0, 2, 2];
const OSLAR_EL1: SystemRegisterEncoding = [2, 0, 1, 0, 4];
const OSLSR_EL1: SystemRegisterEncoding = [2, 0, 1, 1, 4];
const isEncoding = (encoding: SystemRegisterEncoding, other: SystemRegisterEncoding): boolean =>
  encoding.every((field, index) => field === other[index]);

/** True for OSLAR_EL1, which is write-only. */
export function isOsLock(encoding: SystemRegisterEncoding): boolean {
  return isEncoding(encoding, OSLAR_EL1);
}

/** True for registers that {@link DebugRegisters} keeps. */
export function isDebugRegister(encoding: SystemRegisterEncoding): boolean {
  const [op0, op1, crn, , op2] = encoding;
  if (op0 !== 2 || op1 !== 0) return false;
  return (crn === 0 && isBank(op2)) || [MDSCR_EL1, OSLAR_EL1, OSLSR_EL1].some((other) => isEncoding(encoding, other));
}

/** State that decides whether debug exceptions are taken. */
export interface DebugState {
  readonly level: number;
  /** PSTATE.D. */
  readonly masked: boolean;
  /** Exception level that takes debug exceptions. */
  readonly target: 1 | 2;
  /** CONTEXTIDR_EL1; CONTEXTIDR_EL2 for a host and its EL0. */
  readonly context: bigint;
}

export interface DebugAccess {
  readonly write: boolean;
  readonly address: bigint;
  readonly size: number;
  /** True for an EL1 access with the permissions of EL0 (LDTR, STTR). */
  readonly unprivileged: boolean;
}

/** Virtual range [start, end) of a watchpoint. */
export interface WatchedRange {
  readonly start: bigint;
  readonly end: bigint;
  /** DBGWCR of the watchpoint. */
  readonly control: number;
}

const signed = (address: bigint): bigint => BigInt.asUintN(64, BigInt.asIntN(ADDRESS_BITS, address) & ~3n);
const lowestOne = (bits: number): number => 31 - Math.clz32(bits & -bits);
const typeOf = (control: number): number => (control >>> 20) & 15;

export class DebugRegisters {
  private mdscr = 0n;
  private locked = true;
  private readonly banks: Readonly<Record<BankNumber, bigint[]>> = { 4: [], 5: [], 6: [], 7: [] };

  constructor() {
    this.reset();
  }

  reset(): void {
    this.mdscr = 0n;
    this.locked = true;
    for (const bank of Object.values(this.banks)) bank.splice(0, NUMBER, ...Array<bigint>(NUMBER).fill(0n));
  }

  /** Reads a register; undefined for any other register and for one that cannot be read. */
  read(encoding: SystemRegisterEncoding): bigint | undefined {
    const bank = this.bankOf(encoding);
    if (bank !== null) return bank[encoding[3]];
    if (isEncoding(encoding, MDSCR_EL1)) return this.mdscr;
    if (!isEncoding(encoding, OSLSR_EL1)) return undefined;
    return OSLSR_OSLM | (this.locked ? OSLSR_OSLK : 0n);
  }

  /** Writes a register; returns false for any other register and for one that cannot be written. */
  write(encoding: SystemRegisterEncoding, value: bigint): boolean {
    const bank = this.bankOf(encoding);
    if (bank !== null) bank[encoding[3]] = value;
    else if (isEncoding(encoding, MDSCR_EL1)) this.mdscr = value;
    else if (isEncoding(encoding, OSLAR_EL1)) this.locked = (value & 1n) !== 0n;
    else return false;
    return true;
  }

  /** True when MDSCR_EL1.SS enables software step. */
  get steps(): boolean {
    return (this.mdscr & SS) !== 0n && !this.locked;
  }

  /** True when debug exceptions are enabled in this state (D2.3.1). */
  enabled({ level, masked, target }: DebugState): boolean {
    if (this.locked || level > target) return false;
    return level < target || ((this.mdscr & KDE) !== 0n && !masked);
  }

  /** Virtual addresses of enabled breakpoints. */
  get breakpoints(): readonly bigint[] {
    if (!this.monitors) return [];
    return this.controls(5).flatMap((control, index) => this.breakpointAddress(index, control) ?? []);
  }

  /** True when a breakpoint matches the instruction at `pc`. */
  breaksAt(pc: bigint, state: DebugState): boolean {
    if (!this.monitors || !this.enabled(state)) return false;
    return this.controls(5).some(
      (control, index) =>
        this.breakpointAddress(index, control) === pc &&
        isWanted(control, state.level) &&
        (typeOf(control) === ADDRESS || this.matchesContext(control, state)),
    );
  }

  /** Virtual ranges of the enabled watchpoints. */
  get watched(): readonly WatchedRange[] {
    if (!this.monitors) return [];
    return this.controls(7).flatMap((control, index) => this.watchedRange(index, control) ?? []);
  }

  /** Range of the watchpoint that matches the access, or null. */
  caught({ address, size, write, unprivileged }: DebugAccess, state: DebugState): WatchedRange | null {
    if (!this.enabled(state)) return null;
    const found = this.watched.find(
      ({ start, end, control }) =>
        start < address + BigInt(size) &&
        address < end &&
        ((control >>> 3) & (write ? 2 : 1)) !== 0 &&
        isWanted(control, unprivileged ? 0 : state.level) &&
        ((control & LINKED) === 0 || this.matchesContext(control, state)),
    );
    return found ?? null;
  }

  saveState() {
    const { mdscr, locked, banks } = this;
    return {
      mdscr,
      locked,
      breakpointValues: [...banks[4]],
      breakpointControls: [...banks[5]],
      watchpointValues: [...banks[6]],
      watchpointControls: [...banks[7]],
    };
  }

  restoreState(state: ReturnType<DebugRegisters['saveState']>): void {
    this.mdscr = state.mdscr;
    this.locked = state.locked;
    this.banks[4].splice(0, NUMBER, ...state.breakpointValues);
    this.banks[5].splice(0, NUMBER, ...state.breakpointControls);
    this.banks[6].splice(0, NUMBER, ...state.watchpointValues);
    this.banks[7].splice(0, NUMBER, ...state.watchpointControls);
  }

  /** MDSCR_EL1.MDE: enables breakpoints and watchpoints. */
  private get monitors(): boolean {
    return (this.mdscr & MDE) !== 0n && !this.locked;
  }

  private bankOf([op0, op1, crn, , op2]: SystemRegisterEncoding): bigint[] | null {
    return op0 === 2 && op1 === 0 && crn === 0 && isBank(op2) ? this.banks[op2] : null;
  }

  private controls(bank: 5 | 7): number[] {
    return this.banks[bank].map((value) => Number(BigInt.asUintN(32, value)));
  }

  private breakpointAddress(index: number, control: number): bigint | null {
    const bytes = (control >>> 5) & 15;
    if ((control & ENABLE) === 0 || bytes === 0 || typeOf(control) > LINKED_ADDRESS) return null;
    return signed(this.banks[4][index] ?? 0n);
  }

  private watchedRange(index: number, control: number): WatchedRange | null {
    if ((control & ENABLE) === 0) return null;
    const address = signed(this.banks[6][index] ?? 0n);
    const mask = (control >>> 24) & 31;
    if (mask === 1 || mask === 2) return null;
    if (mask > 2) {
      const start = address - (address % (1n << BigInt(mask)));
      return { start, end: start + (1n << BigInt(mask)), control };
    }
    // BAS has four bits for an address that is only word-aligned.
    const bytes = (control >>> 5) & ((address & 4n) === 0n ? 0xff : 0xf);
    if (bytes === 0) return null;
    const first = lowestOne(bytes);
    const length = lowestOne(~(bytes >>> first));
    return { start: address + BigInt(first), end: address + BigInt(first + length), control };
  }

  /** True when the linked breakpoint (LBN) matches CONTEXTIDR_EL1. */
  private matchesContext(control: number, { context }: DebugState): boolean {
    const linked = (control >>> 16) & 15;
    const other = this.controls(5)[linked] ?? 0;
    if (linked < FIRST_OF_CONTEXT || (other & ENABLE) === 0 || typeOf(other) !== LINKED_CONTEXT) return false;
    return BigInt.asUintN(32, this.banks[4][linked] ?? 0n) === BigInt.asUintN(32, context);
  }
}

/**
 * True when HMC, SSC and PMC (or PAC) select the exception level. Everything below EL3 is
 * non-secure here.
 */
function isWanted(control: number, level: number): boolean {
  if (((control >>> 14) & 3) === SECURE_ONLY) return false;
  if (level >= 2) return (control & HMC) !== 0;
  return ((control >>> (level === 1 ? 1 : 2)) & 1) !== 0;
}
