// SPDX-License-Identifier: GPL-2.0-only
/**
 * Translation table descriptors of VMSAv8-64: stage 1, EL1&0, 4 KiB granule, 48-bit addresses.
 *
 * Only bit layouts: nothing here reads memory. Walking is walk.ts, changing tables is
 * address-space.ts.
 *
 * ```
 *  63  59 58 55 54  53  52  51 50 49 48 47                      n n-1    12 11 10 9  8 7  6  5 4  2 1 0
 * +------+-----+---+---+----+-----+-----+------------------------+---------+--+--+----+----+--+----+-+-+
 * | ign. | sw  |UXN|PXN|Cont| ... |RES0 | output address [47:n]  |  RES0   |nG|AF| SH | AP |NS|Attr|T|V|
 * +------+-----+---+---+----+-----+-----+------------------------+---------+--+--+----+----+--+----+-+-+
 *   V T   level 0        levels 1, 2            level 3
 *   0 x   invalid        invalid                invalid
 *   1 0   reserved (*)   block                  reserved (*)       (*) the CPU treats it as invalid
 *   1 1   table          table                  page
 *   n     --             30, 21                 12
 * ``` A block and a page differ only in bit 1. A table descriptor has the address of the next table
 * in [47:12] and its hierarchical attributes in [63:59]: NSTable, APTable[1:0], UXNTable, PXNTable.
 *
 * The composites carry the values of LevitateOS, which are right bit for bit. Its kernel code value
 * is already read-only (AP = 0b10): its text was writable because the boot tables' 1 GiB blocks
 * mapped it as data, not because of this constant.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.3 (descriptor formats), D8.4 (access permissions), D8.6
 * (memory attributes).
 */

import { type PhysAddr, hex, physAddr } from '#common/address.ts';

/** Lookup level of the 4 KiB granule with 48-bit addresses: 0 is the root, 3 holds pages. */
export type Level = 0 | 1 | 2 | 3;

/** Number of 8-byte entries in one table. */
export const ENTRIES_PER_TABLE = 512;

/** Bytes that one entry covers, by level: 512 GiB, 1 GiB, 2 MiB, 4 KiB. */
export const LEVEL_SPAN = [2 ** 39, 2 ** 30, 2 ** 21, 2 ** 12] as const;

/** Bit 0: the descriptor is valid. */
export const VALID = 1n << 0n;
/** Bit 1: a table (levels 0 to 2) or a page (level 3); clear in a block. */
export const TABLE = 1n << 1n;

/** AttrIndx[4:2]: index into MAIR_EL1, as translation-control.ts fills it. */
export const ATTR_INDEX_SHIFT = 2n;
export const AttrIndex = { normalWriteBack: 0n, deviceNGnRE: 1n, normalNonCacheable: 2n } as const;

// NS, bit 5, is used in Secure state only; the kernel runs Non-secure and leaves it clear.

/** AP[2:1] at bits [7:6] (D8.4). */
export const AP_SHIFT = 6n;
export const AccessPermission = { el1ReadWrite: 0n, anyReadWrite: 1n, el1ReadOnly: 2n, anyReadOnly: 3n } as const;

/** SH[1:0] at bits [9:8]; ignored for device memory, which is always outer shareable. */
export const SH_SHIFT = 8n;
export const Shareability = { none: 0n, outer: 2n, inner: 3n } as const;

/** Access flag, bit 10: clear means that the first access faults. */
export const AF = 1n << 10n;
/** Not global, bit 11: the TLB entry belongs to the current ASID. */
export const NG = 1n << 11n;
/** Contiguous hint, bit 52: never set here, and dropped from entries that are split. */
export const CONTIGUOUS = 1n << 52n;
/** Privileged execute-never, bit 53. */
export const PXN = 1n << 53n;
/** Unprivileged execute-never, bit 54. */
export const UXN = 1n << 54n;

/** Hierarchical attributes of a table descriptor: they restrict everything below it. */
export const PXN_TABLE = 1n << 59n;
export const UXN_TABLE = 1n << 60n;
export const AP_TABLE_NO_EL0 = 1n << 61n;
export const AP_TABLE_READ_ONLY = 1n << 62n;

/** Bits [47:12]: next table, or output address of a page. */
export const ADDRESS_MASK = 0x0000_ffff_ffff_f000n;
/** Bits kept when an entry is split or moved: [63:50] and [11:2], not the contiguous hint. */
export const ATTRIBUTE_MASK = 0xfffc_0000_0000_0ffcn & ~CONTIGUOUS;
/** Bits that need no break-before-make: permissions and the access flag (rule R_WHZWS). */
export const PERMISSION_MASK = PXN | UXN | (3n << AP_SHIFT) | AF;

