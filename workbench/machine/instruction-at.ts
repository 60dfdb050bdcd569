// SPDX-License-Identifier: GPL-2.0-only
/** The instruction at a virtual address, as a core would fetch it now. */

import { describeInstruction } from '#emulator/a64/decode/describe.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { DebugMemory } from '#emulator/debug/debug-memory.ts';

export interface InstructionAt {
  /** Eight hexadecimal digits. */
  readonly word: string;
  /** As {@link describeInstruction} gives it. */
  readonly text: string;
}

/** Null where nothing is mapped. */
export function instructionAt(memory: DebugMemory, core: MachineCore, address: bigint): InstructionAt | null {
  const bytes = memory.readVirtual(core, address, 4);
  if (bytes.length < 4) return null;
  const word = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
  return { word: word.toString(16).padStart(8, '0'), text: describeInstruction(word, address) };
}
