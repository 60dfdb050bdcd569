// SPDX-License-Identifier: GPL-2.0-only
/**
 * The events that the kernel tells of: the fields of each kind, and the table of kinds.
 *
 * Fields are JSON values: addresses and 64-bit registers are "0x…" strings, counts and sizes are
 * numbers. What a field means stands here and in docs/event-log.md; tests/event-log.test.ts holds
 * the two together.
 */

import { hex } from '#common/address.ts';

/**
 * Kinds of owners of memory. Reservations of the boot come first, then users of the buddy
 * allocator. `boot` frees the memory that was never in use.
 */
export type EventOwnerKind =
  | 'kernel-image'
  | 'device-tree'
  | 'initramfs'
  | 'reservation-block'
  | 'reserved-memory'
  | 'dynamic-reserved-memory'
  | 'memblock'
  | 'mem_map'
  | 'zones'
  | 'other'
  | 'boot'
  | 'kernel'
  | 'page-tables'
  | 'heap'
  | 'slab'
  | 'kernel-stack'
  | 'dma'
  | 'user';

/** An owner: what it is, and what people call it ("heap", "slab:process", "user 2"). */
export interface EventOwner {
  readonly kind: EventOwnerKind;
  readonly name: string;
}

/** An owner as the fields of an event. */
export interface OwnedFields {
  /** who it is, by name */
  readonly owner: string;
  /** what the owner is, see [owners](#owners) */
  readonly ownerKind: EventOwnerKind;
}

/** The fields that name `owner`. */
export function ownedBy({ kind, name }: EventOwner): OwnedFields {
  return { owner: name, ownerKind: kind };
}

/** The owner that the fields of an event name. */
export function ownerOf({ owner, ownerKind }: OwnedFields): EventOwner {
  return { kind: ownerKind, name: owner };
}

/** The kernel enters a boot stage. */
export interface StageFields {
  /** 1 to 5 */
  readonly number: number;
  /** as the boot log prints it */
  readonly name: string;
}

/** The kernel gives up. */
export interface PanicFields {
  /** the text after `PANIC: ` on the serial line */
  readonly reason: string;
  /** the line after it, with the numbers */
  readonly detail: string;
}

/** The kernel found a bank of RAM. */
export interface BankFields {
  /** see above */
  readonly what: 'bank';
  /** physical address */
  readonly base: string;
  /** size */
  readonly bytes: number;
}

/** A range of memory is reserved. */
export interface ReservedFields extends OwnedFields {
  readonly what: 'reserved';
  readonly base: string;
  readonly bytes: number;
  /** true when the kernel must not map it */
  readonly noMap: boolean;
}

/** mem_map has its place. */
export interface MemMapFields {
  readonly what: 'mem_map';
  readonly base: string;
  readonly bytes: number;
  /** entries of mem_map, one a frame of RAM */
  readonly entries: number;
  /** list of texts */
  readonly holes: readonly string[];
}

/** The kernel's page tables are complete. */
export interface PageTablesFields {
  readonly what: 'page-tables';
  /** tables */
  readonly poolUsed: number;
  /** tables */
  readonly poolPeak: number;
  /** tables */
  readonly poolSize: number;
  /** tables */
  readonly fromAllocator: number;
}

/** The allocators work. */
export interface ReadyFields {
  readonly what: 'ready';
  /** frames that the buddy manages */
  readonly totalFrames: number;
  /** of these, free */
  readonly freeFrames: number;
  /** virtual address */
  readonly heapBase: string;
  /** size */
  readonly heapBytes: number;
}

/** The steady state is reached. */
export interface SteadyFields {
  readonly what: 'steady';
  readonly totalFrames: number;
  readonly freeFrames: number;
}

/** The kernel lays out memory. */
export type MemoryFields = BankFields | ReservedFields | MemMapFields | PageTablesFields | ReadyFields | SteadyFields;

/** A rule refuses an allocation. */
export interface FailAllocFields extends OwnedFields {
  /** see above */
  readonly what: 'fail-alloc';
  /** 2^order frames were asked for */
  readonly order: number;
  /** as on the command line */
  readonly rule: string;
  /** from 1 */
  readonly count: number;
}

/** An allocation is refused because enough is in use. */
export interface OomAtFields extends OwnedFields {
  readonly what: 'oom-at';
  readonly order: number;
  /** frames in use */
  readonly inUse: number;
  /** frames that the buddy manages */
  readonly totalFrames: number;
}

