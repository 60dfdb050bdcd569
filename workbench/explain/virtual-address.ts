// SPDX-License-Identifier: GPL-2.0-only
/**
 * `explain va`: what the MMU does with a virtual address at this moment, table by table; what each
 * kind of access gives; and which other addresses lead to the same frame.
 *
 * It works for any guest: everything comes from the live registers and tables. Entries of older
 * tables in a TLB are not considered.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation process), D24.2.40 (ESR_EL1, fault status
 * codes).
 */

import { includes, rangeOf } from '#common/range.ts';
import { dataAbortSyndrome, instructionAbortSyndrome } from '#emulator/cpu/syndrome.ts';
import {
  type AccessType,
  halfControl,
  type Permissions,
  translate,
  type TranslationFault,
  walk,
} from '#emulator/cpu/translate.ts';
import type { MappedRun } from '#emulator/cpu/translation-tree.ts';
import { DebugMemory } from '#emulator/debug/debug-memory.ts';
import { type InstructionAt, instructionAt } from '#workbench/machine/instruction-at.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { type DescriptorField, descriptorFields, type DescriptorKind, descriptorKind } from './descriptor-bits.ts';
import { type MachineView, viewOf } from './machine-view.ts';

/** One table looked into. */
export interface WalkLevel {
  readonly level: number;
  /** The table, and the entry that the address selects. */
  readonly table: number;
  readonly index: number;
  readonly descriptor: bigint;
  readonly kind: DescriptorKind;
  readonly fields: readonly DescriptorField[];
}

/** A fault as the CPU would report it. */
export interface ExplainedFault {
  readonly kind: TranslationFault['kind'];
  readonly level: number;
  /** Fault status code: ESR_ELx.DFSC or IFSC. */
  readonly fsc: number;
  /** Why, one clause. */
  readonly reason: string;
}

/** Result of one kind of access. `fault` is null when it succeeds. */
export interface AccessOutcome {
  readonly level: 0 | 1;
  readonly access: AccessType;
  readonly fault: ExplainedFault | null;
  /** ESR_EL1 of the exception; null without one. */
  readonly esr: number | null;
}

/** Another virtual address of the same byte. */
export interface Alias {
  readonly va: bigint;
  readonly register: string;
  readonly permissions: Permissions;
}

/** A virtual address explained. */
export interface AddressExplanation {
  readonly va: bigint;
  /** The table base, chosen by bit 55. */
  readonly register: 'TTBR0_EL1' | 'TTBR1_EL1';
  /** SCTLR_EL1.M. */
  readonly mmuOn: boolean;
  readonly walk: readonly WalkLevel[];
  /** Physical address of a read at EL1; null when the walk faults. */
  readonly pa: number | null;
  /** Bytes of the page or block; 0 when the walk faults. */
  readonly bytes: number;
  readonly fault: ExplainedFault | null;
  readonly accesses: readonly AccessOutcome[];
  /** The target at `pa`: RAM, a device's name, or null. */
  readonly target: string | null;
  /** The instruction there, where one may be fetched from RAM. */
  readonly instruction: InstructionAt | null;
  readonly aliases: readonly Alias[];
}

const ACCESSES = ([1, 0] as const).flatMap((level) =>
  (['read', 'write', 'fetch'] as const).map((access) => ({ level, access })),
);
const DESCRIPTOR_BYTES = 8;

/** Walks `va` (64 bits) with the boot core's live registers. O(page tables), for the aliases. */
export function explainAddress(
  machine: LevitateMachine,
  va: bigint,
  view: MachineView = viewOf(machine),
): AddressExplanation {
  const { registers, readWord, physicalBits, mair } = view;
  const found = walk(va, registers, readWord, physicalBits);
  const upper = ((va >> 55n) & 1n) === 1n;
  const { granuleShift, strideBits, startLevel, inputBits } = halfControl(registers.tcr, upper);
  // The first table has as many entries as are left for it.
  const rootBytes = 2 ** (inputBits - granuleShift - (3 - startLevel) * strideBits) * DESCRIPTOR_BYTES;
  const mmuOn = (registers.sctlr & 1n) !== 0n;
  const levels = found.steps.map(({ level, address, descriptor }): WalkLevel => {
    const kind = descriptorKind(descriptor, level, granuleShift);
    const table = address - (address % (level === startLevel ? rootBytes : 2 ** granuleShift));
    return {
      level,
      table,
      index: (address - table) / DESCRIPTOR_BYTES,
      descriptor,
      kind,
      fields: descriptorFields(descriptor, kind, mair),
    };
  });
  const explained = (fault: TranslationFault, level: 0 | 1 = 1, access: AccessType = 'read'): ExplainedFault => ({
    kind: fault.kind,
    level: fault.level,
    fsc: fault.status,
    reason:
      fault.kind === 'permission'
        ? whyForbidden(levels.at(-1)?.fields ?? [], level, access)
        : whyFault(fault, va, view, levels.at(-1) ?? null),
  });
  const pa = found.ok ? found.pa : null;
  const target = pa === null ? null : answers(machine, pa);
  const accesses = ACCESSES.map(({ level, access }): AccessOutcome => {
    const outcome = translate(va, access, level, registers, readWord, physicalBits);
    if (outcome.ok) return { level, access, fault: null, esr: null };
    return {
      level,
      access,
      fault: explained(outcome.fault, level, access),
      esr: syndromeOf(outcome.fault, level, access),
    };
  });
  const isCode = target === 'RAM' && accesses.some(({ access, fault }) => access === 'fetch' && fault === null);
  return {
    va,
    register: upper ? 'TTBR1_EL1' : 'TTBR0_EL1',
    mmuOn,
    walk: levels,
    pa,
    bytes: found.ok ? found.mapping.size : 0,
    fault: found.ok ? null : explained(found.fault),
    accesses,
    target,
    instruction: isCode && va % 4n === 0n ? instructionAt(new DebugMemory(machine.machine), machine.cpu, va) : null,
    aliases: pa === null ? [] : aliasesOf(view, pa).filter((alias) => alias.va !== va),
  };
}

