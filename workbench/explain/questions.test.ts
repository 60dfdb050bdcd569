// SPDX-License-Identifier: GPL-2.0-only
/** Questions and moments as people type them, and what is said when they cannot be understood. */

import { describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { parseRunPoint } from './run-point.ts';
import { parseQuestion } from './questions.ts';

describe('parseQuestion', () => {
  it.each([
    [['frame', '0x9f000000'], 'frame 0x9f000000'],
    [['frame', '0'], 'frame 0x0'],
    [['va', '0xFFFF_8000_0000_0000'], 'va 0xffff800000000000'],
    [['tables'], 'tables'],
  ])('%j asks %s', (words, text) => {
    expect(parseQuestion(words).text).toBe(text);
  });

  it.each([
    [[], /what is to be explained\? questions: frame PA/],
    [['fram', '0'], /^fram: there is no such question; questions: frame PA/],
    [['frame'], /^frame: an address is missing/],
    [['frame', '9f000000'], /^frame 9f000000: the address|^frame 9f000000: not an address; did you mean 0x9f000000\?/],
    [['frame', '94000000'], /^frame 94000000: write 0x94000000, or 0x59a5380 if it is decimal/],
    [['va', 'kmain'], /^va kmain: not an address; write 0x9f000000/],
    [['va', '0x1', '0x2'], /^va: one address is wanted, but here is "0x1 0x2"/],
    [['va', '0x10000000000000000'], /more than 64 bits/],
    [['frame', '0xffff800000000000'], /more than 48 bits; "va 0xffff800000000000" explains a virtual address/],
    [['buddy', 'now'], /^buddy: nothing follows it, but here is "now"/],
  ])('%j is refused with what to do', (words, message) => {
    expect(() => parseQuestion(words)).toThrow(InputError);
    expect(() => parseQuestion(words)).toThrow(message);
  });
});

describe('parseRunPoint', () => {
  it.each([
    ['120ms', { kind: 'time', ns: 120e6 }],
    ['1.5s', { kind: 'time', ns: 1.5e9 }],
    ['38_000', { kind: 'instructions', count: 38000 }],
    ['stage3', { kind: 'stage', number: 3, name: 'stage3' }],
    ['Stage 2', { kind: 'stage', number: 2, name: 'stage 2' }],
    ['Boot Console', { kind: 'stage', number: null, name: 'boot console' }],
    ['end', { kind: 'end' }],
  ])('%s', (text, moment) => {
    expect(parseRunPoint(text)).toEqual(moment);
  });

  it.each(['', '  ', '3q', '12 parsecs'])('"%s" is refused', (text) => {
    expect(() => parseRunPoint(text)).toThrow(InputError);
  });
});
