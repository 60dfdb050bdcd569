// SPDX-License-Identifier: GPL-2.0-only
/**
 * Unreadable device trees, and the kernel's panic: libfdt's error by name, and the offset. Blobs
 * for each of libfdt's answers are in fdt; here a whole machine gets the board's own tree, damaged.
 */

import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { FDT_ERRORS } from '#fdt/index.ts';
import { bootBoard, createMachine } from '#workbench/index.ts';
import { boot } from '#workbench/testing.ts';
import { moveDeviceTree } from './support/sound-machine.ts';
import { span } from './support/spans.ts';
import { treeBlob } from './support/test-tree.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const LOW = 0x8000_0000;

/** Panics of memory discovery: a damaged tree may name no RAM, or RAM that is all reserved. */
const DISCOVERY = [
  'PANIC: No RAM regions found in DTB',
  'PANIC: All RAM is reserved — no free memory',
  'PANIC: Cannot allocate mem_map — insufficient contiguous memory',
];

describe('an unreadable device tree', () => {
  const own = createMachine({ board: 'pixel6' });
  const blob = own.deviceTree;
  afterAll(() => {
    own.close();
  });

  /** The second line of the panic for `code` at an offset. */
  function detailOf(dtb: Uint8Array, code: string, offset: string | RegExp): RegExp {
    const where = typeof offset === 'string' ? `${offset}:` : offset.source;
    return new RegExp(`^${code} at offset ${where}.*; device tree at 0x9e000000, ${dtb.length} bytes loaded$`);
  }

  it.each([0, 1, 27, 28, 39, 40, 41, 47, 63, 64, 1000, 4096, 20_000, blob.length - 4, blob.length - 1])(
    'cut after %i bytes',
    (length) => {
      const dtb = blob.slice(0, length);
      expect(boot('pixel6', { dtb })).toPanicWith(
        'PANIC: Cannot read the device tree: FDT_ERR_TRUNCATED',
        detailOf(dtb, 'FDT_ERR_TRUNCATED', `0x${length.toString(16)}`),
      );
    },
  );

  /** The blob with a 32-bit word replaced. */
  const patched = (offset: number, value: number): Uint8Array => {
    const copy = blob.slice();
    new DataView(copy.buffer).setUint32(offset, value);
    return copy;
  };
  const struct = new DataView(blob.buffer).getUint32(8);

  it.each<[string, Uint8Array, string, string | RegExp]>([
    ['a magic of zero', patched(0, 0), 'FDT_ERR_BADMAGIC', '0x0'],
    ['a little-endian magic', patched(0, 0xedfe_0dd0), 'FDT_ERR_BADMAGIC', '0x0'],
    ['version 1', patched(20, 1), 'FDT_ERR_BADVERSION', '0x14'],
    ['a last compatible version of the future', patched(24, 18), 'FDT_ERR_BADVERSION', /0x1[48]/],
    ['a token that does not exist', patched(struct, 7), 'FDT_ERR_BADSTRUCTURE', `0x${struct.toString(16)}`],
    ['an end before the root ends', patched(struct + 8, 9), 'FDT_ERR_BADSTRUCTURE', /0x[0-9a-f]+/],
    ['a structure block past the end', patched(8, 0x7fff_fffc), 'FDT_ERR_TRUNCATED', '0x8'],
    ['a structure block that is not aligned', patched(8, struct + 1), 'FDT_ERR_ALIGNMENT', '0x8'],
    ['a total size below the header', patched(4, 16), 'FDT_ERR_TRUNCATED', '0x4'],
    ['a total size larger than what was loaded', patched(4, blob.length + 4096), 'FDT_ERR_TRUNCATED', /0x[0-9a-f]+/],
    [
      'something that is no device tree',
      new TextEncoder().encode('/dts-v1/; / { model = "text"; };\n'.repeat(9)),
      'FDT_ERR_BADMAGIC',
      '0x0',
    ],
  ])('%s', (_what, dtb, code, offset) => {
    expect(boot('pixel6', { dtb })).toPanicWith(
      `PANIC: Cannot read the device tree: ${code}`,
      detailOf(dtb, code, offset),
    );
  });

  it('not aligned to 8 bytes', () => {
    const machine = createMachine({ board: 'pixel6', dtb: treeBlob({ ram: [span(LOW, GiB)] }) });
    moveDeviceTree(machine, LOW + 64 * MiB + 4);
    const outcome = machine.run({ timeoutNs: 1e9 });
    expect(outcome.panic).toBe('PANIC: Cannot read the device tree: FDT_ERR_ALIGNMENT');
    expect(machine.serial.lines.at(-1)).toContain('FDT_ERR_ALIGNMENT at offset 0x0: ');
    expect(machine.serial.lines.at(-1)).toContain('device tree at 0x84000004');
    machine.close();
  });

  it('at address 0: none was given', () => {
    const machine = createMachine({ board: 'pixel6', dtb: treeBlob({}) });
    const { firmware } = machine.board;
    const rom = machine.machine.fixedMemory.find(({ name }) => name === firmware.device)!;
    new DataView(rom.bytes.buffer, rom.bytes.byteOffset).setBigUint64(0x10, 0n, true);
    expect(machine.run({ timeoutNs: 1e9 }).panic).toBe('PANIC: No device tree');
    expect(machine.serial.lines.at(-1)).toBe('x0 holds 0x0 at entry, which is not the address of a device tree');
    machine.close();
  });

  it('of more than the 2 MiB that the boot protocol allows', () => {
    const large = new Uint8Array(3 * MiB);
    large.set(blob);
    new DataView(large.buffer).setUint32(4, large.length);
    expect(boot('pixel6', { dtb: large })).toPanicWith('PANIC: Cannot read the device tree: FDT_ERR_TRUNCATED');
  });

  it('random damage ends in a steady state or in a panic that is written down, never in a fault of the emulator', () => {
    const damage = fc.array(fc.tuple(fc.nat(blob.length - 1), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 6,
    });
    const documented = [
      ...DISCOVERY,
      ...Object.keys(FDT_ERRORS).map((code) => `PANIC: Cannot read the device tree: ${code}`),
    ];
    const endings = new Set<string>();
    fc.assert(
      fc.property(damage, (bytes) => {
        const dtb = blob.slice();
        for (const [offset, value] of bytes) dtb[offset] = value;
        const { outcome, machine } = bootBoard('pixel6', { dtb });
        machine.close();
        const ending = outcome.panic ?? outcome.outcome;
        endings.add(ending);
        return ending === 'steady' || documented.includes(ending);
      }),
      { numRuns: 40 },
    );
    expect(endings.size, 'damage must hit something').toBeGreaterThan(1);
  });
});
