// SPDX-License-Identifier: GPL-2.0-only
/** Instruction words as text, and back through the GNU assembler, of every row of the tables. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { assemblyOf } from '#emulator/a64/decode/assembly.ts';
import { INSTRUCTIONS } from '#emulator/a64/instructions/all.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { haveBinutils, runBinutil } from '#scripts/firmware/binutils.ts';
import { seededRandom, withSeed } from './support/seeded-random.ts';

const PC = 0x4000_0000n;

it.skipIf(!haveBinutils())('what is printed makes the same word again', () => {
  withSeed((seed) => {
    const random = seededRandom(seed);
    const words: number[] = [];
    for (const { pattern } of INSTRUCTIONS) {
      for (let n = 0; n < 80; n++) {
        const word = ((Math.floor(random() * 2 ** 32) & ~pattern.mask) | pattern.value) >>> 0;
        // An address of a page is not one that an assembler knows before linking.
        const isPage = (word & 0x9f00_0000) >>> 0 === 0x9000_0000;
        const isAllocated = instructionDecoder().decode(word, () => true) !== null;
        if (isAllocated && !isPage && assemblyOf(word, PC) !== null) words.push(word);
      }
    }
    expect(words.length).toBeGreaterThan(3000);
    const again = assembled(words.map((word) => relative(assemblyOf(word, PC) as string)));
    const different = words.flatMap((word, n) =>
      isSame(word, again[n] ?? 0) ? [] : [`${word.toString(16)} ${assemblyOf(word, PC)}`],
    );
    expect(different.slice(0, 20)).toEqual([]);
  });
});

/** The immediate of a logical instruction may have more than one encoding. */
function isSame(word: number, other: number): boolean {
  if (word === other) return true;
  return (word & 0x1f80_0000) === 0x1200_0000 && assemblyOf(word, PC) === assemblyOf(other, PC);
}

/** Targets as an assembler reads them: relative to the instruction. */
const relative = (text: string): string =>
  text.replace(
    /^((?:b|bl|b\.\w+|cbn?z|tbn?z|adr|ldr|ldrsw|prfm) (?:.*, )?)0x([0-9a-f]+)$/,
    (_, head: string, target: string) => `${head}. + ${BigInt.asIntN(64, BigInt(`0x${target}`) - PC)}`,
  );

function assembled(lines: readonly string[]): Uint32Array {
  const folder = mkdtempSync(join(tmpdir(), 'levitate-assembly-'));
  try {
    const [source, object, binary] = ['s', 'o', 'bin'].map((end) => join(folder, `a.${end}`)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, `.arch armv8.2-a+crypto+fp16+rcpc+dotprod\n${lines.join('\n')}\n`);
    runBinutil('as', [source, '-o', object]);
    runBinutil('objcopy', ['-O', 'binary', object, binary]);
    const bytes = readFileSync(binary);
    return new Uint32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
