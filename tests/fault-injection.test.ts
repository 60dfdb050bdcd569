// SPDX-License-Identifier: GPL-2.0-only
/**
 * Injected faults in whole machines: the kernel handles them, they are reported, and they are the
 * same every time.
 */

import { describe, expect, it } from 'vitest';
import type { LevitateMachine } from '#workbench/index.ts';
import { boot, type BootResult, type BootSettings } from '#workbench/testing.ts';
import { boot as command } from './support/command.ts';

const MiB = 2 ** 20;

/** A board that boots fast. */
const small = (settings: BootSettings = {}): BootResult => boot('qemu-virt', { memoryBytes: 128 * MiB, ...settings });

const faultsOf = ({ machine }: BootResult) => machine.events.get('fault').map(({ fields }) => fields);

function indexOf(bytes: Uint8Array, text: string): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(text);
}

/** Physical address of `text` in the initramfs. */
function addressOf(machine: LevitateMachine, text: string): number {
  const { base, bytes } = machine.findImage('initrd')!;
  const at = indexOf(bytes, text);
  expect(at, `the initramfs contains "${text}"`).toBeGreaterThan(0);
  return base + at;
}

describe('a refused allocation', () => {
  it('of everything: the kernel cannot have its heap, and says so', () => {
    const result = boot('pixel6', { faults: { failAlloc: [{}] } });
    expect(result).toPanicWith(
      'PANIC: Cannot allocate kernel heap — insufficient free memory',
      /^67108864 bytes needed for 8589934592 bytes of RAM, 0 found in 0 spans, /,
    );
    expect(result).toPrint('[FAULT] on purpose: fail-alloc all\n');
    expect(faultsOf(result)[0]).toMatchObject({ what: 'fail-alloc', owner: 'page tables', order: 0, count: 1 });
  });

  it('of the heap’s first run: it is had in pieces', () => {
    const result = small({ faults: { failAlloc: [{ order: 12, nth: 1 }] } });
    expect(result).toPrint(/\[HEAP\] 16 MiB at 0x[0-9a-f]+ in [2-9]\d* spans/);
    expect(result).toEndAs('steady');
    expect(faultsOf(result)).toEqual([
      { what: 'fail-alloc', order: 12, owner: 'heap', ownerKind: 'heap', rule: 'order=12,nth=1', count: 1 },
    ]);
  });

  // Each single page that the boot, init and hello ask for is refused in turn. The machine must
  // stay sound.
  it.each(Array.from({ length: 24 }, (_, i) => i + 1))('number %i of order 0 leaves a sound allocator', (nth) => {
    const result = small({ faults: { failAlloc: [{ order: 0, nth }] } });
    const memory = result.machine.kernel.memory!;
    expect(result).toEndAs('steady');
    expect([...memory.buddy.validate(), ...memory.heap.validate()]).toEqual([]);
    expect(memory.buddy.lock.held).toBe(false);
    // No ended process holds a frame.
    expect(memory.frames.holdings().filter(({ frames }) => frames < 0)).toEqual([]);
    expect(faultsOf(result)).toHaveLength(1);
  });

  it('of user memory is an error that a program is told', () => {
    const counts = small().machine.kernel.memory!.buddy.counts();
    const inUse = (counts.totalFrames - counts.freeFrames + 14) / counts.totalFrames;
    const result = small({ faults: { oomAt: inUse } });
    expect(result).toPrint('init: hello cannot be started: ENOMEM');
    expect(result).toExitWith('init', 1);
    expect(result).toPrint(/out of memory: pid 1 \(init\)/);
    expect(faultsOf(result)[0]).toMatchObject({ what: 'oom-at', totalFrames: counts.totalFrames });
  });
});