declare const attributesBrand: unique symbol;

/**
 * Attribute bits of a block descriptor, with VALID set and no address. A page adds {@link TABLE}.
 */
export type MemoryAttributes = bigint & { readonly [attributesBrand]: true };

/** Input of {@link memoryAttributes}. */
export interface AttributeFields {
  readonly memory: bigint;
  readonly access: bigint;
  readonly shareability: bigint;
  /** True for executable at EL1, at EL0: the opposite sense of PXN and UXN. */
  readonly el1Execute: boolean;
  readonly el0Execute: boolean;
  /** True when the entry is valid in every address space. */
  readonly global: boolean;
}

/** Builds attribute bits. The access flag is set, because the kernel does not track accesses. */
export function memoryAttributes(fields: AttributeFields): MemoryAttributes {
  return (VALID |
    (fields.memory << ATTR_INDEX_SHIFT) |
    (fields.access << AP_SHIFT) |
    (fields.shareability << SH_SHIFT) |
    AF |
    (fields.global ? 0n : NG) |
    (fields.el1Execute ? 0n : PXN) |
    (fields.el0Execute ? 0n : UXN)) as MemoryAttributes;
}

const normal = { memory: AttrIndex.normalWriteBack, shareability: Shareability.inner } as const;
const never = { el1Execute: false, el0Execute: false } as const;

/** Mapping types of the kernel: those of LevitateOS, and `kernelRodata`, `userRodata`, `dma`. */
export const MemoryAttributes = {
  /** 0x0040000000000781: read-only, executable at EL1 only. */
  kernelCode: memoryAttributes({
    ...normal,
    access: AccessPermission.el1ReadOnly,
    el1Execute: true,
    el0Execute: false,
    global: true,
  }),
  /** 0x0060000000000781: read-only, never executable. */
  kernelRodata: memoryAttributes({ ...normal, ...never, access: AccessPermission.el1ReadOnly, global: true }),
  /** 0x0060000000000701: read-write at EL1, never executable. */
  kernelData: memoryAttributes({ ...normal, ...never, access: AccessPermission.el1ReadWrite, global: true }),
  /** 0x0060000000000405: device nGnRE, read-write at EL1, never executable. */
  device: memoryAttributes({
    memory: AttrIndex.deviceNGnRE,
    shareability: Shareability.none,
    ...never,
    access: AccessPermission.el1ReadWrite,
    global: true,
  }),
  /**
   * 0x0060000000000609: normal non-cacheable, read-write at EL1, never executable: memory shared
   * with a device that does not see the caches. Such memory is outer shareable whatever SH says.
   */
  dma: memoryAttributes({
    memory: AttrIndex.normalNonCacheable,
    shareability: Shareability.outer,
    ...never,
    access: AccessPermission.el1ReadWrite,
    global: true,
  }),
  /** 0x0020000000000FC1: read-only at both levels, executable at EL0 only. */
  userCode: memoryAttributes({
    ...normal,
    access: AccessPermission.anyReadOnly,
    el1Execute: false,
    el0Execute: true,
    global: false,
  }),
  /** 0x0060000000000FC1: read-only at both levels, never executable. */
  userRodata: memoryAttributes({ ...normal, ...never, access: AccessPermission.anyReadOnly, global: false }),
  /** 0x0060000000000F41: read-write at both levels, never executable. */
  userData: memoryAttributes({ ...normal, ...never, access: AccessPermission.anyReadWrite, global: false }),
} as const;

/** Kind of a descriptor at `level`. Reserved encodings are `invalid`, as on the CPU. */
export function kindOf(descriptor: bigint, level: Level): 'invalid' | 'table' | 'leaf' {
  if ((descriptor & VALID) === 0n) return 'invalid';
  if ((descriptor & TABLE) !== 0n) return level === 3 ? 'leaf' : 'table';
  return level === 0 || level === 3 ? 'invalid' : 'leaf';
}

/**
 * Descriptor of a block (levels 1, 2) or page (level 3) at `pa`, a multiple of the level's span.
 */
export function leafDescriptor(pa: number, level: 1 | 2 | 3, attrs: MemoryAttributes): bigint {
  return (attrs & ATTRIBUTE_MASK) | BigInt(pa) | VALID | (level === 3 ? TABLE : 0n);
}

/** Descriptor of the table at `pa`, without hierarchical restrictions. */
export function tableDescriptor(pa: number): bigint {
  return BigInt(pa) | VALID | TABLE;
}

/** Address of the next table. */
export function tableAddress(descriptor: bigint): PhysAddr {
  return physAddr(Number(descriptor & ADDRESS_MASK));
}

