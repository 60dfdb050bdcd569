// SPDX-License-Identifier: GPL-2.0-only
/**
 * Translation regimes of a core: the regime of an access, its current tables, and the translation
 * of a page.
 *
 *     EL0 ─┐                      ┌─ EL1 without what EL0 may read (PSTATE.PAN)
 *          ├─ EL1&0: TTBR0, TTBR1 ┤
 *     EL1 ─┘                      └─ EL1          EL2: TTBR0_EL2       EL3: TTBR0_EL3
 *
 * With HCR_EL2.E2H, EL2 has two halves as EL1&0 has, and with TGE EL0 shares them: the EL2&0
 * regime. It uses the numbers of EL1&0 here; the current tables tell the two apart. While
 * HCR_EL2.VM is 1, the tables of EL1&0 give an IPA, which stage2.ts translates.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.1 (regimes), D8.4.1 (permissions), D8.5 (memory types),
 * D8.6.4 (memory types of two stages).
 */

import {
  type AccessType,
  faultOf,
  halfControl,
  type ReadDescriptor,
  type TranslationFault,
  type TranslationRegisters,
  walk,
  type WalkStep,
} from '#emulator/cpu/translate.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { type CoreState, PSTATE } from './core-state.ts';
import { RIGHT, type Stage2Registers, walkStage2 } from './stage2.ts';
import { effectiveHcr, HCR, HCR_OF_TRANSLATIONS, isHost } from './system/hypervisor.ts';
import {
  accessed,
  type CleanLeaf,
  dirtied,
  dirtiedByStage2,
  isWritableClean,
  managedOfStage2,
  setsAccessFlag,
} from './managed-descriptors.ts';
import type { RegisterFile } from './system/register-file.ts';

/** Regimes by the rights and translations of an access; each has its own TLB. */
export const REGIME = { el0: 0, el1: 1, el1WithoutUser: 2, el2: 3, el3: 4 } as const;
export type Regime = (typeof REGIME)[keyof typeof REGIME];
export const REGIMES = 5;

const SCTLR_M = 1n;
const SCTLR_WXN = 1n << 19n;
/** ID_AA64MMFR1_EL1.XNX. */
const MMFR1_XNX = 0xfn << 28n;
/** Fields of TCR_EL2 and TCR_EL3; EPD1 of TCR_EL1. */
const TCR_OF_LEVEL = { tbi: 20n, ps: 16n, ha: 21n, hpd: 24n } as const;
const UPPER_HALF_OFF = 1n << 23n;
/** TCR_EL1.A1: the ASID is in TTBR1_EL1. */
const TCR_A1 = 1n << 22n;
/** TCR_EL1.AS: ASIDs have 16 bits. */
export const TCR_AS = 1n << 36n;
const NOT_GLOBAL = 1n << 11n;
/** BADDR field of a base register. */
const BASE = (1n << 48n) - 2n;

const TTBR1_EL2: SystemRegisterEncoding = [3, 4, 2, 0, 1];
const VTTBR_EL2: SystemRegisterEncoding = [3, 4, 2, 1, 0];
const VTCR_EL2: SystemRegisterEncoding = [3, 4, 2, 1, 2];
const MAIR_EL2: SystemRegisterEncoding = [3, 4, 10, 2, 0];
const MAIR_EL3: SystemRegisterEncoding = [3, 6, 10, 2, 0];

/** Width of the rights of each regime: EL0, EL1, and EL1 with PSTATE.PAN. */
const RIGHTS_BITS = 3;
/** Right to write in all three regimes. */
const ALL_WRITE = RIGHT.write | (RIGHT.write << RIGHTS_BITS) | (RIGHT.write << (2 * RIGHTS_BITS));
const NONE: readonly never[] = [];