/** A mapping is made, changed or removed, or translation is switched. */
export interface MmuFields {
  /** "map", "unmap", "split", "switch" */
  readonly op: 'map' | 'unmap' | 'split' | 'switch';
  /** virtual address */
  readonly va: string;
  /** physical address; the table's root for "switch"; null when there is none */
  readonly pa: string | null;
  /** size */
  readonly bytes: number;
  /** of the mapping, or null */
  readonly attributes: string | null;
}

/** A block of the buddy allocator. */
interface BlockFields {
  /** physical address of the block */
  readonly base: string;
  /** the block has 2^order frames */
  readonly order: number;
}

/** A block goes to an owner, or comes back from it. */
export interface OwnedBlockFields extends BlockFields, OwnedFields {
  /** "alloc", "free", "split", "merge" */
  readonly op: 'alloc' | 'free';
}

/** Two halves become a block, or a block two halves. */
export interface FreeBlockFields extends BlockFields {
  readonly op: 'split' | 'merge';
}

/** Operations of the buddy allocator. */
export type BuddyFields = OwnedBlockFields | FreeBlockFields;

/** Operations of the kernel's heap. */
export interface HeapFields {
  /** "alloc", "free", "grow" */
  readonly op: 'alloc' | 'free' | 'grow';
  /** virtual */
  readonly address: string;
  /** size */
  readonly bytes: number;
}

/** The process that the event is about. */
export interface OfProcess {
  /** its number */
  readonly pid: number;
  /** last part of its path */
  readonly name: string;
}

/** A process begins. */
export interface SpawnFields extends OfProcess {
  /** "spawn", "exec", "switch", "exit", "fault" */
  readonly op: 'spawn';
  /** "spawn": number of the parent, 0 for the kernel */
  readonly parent: number;
}

/** A process runs another program. */
export interface ExecFields extends OfProcess {
  readonly op: 'exec';
}

/** A process runs. */
export interface SwitchFields extends OfProcess {
  readonly op: 'switch';
  /** "switch": who ran before */
  readonly from: number;
}

/** A process has ended. */
export interface ExitFields extends OfProcess {
  readonly op: 'exit';
  /** "exit": exit status */
  readonly status: number | string;
  /** "exit": how it ended */
  readonly cause: string;
}

/** A process did what ends it. */
export interface UserFaultFields extends OfProcess {
  readonly op: 'fault';
  /** "fault": ESR_EL1, a number */
  readonly esr: number;
  /** "fault": FAR_EL1 */
  readonly far: string;
  /** "fault": ELR_EL1 */
  readonly elr: string;
  /** "fault": a sentence */
  readonly why: string;
}

/** Events of processes. */
export type ProcessFields = SpawnFields | ExecFields | SwitchFields | ExitFields | UserFaultFields;

/** A system call has returned. */
export interface SyscallFields {
  /** the caller */
  readonly pid: number;
  /** of the call */
  readonly number: number | string;
  /** of the call, or "unknown" */
  readonly name: string;
  /** list */
  readonly arguments: readonly string[];
  /** x0, or null when it does not return now */
  readonly result: number | string | null;
}

/** Fields by kind. */
export interface KernelEvents {
  stage: StageFields;
  panic: PanicFields;
  memory: MemoryFields;
  fault: FailAllocFields | OomAtFields;
  mmu: MmuFields;
  buddy: BuddyFields;
  heap: HeapFields;
  process: ProcessFields;
  syscall: SyscallFields;
}

/** The kernel's kinds. Those that are not kept always are loud: `--trace` names them. */
export const KERNEL_EVENT_KINDS = {
  stage: { always: true, meaning: 'the kernel entered a boot stage' },
  panic: { always: true, meaning: 'the kernel gave up: reason and detail' },
  memory: { always: true, meaning: 'the kernel laid out memory: banks, reserved ranges, mem_map, pools' },
  fault: { always: true, meaning: 'something went wrong on purpose: a refused allocation, a flipped bit' },
  mmu: { always: false, meaning: 'a mapping was made, changed or removed, or translation was switched' },
  buddy: { always: false, meaning: 'the buddy allocator split, merged, gave out or took back a block' },
  heap: { always: false, meaning: 'the heap gave out or took back a block, or grew' },
  process: { always: false, meaning: 'a process was made, switched to or ended' },
  syscall: { always: false, meaning: 'a system call and its result' },
} as const satisfies Readonly<Record<keyof KernelEvents, { readonly always: boolean; readonly meaning: string }>>;

/**
 * A register's value for an event: counts, pids, codes and statuses as numbers, anything larger as
 * the address that it probably is, in hexadecimal.
 */
export function eventNumber(value: bigint): number | string {
  return value >= -(2n ** 31n) && value < 2n ** 31n ? Number(value) : hex(BigInt.asUintN(64, value));
}
