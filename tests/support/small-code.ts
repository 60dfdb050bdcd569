// SPDX-License-Identifier: GPL-2.0-only
/**
 * A few instructions at a level of the test's choice, with the MMU off or an identity map, and a
 * gate in every vector and after the code. Not a test.
 *
 *     image + 0x0000  the code, then gates      + 0x1000  vectors: gates   + 0x2000  table of 1 GiB blocks
 *
 * The map: virtual is physical; for code at EL0 the vectors are at an alias of RAM, because what
 * EL0 may write EL1 may not execute.
 */

import type { CoreEngine } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import type { MachineStop } from '#emulator/machine/run-loop.ts';
import { bootGuest, type Guest, type GuestOptions } from './guest-machine.ts';

const GATE = 0x200;
export const HLT_GATE = 0xd440_0000 | (GATE << 5);
const VECTORS = 0x1000;
const TABLE = 0x2000;
const IMAGE_BYTES = 0x3000;
const GIB = 2 ** 30;
/** Blocks of the alias of RAM. */
const ALIAS = 256;

/** Valid block, accessed, inner shareable; AttrIndx 0 is device memory, 1 is normal. */
const BLOCK = 0x701n;
const NORMAL = 1n << 2n;
const EL0_MAY = 1n << 6n;
/** T0SZ 25: 39 bits, tables from level 1; TTBR1 off; 40 bits of physical address. */
const TCR = 25n | (1n << 23n) | (2n << 32n);

export interface SmallCode {
  readonly level: 0 | 1 | 3;
  readonly mmu?: boolean;
  readonly x?: Readonly<Record<number, bigint>>;
  readonly system?: Partial<Record<keyof typeof SYSTEM_REGISTERS, bigint>>;
}

export interface Ran {
  readonly guest: Guest;
  readonly engine: CoreEngine;
  readonly base: number;
  readonly stop: MachineStop;
  /** Offset of the vector that was entered, or null when the code came to its end. */
  readonly vector: number | null;
  /** ESR_ELx of the level whose vector was entered. */
  readonly esr: number;
  readonly elr: bigint;
  readonly far: bigint;
}

/**
 * Runs `words` to the first gate, which is in a vector or after them, at most 1,000 instructions;
 * on a machine of its own, or after a reset of `on`. The caller closes the machine.
 */
export function runSmallCode(words: readonly number[], code: SmallCode, options: GuestOptions = {}, on?: Guest): Ran {
  const image = new Uint32Array(IMAGE_BYTES / 4).fill(HLT_GATE);
  image.set(words);
  const bytes = new Uint8Array(image.buffer);
  const guest = on ?? bootGuest(bytes, options);
  const { machine, base } = guest;
  const { engine } = machine.bootCore;
  if (on !== undefined) {
    machine.memory.writeBytes(base, bytes);
    engine.discardCode(BigInt(base), BigInt(base + IMAGE_BYTES));
  }
  machine.reset(base, code.level === 3 ? 3 : 1);
  machine.setGates({ owns: (immediate) => immediate === GATE, enter: () => machine.stop() });
  const set = (name: keyof typeof SYSTEM_REGISTERS, value: bigint) =>
    engine.setSystemRegister(SYSTEM_REGISTERS[name], value);
  let vectors = base + VECTORS;
  if (code.mmu === true) {
    const ram = Math.floor(base / GIB);
    for (let gib = 0; gib < ALIAS; gib++) {
      const attributes = BLOCK | (gib === ram ? NORMAL : 0n) | (code.level === 0 ? EL0_MAY : 0n);
      machine.memory.write64(base + TABLE + 8 * gib, BigInt(gib * GIB) | attributes);
    }
    machine.memory.write64(base + TABLE + 8 * ALIAS, BigInt(ram * GIB) | BLOCK | NORMAL);
    vectors += (ALIAS - ram) * GIB;
    set('MAIR_EL1', 0xff00n);
    set('TCR_EL1', TCR);
    set('TTBR0_EL1', BigInt(base + TABLE));
    set('SCTLR_EL1', (engine.getSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1) ?? 0n) | 1n);
  }
  set('VBAR_EL1', BigInt(vectors));
  set('VBAR_EL3', BigInt(vectors));
  for (const [name, value] of Object.entries(code.system ?? {})) set(name as keyof typeof SYSTEM_REGISTERS, value);
  if (code.level === 0) {
    engine.setPstate(0x3c0);
    set('SPSR_EL1', 0n);
  }
  for (const [index, value] of Object.entries(code.x ?? {})) engine.setX(Number(index), value);
  const stop = machine.run({ maxInstructions: 1000 });
  const at = Number(engine.getPc()) - 4 - vectors;
  const el = code.level === 3 ? 'EL3' : 'EL1';
  const get = (name: 'ESR' | 'ELR' | 'FAR') => engine.getSystemRegister(SYSTEM_REGISTERS[`${name}_${el}`]) ?? 0n;
  return {
    guest,
    engine,
    base,
    stop,
    vector: at >= 0 && at < 0x800 ? at : null,
    esr: Number(get('ESR')),
    elr: get('ELR'),
    far: get('FAR'),
  };
}
