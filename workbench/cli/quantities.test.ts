// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';
import { parseCount, parseSize, parseTime } from './quantities.ts';

describe('sizes', () => {
  it.each([
    ['0', 0],
    ['4096', 4096],
    ['0x1000', 4096],
    ['512M', 512 * 2 ** 20],
    ['8G', 8 * 2 ** 30],
    ['8g', 8 * 2 ** 30],
    ['8GiB', 8 * 2 ** 30],
    ['8 GB', 8 * 2 ** 30],
    ['1.5K', 1536],
    ['2t', 2 ** 41],
    ['100B', 100],
    [' 64k ', 65_536],
  ])('%j are %i bytes', (text, bytes) => {
    expect(parseSize('--memory', text)).toBe(bytes);
  });

  it.each(['', 'G', '-1M', '1.3', '0.3K', '8X', '8G8', '1e3', '9000000T', '0x', '1,5G'])('%j is none', (text) => {
    expect(() => parseSize('--memory', text)).toThrow(
      new InputError(`--memory ${text}: not a size; write 512M, 8G, or a number of bytes`),
    );
  });
});

describe('times', () => {
  it.each([
    ['10s', 10e9],
    ['500ms', 500e6],
    ['20us', 20e3],
    ['7ns', 7],
    ['2m', 120e9],
    ['1h', 3600e9],
    ['1.5 S', 1.5e9],
  ])('%j is %f ns', (text, ns) => {
    expect(parseTime('--timeout', text)).toBe(ns);
  });

  it.each(['', '10', '0s', '-1s', '1d', 's', '1e3s', '10 sec'])('%j is none', (text) => {
    expect(() => parseTime('--timeout', text)).toThrow(InputError);
    expect(() => parseTime('--timeout', text)).toThrow(`--timeout ${text}: not a time`);
  });
});

describe('counts', () => {
  it.each([
    ['1', 1],
    ['1_000_000', 1_000_000],
    ['0x10', 16],
  ])('%j is %i', (text, count) => {
    expect(parseCount('--smp', text)).toBe(count);
  });

  it.each(['', '0', '-1', '1.5', 'two', '9007199254740993', 'Infinity'])('%j is none', (text) => {
    expect(() => parseCount('--smp', text)).toThrow(`--smp ${text}: not a whole number above zero`);
  });
});

describe('for people', () => {
  it.each([
    [0, '0 bytes'],
    [1023, '1020 bytes'],
    [1024, '1 KiB'],
    [1536, '1.5 KiB'],
    [8 * 2 ** 30, '8 GiB'],
    [2 ** 50, '1020 TiB'],
  ])('%i bytes are %s', (bytes, text) => {
    expect(showBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0 ns'],
    [999, '999 ns'],
    [1500, '1.5 us'],
    [12_345_678, '12.3 ms'],
    [1e9, '1 s'],
    [12_345e6, '12.35 s'],
  ])('%i ns are %s', (ns, text) => {
    expect(showTime(ns)).toBe(text);
  });

  it('counts have a comma before every third digit from the end, and are whole again without', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (count) => {
        const text = showCount(count);
        expect(text).toMatch(/^\d{1,3}(,\d{3})*$/);
        expect(Number(text.replaceAll(',', ''))).toBe(count);
      }),
    );
  });

  it('sizes of whole units are read back as they were', () => {
    const size = fc.tuple(fc.integer({ min: 1, max: 999 }), fc.constantFrom(2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40));
    fc.assert(
      fc.property(size, ([count, unit]) => {
        expect(parseSize('--memory', showBytes(count * unit))).toBe(count * unit);
      }),
    );
  });
});
