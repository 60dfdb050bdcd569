// SPDX-License-Identifier: GPL-2.0-only
/**
 * MRS and MSR: access control, registers that are not plain storage, and effects of a write.
 *
 *     access ─► allocated and allowed at this level? ─► PSTATE and stack pointers ─► debug
 *            ─► the machine's (timer, interrupt controller, monitors) ─► storage
 *
 * Specification: Arm ARM DDI 0487 K.a, C5.2 (special-purpose registers), D24 (the others).
 */

import { isDebugRegister, isOsLock } from '#emulator/cpu/debug-registers.ts';
import type { SelfHostedDebug } from '#emulator/cpu/self-hosted-debug.ts';
import { leastLevel } from '#emulator/cpu/instruction.ts';
import { synchronousTarget } from '#emulator/cpu/external-abort.ts';
import { systemRegisterSyndrome, undefinedSyndrome } from '#emulator/cpu/syndrome.ts';
import { UnknownRegisters } from '#emulator/cpu/unknown-registers.ts';
import { type SystemRegisterEncoding, systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import { type CoreState, GuestException, PSTATE } from '#emulator/a64/core-state.ts';
import type { Feature, Features } from '#emulator/a64/features.ts';
import { FPCR } from '#emulator/a64/fp/environment.ts';
import { STACK_POINTER } from '#emulator/a64/layout.ts';
import { guestRegister, hostRegister } from './host-registers.ts';
import { controlOfEl0, HCR, isHost } from './hypervisor.ts';
import { hasTraps, type HypervisorControls, trapsAccess } from './hypervisor-traps.ts';
import type { RegisterFile } from './register-file.ts';
import type { Effect, StoredRegister } from './registers.ts';
import type { CoreContext, MachineCore } from '#emulator/cpu/machine-core.ts';

/** SCTLR_EL1.UMA: EL0 may access DAIF. UCT: EL0 may read CTR_EL0. */
const SCTLR_UMA = 1n << 9n;
const SCTLR_UCT = 1n << 15n;

const CPTR_TCPAC = 1n << 31n;
/** CRn of the timer registers. */
const TIMERS = 14;
const CNTHCTL_EL2: SystemRegisterEncoding = [3, 4, 14, 1, 0];
const ICH_HCR_EL2: SystemRegisterEncoding = [3, 4, 12, 11, 0];
const VPIDR_EL2 = systemRegisterNumber([3, 4, 0, 0, 0]);
const VMPIDR_EL2 = systemRegisterNumber([3, 4, 0, 0, 5]);

const DAIF = 0xf << 6;
/** op2 of DBGBVRn_EL1 and DBGWVRn_EL1; the control register is op2 + 1. */
const DBGBVR = 4;
const DBGWVR = 6;
const TPIDR_EL0 = 2;
const TPIDRRO_EL0 = 3;

/** Number of a special-purpose register (PSTATE fields, stack pointers, FP control). */
const number = (op0: number, op1: number, crn: number, crm: number, op2: number): number =>
  (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;

interface Special {
  /** Lowest exception level that may access it. */
  readonly level: number;
  readonly fp?: boolean;
  readonly read: (state: CoreState) => number | bigint;
  /** Null for a read-only register. */
  readonly write: ((state: CoreState, value: bigint, has: Features) => void) | null;
  /** Extension without which the register does not exist. */
  readonly feature?: Feature;
  /** Effect of a write. */
  readonly changes?: 'masks' | 'pstate';
}

const low = (value: bigint): number => Number(BigInt.asIntN(32, value));
const stackPointer = (of: number): Special => ({
  level: of + 1,
  read: ({ stackPointers }) => stackPointers[of] as bigint,
  write: (state, value) => {
    state.stackPointers[of] = value;
    if (state.stackBank === of) state.x[STACK_POINTER] = value;
  },
});

/** PSTATE bit of an extension. */
const ofExtension = (feature: Feature, bit: number): Special => ({
  level: 1,
  feature,
  read: ({ pstate }) => pstate & bit,
  write: (state, value) => state.setPlain(bit, low(value)),
  changes: 'pstate',
});

const SPECIAL: ReadonlyMap<number, Special> = new Map([
  [
    number(3, 3, 4, 2, 0),
    { level: 0, read: ({ nzcv }) => (nzcv << 28) >>> 0, write: (state, v) => (state.nzcv = low(v) >>> 28) },
  ],
  [
    number(3, 3, 4, 2, 1),
    {
      level: 0,
      read: ({ pstate }) => pstate & DAIF,
      write: (state, v) => state.setPlain(DAIF, low(v)),
      changes: 'masks',
    },
  ],
  [number(3, 0, 4, 2, 2), { level: 1, read: ({ level }) => level << 2, write: null }],
  [
    number(3, 0, 4, 2, 0),
    { level: 1, read: ({ pstate }) => pstate & 1, write: (state, v) => state.setPlain(PSTATE.sp, low(v)) },
  ],
  [number(3, 0, 4, 2, 3), ofExtension('PAN', PSTATE.pan)],
  [number(3, 0, 4, 2, 4), ofExtension('UAO', PSTATE.uao)],
  [number(3, 0, 4, 1, 0), stackPointer(0)],
  [number(3, 4, 4, 1, 0), stackPointer(1)],
  [number(3, 6, 4, 1, 0), stackPointer(2)],
  [
    number(3, 3, 4, 4, 0),
    {
      level: 0,
      fp: true,
      read: ({ fpcr }) => fpcr >>> 0,
      write: (state, v, has) => {
        state.fpcr = low(v) & (has('FP16') ? FPCR_MASK | FPCR.FZ16 : FPCR_MASK);
      },
    },
  ],
  [
    number(3, 3, 4, 4, 1),
    { level: 0, fp: true, read: ({ fpsr }) => fpsr >>> 0, write: (state, v) => (state.fpsr = low(v) & FPSR_MASK) },
  ],
]);

/** Writable bits of FPCR: AHP, DN, FZ, RMode. */
const FPCR_MASK = 0x07c0_0000;
/** Writable bits of FPSR: QC and the cumulative exceptions. Its NZCV belong to AArch32. */
const FPSR_MASK = 0x0800_009f;

export interface SystemRegistersContext {
  readonly core: MachineCore;
  readonly state: CoreState;
  readonly file: RegisterFile;
  readonly environment: CoreContext;
  readonly debug: Pick<SelfHostedDebug, 'read' | 'write'>;
  /** Called after a write that has an effect. */
  readonly changed: (effect: Effect) => void;
  /** Called when PSTATE has changed in a way that changes translations. */
  readonly pstateChanged: () => void;
  /** Called when interrupts may have been unmasked. */
  readonly masksChanged: () => void;
  /** Takes the trap where FP access is denied. @throws GuestException */
  readonly checkFp: () => void;
}

const encodingOf = (register: number): SystemRegisterEncoding => [
  register >>> 14,
  (register >>> 11) & 7,
  (register >>> 7) & 15,
  (register >>> 3) & 15,
  register & 7,
];

export class SystemRegisters {
  private readonly parts: SystemRegistersContext;
  private readonly encodings = new Map<number, SystemRegisterEncoding>();
  private readonly controls: HypervisorControls;
  /** True when EL2 may trap accesses of lower levels. */
  private mayTrap = true;
  /** Unknown registers already reported. */
  readonly unknownRegisters: UnknownRegisters;

  constructor(parts: SystemRegistersContext) {
    this.parts = parts;
    const machines = (encoding: SystemRegisterEncoding) => () =>
      parts.environment.readSystemRegister(parts.core, encoding) ?? 0n;
    this.controls = { cnthctl: machines(CNTHCTL_EL2), ichHcr: machines(ICH_HCR_EL2) };
    this.unknownRegisters = new UnknownRegisters(parts.core, parts.environment);
  }

  /** Called when HCR_EL2 or MDCR_EL2 may have changed. */
  controlsChanged(): void {
    this.mayTrap = hasTraps(this.parts.file);
  }

  /** MRS. @throws GuestException */
  read(register: number, rt: number): bigint {
    const { state, file, parts } = this.prepared();
    const special = this.special(register);
    if (special !== undefined) return this.readSpecial(special, register, rt);
    const named = this.encoding(register);
    this.check(named, rt, true);
    const encoding = this.redirected(named);
    const identity = this.virtualIdentity(encoding);
    if (identity !== null) return file.read(file.find(identity) as StoredRegister);
    if (isDebugRegister(encoding)) {
      return this.lacks(encoding)
        ? this.unknown(encoding, true)
        : (parts.debug.read(encoding) ?? this.unknown(encoding, true));
    }
    const { environment, core } = parts;
    if (environment.intercepts(encoding)) {
      if (state.level === 0) this.checkMachine(named, rt, true);
      const value = environment.readSystemRegister(core, encoding);
      if (value !== undefined) return value;
    }
    const stored = file.find(encoding === named ? register : systemRegisterNumber(encoding));
    if (stored !== undefined) return file.read(stored);
    return environment.readSystemRegister(core, encoding) ?? this.unknown(encoding, true);
  }

  /** MSR (register). @throws GuestException */
  write(register: number, rt: number, value: bigint): void {
    const { state, file, parts } = this.prepared();
    const special = this.special(register);
    if (special !== undefined) {
      this.writeSpecial(special, register, rt, value);
      return;
    }
    const named = this.encoding(register);
    this.check(named, rt, false);
    const encoding = this.redirected(named);
    if (isDebugRegister(encoding) || isOsLock(encoding)) {
      if (this.lacks(encoding) || !parts.debug.write(encoding, value)) this.unknown(encoding, false);
      return;
    }
    const { environment, core } = parts;
    if (environment.intercepts(encoding)) {
      if (state.level === 0) this.checkMachine(named, rt, false);
      if (environment.writeSystemRegister(core, encoding, value)) return;
    }
    const stored = file.find(encoding === named ? register : systemRegisterNumber(encoding));
    if (stored === undefined) {
      if (!environment.writeSystemRegister(core, encoding, value)) this.unknown(encoding, false);
      return;
    }
    if (stored.mask === 0n) throw new GuestException(undefinedSyndrome());
    if (file.write(stored, value) && stored.effect !== 'none') parts.changed(stored.effect);
  }

  /**
   * Reads a special-purpose register by number, without the checks of MRS: for debuggers and
   * snapshots. Undefined for any other register.
   */
  peek(register: number): bigint | undefined {
    const special = this.special(register);
    return special === undefined ? undefined : BigInt(special.read(this.parts.state));
  }

  /**
   * Writes a special-purpose register without the checks of MSR. Returns false for any other
   * register and for a read-only one.
   */
  poke(register: number, value: bigint): boolean {
    const special = this.special(register);
    if (special === undefined || special.write === null) return false;
    this.setSpecial(special, special.write, value);
    this.parts.masksChanged();
    return true;
  }

  /** True for a breakpoint or watchpoint register that the core does not implement. */
  lacks(encoding: SystemRegisterEncoding): boolean {
    const [, , crn, n, op2] = encoding;
    const { breakpoints, watchpoints } = this.parts.file.type;
    return isDebugRegister(encoding) && crn === 0 && op2 >= DBGBVR && n >= (op2 < DBGWVR ? breakpoints : watchpoints);
  }

  /**
   * Register that a name accesses. It is another one at EL2 with HCR_EL2.E2H, and for the timer
   * registers of EL0 when EL2 is its host.
   */
  private redirected(encoding: SystemRegisterEncoding): SystemRegisterEncoding {
    const { state, file } = this.parts;
    const [op0, op1, crn] = encoding;
    const { level } = state;
    if (op0 !== 3 || level === 1) return encoding;
    if (level === 0) return op1 === 3 && crn === TIMERS && isHost(file) ? hostRegister(encoding) : encoding;
    const hasTwoHalves = (file.get('HCR_EL2') & HCR.e2h) !== 0n;
    if (op1 !== 5) return level === 2 && hasTwoHalves ? hostRegister(encoding) : encoding;
    const guests = hasTwoHalves ? guestRegister(encoding) : null;
    if (guests === null) throw new GuestException(undefinedSyndrome());
    return guests;
  }

  /**
   * Number of the register that gives EL1 its MIDR_EL1 or MPIDR_EL1: VPIDR_EL2 or VMPIDR_EL2. Null
   * where EL2 does not virtualise it.
   */
  private virtualIdentity([op0, op1, crn, crm, op2]: SystemRegisterEncoding): number | null {
    const { state, file } = this.parts;
    if (state.level !== 1 || op0 !== 3 || op1 !== 0 || crn !== 0 || crm !== 0) return null;
    if ((file.get('SCR_EL3') & 1n) === 0n) return null;
    return op2 === 0 ? VPIDR_EL2 : op2 === 5 ? VMPIDR_EL2 : null;
  }

  private prepared() {
    const { parts } = this;
    return { state: parts.state, file: parts.file, parts };
  }

  private encoding(register: number): SystemRegisterEncoding {
    let encoding = this.encodings.get(register);
    if (encoding === undefined) {
      encoding = encodingOf(register);
      this.encodings.set(register, encoding);
    }
    return encoding;
  }

  private readSpecial({ level, fp, read }: Special, register: number, rt: number): bigint {
    this.checkSpecial(level, fp === true, register, rt, true);
    return BigInt(read(this.parts.state));
  }

  private writeSpecial(special: Special, register: number, rt: number, value: bigint): void {
    const { level, fp, write } = special;
    this.checkSpecial(level, fp === true, register, rt, false);
    if (write === null) throw new GuestException(undefinedSyndrome());
    this.setSpecial(special, write, value);
  }

  private setSpecial({ changes }: Special, write: NonNullable<Special['write']>, value: bigint): void {
    const { state, file, masksChanged, pstateChanged } = this.parts;
    write(state, value, file.type.has);
    if (changes === 'masks') masksChanged();
    else if (changes === 'pstate') pstateChanged();
  }

  private special(register: number): Special | undefined {
    const special = SPECIAL.get(register);
    const feature = special?.feature;
    return feature !== undefined && !this.parts.file.type.has(feature) ? undefined : special;
  }

  private checkSpecial(level: number, fp: boolean, register: number, rt: number, read: boolean): void {
    const { state, file } = this.parts;
    if (state.level < level) throw new GuestException(undefinedSyndrome());
    // SP_EL0 is not accessible while it is the selected stack pointer.
    if (register === number(3, 0, 4, 1, 0) && !state.has(PSTATE.sp)) throw new GuestException(undefinedSyndrome());
    if (fp) this.parts.checkFp();
    if (register === number(3, 3, 4, 2, 1) && state.level === 0 && (controlOfEl0(file) & SCTLR_UMA) === 0n) {
      this.trap(this.encoding(register), rt, read);
    }
  }

  /**
   * Takes the exception where the level may not access the register, or where EL2 traps the access.
   */
  private check(encoding: SystemRegisterEncoding, rt: number, read: boolean): void {
    const { state, file } = this.parts;
    this.checkBelow(encoding, rt, read);
    if (state.level > 1 || (!this.mayTrap && encoding[2] !== TIMERS)) return;
    if (!trapsAccess(file, encoding, read, this.controls)) return;
    if (state.level === 0 && this.parts.environment.intercepts(encoding)) this.checkMachine(encoding, rt, read);
    throw new GuestException(systemRegisterSyndrome(encoding, rt, read), null, 2);
  }

  /** Checks by exception level and by the controls of EL1 and EL3. */
  private checkBelow(encoding: SystemRegisterEncoding, rt: number, read: boolean): void {
    const { state, file } = this.parts;
    if (state.level < leastLevel(encoding)) throw new GuestException(undefinedSyndrome());
    const [op0, op1, crn, crm, op2] = encoding;
    if (op0 !== 3) return;
    if (crn === 1 && op2 === 2) this.checkControl(encoding, rt, read);
    const isOfHost = op1 === 4 && crn === TIMERS && crm === 3;
    if (isOfHost && !file.type.has('VHE')) throw new GuestException(undefinedSyndrome());
    if (op1 !== 3) return;
    if (state.level > 0) {
      // CNTFRQ_EL0 is written at the highest level only.
      if (!read && state.level < 3 && crn === 14 && crm === 0) throw new GuestException(undefinedSyndrome());
      return;
    }
    if (!read && crn === 14 && crm === 0) throw new GuestException(undefinedSyndrome());
    if (!read && crn === 13 && op2 === TPIDRRO_EL0) throw new GuestException(undefinedSyndrome());
    if (crn === 13 && op2 !== TPIDR_EL0 && op2 !== TPIDRRO_EL0) throw new GuestException(undefinedSyndrome());
    if (crn === 0 && crm === 0 && op2 === 1 && (controlOfEl0(file) & SCTLR_UCT) === 0n) {
      this.trap(encoding, rt, read);
    }
  }

  /** CPACR_EL1 and CPTR_EL2 may be trapped to a higher level: TCPAC of CPTR_EL2 and CPTR_EL3. */
  private checkControl(encoding: SystemRegisterEncoding, rt: number, read: boolean): void {
    const { state, file } = this.parts;
    const [, op1, , crm] = encoding;
    if (op1 === 4 ? crm !== 1 : crm !== 0 || (op1 !== 0 && op1 !== 5)) return;
    const target = ([2, 3] as const).find((level) => state.level < level && (file.control(level) & CPTR_TCPAC) !== 0n);
    if (target !== undefined) throw new GuestException(systemRegisterSyndrome(encoding, rt, read), null, target);
  }

  /** Checks that EL0 may access a register that the machine keeps. */
  private checkMachine(encoding: SystemRegisterEncoding, rt: number, read: boolean): void {
    const { environment, core } = this.parts;
    if (!environment.allowedAtEl0(core, encoding, read)) this.trap(encoding, rt, read);
  }

  private trap(encoding: SystemRegisterEncoding, rt: number, read: boolean): never {
    const { core, state } = this.parts;
    throw new GuestException(
      systemRegisterSyndrome(encoding, rt, read),
      null,
      synchronousTarget(core.engine, state.level),
    );
  }

  private unknown(encoding: SystemRegisterEncoding, read: boolean): never {
    this.unknownRegisters.report(encoding, read, this.parts.state.pc);
    throw new GuestException(undefinedSyndrome());
  }
}
