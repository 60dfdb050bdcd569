// SPDX-License-Identifier: GPL-2.0-only
/**
 * Builds of the library whose internals inline-count.ts knows, recognised by their build
 * identifier. The offsets come from the builds' machine code; the names are those of QEMU 5.0.
 */

import type { NativeProcess } from './unicorn-library.ts';

/** Byte offsets inside one build of the library. */
export interface LibraryBuild {
  readonly name: string;
  /** Offsets in the engine's handle (struct uc_struct). */
  readonly handle: { readonly core: number; readonly translator: number; readonly stopRequest: number };
  /**
   * Offsets in a core (CPUState); `registers` is its CPUARMState, `interrupt` the upper half of
   * icount_decr.
   */
  readonly core: {
    readonly handle: number;
    readonly registers: number;
    readonly exitRequest: number;
    readonly interrupt: number;
    readonly nextBlockFlags: number;
    readonly accessReturn: number;
    readonly interruptRequest: number;
    /**
     * Pointer to the core's function table (CPUClass), and the offset of cpu_exec_interrupt in that
     * table.
     */
    readonly functions: number;
    readonly execInterrupt: number;
    /** Cache of the blocks that branches led to, by virtual address: an array of pointers. */
    readonly branchTargets: number;
    readonly branchTargetsBytes: number;
  };
  /** Offset in the register file. */
  readonly pc: number;
  /** State for which a block is translated (hflags). */
  readonly blockFlags: number;
  /** PSTATE.EL and SP (bits 3:0), and DAIF (bits 9:6). */
  readonly level: number;
  readonly masks: number;
  /** SCTLR_EL1 minus one register, CPACR_EL1, CPTR_EL2 minus two registers, SCR_EL3. */
  readonly sctlr: number;
  readonly cpacr: number;
  readonly cptr: number;
  readonly scr: number;
  /**
   * Offsets in the state of the block being translated (DisasContext): the instruction word, and
   * the byte order of accesses (be_data).
   */
  readonly word: number;
  readonly byteOrder: number;
  /**
   * Offsets in the translator (TCGContext): the base of the register file, start and size of the
   * translated code.
   */
  readonly translatorEnv: number;
  readonly translatorCode: number;
  readonly translatorCodeBytes: number;
  /**
   * Offsets in the translator: address of the next block's code, number of complete drops, and the
   * part of the buffer that is filled next.
   */
  readonly translatorNextCode: number;
  readonly translatorDrops: number;
  readonly translatorNextPart: number;
  /** Return addresses, in the library, of the two calls of translated code in cpu_exec. */
  readonly callsOfCode: readonly number[];
  /** Exception return, see {@link refuseAarch32}. */
  readonly exceptionReturn: {
    /** Offsets of the code for a return to AArch32, and for an illegal return. */
    readonly aarch32: number;
    readonly illegal: number;
    /**
     * Code that only illegal returns execute and that does nothing more but return from the helper;
     * at least as long as a far jump.
     */
    readonly illegalEnd: number;
    /** Expected bytes at `aarch32` and `illegalEnd`, as a check. */
    readonly aarch32Code: readonly number[];
    readonly illegalEndCode: readonly number[];
  };
  /**
   * Bytes of stack between such a return address and the one of a helper call in translated code.
   */
  readonly codeFrame: number;
  /** Numbers of enum TCGOpcode. */
  readonly operations: {
    readonly movi_i32: number;
    readonly ld_i32: number;
    readonly st8_i32: number;
    readonly st16_i32: number;
    readonly st_i32: number;
    readonly sub_i32: number;
    readonly st_i64: number;
  };
}

/** Builds by the build identifier of the library's file (`readelf -n`). */
const BUILDS: Readonly<Record<string, LibraryBuild>> = {
  b619fbf56f0accc13c25a9cf5e7bc59c85e70440: {
    name: 'Debian libunicorn2t64 2.1.1-2+b2, amd64',
    handle: { core: 0x1a0, translator: 0x2e8, stopRequest: 0x555 },
    core: {
      handle: 0x81a8,
      registers: 0xa350,
      exitRequest: 0x15,
      interrupt: 0xa342,
      nextBlockFlags: 0x18,
      accessReturn: 0x8178,
      interruptRequest: 0x1c,
      functions: 0x81b0,
      execInterrupt: 0x90,
      branchTargets: 0x138,
      branchTargetsBytes: 0x8000,
    },
    pc: 0x140,
    blockFlags: 0x150,
    level: 0x148,
    masks: 0x230,
    sctlr: 0x2a0,
    cpacr: 0x2c0,
    cptr: 0x2c8,
    scr: 0x3c0,
    word: 0x40,
    byteOrder: 0x60,
    translatorEnv: 0xa8f0,
    translatorCode: 0xa0,
    translatorCodeBytes: 0xb8,
    translatorNextCode: 0xc0,
    translatorDrops: 0xa8d0,
    translatorNextPart: 0xa928,
    callsOfCode: [0x555504, 0x55563f],
    exceptionReturn: {
      aarch32: 0x56bc43,
      illegal: 0x56bc6d,
      illegalEnd: 0x56bd2c,
      aarch32Code: [0x89, 0xd9, 0xb8],
      illegalEndCode: [0xe8, 0x8f, 0xe2, 0xff, 0xff, 0x84, 0xc0, 0x75, 0x13, 0x81, 0xe3, 0x3f, 0xf0, 0xdf],
    },
    codeFrame: 1216,
    operations: {
      movi_i32: 0x06,
      ld_i32: 0x0d,
      st8_i32: 0x0e,
      st16_i32: 0x0f,
      st_i32: 0x10,
      sub_i32: 0x12,
      st_i64: 0x4d,
    },
  },
};

/** Build of the library that is mapped at `base`, or undefined for an unknown one. */
export const buildAt = (process: NativeProcess, base: bigint): LibraryBuild | undefined =>
  BUILDS[buildIdentifier(process, base)];

/** Size of the part of the file that is searched for headers and notes. */
const HEADER_BYTES = 4096;

/**
 * Hexadecimal build identifier in the ELF file mapped at `base`, or ''. System V ABI (gabi), 5-1
 * and 5-8.
 */
function buildIdentifier(process: NativeProcess, base: bigint): string {
  const file = new DataView(process.view(base, HEADER_BYTES));
  const headers = Number(file.getBigUint64(0x20, true));
  const headerBytes = file.getUint16(0x36, true);
  for (let i = 0; i < file.getUint16(0x38, true); i++) {
    const header = headers + i * headerBytes;
    const [type, offset, size] = [
      file.getUint32(header, true),
      Number(file.getBigUint64(header + 8, true)),
      Number(file.getBigUint64(header + 32, true)),
    ];
    const isNote = type === 4 && offset + size <= file.byteLength;
    if (!isNote || size < 16 || file.getUint32(offset + 8, true) !== 3) continue;
    const bytes = new Uint8Array(file.buffer, offset + 16, file.getUint32(offset + 4, true));
    return Buffer.from(bytes).toString('hex');
  }
  return '';
}