/** Output address of a leaf at `level`. RES0 bits are ignored, as by the CPU. */
export function leafAddress(descriptor: bigint, level: Level): PhysAddr {
  const address = Number(descriptor & ADDRESS_MASK);
  return physAddr(address - (address % LEVEL_SPAN[level]));
}

/** Attribute bits of a leaf, in the form that {@link leafDescriptor} takes. */
export function attributesOf(descriptor: bigint): MemoryAttributes {
  return ((descriptor & ATTRIBUTE_MASK) | VALID) as MemoryAttributes;
}

/** Attributes of a leaf below a table descriptor, which may remove permissions (D8.4). */
export function restrictByTable(attrs: MemoryAttributes, table: bigint): MemoryAttributes {
  let result: bigint = attrs;
  if ((table & PXN_TABLE) !== 0n) result |= PXN;
  if ((table & UXN_TABLE) !== 0n) result |= UXN;
  if ((table & AP_TABLE_NO_EL0) !== 0n) result &= ~(AccessPermission.anyReadWrite << AP_SHIFT);
  if ((table & AP_TABLE_READ_ONLY) !== 0n) result |= AccessPermission.el1ReadOnly << AP_SHIFT;
  return result as MemoryAttributes;
}

/** Permissions by exception level. */
export interface Permissions {
  readonly el1: { readonly read: boolean; readonly write: boolean; readonly execute: boolean };
  readonly el0: { readonly read: boolean; readonly write: boolean; readonly execute: boolean };
}

/**
 * Permissions by the attribute bits (D8.4, with PAN and SCTLR_EL1.WXN off). Memory writable at EL0
 * is never executable at EL1, whatever PXN says; memory without EL0 access may still be executable
 * there.
 */
export function permissionsOf(attrs: bigint): Permissions {
  const ap = (attrs >> AP_SHIFT) & 3n;
  const readOnly = (ap & 2n) !== 0n;
  const el0 = (ap & 1n) !== 0n;
  const el0Write = el0 && !readOnly;
  return {
    el1: { read: true, write: !readOnly, execute: (attrs & PXN) === 0n && !el0Write },
    el0: { read: el0, write: el0Write, execute: (attrs & UXN) === 0n },
  };
}

/** Memory types by attribute index. */
const MEMORY_TYPES: readonly string[] = ['normal WB', 'device nGnRE', 'normal NC'];

/** Describes attribute bits: "normal WB, inner shareable, EL1 r-x, EL0 ---, global". */
export function describeAttributes(attrs: bigint): string {
  const { el1, el0 } = permissionsOf(attrs);
  const rwx = (p: Permissions['el1']) => `${p.read ? 'r' : '-'}${p.write ? 'w' : '-'}${p.execute ? 'x' : '-'}`;
  const index = (attrs >> ATTR_INDEX_SHIFT) & 7n;
  const memory = MEMORY_TYPES[Number(index)] ?? `attribute ${index}`;
  const shareability = ['non-shareable', 'reserved shareability', 'outer shareable', 'inner shareable'];
  const words = [memory];
  if (index !== AttrIndex.deviceNGnRE) words.push(shareability[Number((attrs >> SH_SHIFT) & 3n)] as string);
  words.push(`EL1 ${rwx(el1)}`, `EL0 ${rwx(el0)}`, (attrs & NG) === 0n ? 'global' : 'not global');
  if ((attrs & AF) === 0n) words.push('access flag clear');
  if ((attrs & CONTIGUOUS) !== 0n) words.push('contiguous');
  return words.join(', ');
}

const SPAN_NAME = ['512 GiB', '1 GiB', '2 MiB', '4 KiB'] as const;

/** Describes a descriptor at `level`, for a trace. */
export function describe(descriptor: bigint, level: Level): string {
  const kind = kindOf(descriptor, level);
  if (kind === 'table') {
    const limits: string[] = [];
    if ((descriptor & PXN_TABLE) !== 0n) limits.push('PXNTable');
    if ((descriptor & UXN_TABLE) !== 0n) limits.push('UXNTable');
    if ((descriptor & AP_TABLE_NO_EL0) !== 0n) limits.push('APTable: no EL0');
    if ((descriptor & AP_TABLE_READ_ONLY) !== 0n) limits.push('APTable: read-only');
    return `table at ${hex(tableAddress(descriptor))}${limits.map((limit) => `, ${limit}`).join('')}`;
  }
  if (kind === 'leaf') {
    const what = level === 3 ? 'page' : 'block';
    const pa = hex(leafAddress(descriptor, level));
    return `${SPAN_NAME[level]} ${what} at ${pa}: ${describeAttributes(descriptor)}`;
  }
  return (descriptor & VALID) === 0n ? 'invalid' : `reserved encoding at level ${level}, taken as invalid`;
}
