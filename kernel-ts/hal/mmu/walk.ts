// SPDX-License-Identifier: GPL-2.0-only
/**
 * Table walk in TypeScript on the tables that the CPU walks: it returns the output address or the
 * fault, and every step.
 *
 * It reads tables through the direct map and never changes them. It uses no TLB: the result is that
 * of a CPU with an empty TLB. PAN, stage 2 and memory tagging are not modelled.
 *
 * ```
 *  va --bit 55--> TTBR0 | TTBR1 --[47:39]--> L0 --[38:30]--> L1 --[29:21]--> L2 --[20:12]--> L3
 *         |            |                     |               |  block         |  block        |  page
 *    not canonical   EPDn                 invalid           ...              ...             ...
 *    level 0         level 0              level 0           level 1          level 2         level 3
 * ```
 * Order of checks at a leaf, as on the CPU: address size, access flag, permission.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (walks), D8.4 (permissions), D24.2 (ESR_EL1, fault
 * status codes).
 *
 * The engine (Unicorn 2.1.1, measured with AT) differs in two cases that this kernel's tables never
 * contain: it accepts a level 0 block, and reports no address size fault for an output address
 * beyond ID_AA64MMFR0_EL1.PARange.
 */

import { type PhysAddr, type VirtAddr, hex, physAddr } from '#common/address.ts';
import {
  ADDRESS_MASK,
  AF,
  attributesOf,
  describe,
  kindOf,
  LEVEL_SPAN,
  leafAddress,
  permissionsOf,
  restrictByTable,
  tableAddress,
} from './descriptor.ts';
import type { Level, MemoryAttributes, Permissions } from './descriptor.ts';
import type { TableMemory } from './table-memory.ts';
import { halfOf, isCanonical, offsetOf, tableIndex } from './virtual-range.ts';

/**
 * Kinds of fault, with their base codes in ESR_EL1.DFSC or IFSC; the level is added in bits [1:0].
 */
export const FaultStatus = {
  addressSize: 0b000000,
  translation: 0b000100,
  accessFlag: 0b001000,
  permission: 0b001100,
} as const;
export type FaultKind = keyof typeof FaultStatus;

/** Access to check. */
export interface Access {
  readonly kind: 'read' | 'write' | 'execute';
  readonly el: 0 | 1;
}

/** Translation regime in which a walk starts. */
export interface TranslationRegime {
  /** Root tables; null where walks are disabled (TCR_EL1.EPDn). */
  readonly low: PhysAddr | null;
  readonly high: PhysAddr | null;
  /** Width of an output address in bits, at most 48. */
  readonly outputAddressBits: number;
  /** SCTLR_EL1.WXN: writable memory is never executable. */
  readonly writeExecuteNever: boolean;
}

/** Step of a walk: one table entry. */
export class WalkStep {
  readonly level: Level;
  readonly table: PhysAddr;
  readonly index: number;
  readonly descriptor: bigint;

  constructor(level: Level, table: PhysAddr, index: number, descriptor: bigint) {
    this.level = level;
    this.table = table;
    this.index = index;
    this.descriptor = descriptor;
  }

  /** Description of the descriptor. */
  get meaning(): string {
    return describe(this.descriptor, this.level);
  }
}

/** Result when the address is mapped and the access allowed. */
export interface Mapped {
  readonly ok: true;
  readonly va: VirtAddr;
  /** Output address of `va` itself. */
  readonly pa: PhysAddr;
  /** Effective attributes of the leaf, with the restrictions of the tables above. */
  readonly attrs: MemoryAttributes;
  readonly level: 1 | 2 | 3;
  readonly trace: readonly WalkStep[];
}

/** Result when the access faults. */
export interface Fault {
  readonly ok: false;
  readonly va: VirtAddr;
  readonly fault: FaultKind;
  readonly level: Level;
  /** Fault status code, as in ESR_EL1[5:0]. */
  readonly fsc: number;
  /** Reason, one clause. */
  readonly reason: string;
  readonly trace: readonly WalkStep[];
}

export type Translation = Mapped | Fault;

/** Load at EL1. */
export const KERNEL_READ: Access = { kind: 'read', el: 1 };

/**
 * Translates `va` for `access`. O(1): at most four descriptor reads.
 * @throws DataAbort of the memory port when a table is outside the direct map (the CPU would take
 * an external abort on the walk)
 */
export function walk(
  tables: TableMemory,
  regime: TranslationRegime,
  va: VirtAddr,
  access: Access = KERNEL_READ,
): Translation {
  const trace: WalkStep[] = [];
  const fault = (kind: FaultKind, level: Level, reason: string): Fault => ({
    ok: false,
    va,
    fault: kind,
    level,
    fsc: FaultStatus[kind] + level,
    reason,
    trace,
  });

  const half = halfOf(va);
  if (!isCanonical(va)) return fault('translation', 0, 'not canonical: bits 63 to 48 differ from bit 55');
  const root = half === 'low' ? regime.low : regime.high;
  if (root === null) return fault('translation', 0, `walks of the ${half} half are off (EPD${half === 'low' ? 0 : 1})`);
  const outputLimit = 2 ** regime.outputAddressBits;
  if (root >= outputLimit) return fault('addressSize', 0, `root table at ${hex(root)} is beyond the output size`);

  const offset = offsetOf(va);
  const parents: bigint[] = [];
  let table = root;
  for (let level: Level = 0; ; level = (level + 1) as Level) {
    const index = tableIndex(offset, level);
    const descriptor = tables.readEntry(table, index);
    trace.push(new WalkStep(level, table, index, descriptor));
    const kind = kindOf(descriptor, level);
    if (kind === 'invalid') return fault('translation', level, describe(descriptor, level));
    if (Number(descriptor & ADDRESS_MASK) >= outputLimit) {
      return fault('addressSize', level, `address in the descriptor has more than ${regime.outputAddressBits} bits`);
    }
    if (kind === 'table') {
      parents.push(descriptor);
      table = tableAddress(descriptor);
      continue;
    }
    const attrs = parents.reduce(restrictByTable, attributesOf(descriptor));
    if ((attrs & AF) === 0n) return fault('accessFlag', level, 'access flag is clear');
    if (!allows(permissionsOf(attrs), access, regime.writeExecuteNever)) {
      return fault('permission', level, `no ${access.kind} at EL${access.el}`);
    }
    const pa = physAddr(leafAddress(descriptor, level) + (offset % LEVEL_SPAN[level]));
    return { ok: true, va, pa, attrs, level: level as 1 | 2 | 3, trace };
  }
}

function allows(permissions: Permissions, access: Access, writeExecuteNever: boolean): boolean {
  const allowed = access.el === 1 ? permissions.el1 : permissions.el0;
  if (access.kind === 'execute' && writeExecuteNever && allowed.write) return false;
  return allowed[access.kind];
}

/** Formats a translation as lines for a log: one for each table entry, then the result. */
export function formatTranslation(translation: Translation): string[] {
  const lines = translation.trace.map(
    (step) =>
      `L${step.level} ${hex(step.table)}[${step.index}] = ${hex(step.descriptor, 16)}: ${describe(step.descriptor, step.level)}`,
  );
  lines.push(
    translation.ok
      ? `${hex(translation.va, 16)} -> ${hex(translation.pa)}`
      : `${hex(translation.va, 16)} -> ${translation.fault} fault, level ${translation.level} (FSC ${hex(translation.fsc, 2)}): ${translation.reason}`,
  );
  return lines;
}
