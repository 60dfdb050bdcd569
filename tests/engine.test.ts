// SPDX-License-Identifier: GPL-2.0-only
/**
 * The engine behind its interface, as far as a test needs the real library: the self-test, clean
 * ends, errors thrown in callbacks, stops inside instructions.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect } from 'vitest';
import type { CpuEngine, EngineCallbacks } from '#emulator/engine/engine.ts';
import { runEngineSelfTest } from '#emulator/engine/self-test.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';
import { createUnicornEngine } from '#emulator/engine/unicorn.ts';
import { engineLibrary } from './support/guest-machine.ts';
import { describe, it } from './support/on-unicorn.ts';

const RAM = 0x4000_0000;
const DEVICE = 0x4100_0000;
const NOTHING = 0x4200_0000;

const NOP = 0xd503_201f;
const SVC = 0xd400_0001;
const LDR_X0_X1_POST_8 = 0xf840_8420;
const STR_X0_X1_POST_8 = 0xf800_8420;
const LDP_X2_X3_X1_POST_16 = 0xa8c1_0c22;
const DC_ZVA_X1 = 0xd50b_7421;
/** b .+4 */
const BRANCH_NEXT = 0x1400_0001;

const engines: CpuEngine[] = [];

function open(callbacks: Partial<EngineCallbacks> = {}): { engine: CpuEngine; load: (...code: number[]) => void } {
  const engine = createUnicornEngine({
    library: engineLibrary(),
    callbacks: { exception: () => engine.stop(), unmapped: () => false, ...callbacks },
  });
  engines.push(engine);
  const bytes = new Uint8Array(0x1_0000);
  const words = new Uint32Array(bytes.buffer);
  engine.mapMemory(RAM, bytes, 'rwx');
  engine.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, 0x531n);
  engine.setSystemRegister(SYSTEM_REGISTERS.HCR_EL2, 1n << 31n);
  engine.setPstate(0x3c5);
  engine.setSystemRegister(SYSTEM_REGISTERS.SCTLR_EL1, 0x30d0_0800n);
  return {
    engine,
    load: (...code) => {
      words.set(code);
      engine.discardCode(RAM, RAM + 0x1000);
      engine.setPc(BigInt(RAM));
    },
  };
}

afterEach(() => {
  for (const engine of engines.splice(0)) engine.close();
});

describe('the self-test', () => {
  it('passes on the library that this project uses', () => {
    const checks = runEngineSelfTest(engineLibrary());
    expect(checks.filter(({ ok }) => !ok)).toEqual([]);
    expect(checks.map(({ name }) => name)).toEqual([
      'calibration',
      'exact slices',
      'exceptions',
      'shared memory',
      'device callbacks',
      'external abort',
      'address translation',
    ]);
  });

  it.each([
    ['a file that does not exist', '/nonexistent/libunicorn.so.2'],
    ['a file that is no library', process.execPath],
  ])('says no to %s, and does not throw', (_what, path) => {
    const checks = runEngineSelfTest(path);
    expect(checks).toHaveLength(1);
    expect(checks[0]).toMatchObject({ ok: false, detail: expect.stringMatching(/./) });
  });
});

describe('an error thrown in a callback', () => {
  const fault = new Error('thrown in a callback');
  const fail = (): never => {
    throw fault;
  };
  let failing = true;
  const failOnce = (): never | boolean => (failing ? fail() : false);

  it.each([
    ['an exception', SVC, RAM],
    ['an access that nothing answers', LDR_X0_X1_POST_8, NOTHING],
    ['a read of a device', LDR_X0_X1_POST_8, DEVICE],
    ['a write to a device', STR_X0_X1_POST_8, DEVICE],
  ])('at %s comes out of run(), and the engine goes on', (_where, instruction, address) => {
    failing = true;
    const { engine, load } = open({
      exception: () => {
        failOnce();
        engine.stop();
      },
      unmapped: failOnce,
    });
    engine.mapDevices(DEVICE, 0x1000, { read: () => (failOnce() ? 0n : 0x11n), write: () => void failOnce() });
    load(instruction, NOP, NOP, NOP);
    engine.setX(1, BigInt(address));
    expect(() => engine.run(100)).toThrow(fault);

    failing = false;
    load(NOP, NOP, NOP, NOP);
    expect(engine.run(3)).toEqual({ kind: 'count' });
    expect(engine.getPc()).toBe(BigInt(RAM + 12));
  });
});

