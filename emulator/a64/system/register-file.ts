// SPDX-License-Identifier: GPL-2.0-only
/** The system registers of a core that are storage, in its block of the WebAssembly memory. */

import {
  SYSTEM_REGISTERS,
  type SystemRegisterEncoding,
  type SystemRegisterName,
  systemRegisterNumber,
} from '#emulator/engine/system-registers.ts';
import { type CoreType, CORTEX_A72 } from '#emulator/a64/core-types.ts';
import { CCSIDR, CSSELR, registersOf, STORED_REGISTERS, type StoredRegister } from './registers.ts';

const ALL = 2n ** 64n - 1n;

export class RegisterFile {
  private readonly values: BigUint64Array;
  readonly type: CoreType;
  private readonly registers: ReadonlyMap<number, StoredRegister>;
  private readonly cacheSelection: StoredRegister;

  /** @param values the block's part for them */
  constructor(values: BigUint64Array, type: CoreType = CORTEX_A72) {
    this.values = values;
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

  /** True when the value has changed, of a register with an effect. */
  write({ place, mask, how, effect }: StoredRegister, value: bigint): boolean {
    // Most have all bits, and nobody who asks whether they have changed.
    if (mask === ALL && effect === 'none' && how === 'value') {
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

  /** By name, for what the core itself looks at. */
  get(name: SystemRegisterName): bigint {
    return this.values[PLACES[name]] as bigint;
  }

  /** By encoding; 0 where there is no such register. */
  at(encoding: SystemRegisterEncoding): bigint {
    const register = this.find(systemRegisterNumber(encoding));
    return register === undefined ? 0n : this.read(register);
  }

  /** SCTLR, TCR or TTBR0 of EL2 or EL3: CRn 1 and 2. */
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

/** By name. @throws RangeError for a register that is not storage */
const PLACES = {} as Readonly<Record<SystemRegisterName, number>>;
for (const [name, encoding] of Object.entries(SYSTEM_REGISTERS)) {
  const place = STORED_REGISTERS.get(systemRegisterNumber(encoding))?.place;
  const get = (): never => {
    throw new RangeError(`${name} is not stored`);
  };
  Object.defineProperty(PLACES, name, place === undefined ? { get } : { value: place });
}