/**
 * Every virtual address that the live tables map to the byte at `pa`, ascending within TTBR0, then
 * TTBR1. O(page tables).
 */
export function aliasesOf(view: MachineView, pa: number): Alias[] {
  return view
    .trees()
    .flatMap(({ register, runs }) =>
      runs
        .filter(({ paStart, bytes }) => pa >= paStart && pa < paStart + bytes)
        .map((run) => ({ va: addressIn(run, pa), register, permissions: run.permissions })),
    );
}

const addressIn = (run: MappedRun, pa: number): bigint => run.vaStart + BigInt(pa - run.paStart);

/** The target of an access to `pa`: "RAM", a device's name, or null. */
export function answers(machine: LevitateMachine, pa: number): string | null {
  if (machine.memory.contains(pa)) return 'RAM';
  const device = machine.board.devices.find((place) => place.model !== 'absent' && includes(rangeOf(place), pa));
  return device?.name ?? null;
}

function syndromeOf({ status }: TranslationFault, level: 0 | 1, access: AccessType): number {
  const lower = level === 0;
  return access === 'fetch'
    ? instructionAbortSyndrome({ status, lower })
    : dataAbortSyndrome({ status, write: access === 'write', lower });
}

function whyFault(fault: TranslationFault, va: bigint, view: MachineView, last: WalkLevel | null): string {
  switch (fault.kind) {
    case 'translation':
      return last === null ? whyNoWalk(va, view) : whyInvalid(last);
    case 'access flag':
      return 'AF (bit 10) of the leaf is clear, and the CPU does not set it by itself';
    case 'permission':
      return 'the access is not allowed';
    case 'address size':
      return last === null
        ? `an address of more than ${view.physicalBits} bits, which this core does not have`
        : `the descriptor holds an address above what TCR_EL1.IPS and the core's ${view.physicalBits} bits allow`;
    case 'external abort on walk':
      return 'the table lies where no memory answers';
  }
}

/** Level 0 without a table looked into: the address itself was refused. */
function whyNoWalk(va: bigint, { registers }: MachineView): string {
  const upper = ((va >> 55n) & 1n) === 1n;
  const { disabled, inputBits } = halfControl(registers.tcr, upper);
  const half = upper ? 1 : 0;
  if (disabled) return `TCR_EL1.EPD${half} is set: walks through TTBR${half}_EL1 are off`;
  return `not canonical: bits 63 to ${inputBits} must all equal bit 55 (TCR_EL1.T${half}SZ = ${64 - inputBits})`;
}

function whyInvalid({ kind, level, index }: WalkLevel): string {
  return kind === 'reserved'
    ? `entry ${index} has bits 1:0 = 0b01, which is no block at level ${level}`
    : `entry ${index} of the level ${level} table has bit 0 clear: nothing is mapped there`;
}

/**
 * The field that forbids the access: of the leaf, or else of a table above it or of SCTLR_EL1. Arm
 * ARM D8.4.
 */
function whyForbidden(leaf: readonly DescriptorField[], level: 0 | 1, access: AccessType): string {
  const field = (name: string): DescriptorField | undefined => leaf.find((candidate) => candidate.name === name);
  const because = (name: string): string => `${name} = ${field(name)?.value ?? 0}: ${field(name)?.meaning ?? ''}`;
  const ap = field('AP[2:1]')?.value ?? 0;
  const mayEl0 = (ap & 1) !== 0;
  const readOnly = (ap & 2) !== 0;
  if (access === 'fetch') {
    const never = level === 1 ? 'PXN' : 'UXN';
    if (field(never)?.value === 1) return because(never);
    if (level === 1 && mayEl0 && !readOnly) {
      return `${because('AP[2:1]')}; what EL0 may write is never executable at EL1`;
    }
    return `${never}Table of a table above, or SCTLR_EL1.WXN, takes the permission away`;
  }
  if ((level === 0 && !mayEl0) || (access === 'write' && readOnly)) return because('AP[2:1]');
  return 'APTable of a table above takes the permission away';
}