/** Translation of a page, for every regime that shares the tables. */
export interface PageTranslation {
  /** Physical address of the page's first byte. */
  readonly pa: number;
  /** {@link RIGHT} bits, for each regime. */
  readonly rights: number;
  /** Level of the leaf. */
  readonly level: number;
  /** Write rights that apply once the `clean` leaves are marked dirty. */
  readonly whenDirty: number;
  readonly clean: readonly CleanLeaf[];
  /** Size in bytes that the leaf maps. */
  readonly size: number;
  /** True when it applies to every ASID. */
  readonly isGlobal: boolean;
  /** Memory type by MAIR_ELx; `flat` with the MMU off. */
  readonly memory: 'normal' | 'device' | 'flat';
  /**
   * Stage 2, whose rights are included above: level of its leaf, IPA, and rights by stage 1 alone.
   */
  readonly stage2: { readonly level: number; readonly ipa: number; readonly stage1: number } | null;
}

/** Refusal by stage 2: the IPA, and whether a table walk of stage 1 accessed it. */
export interface Stage2Refusal {
  readonly ipa: number;
  readonly onWalk: boolean;
}

export type TranslationResult =
  | {
      readonly ok: true;
      readonly page: PageTranslation;
      /** Addresses of descriptors whose access flag hardware sets, of either stage. */
      readonly used: readonly number[];
      /** Attribute of stage 1, from MAIR_ELx. */
      readonly attribute: bigint;
      readonly shareability: bigint;
      /** Walk of stage 1. */
      readonly steps: readonly WalkStep[];
    }
  /** `lost`: address of the descriptor that could not be read. */
  | {
      readonly ok: false;
      readonly fault: TranslationFault;
      readonly lost: number;
      readonly stage2: Stage2Refusal | null;
    };

type TranslationRefusal = Extract<TranslationResult, { readonly ok: false }>;

/** Current tables of the EL1&0 or EL2&0 regime. */
export interface Tables {
  readonly ttbr0: bigint;
  readonly ttbr1: bigint;
  readonly asid: number;
  /**
   * Owner of the tables, and everything else that changes their meaning: with a stage 2, its tables
   * and VMID.
   */
  readonly world: string;
}

export const allows = (rights: number, regime: Regime, type: AccessType): boolean =>
  ((rights >>> (regime < REGIME.el2 ? RIGHTS_BITS * regime : 0)) & RIGHT[type]) !== 0;

export class Regimes {
  private readonly state: CoreState;
  private readonly registers: RegisterFile;
  private readonly readDescriptor: ReadDescriptor;
  /** HCR_EL2.E2H, and E2H with TGE: cached, because they are read at every change of level. */
  private hasTwoHalves = false;
  private isHost = false;

  constructor(state: CoreState, registers: RegisterFile, readDescriptor: ReadDescriptor) {
    this.state = state;
    this.registers = registers;
    this.readDescriptor = readDescriptor;
    this.controlsChanged();
  }

  /** Follows a change of HCR_EL2. */
  controlsChanged(): void {
    this.hasTwoHalves = (this.registers.get('HCR_EL2') & HCR.e2h) !== 0n;
    this.isHost = isHost(this.registers);
  }

  /** Regime of the current exception level. */
  get current(): Regime {
    const { state } = this;
    switch (state.level) {
      case 0:
        return REGIME.el0;
      case 1:
        return this.privileged;
      case 2:
        return this.hasTwoHalves ? this.privileged : REGIME.el2;
      default:
        return REGIME.el3;
    }
  }

  /**
   * Regime of LDTR and STTR: EL0's at EL1, and at EL2 for a host; else that of the current level.
   */
  get unprivileged(): Regime {
    const { state } = this;
    const isAbove = state.level === 1 || (state.level === 2 && this.isHost);
    return isAbove && !state.has(PSTATE.uao) ? REGIME.el0 : this.current;
  }

  private get privileged(): Regime {
    return this.state.has(PSTATE.pan) ? REGIME.el1WithoutUser : REGIME.el1;
  }

