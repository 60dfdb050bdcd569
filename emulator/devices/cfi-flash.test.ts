// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onBus } from './testing/device-bus.ts';
import { CfiFlash, type CfiFlashOptions, FLASH_BLOCK_BYTES } from './cfi-flash.ts';
import { RecordingContext } from './testing/test-context.ts';

const BANK = 64 * 2 ** 20;

const make = (options: Partial<CfiFlashOptions> = {}) => {
  const modes: boolean[] = [];
  const changes: [number, number][] = [];
  const flash = new CfiFlash({
    name: 'flash0',
    context: new RecordingContext(),
    contents: new Uint8Array(2 * FLASH_BLOCK_BYTES),
    onArrayMode: (arrayMode) => modes.push(arrayMode),
    onContents: (start, end) => changes.push([start, end]),
    ...options,
  });
  return { flash, modes, changes };
};

const both = (command: number) => command * 0x1_0001;
/** A command to both chips. */
const send = (flash: CfiFlash, command: number, offset = 0) => flash.write(offset, 4, both(command));

describe('CfiFlash', () => {
  it('is memory until it gets a command', () => {
    const contents = Uint8Array.from({ length: FLASH_BLOCK_BYTES }, (_, i) => i % 251);
    const { flash, modes } = make({ contents });
    expect([onBus(flash).read(4, 4), onBus(flash).read(6, 2), onBus(flash).read(7, 1), flash.arrayMode]).toEqual([
      0x0706_0504,
      0x0706,
      0x07,
      true,
    ]);
    expect(flash.contents).toBe(contents);
    expect(modes).toEqual([]);
  });

  it('answers a CFI query as the 64 MiB banks of QEMU 7.2 do', () => {
    const { flash } = make({ contents: new Uint8Array(BANK) });
    send(flash, 0x98, 0x55 * 4);
    const bytes = Array.from({ length: 0x60 }, (_, i) => flash.read(4 * i));
    const expected = new Map(
      Object.entries({
        0x10: [0x51, 0x52, 0x59, 0x01, 0x00, 0x31],
        0x1b: [0x45, 0x55, 0x00, 0x00, 0x07, 0x07, 0x0a, 0x00, 0x04, 0x04, 0x04, 0x00],
        0x27: [0x19, 0x02, 0x00, 0x0b, 0x00, 0x01, 0xff, 0x00, 0x00, 0x02],
        0x31: [0x50, 0x52, 0x49, 0x31, 0x30],
        0x3f: [0x01],
      }).flatMap(([start, values]) => values.map((value, i) => [Number(start) + i, value] as const)),
    );
    expect(bytes).toEqual(bytes.map((_, i) => both(expected.get(i) ?? 0)));
    expect([0x40, 0x41].map((at) => onBus(flash).read(at, 1)).concat(onBus(flash).read(0x42, 2))).toEqual([
      0x51, 0, 0x51,
    ]);
  });

  it('identifies itself as QEMU 7.2 does, in every block', () => {
    const { flash } = make();
    send(flash, 0x90);
    const plane = [0, 4, 8].map((offset) => flash.read(offset));
    expect(plane).toEqual([both(0x89), both(0x18), 0]);
    expect([0, 4, 8].map((offset) => flash.read(FLASH_BLOCK_BYTES + offset))).toEqual(plane);
  });

  it('erases a block, programs words, and shows the status until read array', () => {
    const { flash, modes, changes } = make();
    send(flash, 0x20, 0x100);
    send(flash, 0xd0, 0x100);
    expect(flash.read(0)).toBe(both(0x80));
    send(flash, 0x40, 0x100);
    flash.write(0x100, 4, 0x1234_5678);
    expect(flash.read(0)).toBe(both(0x80));
    send(flash, 0xff);
    expect([flash.read(0x100), flash.read(0x104)]).toEqual([0x1234_5678, 0xffff_ffff]);
    expect(flash.read(FLASH_BLOCK_BYTES)).toBe(0); // the other block
    expect(modes).toEqual([false, true]);
    expect(changes).toEqual([
      [0, FLASH_BLOCK_BYTES],
      [0x100, 0x104],
    ]);
  });

  it('programs a buffer only when it is confirmed', () => {
    const { flash, changes } = make({ contents: new Uint8Array(FLASH_BLOCK_BYTES).fill(0xff) });
    const fill = () => {
      send(flash, 0xe8, 0x200);
      send(flash, 3, 0x200);
      for (let i = 0; i < 4; i++) flash.write(0x200 + 4 * i, 4, (i + 1) * 0x1111_1111);
    };
    fill();
    send(flash, 0x70, 0x200); // no confirmation
    expect(flash.read(0)).toBe(both(0xb0));
    send(flash, 0x50);
    expect([flash.read(0x200), changes]).toEqual([0xffff_ffff, []]);
    fill();
    send(flash, 0xd0, 0x200);
    expect(flash.read(0)).toBe(both(0x80));
    send(flash, 0xff);
    expect([0, 4, 8, 12, 16].map((i) => flash.read(0x200 + i))).toEqual([
      0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444, 0xffff_ffff,
    ]);
    expect(changes).toEqual([[0x200, 0x210]]);
  });

  it('refuses a buffer larger than the chips have', () => {
    const { flash } = make();
    send(flash, 0xe8);
    send(flash, 1024);
    expect(flash.read(0)).toBe(both(0xb0));
  });

  it('a wrong confirmation of an erase is a sequence error that clear status removes', () => {
    const { flash, changes } = make();
    send(flash, 0x20);
    send(flash, 0x12);
    expect(flash.read(0)).toBe(both(0xb0));
    send(flash, 0x50);
    expect(flash.arrayMode).toBe(true);
    send(flash, 0x70);
    expect([flash.read(0), changes]).toEqual([both(0x80), []]);
  });

  it('read array gives a sequence up', () => {
    for (const command of [0x20, 0x60]) {
      const { flash, changes } = make();
      send(flash, command);
      send(flash, 0xff);
      expect([flash.arrayMode, changes]).toEqual([true, []]);
    }
  });

  it('takes lock commands and words that are no commands without harm', () => {
    const { flash } = make();
    send(flash, 0x60);
    send(flash, 0xd0);
    expect(flash.read(0)).toBe(both(0x80));
    send(flash, 0xff);
    for (const command of [0xaa, 0x55, 0xf0]) send(flash, command);
    expect(flash.arrayMode).toBe(true);
  });

  it('a read-only bank says locked and keeps its contents', () => {
    const { flash, changes } = make({ readOnly: true });
    send(flash, 0x40);
    flash.write(0, 4, 0);
    expect(flash.read(0)).toBe(both(0x92));
    send(flash, 0x50);
    send(flash, 0x20);
    send(flash, 0xd0);
    expect([flash.read(0), changes]).toEqual([both(0xa2), []]);
  });

  it('reset goes to array mode from anywhere and keeps what was programmed', () => {
    const { flash, modes } = make({ contents: new Uint8Array(FLASH_BLOCK_BYTES).fill(0xff) });
    send(flash, 0x40, 8);
    flash.write(8, 4, 7);
    send(flash, 0x20);
    flash.reset();
    expect([flash.arrayMode, flash.read(8)]).toEqual([true, 7]);
    expect(modes).toEqual([false, true]);
  });

  it('agrees with an array of bytes whose bits are only cleared by programs and only set by erases', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('program'), word: fc.nat(2 * (FLASH_BLOCK_BYTES / 4) - 1), value: fc.nat() }),
      fc.record({ kind: fc.constant('erase'), word: fc.nat(2 * (FLASH_BLOCK_BYTES / 4) - 1), value: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const { flash } = make();
        const model = new Uint32Array((2 * FLASH_BLOCK_BYTES) / 4);
        for (const { kind, word, value } of steps) {
          if (kind === 'program') {
            send(flash, 0x40, 4 * word);
            flash.write(4 * word, 4, value);
            model[word] = (model[word] as number) & value;
          } else {
            send(flash, 0x20, 4 * word);
            send(flash, 0xd0, 4 * word);
            const start = word - (word % (FLASH_BLOCK_BYTES / 4));
            model.fill(0xffff_ffff, start, start + FLASH_BLOCK_BYTES / 4);
          }
        }
        expect(Buffer.from(flash.contents).equals(Buffer.from(model.buffer))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it.each([0, FLASH_BLOCK_BYTES / 2, 3 * FLASH_BLOCK_BYTES])('refuses a bank of %d bytes', (bytes) => {
    expect(() => make({ contents: new Uint8Array(bytes) })).toThrow(RangeError);
  });
});
