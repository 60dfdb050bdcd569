// SPDX-License-Identifier: GPL-2.0-only
/** Both engines in lockstep: the modelled kernel is the same on both, and a difference is found. */

import { afterEach, expect } from 'vitest';
import { physAddr } from '#common/address.ts';
import { Lockstep } from '#scripts/lockstep/lockstep.ts';
import { differenceLines, narrow } from '#scripts/lockstep/narrow.ts';
import { describe, it } from './support/on-unicorn.ts';

const EVERY = 500;
const BOUNDS = { timeoutNs: 1e9 };

let open: Lockstep | null = null;
afterEach(() => {
  open?.close();
  open = null;
});

const pairOf = (board: string): Lockstep => (open = new Lockstep({ board }));

describe('the modelled kernel', () => {
  it.each(['qemu-virt', 'pixel6', 'rpi4'])('has the same registers on both engines, on %s', (board) => {
    const pair = pairOf(board);
    let end = null;
    while (end === null) end = pair.advance(EVERY, BOUNDS);
    expect(end).toMatchObject({ difference: null, outcome: { outcome: 'steady' } });
    expect(end.instructions).toBeGreaterThan(40_000);
    expect(end.exceptions).toBeGreaterThan(10);
    expect(pair.follower.serial.text).toBe(pair.leader.serial.text);
  });
});

describe('a register that one engine gets wrong', () => {
  const at = 20_000;

  /** The own core's x27 changes when it first comes to the instruction that is the 20,000th. */
  const spoiled = (pc: bigint) => (): Lockstep => {
    const pair = new Lockstep({ board: 'qemu-virt' });
    const { engine } = pair.follower.cpu;
    const unwatch = engine.watchCode(pc, () => {
      engine.setX(27, 0xbadn);
      unwatch();
    });
    return pair;
  };

  it('is found at its instruction, and shown with what led there', () => {
    const sound = pairOf('qemu-virt');
    expect(sound.advance(at, BOUNDS)).toBeNull();
    const pc = sound.leader.cpu.engine.getPc();
    const pair = (open = spoiled(pc)());
    let agreed = 0;
    let end = null;
    while (end === null) {
      agreed = pair.instructions;
      end = pair.advance(EVERY, BOUNDS);
    }
    expect(end.difference?.names).toEqual(['x27']);
    const narrowed = narrow(spoiled(pc), EVERY, [agreed, end.instructions], BOUNDS);
    expect(narrowed?.trace.at(-1)).toContain(pc.toString(16));
    expect(narrowed?.trace.length).toBe(12);
    expect(differenceLines(narrowed!.difference).find((line) => line.endsWith('<<'))).toMatch(/x27 .*0000bad <</);
  });
});

it('a byte of memory that one engine leaves behind is found at the end', () => {
  const pair = pairOf('qemu-virt');
  // The last page of RAM, which the kernel does not allocate.
  pair.follower.memory.write32(physAddr(0x7fff_fff0), 0x5a00_0000);
  let end = null;
  while (end === null) end = pair.advance(1_000_000, BOUNDS);
  expect(end.difference?.what).toBe('a byte of RAM at 0x7ffffff3: 0x5a, not 0x0');
});
