// SPDX-License-Identifier: GPL-2.0-only
/**
 * An instruction for people: its row of the own core's decode tables, and the fields. No assembler
 * would take it.
 */

import { fieldsOf } from '#emulator/a64/decode/pattern.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';

/** The instruction `word` at `address`. */
export function instructionText(word: number, address: bigint): string {
  const row = instructionDecoder().decode(word, () => true);
  if (row === null) return 'unallocated, or data';
  const fields = fieldsOf(word, row.pattern.fields);
  const name = mnemonic(row.name, fields);
  const operands = Object.entries(fields).map(([field, value]) => `${field}=${operand(field, value)}`);
  const isRelative = /^(B|BL|B\.cond|CBN?Z|TBN?Z|ADRP?)$/.test(name) && row.immediate !== null;
  const base = name === 'ADRP' ? address & ~0xfffn : address;
  const target = isRelative ? ` → ${BigInt.asUintN(64, base + BigInt(row.immediate?.(fields) ?? 0)).toString(16)}` : '';
  return `${name}${target}  ${operands.join(' ')}`.trimEnd();
}

/** Rows whose fields op, opc and N count through their names. */
const COUNTED = /^(B, BL|CBZ, |TBZ, |BR, |ADD, SUB \(|AND, (?!.*vector)|SBFM, |ADC, |CCMN, )/;
const LOADS = /^LD(R|UR|TR|P|NP), ST/;

/**
 * The mnemonic that an instruction's fields select among the names of its row: "AND, ORR, EOR, ANDS
 * (immediate)".
 */
function mnemonic(name: string, fields: Readonly<Record<string, number>>): string {
  const [, list = name, kind = ''] = /^(.*?)( \(.*\))?$/.exec(name) ?? [];
  const names = list.split(', ');
  const { opc = 0, V = 0, L, S } = fields;
  if (LOADS.test(name)) {
    const isStore = L === undefined ? opc === 0 || (V === 1 && opc === 2) : L === 0;
    return `${names[isStore ? 1 : 0] ?? list}${kind}`;
  }
  // MOVN is 0, and 1 is nobody's.
  if (list === 'MOVN, MOVZ, MOVK') return names[Math.max(0, opc - 1)] ?? name;
  if (!COUNTED.test(name)) return name;
  let index = 0;
  for (const [field, bits] of Object.entries({ op: 1, opc: 2, N: 1 })) {
    // N of an immediate is part of the number.
    const value = field === 'N' && kind.includes('immediate') ? undefined : fields[field];
    if (value !== undefined && !(field === 'N' && list.startsWith('SBFM'))) index = (index << bits) | value;
  }
  const one = names[index];
  return one === undefined ? name : `${one}${S === 1 && list.startsWith('A') ? 'S' : ''}${kind}`;
}

const operand = (name: string, value: number): string =>
  name.startsWith('R') || value < 10 ? String(value) : `0x${value.toString(16)}`;
