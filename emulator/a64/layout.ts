// SPDX-License-Identifier: GPL-2.0-only
/**
 * Layout of a core's state in the WebAssembly memory, in bytes from the start of the core's block.
 * TypeScript, the interpreter and translated code share it.
 *
 *     0x000000  registers, flags, what is derived from system registers
 *     0x000800  system registers, 8 bytes each
 *     0x002000  slots of the software TLB, the first of them without entries
 *     0x100000  places of code that control goes to, and their translations
 *     0x400000  decoded instructions, by where they were executed
 *     0x800000  decoded instructions, by their words
 *
 * Not here: guest memory, which follows the blocks of all cores (runtime.ts).
 */

/** Size of a core's block in bytes. */
export const CORE_BYTES = 0x100_0000;

/** Number of the register that reads as zero and is never written. */
export const ZERO_REGISTER = 31;
/** Place of the selected stack pointer, after the zero register. */
export const STACK_POINTER = 32;
/** Bytes that SP is a multiple of where it is checked. */
export const STACK_ALIGNMENT = 16;

export const LAYOUT = {
  /** X0 to X30, zero register, SP: 64 bits each. */
  x: 0x000,
  /** Address of the instruction in progress. */
  pc: 0x108,
  /**
   * Flags in a form that is cheap to set: N is the sign of `negative`; Z is 1 where `zero` is 0; C
   * is `carry`, 0 or 1; V is the sign of `overflow`.
   */
  negative: 0x110,
  zero: 0x114,
  carry: 0x118,
  overflow: 0x11c,
  /** Instructions left in the slice. */
  left: 0x120,
  /**
   * Addresses in the WebAssembly memory of the TLB for normal accesses of the current level, and of
   * the TLB for its unprivileged accesses.
   */
  tlb: 0x124,
  tlbUnprivileged: 0x128,
  /** Nonzero while FP and SIMD are trapped. */
  fpTrap: 0x12c,
  /**
   * Current page of code: its virtual address, and its address in the WebAssembly memory. All ones:
   * to be looked up.
   */
  fetchPage: 0x130,
  fetchHost: 0x138,
  /** Current exception level. */
  level: 0x13c,
  /** Value that a slow access reads or writes. */
  scratch: 0x140,
  /** Exclusive monitor: its virtual address (all ones: open) and the value loaded from there. */
  exclusiveAddress: 0x150,
  exclusiveLow: 0x158,
  exclusiveHigh: 0x160,
  /** Copy of 16 bytes of flash, for exclusive stores and atomic operations. */
  flashCopy: 0x170,
  /** SP_EL0 to SP_EL3; the entry of the selected one is stale. */
  stackPointers: 0x180,
  fpcr: 0x1a0,
  fpsr: 0x1a4,
  /** PSTATE without NZCV and the exception level, in SPSR layout. */
  pstate: 0x1a8,
  /**
   * Nonzero while an interrupt is signalled: code that unmasks interrupts then calls out to take
   * it.
   */
  interrupt: 0x1ac,
  /** Bits that are 0 in an SP that an access may go by: 15 where SP is checked, else 0. */
  stackMask: 0x1b0,
  /** V0 to V31: 128 bits each. */
  v: 0x200,
  systemRegisters: 0x800,
  tlbs: 0x2000,
  /** Execution mode of code: {@link CODE_MODE}. */
  codeMode: 0x10_0000,
  /** Incremented whenever code may have changed: translations are then compared with memory. */
  codeEpoch: 0x10_0004,
  /** Number of interpreted instructions, 64 bits. */
  interpreted: 0x10_0008,
  places: 0x10_1000,
  decoded: 0x40_0000,
  words: 0x80_0000,
} as const;

/** Address that matches nothing: no page, no entry, no exclusive monitor. */
export const NO_ADDRESS = 2n ** 64n - 1n;

/** Bits of LAYOUT.codeMode. */
export const CODE_MODE = {
  /** Interprets every instruction. */
  interpreted: 1,
  /** Looks up every instruction by LAYOUT.fetchPage alone, and calls out where that is all ones. */
  watched: 2,
} as const;

/**
 * Start of a block of code. `place`: address of its first word in the WebAssembly memory.
 * `function`: table place of its translation, 0 for none; `block`: the block in it. The last word
 * is the epoch in which the translation was last found valid, or, without a translation, the visits
 * that remain before it is hot.
 */
export const PLACE_ENTRY = { bytes: 16, place: 0, function: 4, block: 8, epoch: 12, count: 12 } as const;
export const PLACE_ENTRIES = 131072;

/** Number of system registers that fit. */
export const MOST_SYSTEM_REGISTERS = (LAYOUT.tlbs - LAYOUT.systemRegisters) / 8;

/**
 * Entry of a software TLB, for data of one page. A tag is the page's virtual address where the
 * access is allowed, and all ones where it must call out. `host` is the page's address in the
 * WebAssembly memory, and `shift` the difference from the low word of a virtual address to its
 * place there.
 */
export const TLB_ENTRY = { bytes: 32, read: 0, write: 8, host: 16, shift: 24 } as const;
export const TLB_ENTRIES = 2048;
/**
 * Entry for a page of code; these follow those for data. Kernels have code and data at a distance
 * that would give them the same entry.
 */
export const FETCH_ENTRY = { bytes: 16, tag: 0, host: 8 } as const;
export const FETCH_ENTRIES = 4096;
const FETCH_INDEX_BITS = Math.log2(FETCH_ENTRIES);
/** Index of the entry for a page by its number. Generated code calculates it too: a64-code.ts. */
export const fetchIndex = (page: number): number => (page ^ (page >>> FETCH_INDEX_BITS)) & (FETCH_ENTRIES - 1);
export const FETCH_START = TLB_ENTRIES * TLB_ENTRY.bytes;
export const TLB_SLOT_BYTES = FETCH_START + FETCH_ENTRIES * FETCH_ENTRY.bytes;
export const TLB_SLOTS = 7;

/**
 * Decoded instruction: its word, the table place of its handler, a constant made from its fields.
 * Entries at LAYOUT.decoded are indexed by the address that the words were fetched from; missing
 * ones are copied from LAYOUT.words, which is indexed by word.
 */
export const DECODED_ENTRY = { bytes: 16, word: 0, handler: 4, immediate: 8 } as const;
export const DECODED_ENTRIES = 262144;
export const WORD_ENTRIES = 262144;
/** Multiplier of the hash: upper bits of its product with a word or place give the index. */
export const HASH = 0x9e37_79b1 | 0;

/** Granule of the TLB, whatever granule the guest uses. */
export const TLB_PAGE_SHIFT = 12;
