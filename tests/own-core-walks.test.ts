// SPDX-License-Identifier: GPL-2.0-only
/**
 * The MMU of the own core: random tables of three granules are walked for loads, stores and
 * branches at EL0 and EL1 as Unicorn's MMU and the emulator's walker do it, faults with ESR and FAR
 * included.
 *
 *     TTBR1  one page of code: EL1's and EL0's mapping of it, and the vectors     TTBR0  a random tree
 */

import { afterAll, beforeAll, expect } from 'vitest';
import { findBoard } from '#boards/registry.ts';
import { a64Cores } from '#emulator/a64/cores.ts';
import { CORTEX_A72 } from '#emulator/a64/core-types.ts';
import { engineCores } from '#emulator/cpu/core.ts';
import { PHYSICAL_BITS } from '#emulator/cpu/core-translation.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import { translate } from '#emulator/cpu/translate.ts';
import { SYSTEM_REGISTERS, type SystemRegisterName } from '#emulator/engine/system-registers.ts';
import { createUnicornEngine } from '#emulator/engine/unicorn.ts';
import { buildBoardMachine } from '#workbench/machine/board-machine.ts';
import { engineLibrary } from './support/guest-machine.ts';
import { type Granule, randomTree } from './support/random-tables.ts';
import { seededRandom, withSeed } from './support/seeded-random.ts';
import { describe, it } from './support/on-unicorn.ts';

const CODE = 0x4000_0000;
const CODE_TABLES = 0x4001_0000;
const TABLES = 0x4100_0000;
/** Room for a block of any size. */
const RAM = { start: 0x8000_0000, end: 0xc000_0000 };
const RAM_BYTES = 3 * 2 ** 30;
/** The code at EL1, at EL0, and the vectors, by the tables of TTBR1. */
const HIGH = 0xffff_ffff_ffe0_0000n;
const USER_CODE = HIGH + 0x1000n;
const VECTORS = HIGH + 0x2000n;
const PAGE_OF_BOTH = 0x703n;
const ACCESSES = { read: 0xb940_0001, write: 0xb900_0001, fetch: 0xd61f_0000 } as const;
type Kind = keyof typeof ACCESSES;
const KINDS: readonly Kind[] = ['read', 'write', 'fetch'];
/** B to itself, in all vectors. */
const STAY = 0x1400_0000;
const ROUNDS = 12;
const ADDRESSES = 150;

function side(cores: CoreFactory) {
  const { machine } = buildBoardMachine({
    board: findBoard('qemu-virt').create({ memoryBytes: RAM_BYTES }),
    firmware: new Uint8Array(4),
    cores,
  });
  const { memory, bootCore: core } = machine;
  const { engine } = core;
  machine.reset(CODE, 1);
  KINDS.forEach((kind, index) => memory.write32(CODE + 8 * index, ACCESSES[kind]));
  for (let at = 0; at < 0x800; at += 4) memory.write32(CODE + 0x2000 + at, STAY);
  // Three levels for the last 2 MiB: 512 entries each.
  memory.write64(CODE_TABLES + 0xff8, BigInt(CODE_TABLES + 0x1000) | 3n);
  memory.write64(CODE_TABLES + 0x1ff8, BigInt(CODE_TABLES + 0x2000) | 3n);
  // Read-only at EL1; read-only at both; read-only at EL1.
  [0x80n, 0xc0n, 0x80n].forEach((rights, page) =>
    memory.write64(
      CODE_TABLES + 0x2000 + 8 * page,
      BigInt(CODE + page * (page === 1 ? 0 : 0x1000)) | PAGE_OF_BOTH | rights,
    ),
  );
  const set = (name: SystemRegisterName, value: bigint) => core.writeSystemRegister(SYSTEM_REGISTERS[name], value);
  const get = (name: SystemRegisterName) => engine.getSystemRegister(SYSTEM_REGISTERS[name]) ?? 0n;
  set('SCR_EL3', 0x531n);
  set('HCR_EL2', 1n << 31n);
  set('MAIR_EL1', 0xffn);
  set('TTBR1_EL1', BigInt(CODE_TABLES));
  set('VBAR_EL1', VECTORS);

  return {
    machine,
    memory,
    core,
    use(root: number, control: bigint) {
      // T1SZ = 25: 39 bits, 4 KiB; 44 bits of physical address
      set('TCR_EL1', control | (25n << 16n) | (2n << 30n) | (4n << 32n));
      set('TTBR0_EL1', BigInt(root));
      set('SCTLR_EL1', 0x30d0_1805n);
      engine.flushTlb();
    },
    /** The end of one access: a value, or an exception. */
    access(kind: Kind, level: 0 | 1, va: bigint, value: number): string {
      engine.setPstate(level === 0 ? 0x3c0 : 0x3c5);
      set('ESR_EL1', 0n);
      set('FAR_EL1', 0n);
      engine.setX(0, va);
      engine.setX(1, BigInt(value));
      engine.setPc((level === 0 ? USER_CODE : HIGH) + BigInt(8 * KINDS.indexOf(kind)));
      const count = kind === 'fetch' ? 3 : 1;
      core.run(count, count);
      const esr = get('ESR_EL1');
      if (esr !== 0n) {
        return `ESR ${esr.toString(16)} FAR ${get('FAR_EL1').toString(16)} ELR ${get('ELR_EL1').toString(16)}`;
      }
      return kind === 'read' ? `loaded ${engine.getX(1).toString(16)}` : kind;
    },
  };
}

