// SPDX-License-Identifier: GPL-2.0-only
/**
 * The translation regimes of a core: which one an access is made in, which tables that one has now,
 * and what they say of a page.
 *
 *     EL0 ─┐                      ┌─ EL1 without what EL0 may read (PSTATE.PAN)
 *          ├─ EL1&0: TTBR0, TTBR1 ┤
 *     EL1 ─┘                      └─ EL1          EL2: TTBR0_EL2       EL3: TTBR0_EL3
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.1 (regimes), D8.4.1 (permissions), D8.5 (memory types).
 */

import {
  type AccessType,
  type ReadDescriptor,
  type TranslationFault,
  type TranslationRegisters,
  walk,
} from '#emulator/cpu/translate.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { type CoreState, PSTATE } from './core-state.ts';
import type { RegisterFile } from './system/register-file.ts';

/** Whose rights and translations an access has: a TLB each. */
export const REGIME = { el0: 0, el1: 1, el1WithoutUser: 2, el2: 3, el3: 4 } as const;
export type Regime = (typeof REGIME)[keyof typeof REGIME];
export const REGIMES = 5;

const SCTLR_M = 1n;
const SCTLR_WXN = 1n << 19n;
/** TCR_EL2 and TCR_EL3; EPD1 of TCR_EL1. */
const TCR_OF_LEVEL = { tbi: 20n, ps: 16n } as const;
const UPPER_HALF_OFF = 1n << 23n;
/** TCR_EL1: the ASID is TTBR1_EL1's (A1), and has 16 bits (AS). */
const TCR_A1 = 1n << 22n;
const TCR_AS = 1n << 36n;
const NOT_GLOBAL = 1n << 11n;
/** BADDR of a base register. */
const BASE = (1n << 48n) - 2n;

const MAIR_EL2: SystemRegisterEncoding = [3, 4, 10, 2, 0];
const MAIR_EL3: SystemRegisterEncoding = [3, 6, 10, 2, 0];

/** Bits of a page's rights. */
const RIGHT = { read: 1, write: 2, fetch: 4 } as const;
/** Bits of rights for each of EL0, EL1 and EL1 without what EL0 may read. */
const RIGHTS_BITS = 3;

/** What tables say of a page, for every regime that shares them. */
export interface PageTranslation {
  /** Of the page's first byte. */
  readonly pa: number;
  /** {@link RIGHT}, for each regime. */
  readonly rights: number;
  /** Of the leaf. */
  readonly level: number;
  /** Bytes that the leaf maps. */
  readonly size: number;
  /** It holds for every ASID. */
  readonly isGlobal: boolean;
  /** By MAIR_ELx; `flat` with the MMU off. */
  readonly memory: 'normal' | 'device' | 'flat';
}

export type Found =
  | { readonly ok: true; readonly page: PageTranslation }
  /** `lost`: the descriptor that could not be read. */
  | { readonly ok: false; readonly fault: TranslationFault; readonly lost: number };

/** The tables that the EL1&0 regime has now. */
export interface Tables {
  readonly ttbr0: bigint;
  readonly ttbr1: bigint;
  readonly asid: number;
}

export const allows = (rights: number, regime: Regime, type: AccessType): boolean =>
  ((rights >>> (regime < REGIME.el2 ? RIGHTS_BITS * regime : 0)) & RIGHT[type]) !== 0;

export class Regimes {
  private readonly state: CoreState;
  private readonly registers: RegisterFile;
  private readonly readDescriptor: ReadDescriptor;

  constructor(state: CoreState, registers: RegisterFile, readDescriptor: ReadDescriptor) {
    this.state = state;
    this.registers = registers;
    this.readDescriptor = readDescriptor;
  }

  /** Of the level that runs. */
  get current(): Regime {
    const { state } = this;
    switch (state.level) {
      case 0:
        return REGIME.el0;
      case 1:
        return state.has(PSTATE.pan) ? REGIME.el1WithoutUser : REGIME.el1;
      case 2:
        return REGIME.el2;
      default:
        return REGIME.el3;
    }
  }

  /** Of LDTR and STTR: EL0's at EL1, else that of the level itself. */
  get unprivileged(): Regime {
    return this.state.level === 1 && !this.state.has(PSTATE.uao) ? REGIME.el0 : this.current;
  }