  /** True while the regime with two halves is EL2&0. */
  get isOfEl2(): boolean {
    const { level } = this.state;
    return level === 2 ? this.hasTwoHalves : level === 0 && this.isHost;
  }

  /** Registers of the regime that a debugger sees: EL2's while EL2 runs, else that of EL1&0. */
  get visible(): TranslationRegisters {
    return this.registersOf(this.state.level === 2 ? this.current : REGIME.el1, this.isOfEl2);
  }

  get tables(): Tables {
    const { registers, isOfEl2 } = this;
    const { tcr, ttbr0, ttbr1 } = this.registersOf(REGIME.el1, isOfEl2);
    const asid = Number(((tcr & TCR_A1) === 0n ? ttbr0 : ttbr1) >> 48n);
    let world = '';
    if (isOfEl2) world = 'EL2&0';
    else {
      const hcr = effectiveHcr(registers) & HCR_OF_TRANSLATIONS;
      const { vttbr, vtcr } = this.stage2(false) ?? { vttbr: 0n, vtcr: 0n };
      if (hcr !== 0n) world = `${hcr} ${vttbr} ${vtcr}`;
    }
    return { ttbr0: ttbr0 & BASE, ttbr1: ttbr1 & BASE, asid: (tcr & TCR_AS) === 0n ? asid & 0xff : asid, world };
  }

  /** Registers of stage 2 for EL1 and EL0; null while stage 2 is off. */
  private stage2(isOfEl2: boolean): Stage2Registers | null {
    const { registers } = this;
    if (isOfEl2 || (effectiveHcr(registers) & (HCR.vm | HCR.dc)) === 0n) return null;
    return { vtcr: registers.at(VTCR_EL2), vttbr: registers.at(VTTBR_EL2) };
  }

  /**
   * Walks the tables of a regime for the page at `va`.
   * @param last false: stage 2 translates only the walk of stage 1, and the result is an IPA
   */
  translate(va: bigint, regime: Regime, isOfEl2 = this.isOfEl2, last = true): TranslationResult {
    const registers = this.registersOf(regime, isOfEl2);
    const stage2 = regime < REGIME.el2 ? this.stage2(isOfEl2) : null;
    const used: number[] = [];
    let lost = 0;
    let refused: TranslationRefusal | null = null;
    const read = (address: number): bigint | null => {
      lost = address;
      if (stage2 === null) return this.readDescriptor(address);
      const found = this.descriptorAt(address, stage2, used);
      if (typeof found === 'number') return this.readDescriptor((lost = found));
      refused = found;
      return null;
    };
    const { physicalBits } = this.registers.type;
    let found = walk(va, registers, read, physicalBits);
    const isOld = !found.ok && found.fault.kind === 'access flag' && setsAccessFlag(registers.tcr);
    if (isOld) found = walk(va, registers, (address) => accessed(read(address)), physicalBits);
    if (!found.ok) return refused ?? { ok: false, fault: found.fault, lost, stage2: null };
    if (isOld) used.push(lost);
    const { permissions, descriptor, level, size, attributeIndex } = found.mapping;
    const isOn = (registers.sctlr & SCTLR_M) !== 0n;
    const { el0, el1 } = permissions;
    const userHidden = isOn && el0.read ? { read: false, write: false, execute: el1.execute } : el1;
    const rights =
      regime < REGIME.el2
        ? bitsOf(el0) | (bitsOf(el1) << RIGHTS_BITS) | (bitsOf(userHidden) << (2 * RIGHTS_BITS))
        : ownRights(found, registers);
    // With the MMU off, the attribute is Device-nGnRnE.
    const attribute = isOn ? (this.attributes(regime, isOfEl2) >> BigInt(8 * attributeIndex)) & 0xffn : 0n;
    const isClean = setsAccessFlag(registers.tcr) && isWritableClean(found, registers.tcr, tablesOf(found, registers));
    const page: PageTranslation = {
      pa: found.pa - (found.pa % 4096),
      rights,
      level,
      whenDirty: isClean ? writers(regime, el0.read) : 0,
      clean: isClean ? [{ at: lost, written: dirtied }] : NONE,
      size,
      isGlobal: !isOn || (descriptor & NOT_GLOBAL) === 0n,
      memory: !isOn ? 'flat' : isDevice(attribute) ? 'device' : 'normal',
      stage2: null,
    };
    const through = stage2 === null || !last ? page : this.throughStage2(page, stage2, used);
    if ('ok' in through) return through;
    return { ok: true, page: through, used, attribute, shareability: (descriptor >> 8n) & 3n, steps: found.steps };
  }

