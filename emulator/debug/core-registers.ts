// SPDX-License-Identifier: GPL-2.0-only
/**
 * Access to a core's registers by their names in the target description (gdb/register-layout.ts),
 * without side effects: no access acknowledges an interrupt, advances time, or traps.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24 (encodings), C5.2 (special-purpose registers).
 */

import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

/** Further registers by encoding, which the machine itself does not use. */
const FURTHER_REGISTERS: Readonly<Record<string, SystemRegisterEncoding>> = {
  fpcr: [3, 3, 4, 4, 0],
  fpsr: [3, 3, 4, 4, 1],
  TPIDR_EL0: [3, 3, 13, 0, 2],
  TPIDR_EL1: [3, 0, 13, 0, 4],
};

/** PSTATE.SP: selects the level's own stack pointer instead of SP_EL0. */
const PSTATE_SP = 1;

/** Value of register `name`, or null when the core has no such register. */
export function readCoreRegister(core: MachineCore, name: string): bigint | null {
  const { engine } = core;
  const numbered = numberedRegister(name);
  if (numbered !== null) return numbered.bank === 'x' ? engine.getX(numbered.index) : engine.getV(numbered.index);
  switch (name) {
    case 'pc':
      return engine.getPc();
    case 'sp':
      return engine.getSp();
    case 'cpsr':
      return BigInt(engine.getPstate());
    case 'CurrentEL':
      return BigInt(core.level << 2);
    case 'MPIDR_EL1':
      return BigInt(core.mpidr);
    case 'SP_EL0':
      return usesStackOf(core, 0) ? engine.getSp() : engine.getBankedSp(0);
    case 'SP_EL1':
      return usesStackOf(core, 1) ? engine.getSp() : engine.getBankedSp(1);
    default: {
      const encoding = encodingOf(name);
      return encoding === null ? null : engine.getSystemRegister(encoding);
    }
  }
}

/** Writes a register. Returns false for a read-only register and for one that the core lacks. */
export function writeCoreRegister(core: MachineCore, name: string, value: bigint): boolean {
  const { engine } = core;
  const numbered = numberedRegister(name);
  if (numbered !== null) {
    if (numbered.bank === 'x') engine.setX(numbered.index, value);
    else engine.setV(numbered.index, value);
    return true;
  }
  switch (name) {
    case 'pc':
      engine.setPc(value);
      return true;
    case 'sp':
      engine.setSp(value);
      return true;
    case 'cpsr':
      engine.setPstate(Number(value));
      // The engine notices a new exception level only at a write of a system register.
      return writeSystemRegister(core, 'VBAR_EL1', engine.getSystemRegister(SYSTEM_REGISTERS.VBAR_EL1) ?? 0n);
    case 'CurrentEL':
    case 'MPIDR_EL1':
      return false;
    case 'SP_EL0':
    case 'SP_EL1': {
      const level = name === 'SP_EL0' ? 0 : 1;
      if (usesStackOf(core, level)) engine.setSp(value);
      else engine.setBankedSp(level, value);
      return true;
    }
    default:
      return writeSystemRegister(core, name, value);
  }
}

function writeSystemRegister(core: MachineCore, name: string, value: bigint): boolean {
  const encoding = encodingOf(name);
  if (encoding === null || !core.engine.setSystemRegister(encoding, value)) return false;
  // The register may control translation.
  core.virtualMemory.invalidate();
  core.forget({ kind: 'tlb' });
  return true;
}

function encodingOf(name: string): SystemRegisterEncoding | null {
  return (
    FURTHER_REGISTERS[name] ?? (SYSTEM_REGISTERS as Readonly<Record<string, SystemRegisterEncoding>>)[name] ?? null
  );
}

/** Parses x0 to x30 and v0 to v31. */
function numberedRegister(name: string): { readonly bank: 'x' | 'v'; readonly index: number } | null {
  const [, bank, digits] = /^([xv])(\d{1,2})$/.exec(name) ?? [];
  const index = Number(digits);
  if (bank === 'x' && index <= 30) return { bank, index };
  return bank === 'v' && index <= 31 ? { bank, index } : null;
}

/** True when SP_EL`level` is the selected stack pointer. */
function usesStackOf(core: MachineCore, level: number): boolean {
  const selected = (core.engine.getPstate() & PSTATE_SP) === 0 ? 0 : core.level;
  return selected === level;
}
