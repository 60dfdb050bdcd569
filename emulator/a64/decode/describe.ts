// SPDX-License-Identifier: GPL-2.0-only
/**
 * Readable form of an instruction word: assembly syntax where assembly.ts knows it, else the row of
 * the decode tables and the values of its fields.
 *
 *     0xf9400421 ─► "ldr x1, [x1, #8]"
 *     0x4e284820 ─► "AESE …  opcode=4 Rn=1 Rd=0"
 */

import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { assemblyOf } from './assembly.ts';
import { fieldsOf } from './pattern.ts';

/** The instruction `word` at `pc`. */
export function describeInstruction(word: number, pc: bigint): string {
  const found = instructionDecoder().decode(word, () => true);
  if (found === null) return 'unallocated, or data';
  const text = assemblyOf(word, pc);
  if (text !== null) return text;
  const { name, pattern } = found;
  const shown = Object.entries(fieldsOf(word, pattern.fields)).map(
    ([field, value]) => `${field}=${value < 10 ? value : `0x${value.toString(16)}`}`,
  );
  return `${name}  ${shown.join(' ')}`.trimEnd();
}
