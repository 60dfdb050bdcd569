// SPDX-License-Identifier: GPL-2.0-only
/**
 * The test kit: values that its matchers accept and refuse, and their messages. A matcher that
 * cannot fail would make every test pass.
 */

import { describe, expect, it } from 'vitest';
import { bootBoard } from '#workbench/index.ts';
import { boot, type BootResult, dtb, matchers } from '#workbench/testing.ts';

const MiB = 2 ** 20;
const LOW = 0x8000_0000;
const KERNEL = 0xffff_8000_8008_0000n;

/** The message of a failing matcher. */
function complaint(check: () => void): string {
  try {
    check();
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('the matcher accepted it');
}

/** RAM in which mem_map finds holes of 128 KiB only. */
const SWISS_CHEESE = Array.from({ length: 96 }).reduce<ReturnType<typeof dtb>>(
  (tree, _, i) => tree.reserved(LOW + MiB + i * 256 * 1024, '128K', { name: 'cheese' }),
  dtb().ram(LOW, '25M'),
);

describe('a panic', () => {
  it('is the line, the line after it, and nothing else', () => {
    const result = boot('pixel6', { dtb: dtb() });
    expect(result).toPanicWith('PANIC: No RAM regions found in DTB');
    expect(result).toPanicWith(/No RAM/, /^regions found: 0, /);
    expect(result).toPanicWith('PANIC: No RAM regions found in DTB', 'regions found: 0, bytes in partial pages: 0');
    expect(result).not.toPanicWith('PANIC: No RAM');
    expect(result).not.toPanicWith('PANIC: No RAM regions found in DTB', 'regions found: 1');
    expect(result).not.toPanicWith('PANIC: All RAM is reserved — no free memory');
    expect(result).toEndAs('panic');
    expect(result).not.toReachStage(3);
  });

  it('that did not come: the message has the end of the serial line', () => {
    const result = boot('qemu-virt');
    const message = complaint(() => expect(result).toPanicWith('PANIC: All RAM is reserved — no free memory'));
    expect(message).toContain('expected the machine to panic with "PANIC: All RAM is reserved — no free memory"');
    expect(message).toContain('it ended as "steady": reached its steady state');
    expect(message).toMatch(/last 12 of \d\d lines of the serial line:/);
    expect(message).toContain('  init: done');
    expect(message).toContain('explain memory:');
    expect(message).toContain('reserved  0x0040080000..');
    expect(complaint(() => expect(result).not.toPrint('init: done'))).toContain('expected the machine not to print');
  });

  it('on mem_map shows each hole and why it was refused', () => {
    const result = boot('pixel6', { dtb: SWISS_CHEESE.reserved(LOW, '1M').reserved(LOW + 25 * MiB - 4096, 4096) });
    const message = complaint(() => expect(result).not.toPanicWith(/mem_map/));
    expect(message).toContain('explain mem_map:\n  mem_map needs 153600 bytes (150 KiB): 6400 frames, 24 bytes each');
    expect(message).toContain('no hole is large enough: the largest of 96 has 128 KiB');
    expect(message).toMatch(
      /refused +0x0080160000\.\.0x0080180000 +128 KiB +too small: .*; between .*cheese.* and .*cheese/,
    );
    expect(message).toMatch(/… \d+ lines more/);
  });
});

describe('free memory', () => {
  it('is counted as the allocator has it', () => {
    const result = boot('qemu-virt', { memoryBytes: 256 * MiB, initrd: new Uint8Array(0) });
    const buddy = result.machine.kernel.memory!.buddy;
    const { freeFrames } = buddy.counts();
    expect(result).toHaveFreeFrames(freeFrames);
    expect(result).toHaveFreeFrames({ atLeast: freeFrames, atMost: freeFrames });
    expect(result).not.toHaveFreeFrames(freeFrames + 1);
    expect(result).not.toHaveFreeFrames({ atLeast: freeFrames + 1 });
    expect(result).not.toHaveFreeFrames({ atMost: freeFrames - 1 });
    for (const [order, blocks] of buddy.buddyinfo().entries()) {
      expect(result).toHaveFreeBlocks(order, blocks);
      expect(result).not.toHaveFreeBlocks(order, { atLeast: blocks + 1 });
    }
    const message = complaint(() => expect(result).toHaveFreeFrames(1));
    expect(message).toContain(`to have 1 free frames, has ${freeFrames}`);
    expect(message).toContain(`explain buddy:\n  ${freeFrames} frames free`);
  });

  it('is never anything before there is an allocator, and the message says why', () => {
    const result = boot('pixel6', { dtb: dtb() });
    expect(result).not.toHaveFreeFrames({ atLeast: 0 });
    expect(complaint(() => expect(result).toHaveFreeFrames({ atLeast: 0 }))).toContain('not known: ');
  });
});

describe('mappings', () => {
  it('are asked of the live tables: address and rights', () => {
    const result = boot('pixel6');
    expect(result).toMap(KERNEL);
    expect(result).toMap(KERNEL, { to: 0x8008_0000, el1: 'r-x', el0: '---' });
    expect(result).not.toMap(KERNEL, { to: 0x8008_1000 });
    expect(result).not.toMap(KERNEL, { el1: 'rwx' });
    expect(result).not.toMap(KERNEL, { el0: 'r-x' });
    expect(result).not.toMap(0x8008_0000);
    const message = complaint(() => expect(result).toMap(0x8008_0000));
    expect(message).toContain('to map 0x80080000; it maps to nothing');
    expect(message).toContain('explain va 0x80080000:');
    expect(message).toContain('TCR_EL1.EPD0 is set');
  });

  it('leave no-map memory out', () => {
    const tree = dtb().ram(LOW, '128M').reserved(0x8300_0000, '1M', { name: 'secure', noMap: true });
    const result = boot('pixel6', { dtb: tree.reserved(0x8400_0000, '1M', { name: 'framebuffer' }) });
    expect(result).toEndAs('steady');
    expect(result).not.toMap(0xffff_8000_8300_0000n);
    expect(result).toMap(0xffff_8000_8400_0000n, { to: 0x8400_0000, el1: 'rw-' });
    expect(result).toReserve(0x8300_0000, MiB, { owner: 'secure', noMap: true });
    expect(result).toReserve(0x8400_0000, MiB, { owner: /framebuffer@84000000$/, noMap: false });
    expect(result).toReserve(0x8008_0000, 4096, { owner: 'kernel image' });
    expect(result).not.toReserve(0x8300_0000, MiB, { noMap: false });
    expect(result).not.toReserve(0x8300_0000, MiB, { owner: 'framebuffer' });
    expect(result).not.toReserve(0x8300_0000, MiB + 1);
    expect(complaint(() => expect(result).toReserve(0x8300_0000, 2 * MiB))).toContain('it does not reserve 0x83100000');
  });
});

describe('stages and processes', () => {
  it('are reached in simulated time, and end with a status', () => {
    const result = boot('pixel6', {
      dialogue: [
        ['levitate> ', 'run hello\n'],
        ['levitate> ', 'poweroff\n'],
      ],
    });
    expect(result).toEndAs('poweroff');
    expect(result).toReachStage('Steady State (BDS)', { within: '100ms' });
    expect(result).toReachStage(5);
    expect(result).not.toReachStage(5, { within: '1ms' });
    expect(result).not.toReachStage(6);
    expect(complaint(() => expect(result).toReachStage(5, { within: '1ms' }))).toMatch(
      /to reach stage 5 within 1000000 ns; it did after \d+ ns/,
    );
    expect(result).toExitWith('hello', 0);
    expect(result).toExitWith(1, 0);
    expect(result).not.toExitWith('hello', 1);
    expect(complaint(() => expect(result).toExitWith('nobody', 0))).toContain('it did not end');
    expect(result).toPrint(/hello from process 3\n/);
  });

  it('cannot be asked of a machine that did not follow them', () => {
    const result = bootBoard('qemu-virt');
    expect(() => matchers.toExitWith(result, 'init', 0)).toThrow("trace: ['process']");
    result.machine.close();
  });

  it('a limit in simulated time ends a run at the same instruction each time', () => {
    const [first, second] = [1, 2].map(() => boot('pixel6', { timeout: '20us' })) as [BootResult, BootResult];
    expect(first).toEndAs('limit');
    expect(first.machine.machine.clock.ticks).toBe(second.machine.machine.clock.ticks);
    expect(() => boot('pixel6', { timeout: 'soon' })).toThrow('timeout soon: not a time');
    expect(() => boot('pixel6', { timeout: 0 })).toThrow('a time above zero');
  });
});

describe('a device tree of the board’s own devices', () => {
  it.each(['pixel6', 'qemu-virt'])('boots on %s with other RAM', (board) => {
    const base = board === 'pixel6' ? LOW : 0x4000_0000;
    const result = boot(board, { dtb: dtb().from(board).ram(base, '512M') });
    expect(result).toEndAs('steady');
    expect(result).toPrint(/\[GIC\] .*GICv/);
    expect(result).toPrint('[MEM] RAM 512 MiB: 131072 frames');
  });

  it('gets an initial RAM disk from the boot loader, and so a process', () => {
    const tree = dtb().from('pixel6').ram(LOW, '1G');
    expect(boot('pixel6', { dtb: tree, fixups: 'loader' })).toExitWith('init', 0);
    expect(boot('pixel6', { dtb: tree })).not.toExitWith('init', 0);
  });

  it('keeps its memory when asked to, and is broken on purpose', () => {
    const kept = dtb().from('pixel6', { keepMemory: true }).reserved(0x9100_0000, '1M', { name: 'mine' });
    expect(boot('pixel6', { dtb: kept })).toReserve(0x9100_0000, MiB, { owner: '/reserved-memory/mine@91000000' });
    expect(boot('pixel6', { dtb: kept.truncatedTo(1000) })).toPanicWith(
      'PANIC: Cannot read the device tree: FDT_ERR_TRUNCATED',
    );
    expect(boot('pixel6', { dtb: kept.patch(0, [0, 0, 0, 0]) })).toPanicWith(
      'PANIC: Cannot read the device tree: FDT_ERR_BADMAGIC',
    );
  });
});

describe('a matcher that is asked the wrong way', () => {
  const RESULT = 'expect() is given what boot() or bootBoard() returns, not';
  const onResult = (matcher: string, ...args: unknown[]): [string, boolean, string, unknown[]] => [
    'a result',
    true,
    matcher,
    args,
  ];

  it.each<[string, boolean, string, unknown[], string]>([
    ['text', false, 'toPanicWith', ['PANIC'], `toPanicWith: ${RESULT}`],
    ['text', false, 'toPrint', ['x'], `toPrint: ${RESULT} "a text"`],
    [...onResult('toPrint', 5), 'toPrint: the text is a string or a RegExp, not 5'],
    [...onResult('toPrint'), 'toPrint: the text is a string or a RegExp, not undefined'],
    [...onResult('toPanicWith', 'x', ['y']), 'toPanicWith: the detail is a string or a RegExp, not an array'],
    [...onResult('toReachStage', 2.5), 'toReachStage: a stage is its number or its name, not 2.5'],
    [
      ...onResult('toEndAs', 'stedy'),
      'toEndAs: the outcome is one of steady, poweroff, panic, expected, limit, error, not "stedy"',
    ],
    [...onResult('toHaveFreeFrames', '5'), 'toHaveFreeFrames: a number or bounds are expected, not "5"'],
    [
      ...onResult('toHaveFreeFrames', { least: 5 }),
      'toHaveFreeFrames: bounds are { atLeast, atMost }, numbers, not an object with least',
    ],
    [...onResult('toHaveFreeBlocks', -1, 0), 'toHaveFreeBlocks: the order is a whole number from 0 on, not -1'],
    [...onResult('toMap', '0x1000'), 'toMap: an address is a bigint or a whole number below 2^53, not "0x1000"'],
    [...onResult('toMap', 0n, { el1: 'rw' }), 'toMap: rights are written "rw-", not "rw"'],
    [...onResult('toMap', 0n, { to: 1n }), 'toMap: "to", the physical address, is a whole number from 0 on, not 1n'],
    [...onResult('toReserve', 1n, 1), 'toReserve: the base is a whole number from 0 on, not 1n'],
    [...onResult('toExitWith', 'init', '0'), 'toExitWith: a status is a whole number, not "0"'],
  ])('%s (%s) %s: case %#', (_what, booted, matcher, args, message) => {
    const given = booted ? boot('qemu-virt', { timeout: '1us' }) : 'a text';
    const ask = (matchers as unknown as Record<string, (...all: unknown[]) => void>)[matcher];
    expect(() => ask?.(given, ...args)).toThrow(message);
  });
});
