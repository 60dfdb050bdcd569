// SPDX-License-Identifier: GPL-2.0-only
/** System registers that are plain storage, kept in the core's block of the WebAssembly memory. */

import { BANK } from '#emulator/cpu/exception-entry.ts';
import type { SavedException } from '#emulator/engine/engine.ts';
import {
  SYSTEM_REGISTERS,
  type SystemRegisterEncoding,
  type SystemRegisterName,
  systemRegisterNumber,
} from '#emulator/engine/system-registers.ts';
import { type CoreType, CORTEX_A72 } from '#emulator/a64/core-types.ts';
import { CCSIDR, CSSELR, registersOf, STORED_REGISTERS, type StoredRegister } from './registers.ts';

export class RegisterFile {
  private readonly values: BigUint64Array;
  /** The same registers as 32-bit words, low word first: most have a high word of 0. */
  private readonly words: Uint32Array;
  readonly type: CoreType;
  private readonly registers: ReadonlyMap<number, StoredRegister>;
  private readonly cacheSelection: StoredRegister;

  /** @param values the part of the core's block that holds these registers */
  constructor(values: BigUint64Array, type: CoreType = CORTEX_A72) {
    this.values = values;
    this.words = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
    this.type = type;
    this.registers = registersOf(type);
    this.cacheSelection = this.registers.get(CSSELR) as StoredRegister;
    this.reset();
  }

  reset(): void {
    for (const { place, reset } of this.registers.values()) this.values[place] = reset;
  }

  find(register: number): StoredRegister | undefined {
    return this.registers.get(register);
  }

  read({ place }: StoredRegister): bigint {
    return this.values[place] as bigint;
  }

  /** Returns true when a register that has a write effect has changed. */
  write({ place, mask, how, isPlain }: StoredRegister, value: bigint): boolean {
    if (isPlain) {
      this.values[place] = value;
      return false;
    }
    const old = this.values[place] as bigint;
    const wanted = value & mask;
    const now = how === 'set bits' ? old | wanted : how === 'clear bits' ? old & ~wanted : (old & ~mask) | wanted;
    this.values[place] = now;
    if (place === this.cacheSelection.place) {
      this.values[this.registers.get(CCSIDR)?.place as number] = this.type.caches[Number(now)] ?? 0n;
    }
    return now !== old;
  }

  /** Value by name, for the core's own use. */
  get(name: SystemRegisterName): bigint {
    return this.values[PLACES[name]] as bigint;
  }

  /** Registers by which stage 1 of EL1&0 translates, as words. */
  stage1(): Uint32Array {
    return Uint32Array.from(STAGE1_WORDS, (word) => this.words[word] as number);
  }

  /** True when {@link stage1} would give `words`. */
  hasStage1(words: Uint32Array): boolean {
    for (let i = 0; i < STAGE1_WORDS.length; i++) {
      if (this.words[STAGE1_WORDS[i] as number] !== words[i]) return false;
    }
    return true;
  }

  /** True while HCR_EL2 is 0, as without a hypervisor. Read at every exception. */
  get isHcrZero(): boolean {
    return this.words[HCR_WORD] === 0 && this.words[HCR_WORD + 1] === 0;
  }

  /** SPSR and ELR of an exception level. */
  savedState(level: 1 | 2 | 3): { readonly spsr: number; readonly elr: bigint } {
    const { spsr, elr } = BANKS[level];
    return { spsr: this.words[2 * spsr] as number, elr: this.values[elr] as bigint };
  }

  /** Writes SPSR, ELR, ESR and FAR of an exception level, and returns its VBAR. */
  saveException(level: 1 | 2 | 3, { spsr, elr, esr, far }: SavedException): bigint {
    const bank = BANKS[level];
    const { words, values } = this;
    words[2 * bank.spsr] = spsr;
    values[bank.elr] = elr;
    if (esr !== null) words[2 * bank.esr] = esr;
    if (far !== null) values[bank.far] = far;
    return values[bank.vbar] as bigint;
  }

  /** Value by encoding; 0 where there is no such register. */
  at(encoding: SystemRegisterEncoding): bigint {
    const register = this.find(systemRegisterNumber(encoding));
    return register === undefined ? 0n : this.read(register);
  }

  /** SCTLR, TCR or TTBR0 of EL2 or EL3 (CRn 1 and 2). */
  byLevel(level: 2 | 3, which: 'SCTLR' | 'TCR' | 'TTBR0'): bigint {
    const [crn, crm, op2] = which === 'SCTLR' ? [1, 0, 0] : [2, 0, which === 'TCR' ? 2 : 0];
    return this.at([3, level === 2 ? 4 : 6, crn, crm, op2]);
  }

  /** CPTR_EL2 or CPTR_EL3. */
  control(level: 2 | 3): bigint {
    return this.at([3, level === 2 ? 4 : 6, 1, 1, 2]);
  }

  set(name: SystemRegisterName, value: bigint): void {
    this.values[PLACES[name]] = value;
  }
}

/** Places by name. @throws RangeError for a register that is not storage */
const PLACES = {} as Readonly<Record<SystemRegisterName, number>>;
for (const [name, encoding] of Object.entries(SYSTEM_REGISTERS)) {
  const place = STORED_REGISTERS.get(systemRegisterNumber(encoding))?.place;
  const get = (): never => {
    throw new RangeError(`${name} is not stored`);
  };
  Object.defineProperty(PLACES, name, place === undefined ? { get } : { value: place });
}

const placeOf = (encoding: SystemRegisterEncoding): number =>
  (STORED_REGISTERS.get(systemRegisterNumber(encoding)) as StoredRegister).place;
const HCR_WORD = 2 * placeOf(SYSTEM_REGISTERS.HCR_EL2);
const STAGE1_WORDS = (
  ['SCTLR_EL1', 'TCR_EL1', 'TTBR0_EL1', 'TTBR1_EL1', 'MAIR_EL1', 'HCR_EL2', 'SCR_EL3'] as const
).flatMap((name) => [2 * placeOf(SYSTEM_REGISTERS[name]), 2 * placeOf(SYSTEM_REGISTERS[name]) + 1]);

/**
 * Places of the registers that {@link RegisterFile.saveException} uses. SPSR and ESR have 32 bits.
 */
const bankOf = (level: 1 | 2 | 3) => {
  const { spsr, elr, esr, far, vbar } = BANK[level];
  return { spsr: placeOf(spsr), elr: placeOf(elr), esr: placeOf(esr), far: placeOf(far), vbar: placeOf(vbar) };
};
const BANKS = { 1: bankOf(1), 2: bankOf(2), 3: bankOf(3) } as const;