  get tables(): Tables {
    const tcr = this.registers.get('TCR_EL1');
    const ttbr0 = this.registers.get('TTBR0_EL1');
    const ttbr1 = this.registers.get('TTBR1_EL1');
    const asid = Number(((tcr & TCR_A1) === 0n ? ttbr0 : ttbr1) >> 48n);
    return { ttbr0: ttbr0 & BASE, ttbr1: ttbr1 & BASE, asid: (tcr & TCR_AS) === 0n ? asid & 0xff : asid };
  }

  /** Walks the tables for the page at `va`. */
  translate(va: bigint, regime: Regime): Found {
    const registers = this.registersOf(regime);
    let lost = 0;
    const read = (address: number): bigint | null => {
      lost = address;
      return this.readDescriptor(address);
    };
    const found = walk(va, registers, read, this.registers.type.physicalBits);
    if (!found.ok) return { ok: false, fault: found.fault, lost };
    const { permissions, descriptor, level, size, attributeIndex } = found.mapping;
    const isOn = (registers.sctlr & SCTLR_M) !== 0n;
    const { el0, el1 } = permissions;
    const userHidden = isOn && el0.read ? { read: false, write: false, execute: el1.execute } : el1;
    const rights =
      regime < REGIME.el2
        ? bitsOf(el0) | (bitsOf(el1) << RIGHTS_BITS) | (bitsOf(userHidden) << (2 * RIGHTS_BITS))
        : ownRights(found, registers.sctlr);
    return {
      ok: true,
      page: {
        pa: found.pa - (found.pa % 4096),
        rights,
        level,
        size,
        isGlobal: !isOn || (descriptor & NOT_GLOBAL) === 0n,
        memory: !isOn ? 'flat' : isDevice(this.attributes(regime) >> BigInt(8 * attributeIndex)) ? 'device' : 'normal',
      },
    };
  }

  private registersOf(regime: Regime): TranslationRegisters {
    const { registers } = this;
    if (regime >= REGIME.el2) return ownRegisters(registers, regime === REGIME.el2 ? 2 : 3);
    return {
      sctlr: registers.get('SCTLR_EL1'),
      tcr: registers.get('TCR_EL1'),
      ttbr0: registers.get('TTBR0_EL1'),
      ttbr1: registers.get('TTBR1_EL1'),
    };
  }

  private attributes(regime: Regime): bigint {
    const encoding = regime < REGIME.el2 ? SYSTEM_REGISTERS.MAIR_EL1 : regime === REGIME.el2 ? MAIR_EL2 : MAIR_EL3;
    return this.registers.at(encoding);
  }
}

/** An attribute of MAIR_ELx: 0b0000xxxx. */
const isDevice = (attribute: bigint): boolean => (attribute & 0xf0n) === 0n;

const bitsOf = ({ read, write, execute }: { read: boolean; write: boolean; execute: boolean }): number =>
  (read ? RIGHT.read : 0) | (write ? RIGHT.write : 0) | (execute ? RIGHT.fetch : 0);

/**
 * Rights in the regime of EL2 or EL3, which has one privilege: AP[2] and XN of the leaf, APTable[1]
 * and XNTable of the tables above (HPD is an extension).
 */
function ownRights({ mapping, steps }: Extract<ReturnType<typeof walk>, { ok: true }>, sctlr: bigint): number {
  const tables = steps.slice(0, -1).reduce((bits, { descriptor }) => bits | descriptor, 0n);
  const readOnly = ((mapping.descriptor >> 7n) | (tables >> 62n)) & 1n;
  const never = ((mapping.descriptor >> 54n) | (tables >> 60n)) & 1n;
  const write = readOnly === 0n;
  const execute = never === 0n && !(write && steps.length > 0 && (sctlr & SCTLR_WXN) !== 0n);
  return bitsOf({ read: true, write, execute });
}

/**
 * The registers of EL2 or EL3 as those of a regime with two halves would be; the upper one is off.
 */
function ownRegisters(registers: RegisterFile, level: 2 | 3): TranslationRegisters {
  const [sctlr, tcr, ttbr0] = (['SCTLR', 'TCR', 'TTBR0'] as const).map((name) => registers.byLevel(level, name)) as [
    bigint,
    bigint,
    bigint,
  ];
  const size = ((tcr >> TCR_OF_LEVEL.ps) & 7n) << 32n;
  const ignored = ((tcr >> TCR_OF_LEVEL.tbi) & 1n) << 37n;
  return { sctlr, tcr: (tcr & 0xffffn) | size | ignored | UPPER_HALF_OFF, ttbr0, ttbr1: 0n };
}
