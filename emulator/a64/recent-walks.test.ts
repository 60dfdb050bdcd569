// SPDX-License-Identifier: GPL-2.0-only
/** A walk that is known must be what a new one would be, whatever has changed in between. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { SystemRegisterName } from '#emulator/engine/system-registers.ts';
import { CoreState, PSTATE } from './core-state.ts';
import { CORTEX_A72 } from './core-types.ts';
import { CORE_BYTES, MOST_SYSTEM_REGISTERS } from './layout.ts';
import { RecentWalks } from './recent-walks.ts';
import { REGIME, Regimes } from './regimes.ts';
import { RegisterFile } from './system/register-file.ts';

const RAM = 0x4000_0000;
const MIB = 2 ** 20;
/** Tables of levels 1, 2 and 3 for the address 0, in three pages of RAM. */
const TABLES = [RAM, RAM + 0x1000, RAM + 0x2000] as const;
const LEAF = TABLES[2];
const TABLE = 3n;
/** Page, access flag, inner shareable. */
const PAGE = 3n | (1n << 10n) | (3n << 8n);
const REGISTERS = {
  SCTLR_EL1: 1n,
  // T0SZ 25, IPS 36 bits; TTBR1 is off.
  TCR_EL1: 25n | (1n << 23n) | (1n << 32n),
  TTBR0_EL1: BigInt(RAM),
  MAIR_EL1: 0xffn,
} as const satisfies Partial<Record<SystemRegisterName, bigint>>;

function core() {
  const bytes = new ArrayBuffer(16 * MIB);
  const memory = new PhysicalMemory([{ base: RAM, size: 16 * MIB }], (size) => new Uint8Array(bytes, 0, size));
  const state = new CoreState(
    new ArrayBuffer(CORE_BYTES),
    0,
    {} as ConstructorParameters<typeof CoreState>[2],
    () => true,
  );
  state.pstate = (1 << 2) | PSTATE.sp;
  const file = new RegisterFile(new BigUint64Array(MOST_SYSTEM_REGISTERS), CORTEX_A72);
  for (const [name, value] of Object.entries(REGISTERS)) file.set(name as SystemRegisterName, value);
  memory.write64(TABLES[0], BigInt(TABLES[1]) | TABLE);
  memory.write64(TABLES[1], BigInt(TABLES[2]) | TABLE);
  memory.write64(LEAF, BigInt(RAM + MIB) | PAGE);
  const read = (at: number) => (memory.contains(at, 8) ? memory.read64(at) : null);
  const regimes = new Regimes(state, file, read);
  const walks = new RecentWalks(bytes, file, memory);
  const walk = () => regimes.translate(0n, REGIME.el1);
  const found = walk();
  if (!found.ok) throw new Error('nothing is mapped');
  walks.note(0, 0, found.page, found.steps);
  return { memory, file, walks, walk };
}

it('knows a page whose leaf has another address', () => {
  const { memory, walks, walk } = core();
  for (const to of [RAM + 2 * MIB, RAM, 0x7fff_f000, 0x8000_0000, 0xffff_f000]) {
    memory.write64(LEAF, BigInt(to) | PAGE);
    expect(walks.find(0, 0)).toEqual(expect.objectContaining({ pa: to }));
    expect(walk()).toEqual(expect.objectContaining({ page: walks.find(0, 0) }));
  }
});

it('knows nothing of another page, nor of the same one in the other half', () => {
  const { walks } = core();
  expect(walks.find(0x1000, 0)).toBeNull();
  expect(walks.find(64 * 0x1000, 0)).toBeNull();
  expect(walks.find(0, -1)).toBeNull();
});

const places = fc.constantFrom<number | SystemRegisterName>(
  ...TABLES,
  ...(Object.keys(REGISTERS) as SystemRegisterName[]),
  'HCR_EL2',
  'SCR_EL3',
);

it('never says what a walk would not say, whichever bits have changed', () => {
  const changes = fc.array(fc.tuple(places, fc.bigInt(0n, 63n)), { minLength: 1, maxLength: 3 });
  const { memory, file, walks, walk } = core();
  const flip = ([place, bit]: readonly [number | SystemRegisterName, bigint]) => {
    if (typeof place === 'number') memory.write64(place, memory.read64(place) ^ (1n << bit));
    else file.set(place, file.get(place) ^ (1n << bit));
  };
  fc.assert(
    fc.property(changes, (flips) => {
      flips.forEach(flip);
      const known = walks.find(0, 0);
      if (known !== null) expect(walk()).toEqual(expect.objectContaining({ ok: true, page: known }));
      flips.forEach(flip);
    }),
    { numRuns: 5000 },
  );
  expect(walks.find(0, 0)).not.toBeNull();
});