  /** Physical address of stage 1's descriptor at an IPA, or the refusal of the walk. */
  private descriptorAt(ipa: number, stage2: Stage2Registers, used: number[]): number | TranslationRefusal {
    const found = this.walkStage2(ipa, stage2);
    const refusal = { ipa, onWalk: true };
    if (!found.ok) return { ...found, stage2: refusal };
    const isProtected = found.isDevice && (effectiveHcr(this.registers) & HCR.ptw) !== 0n;
    if ((found.el1 & RIGHT.read) !== 0 && !isProtected) {
      if (found.isOld) used.push(found.leaf);
      return found.pa;
    }
    return { ok: false, fault: faultOf('permission', found.level), lost: 0, stage2: refusal };
  }

  private throughStage2(
    page: PageTranslation,
    stage2: Stage2Registers,
    used: number[],
  ): PageTranslation | TranslationRefusal {
    const ipa = page.pa;
    const found = this.walkStage2(ipa, stage2);
    if (!found.ok) return { ...found, stage2: { ipa, onWalk: false } };
    const { el0, el1, level, leaf, isClean } = found;
    if (found.isOld) used.push(leaf);
    const mask = el0 | (el1 << RIGHTS_BITS) | (el1 << (2 * RIGHTS_BITS));
    const clean = isClean ? [...page.clean, { at: leaf, written: dirtiedByStage2 }] : page.clean;
    const writable = (page.rights | page.whenDirty) & (isClean ? ALL_WRITE : mask & ALL_WRITE);
    const memory = page.memory === 'flat' && (effectiveHcr(this.registers) & HCR.dc) !== 0n ? 'normal' : page.memory;
    return {
      ...page,
      pa: found.pa,
      rights: page.rights & mask,
      whenDirty: clean.length === 0 ? 0 : writable,
      clean,
      memory: found.isDevice ? 'device' : memory,
      stage2: { level, ipa, stage1: page.rights | page.whenDirty },
    };
  }

  private walkStage2(ipa: number, registers: Stage2Registers): ReturnType<typeof walkStage2> {
    const { type } = this.registers;
    const xnx = (this.registers.at(SYSTEM_REGISTERS.ID_AA64MMFR1_EL1) & MMFR1_XNX) !== 0n;
    const extensions = { xnx, ...managedOfStage2(registers.vtcr, type.has) };
    return walkStage2(ipa, registers, this.readDescriptor, type.physicalBits, extensions);
  }

  private registersOf(regime: Regime, isOfEl2: boolean): TranslationRegisters {
    const { registers } = this;
    if (regime >= REGIME.el2) return ownRegisters(registers, regime === REGIME.el2 ? 2 : 3);
    if (isOfEl2) {
      const [sctlr, tcr, ttbr0] = registersOfLevel(registers, 2);
      return { sctlr, tcr, ttbr0, ttbr1: registers.at(TTBR1_EL2) };
    }
    const sctlr = registers.get('SCTLR_EL1');
    return {
      // Stage 1 is off for EL0 with TGE alone, and with DC.
      sctlr: (effectiveHcr(registers) & (HCR.tge | HCR.dc)) === 0n ? sctlr : sctlr & ~SCTLR_M,
      tcr: registers.get('TCR_EL1'),
      ttbr0: registers.get('TTBR0_EL1'),
      ttbr1: registers.get('TTBR1_EL1'),
    };
  }