describe('poisoned memory', () => {
  it.each(['pixel6', 'qemu-virt'])('changes nothing that %s prints: nobody writes to what was freed', (board) => {
    const dialogue = [
      ['levitate> ', 'run hello\n'],
      ['levitate> ', 'run hello\n'],
      ['levitate> ', 'poweroff\n'],
    ] as const;
    const plain = boot(board, { dialogue });
    const poisoned = boot(board, { dialogue, faults: { poisonFreed: true } });
    expect(poisoned).toEndAs('poweroff');
    const told = poisoned.machine.serial.lines.filter((line) => !line.startsWith('[FAULT]'));
    expect(told).toEqual(plain.machine.serial.lines);
    expect(faultsOf(poisoned)).toEqual([]);
  });

  it('that changes is a panic, which names the frame and who freed it', () => {
    // The allocator decides which frame init frees and hello then gets. A run without faults shows
    // it.
    const run = (settings: BootSettings): BootResult => {
      const result = small(settings);
      result.machine.type('run hello\n');
      const outcome = result.machine.run({ timeoutNs: 10e9 });
      return { ...result, outcome };
    };
    const first = run({ faults: { poisonFreed: true }, trace: ['buddy'] });
    const moves = first.machine.events.get('buddy').filter(({ fields }) => fields.order === 0);
    const freed = moves.findLast(
      ({ fields }, i) =>
        fields.op === 'free' &&
        fields.owner === 'user 1' &&
        moves.slice(i).some((later) => later.fields.op === 'alloc' && later.fields.base === fields.base),
    );
    const frame = Number(freed?.fields.base);
    expect(frame).toBeGreaterThan(0);
    const flipped = { address: frame + 0x123, bit: 6, atNs: 500e6 };
    const second = run({ faults: { poisonFreed: true, flipBits: [flipped] } });
    expect(second).toPanicWith(
      'PANIC: Write to a frame after it was freed',
      new RegExp(
        `^frame 0x${frame.toString(16)}, freed by user 1, about to be given to .*: 1 bytes of its poison are gone, the first at 0x${(frame + 0x123).toString(16)}, `,
      ),
    );
  });
});

describe('a flipped bit', () => {
  it('is read by the guest, and told', () => {
    const address = addressOf(small().machine, 'hello from process');
    const result = small({ faults: { flipBits: [{ address, bit: 5, atNs: 0 }] } });
    expect(result).toPrint('\nHello from process 2\n');
    expect(result).not.toPrint('hello from process');
    expect(result.machine.events.get('fault')).toMatchObject([
      {
        t: 0,
        fields: { what: 'flip-bit', address: `0x${address.toString(16)}`, bit: 5, before: '0x68', after: '0x48' },
      },
    ]);
  });

  it('comes at its time also while the kernel boots, which then meets it', () => {
    // A bit of a free frame's struct Page, between mem_map and the end of the boot.
    const { base } = small().machine.kernel.memory!.memMap;
    const stages = small().machine.events.get('memory');
    const populated = stages.find(({ fields }) => fields.what === 'page-tables')!.t;
    const atNs = populated - 1000;
    const result = small({ faults: { flipBits: [{ address: base + 1, bit: 0, atNs }] } });
    const { t, fields } = result.machine.events.get('fault')[0]!;
    expect(fields).toMatchObject({ what: 'flip-bit', bit: 0 });
    expect(t).toBeGreaterThanOrEqual(atNs);
    expect(t).toBeLessThan(atNs + 100_000);
    expect(result.machine.kernel.memory?.buddy.validate()).not.toEqual([]);
  });

  it('in code is executed, also when that code has run before', () => {
    const { image } = small().machine.kernel;
    // WFI is 0xd503207f; without its top bit it is no instruction.
    const result = small({
      faults: { flipBits: [{ address: image.physical('idle') + 3, bit: 7, atNs: 300e6 }] },
    });
    expect(result).toEndAs('steady');
    result.machine.type('help\n');
    const outcome = result.machine.run({ timeoutNs: 10e9 });
    expect({ ...result, outcome }).toPanicWith('PANIC: Unexpected synchronous exception from EL1');
  });

  it('happens once, also when the machine is reset before and after', () => {
    const booted = small().machine.events.get('stage').at(-1)?.t ?? 0;
    const result = small({
      faults: { flipBits: [{ address: 0x4700_0000, bit: 0, atNs: 1.5 * booted }] },
      dialogue: [
        ['levitate> ', 'reboot\n'],
        ['levitate> ', 'reboot\n'],
        ['levitate> ', 'poweroff\n'],
      ],
    });
    expect(result).toEndAs('poweroff');
    expect(faultsOf(result)).toMatchObject([{ before: '0x0', after: '0x1' }]);
    expect(result.machine.memory.readBytes(0x4700_0000, 1)).toEqual(Uint8Array.of(1));
  });

  it('at the same time gives the same run, byte for byte', () => {
    const settings = { faults: { flipBits: [{ address: 0x4008_1234, bit: 3, atNs: 1_234_567 }] }, timeout: '1s' };
    const [first, second] = [small(settings), small(settings)];
    expect(first.machine.serial.bytes).toEqual(second.machine.serial.bytes);
    expect(first.machine.events.events).toEqual(second.machine.events.events);
  });
});