describe('stop() in a device', () => {
  it.each([
    ['a load with writeback', LDR_X0_X1_POST_8, 2, 8n],
    ['a store with writeback', STR_X0_X1_POST_8, 2, 8n],
    ['a pair', LDP_X2_X3_X1_POST_16, 4, 16n],
  ])('completes %s, once', (_what, instruction, accesses, moved) => {
    const { engine, load } = open();
    let seen = 0;
    const access = (): bigint => {
      seen++;
      engine.stop();
      return 1n;
    };
    engine.mapDevices(DEVICE, 0x1000, { read: access, write: access });
    load(NOP, instruction, BRANCH_NEXT, NOP, SVC);
    engine.setX(1, BigInt(DEVICE));
    expect(engine.run(100)).toEqual({ kind: 'stopped' });
    // After the instruction or after its block, as the engine can do it.
    expect(engine.executed).toBeOneOf([2, 3]);
    expect(engine.getPc()).toBe(BigInt(RAM + 4 * engine.executed));
    expect(engine.getX(1)).toBe(BigInt(DEVICE) + moved);
    engine.run(100);
    // 64 bits reach a device as two times 32.
    expect(seen).toBe(accesses);
  });
});

it('reports DC ZVA to nowhere once, with PC at it', () => {
  const reported: number[] = [];
  const { engine, load } = open({
    unmapped: ({ address }) => {
      reported.push(address);
      return false;
    },
  });
  load(NOP, DC_ZVA_X1, NOP, NOP);
  engine.setX(1, BigInt(NOTHING));
  expect(engine.run(100)).toMatchObject({ kind: 'unmapped', access: { type: 'write', address: NOTHING } });
  expect(reported).toEqual([NOTHING]);
  expect(engine.getPc()).toBe(BigInt(RAM + 4));
  expect(engine.executed).toBe(2);
});

describe('opening and closing', () => {
  const openAndClose = (times: number): void => {
    for (let i = 0; i < times; i++) {
      const { engine, load } = open({ block: () => false, intercepted: () => false });
      engine.mapDevices(DEVICE, 0x1000, { read: () => 0n, write: () => {} });
      load(NOP, NOP);
      engine.run(2);
      engines.pop()?.close();
    }
  };

  it('1400 engines, 200 at a time, leaves neither callbacks nor memory behind', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const settledRss = async (): Promise<number> => {
      for (let turn = 0; turn < 3; turn++) {
        collect();
        // Views of native memory are given back by the event loop.
        await new Promise((resolve) => setImmediate(resolve));
      }
      return process.memoryUsage().rss;
    };
    openAndClose(200);
    const before = await settledRss();
    // The foreign-function interface has room for 8192 callbacks at once. 1400 engines with seven
    // callbacks each fit only if they are freed.
    for (let round = 0; round < 6; round++) {
      openAndClose(200);
      await settledRss();
    }
    // One engine in use takes half a MiB and more.
    expect(((await settledRss()) - before) / 2 ** 20 / 1200).toBeLessThan(0.15);
  });
});

it('routes a range to devices and back any number of times', () => {
  const { engine, load } = open();
  const memory = new Uint8Array(0x1000).fill(0x11);
  load(LDR_X0_X1_POST_8);
  for (let time = 0; time < 600; time++) {
    engine.mapDevices(DEVICE, 0x1000, { read: () => BigInt(time), write: () => {} });
    engine.setPc(BigInt(RAM));
    engine.setX(1, BigInt(DEVICE));
    engine.run(1);
    expect(engine.getX(0) & 0xffff_ffffn).toBe(BigInt(time));
    engine.unmap(DEVICE, 0x1000);
    engine.mapMemory(DEVICE, memory, 'rx');
    engine.unmap(DEVICE, 0x1000);
  }
});

describe('an interrupt that waits', () => {
  /** msr daifset, #2 and msr daifclr, #2 */
  const [MASK, UNMASK] = [0xd503_42df, 0xd503_42ff];
  /** sub x9, x9, #1; cbnz x9, .-4 */
  const [COUNT_DOWN, REPEAT] = [0xd100_0529, 0xb5ff_ffe9];

  it.each(['runBlocks', 'run'] as const)('ends a slice of %s right after the instruction that unmasks it', (how) => {
    const { engine, load } = open();
    if (!engine.watchMasks(true, false)) return;
    load(MASK, COUNT_DOWN, REPEAT, NOP, UNMASK, MASK, NOP, SVC);
    engine.setX(9, 300_000n);
    expect(engine[how](10_000_000)).toEqual({ kind: 'count' });
    expect(engine.getPc()).toBe(BigInt(RAM + 4 * 5));
    expect(engine.executed).toBe(1 + 600_000 + 2);
    // Nothing waits any more.
    engine.watchMasks(false, false);
    expect(engine[how](100)).toEqual({ kind: 'stopped' });
    expect(engine.executed).toBe(3);
  });

  it.each([
    ['FIQ', false, true],
    ['nothing', false, false],
  ])('is not found where only the IRQ is unmasked and %s waits', (_what, irq, fiq) => {
    const { engine, load } = open();
    engine.watchMasks(irq, fiq);
    load(UNMASK, NOP, MASK, SVC);
    expect(engine.runBlocks(100)).toEqual({ kind: 'stopped' });
    expect(engine.executed).toBe(4);
  });
});
