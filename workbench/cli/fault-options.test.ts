// SPDX-License-Identifier: GPL-2.0-only
/** Faults as people type them. */

import { describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { parseCommand } from './command.ts';
import { FAULT_OPTIONS, faultSettings, parseBitFlip, parseFailAlloc, parseShare } from './fault-options.ts';

const NOTHING = { name: 'test', summary: '', usage: '', examples: [], statuses: {} };

describe('what is meant', () => {
  it.each([
    ['order=9,nth=3', { order: 9, nth: 3 }],
    [' order = 0 , every = 100 ', { order: 0, every: 100 }],
    ['nth=1', { nth: 1 }],
    ['all', {}],
  ])('--fail-alloc %s', (text, expected) => {
    expect(parseFailAlloc('--fail-alloc', text)).toEqual(expected);
  });

  it.each([
    ['97%', 0.97],
    ['0.5%', 0.005],
    ['100 %', 1],
  ])('--oom-at %s', (text, expected) => {
    expect(parseShare('--oom-at', text)).toBe(expected);
  });

  it.each([
    ['0x9f000000.3@5ms', { address: 0x9f00_0000, bit: 3, atNs: 5e6 }],
    ['0x8_8000_0000.0@20us', { address: 0x8_8000_0000, bit: 0, atNs: 20e3 }],
    ['4096.7@0', { address: 4096, bit: 7, atNs: 0 }],
    ['4096.7@0ms', { address: 4096, bit: 7, atNs: 0 }],
    ['4096.7@1.5s', { address: 4096, bit: 7, atNs: 1.5e9 }],
  ])('--flip-bit %s', (text, expected) => {
    expect(parseBitFlip('--flip-bit', text)).toEqual(expected);
  });

  it('several of them together, in their order', () => {
    const settings = (line: string) => {
      const args = line.split(' ').filter((word) => word !== '');
      const call = parseCommand({ ...NOTHING, options: FAULT_OPTIONS }, args);
      return call && faultSettings(call.options);
    };
    const line =
      '--fail-alloc order=1 --fail-alloc all --oom-at 97% --poison-freed --flip-bit 8.1@1s --flip-bit 9.1@1s';
    expect(settings(line)).toEqual({
      failAlloc: [{ order: 1 }, {}],
      oomAt: 0.97,
      poisonFreed: true,
      flipBits: [
        { address: 8, bit: 1, atNs: 1e9 },
        { address: 9, bit: 1, atNs: 1e9 },
      ],
    });
    expect(settings('')).toBeUndefined();
  });
});

describe('what cannot be is refused with what would work', () => {
  it.each([
    ['', 'write order=9,nth=3'],
    ['order=x', 'write order=9,nth=3'],
    ['order=-1', 'write order=9,nth=3'],
    ['order=9,nht=3', 'write order=9,nth=3'],
    ['nth=1,nth=2', 'nth stands there twice'],
  ])('--fail-alloc %s', (text, message) => {
    expect(() => parseFailAlloc('--fail-alloc', text)).toThrow(InputError);
    expect(() => parseFailAlloc('--fail-alloc', text)).toThrow(message);
  });

  it.each(['97', '0.97', '%', '-3%', '1e2%'])('--oom-at %s', (text) => {
    expect(() => parseShare('--oom-at', text)).toThrow(/such as 97%/);
  });

  it.each(['', '0x9f000000', '0x9f000000.3', '0x9f000000@5ms', '9f000000.3@5ms', '_.3@5ms.', '0x9f000000.3@5'])(
    '--flip-bit %s',
    (text) => {
      expect(() => parseBitFlip('--flip-bit', text)).toThrow(InputError);
    },
  );
});
