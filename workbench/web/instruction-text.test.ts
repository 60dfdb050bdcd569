// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import { instructionText } from './instruction-text.ts';

it.each([
  [0x17ffffff, 'B → 1ffc  '],
  [0x94000000, 'BL → 2000  '],
  [0x54000040, 'B.cond → 2008  '],
  [0xb4000000, 'CBZ → 2000  '],
  [0xb5000000, 'CBNZ → 2000  '],
  [0x90000000, 'ADRP → 2000  '],
  [0xd65f03c0, 'RET  '],
  [0xd63f0000, 'BLR  '],
  [0x91000400, 'ADD (immediate)  '],
  [0xf1000400, 'SUBS (immediate)  '],
  [0xaa1f03fd, 'ORR (shifted register)  '],
  [0x8a210000, 'BIC (shifted register)  '],
  [0x92402000, 'AND (immediate)  '],
  [0xd35efd0c, 'UBFM  '],
  [0x9340fc00, 'SBFM  '],
  [0x92800000, 'MOVN  '],
  [0xd2800000, 'MOVZ  '],
  [0xf2a00000, 'MOVK  '],
  [0xb9400000, 'LDR (unsigned immediate)  '],
  [0xb9000000, 'STR (unsigned immediate)  '],
  [0x3dc00000, 'LDR (unsigned immediate)  '],
  [0x3d800000, 'STR (unsigned immediate)  '],
  [0xa9bf7bfd, 'STP (post-indexed and pre-indexed)  '],
  [0xa8c17bfd, 'LDP (post-indexed and pre-indexed)  '],
  [0xf82c78ad, 'STR (register)  '],
  [0x00000000, 'unallocated, or data'],
])('%i begins with %s', (word, text) => {
  expect(`${instructionText(word, 0x2000n)}  `.startsWith(text)).toBe(true);
});
