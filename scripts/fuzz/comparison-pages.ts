// SPDX-License-Identifier: GPL-2.0-only
/**
 * The memory in which instructions are compared: code, and a window of data pages of every kind
 * side by side, so that accesses which cross a page meet all of them.
 *
 *     RAM + 1 MiB  vectors   + 2 MiB  code, read-only at EL0 and EL1   + 4 MiB  data: pages by KINDS, again and again
 *         + 6 MiB  tables: one of level 1, one of level 2, one of level 3 for the data
 */

import { SYSTEM_REGISTERS, type SystemRegisterName } from '#emulator/engine/system-registers.ts';
import type { Machine } from '#emulator/machine/machine.ts';

const RAM = 0x4000_0000;
const MIB = 0x10_0000;
const PAGE = 0x1000;
const CODE_PAGES = 64;
const DATA_PAGES = 32;
const TABLES = RAM + 6 * MIB;

export const PAGES = {
  vectors: RAM + MIB,
  code: RAM + 2 * MIB,
  codeEnd: RAM + 2 * MIB + CODE_PAGES * PAGE,
  data: RAM + 4 * MIB,
  dataEnd: RAM + 4 * MIB + DATA_PAGES * PAGE,
  page: PAGE,
} as const;

/** Descriptors: inner shareable, accessed; AP[2:1] as named; UXN and PXN for data. */
const COMMON = 0x700n;
const EXECUTE_NEVER = 3n << 53n;
const ACCESSED = 1n << 10n;
const BLOCK = 1n;
const TABLE_OR_PAGE = 3n;
const AP = { privileged: 0n, both: 1n << 6n, privilegedReadOnly: 2n << 6n, readOnly: 3n << 6n } as const;
const page = (ap: bigint): bigint => COMMON | EXECUTE_NEVER | TABLE_OR_PAGE | ap;

/** Kinds of data pages, in the order in which they lie. Most can be read and written. */
const KINDS: readonly bigint[] = [
  page(AP.both),
  page(AP.both),
  page(AP.both),
  page(AP.privileged),
  page(AP.both),
  page(AP.readOnly),
  page(AP.both),
  0n,
  page(AP.both),
  page(AP.both),
  page(AP.privilegedReadOnly),
  page(AP.both),
  page(AP.both) & ~ACCESSED,
  page(AP.both),
  page(AP.both),
  page(AP.both),
];

/** SCR_EL3: NS, RW, HCE. HCR_EL2: RW. */
const REGISTERS: readonly [SystemRegisterName, bigint][] = [
  ['SCR_EL3', 0x531n],
  ['HCR_EL2', 1n << 31n],
  ['CPACR_EL1', 3n << 20n],
  ['MAIR_EL1', 0x00ffn],
  // 39 bits each way, 4 KiB, 44 bits of physical address: the walk begins at level 1
  ['TCR_EL1', 25n | (25n << 16n) | (2n << 30n) | (4n << 32n)],
  ['TTBR0_EL1', BigInt(TABLES)],
  ['TTBR1_EL1', BigInt(TABLES)],
  ['VBAR_EL1', BigInt(PAGES.vectors)],
  // M, C, I; the alignment of SP is not checked
  ['SCTLR_EL1', 0x30d0_1805n & ~0x18n],
];

/** Tables and registers; returns the data's bytes, filled the same way every time. */
export function writePages(machine: Machine): Uint8Array {
  const { memory, bootCore: core } = machine;
  machine.reset(PAGES.code, 1);
  memory.write64(TABLES + 8 * (RAM / 2 ** 30), BigInt(TABLES + PAGE) | TABLE_OR_PAGE);
  // The first 4 MiB, RAM of vectors and code, by blocks.
  for (let block = 0; block < 2; block++) {
    memory.write64(TABLES + PAGE + 8 * block, BigInt(RAM + block * 2 * MIB) | COMMON | BLOCK | AP.readOnly);
  }
  memory.write64(TABLES + PAGE + 8 * 2, BigInt(TABLES + 2 * PAGE) | TABLE_OR_PAGE);
  for (let index = 0; index < DATA_PAGES; index++) {
    const kind = KINDS[index % KINDS.length] as bigint;
    memory.write64(TABLES + 2 * PAGE + 8 * index, kind === 0n ? 0n : BigInt(PAGES.data + index * PAGE) | kind);
  }
  for (let at = PAGES.data; at < PAGES.dataEnd; at += 4) memory.write32(at, Math.imul(at, 0x9e37_79b1) >>> 0);
  for (const [name, value] of REGISTERS) core.writeSystemRegister(SYSTEM_REGISTERS[name], value);
  core.engine.flushTlb();
  const chunk = memory.touch(PAGES.data);
  if (chunk === null) throw new RangeError('the data window is not RAM');
  return chunk.bytes.subarray(PAGES.data - chunk.base, PAGES.dataEnd - chunk.base);
}
