// SPDX-License-Identifier: GPL-2.0-only
/** Executes records (cases.ts) on the own core, one instruction each. */

import { BareCore, UNDEFINED } from '#emulator/a64/testing/bare-core.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { LAYOUT } from '#emulator/a64/layout.ts';
import { MEMORY_ADDRESS, MEMORY_BYTES, RECORD, UNDEFINED_SIGNAL } from '#scripts/simd-fixtures/cases.ts';

const WINDOW = 0x2000_0000;
const WINDOW_BYTES = 0x4000;
/** Behind the memory, which is small. */
const CODE = WINDOW + 0x3000;
/** SIGSEGV: the instruction aborts. */
const ABORT_SIGNAL = 11;

/** Position of NZCV in PSTATE: bits 31:28. */
const NZCV_SHIFT = 28;

export class RecordRunner {
  private readonly core = new BareCore(WINDOW, WINDOW_BYTES);

  /** The record afterwards. An instruction that was not executed changes the first word only. */
  run(before: Uint8Array): Uint8Array {
    return this.execute(before, () => {
      this.core.state.pc = BigInt(CODE);
      this.core.run(1);
      return this.core.exception?.esr ?? null;
    });
  }

  /** The same by the word's helper, also where its row has code. */
  runHelper(before: Uint8Array): Uint8Array {
    const word = new DataView(before.buffer, before.byteOffset).getUint32(RECORD.word, true);
    return this.execute(before, () => {
      instructionDecoder().helperOf(word)(this.core.state);
      return null;
    });
  }

  /** `run` gives the exception's ESR, or null. */
  private execute(before: Uint8Array, run: () => number | null): Uint8Array {
    const { state, bytes } = this.core;
    const after = before.slice();
    const view = new DataView(after.buffer);
    const memory = bytes.subarray(Number(MEMORY_ADDRESS) - WINDOW).subarray(0, MEMORY_BYTES);
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(CODE - WINDOW, view.getUint32(RECORD.word, true), true);
    state.setWord(LAYOUT.fpcr, view.getUint32(RECORD.fpcr, true));
    state.setWord(LAYOUT.fpsr, view.getUint32(RECORD.fpsr, true));
    state.nzcv = view.getUint32(RECORD.nzcv, true) >>> NZCV_SHIFT;
    for (let i = 0; i < 16; i += 1) state.x[i] = view.getBigUint64(RECORD.x + 8 * i, true);
    state.vBytes.set(after.subarray(RECORD.v, RECORD.memory));
    memory.set(after.subarray(RECORD.memory));
    const esr = run();
    view.setUint32(RECORD.word, esr === null ? 0 : esr === UNDEFINED ? UNDEFINED_SIGNAL : ABORT_SIGNAL, true);
    if (esr !== null) return after;
    view.setUint32(RECORD.fpsr, state.fpsr, true);
    view.setUint32(RECORD.nzcv, (state.nzcv << NZCV_SHIFT) >>> 0, true);
    for (let i = 0; i < 16; i += 1) view.setBigUint64(RECORD.x + 8 * i, state.x[i] as bigint, true);
    after.set(state.vBytes, RECORD.v);
    after.set(memory, RECORD.memory);
    return after;
  }
}
