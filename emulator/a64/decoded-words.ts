// SPDX-License-Identifier: GPL-2.0-only
/**
 * The decoded instructions of one core: fills the entries that the interpreter asks for, and holds
 * the helpers that it calls by number.
 */

import type { Helper, Instruction } from './decode/instruction.ts';
import { selectionOf } from './decode/decoder.ts';
import { fieldsOf } from './decode/pattern.ts';
import type { Feature } from './features.ts';
import { CORE_BYTES, DECODED_ENTRY } from './layout.ts';
import { handlers, instructionDecoder } from './runtime.ts';

export class DecodedWords {
  private readonly view: DataView;
  private readonly base: number;
  private readonly has: (feature: Feature) => boolean;
  private readonly helpers: Helper[] = [];
  private readonly helperOf = new Map<number, number>();

  /** @param base address of the core's block */
  constructor(buffer: ArrayBuffer, base: number, has: (feature: Feature) => boolean) {
    this.view = new DataView(buffer, base, CORE_BYTES);
    this.base = base;
    this.has = has;
  }

  helper(number: number): Helper {
    return this.helpers[number] as Helper;
  }

  /** Writes the entry at `entry`, an address in the WebAssembly memory, for `word`. */
  fill(entry: number, word: number): void {
    const { view } = this;
    const at = entry - this.base;
    const found = instructionDecoder().decode(word, this.has);
    const module = handlers();
    const place = found === null ? module.undefinedPlace : module.placeOf(found, selectionOf(found, word));
    view.setInt32(at + DECODED_ENTRY.word, word, true);
    view.setInt32(at + DECODED_ENTRY.handler, place, true);
    view.setBigInt64(at + DECODED_ENTRY.immediate, found === null ? 0n : this.immediate(found, word), true);
  }

  private immediate(instruction: Instruction, word: number): bigint {
    const { meaning, immediate, pattern, fallback } = instruction;
    if (meaning.kind === 'helper' || fallback) {
      let number = this.helperOf.get(word);
      if (number === undefined) {
        number = this.helpers.push(instructionDecoder().helperOf(word)) - 1;
        this.helperOf.set(word, number);
      }
      return BigInt(number);
    }
    return immediate === null ? 0n : BigInt(immediate(fieldsOf(word, pattern.fields)));
  }
}