describe('settings that cannot be', () => {
  it.each<[BootSettings, string]>([
    [{ faults: { failAlloc: [{ order: 21 }] } }, '--fail-alloc order=21: an order is a whole number from 0 to 20'],
    [{ faults: { failAlloc: [{ nth: 0 }] } }, '--fail-alloc nth=0: a whole number above zero'],
    [{ faults: { failAlloc: [{ every: 1.5 }] } }, '--fail-alloc every=1.5: a whole number above zero'],
    [{ faults: { oomAt: 1.01 } }, '--oom-at 101%: a share from 0% to 100%'],
    [{ faults: { oomAt: Number.NaN } }, '--oom-at NaN%'],
    [{ faults: { flipBits: [{ address: 0x4700_0000, bit: 8, atNs: 0 }] } }, 'bit 8: a byte has bits 0 to 7'],
    [{ faults: { flipBits: [{ address: 0x4700_0000, bit: 0, atNs: -1 }] } }, '-1 ns is no time'],
    [{ faults: { flipBits: [{ address: 0x900_0000, bit: 0, atNs: 0 }] } }, '--flip-bit 0x9000000: no RAM there'],
    [{ faults: { poisonFreed: true }, kernel: new Uint8Array(64) }, 'faults of the modelled kernel'],
  ])('%o', (settings, message) => {
    expect(() => small(settings)).toThrow(message);
  });
});

describe('on the command line', () => {
  it('faults are options, which --help explains', () => {
    const help = command('--help').stdout.toString();
    for (const option of ['--fail-alloc', '--oom-at', '--poison-freed', '--flip-bit']) expect(help).toContain(option);
    const result = command('--board', 'qemu-virt', '--memory', '128M', '--oom-at', '0%', '--poison-freed');
    expect(result.status, result.stderr).toBe(1);
    expect(result.stdout.toString()).toContain('\n[FAULT] on purpose: oom-at 0%; poison-freed\n');
    expect(result.stdout.toString()).toContain('\nPANIC: Cannot allocate kernel heap — insufficient free memory\n');
  });

  it.each([
    [['--fail-alloc', 'order=9,nht=3'], '--fail-alloc order=9,nht=3: write order=9,nth=3'],
    [['--fail-alloc', 'order=21'], '--fail-alloc order=21: an order is a whole number from 0 to 20'],
    [['--oom-at', '101%'], '--oom-at 101%: a share from 0% to 100% is wanted'],
    [['--flip-bit', '0x40000000.8@1ms'], '--flip-bit: bit 8: a byte has bits 0 to 7'],
    [['--flip-bit', '0x9000000.0@1ms'], '--flip-bit 0x9000000: no RAM there'],
  ])('%j is a usage error', (words, message) => {
    const result = command('--board', 'qemu-virt', ...words);
    expect([result.status, result.stdout.toString()]).toEqual([2, '']);
    expect(result.stderr).toContain(message);
  });
});
