// SPDX-License-Identifier: GPL-2.0-only
/**
 * Where a core's state lies in the WebAssembly memory: bytes from the start of the core's own
 * block. TypeScript, the interpreter and translated code share it.
 *
 *     0x000000  registers, flags, what is derived from system registers
 *     0x000800  system registers, 8 bytes each
 *     0x002000  slots of the software TLB, the first of them without entries
 *     0x080000  decoded instructions, by where they were executed
 *     0x100000  places of code that control goes to, and their translations
 *     0x200000  decoded instructions, by their words
 *
 * Not here: guest memory, which lies behind the blocks of all cores (runtime.ts).
 */

/** Bytes of a core's block. */
export const CORE_BYTES = 0x40_0000;

/** Number of the register that reads as zero and is never written. */
export const ZERO_REGISTER = 31;
/** Place of the stack pointer in use, behind the zero register. */
export const STACK_POINTER = 32;

export const LAYOUT = {
  /** X0 to X30, 0, SP: 64 bits each. */
  x: 0x000,
  /** Of the instruction that is executed. */
  pc: 0x108,
  /**
   * PSTATE.N is the sign of this word, Z is 1 where the next is 0, C is 0 or 1, V is the sign of
   * the last: cheap to set.
   */
  negative: 0x110,
  zero: 0x114,
  carry: 0x118,
  overflow: 0x11c,
  /** Instructions left in the slice. */
  left: 0x120,
  /**
   * Address in the WebAssembly memory of the TLB for accesses of the level that runs, and for those
   * that it makes as EL0.
   */
  tlb: 0x124,
  tlbUnprivileged: 0x128,
  /** Not 0: FP and SIMD are trapped. */
  fpTrap: 0x12c,
  /**
   * Page of code that runs, virtual, and its bytes in the WebAssembly memory; all ones: to be
   * looked up.
   */
  fetchPage: 0x130,
  fetchHost: 0x138,
  /** Exception level that runs. */
  level: 0x13c,
  /** What a slow access reads or writes. */
  scratch: 0x140,
  /** Exclusive monitor: the virtual address (all ones: open) and what was there. */
  exclusiveAddress: 0x150,
  exclusiveLow: 0x158,
  exclusiveHigh: 0x160,
  /** 16 bytes of flash, as an exclusive store or an atomic operation leaves them. */
  flashCopy: 0x170,
  /** SP_EL0 to SP_EL3; that of the one in use is not current. */
  stackPointers: 0x180,
  fpcr: 0x1a0,
  fpsr: 0x1a4,
  /** PSTATE without NZCV and the level, in SPSR layout. */
  pstate: 0x1a8,
  /** Not 0: an interrupt is signalled, and whoever lifts masks asks whether it is to be taken. */
  interrupt: 0x1ac,
  /** V0 to V31: 128 bits each. */
  v: 0x200,
  systemRegisters: 0x800,
  tlbs: 0x2000,
  decoded: 0x8_0000,
  /** How code is run: {@link CODE_MODE}. */
  codeMode: 0x10_0000,
  /** Changes whenever others may have changed code: translations are compared with memory then. */
  codeEpoch: 0x10_0004,
  /** Instructions that were interpreted, 64 bits. */
  interpreted: 0x10_0008,
  places: 0x10_1000,
  words: 0x20_0000,
} as const;

/** In the place of an address: no page, no entry, nothing that an exclusive monitor has. */
export const NO_ADDRESS = 2n ** 64n - 1n;

/** Bits of LAYOUT.codeMode. */
export const CODE_MODE = {
  /** Every instruction is interpreted. */
  interpreted: 1,
  /** Every instruction is looked up by LAYOUT.fetchPage alone, and asked for where that is none. */
  watched: 2,
} as const;

/**
 * A place in memory where a block of code begins: the address of its first word in the WebAssembly
 * memory; where its translation is in the table of functions, 0 for none, and the block there. The
 * last word is the epoch in which the translation was found right, or how often the place must be
 * come to before it is hot.
 */
export const PLACE_ENTRY = { bytes: 16, place: 0, function: 4, block: 8, epoch: 12, count: 12 } as const;
export const PLACE_ENTRIES = 32768;

/** System registers that there is room for. */
export const MOST_SYSTEM_REGISTERS = (LAYOUT.tlbs - LAYOUT.systemRegisters) / 8;

/**
 * One page of a software TLB. A tag is the virtual address of the page when the access is allowed
 * without asking anyone, all ones when it is not.
 */
export const TLB_ENTRY = { bytes: 32, read: 0, write: 8, fetch: 16, host: 24 } as const;
export const TLB_ENTRIES = 2048;
export const TLB_SLOTS = 7;

/**
 * An instruction word that was decoded: the word, its handler's place in the table, a number made
 * from its fields. An entry belongs to its word. Those at LAYOUT.decoded stand in the order of the
 * memory that the words were fetched from, as they are executed; what is not there is copied from
 * those at LAYOUT.words.
 */
export const DECODED_ENTRY = { bytes: 16, word: 0, handler: 4, immediate: 8 } as const;
export const DECODED_ENTRIES = 32768;
export const WORD_ENTRIES = 131072;
/** The entry of a word, or of a place, is at the upper bits of its product with this. */
export const HASH = 0x9e37_79b1 | 0;

/** A granule of the TLB, whatever the guest's. */
export const TLB_PAGE_SHIFT = 12;