  private attributes(regime: Regime, isOfEl2: boolean): bigint {
    if (regime === REGIME.el3) return this.registers.at(MAIR_EL3);
    return this.registers.at(regime === REGIME.el2 || isOfEl2 ? MAIR_EL2 : SYSTEM_REGISTERS.MAIR_EL1);
  }
}

/** True for a Device attribute of MAIR_ELx: 0b0000xxxx. */
const isDevice = (attribute: bigint): boolean => (attribute & 0xf0n) === 0n;

const bitsOf = ({ read, write, execute }: { read: boolean; write: boolean; execute: boolean }): number =>
  (read ? RIGHT.read : 0) | (write ? RIGHT.write : 0) | (execute ? RIGHT.fetch : 0);

type WalkedPage = Extract<ReturnType<typeof walk>, { ok: true }>;

/** Table descriptors above a leaf, ORed; 0 where HPD disables their permissions. */
function tablesOf({ mapping, steps }: WalkedPage, { tcr }: TranslationRegisters): bigint {
  if (halfControl(tcr, ((mapping.vaBase >> 55n) & 1n) === 1n).hierarchyIgnored) return 0n;
  return steps.slice(0, -1).reduce((bits, { descriptor }) => bits | descriptor, 0n);
}

/** Right to write of each regime: with PSTATE.PAN, EL1 has no access to EL0's pages. */
function writers(regime: Regime, isUsers: boolean): number {
  if (regime >= REGIME.el2) return RIGHT.write;
  return (RIGHT.write << RIGHTS_BITS) | (isUsers ? RIGHT.write : RIGHT.write << (2 * RIGHTS_BITS));
}

/**
 * Rights in the EL2 or EL3 regime, which has one privilege level: AP[2] and XN of the leaf,
 * APTable[1] and XNTable of the tables above.
 */
function ownRights(found: WalkedPage, registers: TranslationRegisters): number {
  const { mapping, steps } = found;
  const tables = tablesOf(found, registers);
  const readOnly = ((mapping.descriptor >> 7n) | (tables >> 62n)) & 1n;
  const never = ((mapping.descriptor >> 54n) | (tables >> 60n)) & 1n;
  const write = readOnly === 0n;
  const execute = never === 0n && !(write && steps.length > 0 && (registers.sctlr & SCTLR_WXN) !== 0n);
  return bitsOf({ read: true, write, execute });
}

/** Registers of EL2 or EL3 in the form of a regime with two halves, the upper one disabled. */
function ownRegisters(registers: RegisterFile, level: 2 | 3): TranslationRegisters {
  const [sctlr, tcr, ttbr0] = registersOfLevel(registers, level);
  const size = ((tcr >> TCR_OF_LEVEL.ps) & 7n) << 32n;
  const ignored = ((tcr >> TCR_OF_LEVEL.tbi) & 1n) << 37n;
  const { has } = registers.type;
  const managed = (tcr >> TCR_OF_LEVEL.ha) & ((has('HAF') ? 1n : 0n) | (has('HAFDBS') ? 2n : 0n));
  const hierarchy = has('HPDS') ? (tcr >> TCR_OF_LEVEL.hpd) & 1n : 0n;
  const common = (tcr & 0xffffn) | size | ignored | (managed << 39n) | (hierarchy << 41n);
  return { sctlr, tcr: common | UPPER_HALF_OFF, ttbr0, ttbr1: 0n };
}

const registersOfLevel = (registers: RegisterFile, level: 2 | 3): [sctlr: bigint, tcr: bigint, ttbr0: bigint] => [
  registers.byLevel(level, 'SCTLR'),
  registers.byLevel(level, 'TCR'),
  registers.byLevel(level, 'TTBR0'),
];
