// SPDX-License-Identifier: GPL-2.0-only
/** Decoded instructions of one core: fills the entries that the interpreter asks for. */

import type { Instruction } from './decode/instruction.ts';
import { fieldsOf } from './decode/pattern.ts';
import type { Features } from './features.ts';
import { CORE_BYTES, DECODED_ENTRY } from './layout.ts';
import { instructionDecoder, type Runtime } from './runtime.ts';

export class DecodedWords {
  private readonly view: DataView;
  private readonly base: number;
  private readonly has: Features;
  private readonly runtime: Runtime;

  /** @param base address of the core's block */
  constructor(runtime: Runtime, base: number, has: Features) {
    this.runtime = runtime;
    this.view = new DataView(runtime.memory.buffer, base, CORE_BYTES);
    this.base = base;
    this.has = has;
  }

  /** Writes the entry at `entry`, an address in the WebAssembly memory, for `word`. */
  fill(entry: number, word: number): void {
    const { view } = this;
    const at = entry - this.base;
    const found = instructionDecoder().decode(word, this.has);
    const place = this.runtime.handlerOf(found, word);
    view.setInt32(at + DECODED_ENTRY.word, word, true);
    view.setInt32(at + DECODED_ENTRY.handler, place, true);
    view.setBigInt64(at + DECODED_ENTRY.immediate, found === null ? 0n : this.immediate(found, word), true);
  }

  private immediate(instruction: Instruction, word: number): bigint {
    const { meaning, immediate, pattern, fallback } = instruction;
    if (meaning.kind === 'helper' || fallback) return BigInt(this.runtime.helperNumber(word));
    return immediate === null ? 0n : BigInt(immediate(fieldsOf(word, pattern.fields)));
  }
}
