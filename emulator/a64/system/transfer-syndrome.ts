// SPDX-License-Identifier: GPL-2.0-only
/**
 * Instruction syndrome (ISV and its fields) of a stage 2 data abort, with which a hypervisor need
 * not decode the instruction. Valid for loads and stores of one general-purpose register that do
 * not write back and are not exclusive.
 *
 *     24 ISV │ 23:22 SAS │ 21 SSE │ 20:16 SRT │ 15 SF │ 14 AR
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.40 (ISS of Data Aborts), C4.1.94 (loads and stores).
 */

/** ISS bits 24:14; 0 for all other instructions. */
export function transferSyndrome(word: number): number {
  const rt = word & 31;
  const size = word >>> 30;
  const isVector = ((word >>> 26) & 1) === 1;
  // LDAR, STLR, LDLAR, STLLR of each size: o2 = 1, o1 = 0.
  if ((word & 0x3fa0_0000) === 0x0880_0000) return syndrome({ size, rt, wide: size === 3, ordered: true });
  if (isVector) return 0;
  // LDR and LDRSW (literal).
  if ((word & 0x3f00_0000) === 0x1800_0000 && size < 3) {
    return syndrome({ size: size === 1 ? 3 : 2, rt, wide: size !== 0, signed: size === 2 });
  }
  if ((word & 0x3800_0000) !== 0x3800_0000) return 0;
  const isScaled = ((word >>> 24) & 1) === 1;
  const mode = (word >>> 10) & 3;
  const isAtomicOrRegister = ((word >>> 21) & 1) === 1;
  if (!isScaled && isAtomicOrRegister && mode !== 0b10) {
    // Of the atomic encodings only LDAPR has a syndrome.
    return (word & 0x00ff_fc00) === 0x00bf_c000 ? syndrome({ size, rt, wide: size === 3, ordered: true }) : 0;
  }
  // Pre- and post-indexed forms write back.
  if (!isScaled && !isAtomicOrRegister && (mode & 1) === 1) return 0;
  const opc = (word >>> 22) & 3;
  if (size === 3 && opc === 2) return 0; // PRFM
  return syndrome({ size, rt, wide: opc === 2 || size === 3, signed: opc >= 2 });
}

function syndrome({
  size,
  rt,
  wide,
  signed = false,
  ordered = false,
}: {
  readonly size: number;
  readonly rt: number;
  /** True for a 64-bit register (SF). */
  readonly wide: boolean;
  readonly signed?: boolean;
  /** True for acquire or release (AR). */
  readonly ordered?: boolean;
}): number {
  const bits = (flag: boolean, at: number): number => (flag ? 1 << at : 0);
  return (1 << 24) | (size << 22) | bits(signed, 21) | (rt << 16) | bits(wide, 15) | bits(ordered, 14);
}
