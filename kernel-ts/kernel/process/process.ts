// SPDX-License-Identifier: GPL-2.0-only
/**
 * Process: its record in kernel memory, from a slab cache, and a handle on it.
 *
 * ```
 *  +0x00 u32 pid            +0x04 u32 state
 *  +0x08 u64 next in the run queue
 *  +0x10 u64 next, +0x18 u64 previous of all processes, in the order of their making
 *  +0x20 u64 parent's record; 0: the kernel
 *  +0x28 u64 root table of its address space, physical; 0 once it is gone
 *  +0x30 u64 kernel stack, one frame, physical; 0 once it is gone
 *  +0x38 u64 first area
 *  +0x40 u64 break: end of the heap, byte exact
 *  +0x48 i64 exit status
 *  +0x50 u32 pid that it waits for    +0x54 u32 frames of user memory it holds
 *  +0x58 u64 unused
 *  +0x60 32 bytes: name, UTF-8, then zeros
 * ``` The kernel stack's frame, top to bottom: the trap frame of the last exception from EL0, then
 * unused space, because the kernel never runs on it. While the process runs at EL0, SP_EL1 is the
 * top.
 */

import { PAGE_SIZE, type PhysAddr, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import { decodeUtf8, encodeUtf8 } from '#common/utf8.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { RecordView } from './record.ts';

/** Size of a record in bytes. */
export const PROCESS_RECORD_BYTES = 128;

const PID = 0x00;
const STATE = 0x04;
const NEXT_READY = 0x08;
const NEXT = 0x10;
const PREVIOUS = 0x18;
const PARENT = 0x20;
const ROOT = 0x28;
const KERNEL_STACK = 0x30;
const AREAS = 0x38;
const BREAK = 0x40;
const EXIT_STATUS = 0x48;
const WAITS_FOR = 0x50;
const FRAMES = 0x54;
const NAME = 0x60;
/** Most bytes of a name; a longer one is truncated. */
const NAME_BYTES = 32;

/** States of a process, as stored. */
export const ProcessState = {
  /** In the run queue. */
  READY: 1,
  /** Running: its address space is live. */
  RUNNING: 2,
  /** Blocked in read, for console input. */
  READING: 3,
  /** Blocked in wait, for a child to end. */
  WAITING: 4,
  /** Ended; the record stays until the parent has read the status. */
  ZOMBIE: 5,
} as const;
export type ProcessState = (typeof ProcessState)[keyof typeof ProcessState];

const STATE_NAMES: Readonly<Record<ProcessState, string>> = {
  [ProcessState.READY]: 'ready',
  [ProcessState.RUNNING]: 'running',
  [ProcessState.READING]: 'reading',
  [ProcessState.WAITING]: 'waiting',
  [ProcessState.ZOMBIE]: 'ended',
};

/** Name of a state, as `ps` shows it. */
export function stateName(state: ProcessState): string {
  return STATE_NAMES[state];
}

/** Handle on a process's record. */
export class Process extends RecordView {
  /** Clears every field of a new record. */
  clear(): void {
    this.memory.fill(this.va, PROCESS_RECORD_BYTES, 0);
  }

  get pid(): number {
    return this.get32(PID);
  }
  set pid(pid: number) {
    this.set32(PID, pid);
  }

  get state(): ProcessState {
    return this.get32(STATE) as ProcessState;
  }
  set state(state: ProcessState) {
    this.set32(STATE, state);
  }

  get nextReady(): VirtAddr | null {
    return this.getLink(NEXT_READY);
  }
  set nextReady(record: VirtAddr | null) {
    this.setLink(NEXT_READY, record);
  }

  get next(): VirtAddr | null {
    return this.getLink(NEXT);
  }
  set next(record: VirtAddr | null) {
    this.setLink(NEXT, record);
  }

  get previous(): VirtAddr | null {
    return this.getLink(PREVIOUS);
  }
  set previous(record: VirtAddr | null) {
    this.setLink(PREVIOUS, record);
  }

  /** Record of the parent; null for a child of the kernel, or when the parent is gone. */
  get parent(): VirtAddr | null {
    return this.getLink(PARENT);
  }
  set parent(record: VirtAddr | null) {
    this.setLink(PARENT, record);
  }

  /** Root table of its address space; 0 when it has none. */
  get root(): PhysAddr {
    return physAddr(Number(this.get64(ROOT)));
  }
  set root(root: PhysAddr) {
    this.set64(ROOT, BigInt(root));
  }

  /** Frame of its kernel stack; 0 when it has none. */
  get kernelStack(): PhysAddr {
    return physAddr(Number(this.get64(KERNEL_STACK)));
  }
  set kernelStack(frame: PhysAddr) {
    this.set64(KERNEL_STACK, BigInt(frame));
  }

  /** Top of its kernel stack: SP_EL1 while it runs at EL0. */
  get kernelStackTop(): VirtAddr {
    return virtAddr(physToVirt(this.kernelStack) + BigInt(PAGE_SIZE));
  }

  /** First area of its address space. */
  get areas(): VirtAddr | null {
    return this.getLink(AREAS);
  }
  set areas(area: VirtAddr | null) {
    this.setLink(AREAS, area);
  }

  /** End of the heap, as sbrk returns it. */
  get break(): VirtAddr {
    return virtAddr(this.get64(BREAK));
  }
  set break(va: VirtAddr) {
    this.set64(BREAK, va);
  }

  /** Exit status, signed. */
  get exitStatus(): bigint {
    return BigInt.asIntN(64, this.get64(EXIT_STATUS));
  }
  set exitStatus(status: bigint) {
    this.set64(EXIT_STATUS, BigInt.asUintN(64, status));
  }

  /** Child that it waits for, while it is WAITING. */
  get waitsFor(): number {
    return this.get32(WAITS_FOR);
  }
  set waitsFor(pid: number) {
    this.set32(WAITS_FOR, pid);
  }

  /** Number of frames of user memory that it holds: segments, heap and stack, no tables. */
  get frames(): number {
    return this.get32(FRAMES);
  }
  set frames(frames: number) {
    this.set32(FRAMES, frames);
  }

  get name(): string {
    const bytes = this.memory.readBytes(this.at(NAME), NAME_BYTES);
    const end = bytes.indexOf(0);
    return decodeUtf8(end < 0 ? bytes : bytes.subarray(0, end));
  }
  set name(name: string) {
    const field = new Uint8Array(NAME_BYTES);
    field.set(encodeUtf8(name).subarray(0, NAME_BYTES - 1));
    this.memory.writeBytes(this.at(NAME), field);
  }

  /** Label on the console: "pid 3 (hello)". */
  get label(): string {
    return `pid ${this.pid} (${this.name})`;
  }
}
