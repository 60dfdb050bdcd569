// SPDX-License-Identifier: GPL-2.0-only
/**
 * Exception entry to AArch64 state; the engine leaves it to the machine.
 *
 *     VBAR_ELx + 0x000 current level, SP_EL0      + 0x000 synchronous
 *              + 0x200 current level, SP_ELx      + 0x080 IRQ
 *              + 0x400 lower level, AArch64       + 0x100 FIQ
 *              + 0x600 lower level, AArch32       + 0x180 SError
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.1 (exception entry), D1.3.1.5 (vector offsets), C5.2.19
 * (SPSR); PAN, DIT and SSBS as in D1.3.1 where the core has them.
 */

import type { CoreRegisters, SavedException } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';

/** Offset of a vector within its group of four. */
export const VECTOR_KIND = { synchronous: 0x000, irq: 0x080, fiq: 0x100, serror: 0x180 } as const;
export type VectorKind = keyof typeof VECTOR_KIND;

/** PSTATE and SPSR bits. */
const PSTATE_SP = 1 << 0;
const PSTATE_DAIF = 0xf << 6;
const PSTATE_SSBS = 1 << 12;
const PSTATE_PAN = 1 << 22;
const PSTATE_DIT = 1 << 24;

/** SCTLR_ELx: SPAN = 0 sets PSTATE.PAN on entry; DSSBS becomes PSTATE.SSBS. */
const SCTLR_SPAN = 1n << 23n;
const SCTLR_DSSBS = 1n << 44n;
/** HCR_EL2.TGE: routes exceptions of EL0 from EL1 to EL2. */
export const HCR_TGE = 1n << 27n;
/** HCR_EL2.E2H: gives EL2 two address halves, as EL1 has. */
export const HCR_E2H = 1n << 34n;
/** Both bits: EL2 is a host of EL0. */
const HCR_HOST = HCR_E2H | HCR_TGE;

/** Exception level of a PSTATE or SPSR value: M[3:2]. */
export const levelOf = (pstate: number): number => (pstate >>> 2) & 3;

export interface ExceptionEntry {
  readonly kind: VectorKind;
  readonly targetLevel: 1 | 2 | 3;
  /** Preferred return address, for ELR. */
  readonly returnAddress: bigint;
  /** Syndrome; null for interrupts, which keep ESR. */
  readonly esr: number | null;
  /** Fault address; null for exceptions without one, which keep FAR. */
  readonly far: bigint | null;
}

/** Optional PSTATE bits, from the engine's identification registers. */
interface Features {
  readonly pan: boolean;
  readonly ssbs: boolean;
}
const featuresOf = new WeakMap<CoreRegisters, Features>();

/** Exception registers by target level. */
export const BANK = {
  1: {
    sctlr: SYSTEM_REGISTERS.SCTLR_EL1,
    vbar: SYSTEM_REGISTERS.VBAR_EL1,
    spsr: SYSTEM_REGISTERS.SPSR_EL1,
    elr: SYSTEM_REGISTERS.ELR_EL1,
    esr: SYSTEM_REGISTERS.ESR_EL1,
    far: SYSTEM_REGISTERS.FAR_EL1,
  },
  2: {
    sctlr: SYSTEM_REGISTERS.SCTLR_EL2,
    vbar: SYSTEM_REGISTERS.VBAR_EL2,
    spsr: SYSTEM_REGISTERS.SPSR_EL2,
    elr: SYSTEM_REGISTERS.ELR_EL2,
    esr: SYSTEM_REGISTERS.ESR_EL2,
    far: SYSTEM_REGISTERS.FAR_EL2,
  },
  3: {
    sctlr: SYSTEM_REGISTERS.SCTLR_EL3,
    vbar: SYSTEM_REGISTERS.VBAR_EL3,
    spsr: SYSTEM_REGISTERS.SPSR_EL3,
    elr: SYSTEM_REGISTERS.ELR_EL3,
    esr: SYSTEM_REGISTERS.ESR_EL3,
    far: SYSTEM_REGISTERS.FAR_EL3,
  },
} as const;

/** PSTATE bits of optional features on entry. IL, SS, UAO, BTYPE and NZCV become 0. */
function optionalBits(engine: CoreRegisters, targetLevel: 1 | 2 | 3, pstate: number): number {
  let features = featuresOf.get(engine);
  if (features === undefined) {
    const pan = (engine.getSystemRegister(SYSTEM_REGISTERS.ID_AA64MMFR1_EL1) ?? 0n) >> 20n;
    const ssbs = (engine.getSystemRegister(SYSTEM_REGISTERS.ID_AA64PFR1_EL1) ?? 0n) >> 4n;
    features = { pan: (pan & 0xfn) !== 0n, ssbs: (ssbs & 0xfn) !== 0n };
    featuresOf.set(engine, features);
  }
  let bits = pstate & PSTATE_DIT;
  if (!features.pan && !features.ssbs) return bits;
  const sctlr = engine.getSystemRegister(BANK[targetLevel].sctlr) ?? 0n;
  if (features.ssbs && (sctlr & SCTLR_DSSBS) !== 0n) bits |= PSTATE_SSBS;
  if (features.pan) {
    bits |= pstate & PSTATE_PAN;
    const appliesSpan = targetLevel === 1 || (targetLevel === 2 && isHost(engine));
    if (appliesSpan && (sctlr & SCTLR_SPAN) === 0n) bits |= PSTATE_PAN;
  }
  return bits;
}

const isHost = (engine: CoreRegisters): boolean =>
  ((engine.getSystemRegister(SYSTEM_REGISTERS.HCR_EL2) ?? 0n) & HCR_HOST) === HCR_HOST;

/**
 * Redirects the core to the vector and returns its address. Allowed in the engine's exception
 * callback and between slices.
 */
export function enterException(engine: CoreRegisters, entry: ExceptionEntry): bigint {
  const { targetLevel } = entry;
  const pstate = engine.getPstate();
  const fromLevel = levelOf(pstate);
  const group = fromLevel < targetLevel ? 0x400 : (pstate & PSTATE_SP) !== 0 ? 0x200 : 0x000;

  // The engine keeps the selected stack pointer apart from the banked ones, and moves it only on
  // its own ERET.
  engine.setBankedSp((pstate & PSTATE_SP) !== 0 ? fromLevel : 0, engine.getSp());
  engine.setPstate((targetLevel << 2) | PSTATE_SP | PSTATE_DAIF | optionalBits(engine, targetLevel, pstate));
  engine.setSp(engine.getBankedSp(targetLevel));

  // Written after PSTATE: each system register write makes the engine update its cached state.
  const saved = { spsr: pstate, elr: entry.returnAddress, esr: entry.esr, far: entry.far };
  const base = engine.saveException?.(targetLevel, saved) ?? saveException(engine, targetLevel, saved);
  // Wraps at the end of the address space.
  const vector = BigInt.asUintN(64, base + BigInt(group + VECTOR_KIND[entry.kind]));
  engine.setPc(vector);
  return vector;
}

/** Writes the registers one by one and returns VBAR. */
function saveException(engine: CoreRegisters, level: 1 | 2 | 3, { spsr, elr, esr, far }: SavedException): bigint {
  const bank = BANK[level];
  engine.setSystemRegister(bank.spsr, BigInt(spsr));
  engine.setSystemRegister(bank.elr, elr);
  if (esr !== null) engine.setSystemRegister(bank.esr, BigInt(esr));
  if (far !== null) engine.setSystemRegister(bank.far, far);
  return engine.getSystemRegister(bank.vbar) ?? 0n;
}