let own: ReturnType<typeof side>;
let theirs: typeof own;
beforeAll(() => {
  own = side(a64Cores({ type: CORTEX_A72 }));
  theirs = side(engineCores((callbacks) => createUnicornEngine({ library: engineLibrary(), callbacks })));
});
afterAll(() => {
  own.machine.close();
  theirs.machine.close();
});

describe('random tables', () => {
  it.each<[string, Granule]>([
    ['4 KiB', 12],
    ['16 KiB', 14],
    ['64 KiB', 16],
  ])('of %s pages mean the same to the own core, to Unicorn and to the walker', (_name, granule) => {
    withSeed((seed) => {
      const ends = new Map<string, number>();
      for (let round = 0; round < ROUNDS; round++) {
        const trees = [own, theirs].map((one) => {
          const tree = randomTree(one.memory, granule, seededRandom(seed + 100 * granule + round), TABLES, RAM);
          one.use(tree.root, tree.control);
          return tree;
        });
        const random = seededRandom(seed - round);
        for (let index = 0; index < ADDRESSES; index++) {
          const va = trees.map(({ address }) => address())[0] as bigint;
          const kind = KINDS[Math.floor(random() * KINDS.length)] as Kind;
          const level = random() < 0.5 ? 0 : 1;
          const end = compare(kind, level, va, 1 + Math.floor(random() * 0xffff));
          ends.set(end, (ends.get(end) ?? 0) + 1);
        }
      }
      // Translated, and each fault at the levels that have it.
      for (const end of ['read', 'write', 'fetch', 'translation', 'access flag', 'permission']) {
        expect(ends.get(end), end).toBeGreaterThan(5);
      }
    });
  });
});

/** Compares the access on both cores with the walker's answer. @returns the end of the access */
function compare(kind: Kind, level: 0 | 1, va: bigint, tag: number): string {
  const { memory, core } = own;
  const read = (address: number): bigint | null => (memory.contains(address, 8) ? memory.read64(address) : null);
  const found = translate(va, kind, level, core.translationRegisters(), read, PHYSICAL_BITS);
  // The word BRK #tag identifies the place.
  const word = (0xd420_0000 | (tag << 5)) >>> 0;
  if (found.ok) for (const side of [own, theirs]) side.memory.write32(found.pa, word);
  const what = `${kind} at EL${level} of ${va.toString(16)}`;
  const end = own.access(kind, level, va, tag);
  expect(`${what}: ${end}`).toBe(`${what}: ${theirs.access(kind, level, va, tag)}`);
  const status = /^ESR ([0-9a-f]+)/.exec(end)?.[1];
  if (!found.ok) {
    expect(`${what}: ${(Number.parseInt(status ?? '0', 16) & 0x3f).toString(16)}`).toBe(
      `${what}: ${found.fault.status.toString(16)}`,
    );
    return found.fault.kind;
  }
  if (kind === 'read') expect(end).toBe(`loaded ${word.toString(16)}`);
  if (kind === 'fetch') expect(Number.parseInt(status ?? '0', 16)).toBe((0xf200_0000 | tag) >>> 0);
  if (kind === 'write') expect([own.memory.read32(found.pa), theirs.memory.read32(found.pa)]).toEqual([tag, tag]);
  return kind;
}
