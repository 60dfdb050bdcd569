// SPDX-License-Identifier: GPL-2.0-only
/**
 * Process table: a list of all processes, oldest first. Records and list are in kernel memory.
 *
 * ```
 *  control   +0x00 u64 first   +0x08 u64 last   +0x10 u32 pid given last   +0x14 u32 processes
 *            (+0x18 to +0x30: the run queue, scheduler.ts)
 *
 *  first ─► process ◄─► process ◄─► process ◄─ last
 * ```
 */

import type { VirtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { Process, ProcessState } from './process.ts';
import { type RecordCache, RecordView } from './record.ts';

/** Size of the bytes that process table and scheduler share. */
export const PROCESS_CONTROL_BYTES = 0x30;

const FIRST = 0x00;
const LAST = 0x08;
const LAST_PID = 0x10;
const COUNT = 0x14;

/** Largest pid; after it, small pids that are free again are used. */
export const MAX_PID = 2 ** 31 - 1;

/** The processes of the kernel. */
export class ProcessTable extends RecordView {
  private readonly records: RecordCache;

  /**
   * @param control {@link PROCESS_CONTROL_BYTES} zeroed bytes,
   * @param records cache of process records
   */
  constructor(memory: MemoryPort, control: VirtAddr, records: RecordCache) {
    super(memory, control);
    this.records = records;
  }

  /** Number of processes, including zombies. */
  get count(): number {
    return this.get32(COUNT);
  }

  /** Creates a process with only a pid and a parent; null without memory for its record. */
  create(parent: Process | null): Process | null {
    const va = this.records.alloc();
    if (va === null) return null;
    const process = new Process(this.memory, va);
    process.clear();
    process.pid = this.freePid();
    process.parent = parent?.va ?? null;
    const last = this.getLink(LAST);
    process.previous = last;
    if (last === null) this.setLink(FIRST, va);
    else this.handle(last).next = va;
    this.setLink(LAST, va);
    this.set32(COUNT, this.count + 1);
    return process;
  }

  /** Removes `process` from the list and frees its record. Its resources must be freed before. */
  remove(process: Process): void {
    const { next, previous } = process;
    if (previous === null) this.setLink(FIRST, next);
    else this.handle(previous).next = next;
    if (next === null) this.setLink(LAST, previous);
    else this.handle(next).previous = previous;
    this.set32(COUNT, this.count - 1);
    this.records.free(process.va);
  }

  /** Frees the memory that the cache of records keeps. */
  shrink(): void {
    this.records.shrink();
  }

  /** All processes, in the order of their creation. The yielded one may be removed. */
  *all(): Generator<Process> {
    for (let at = this.getLink(FIRST); at !== null; ) {
      const process = this.handle(at);
      at = process.next;
      yield process;
    }
  }

  /** Process with this pid, or null. O(processes). */
  find(pid: number): Process | null {
    for (const process of this.all()) if (process.pid === pid) return process;
    return null;
  }

  /** Children of `parent`; null: of the kernel. O(processes). */
  *childrenOf(parent: Process | null): Generator<Process> {
    const va = parent?.va ?? null;
    for (const process of this.all()) if (process.parent === va) yield process;
  }

  /** Parent of a process, or null for the kernel. */
  parentOf(process: Process): Process | null {
    return process.parent === null ? null : this.handle(process.parent);
  }

  /** True while any process has not ended. */
  hasLive(): boolean {
    for (const { state } of this.all()) if (state !== ProcessState.ZOMBIE) return true;
    return false;
  }

  private handle(va: VirtAddr): Process {
    return new Process(this.memory, va);
  }

  private freePid(): number {
    let pid = this.get32(LAST_PID);
    do pid = pid >= MAX_PID ? 1 : pid + 1;
    while (this.count > 0 && this.find(pid) !== null);
    this.set32(LAST_PID, pid);
    return pid;
  }
}
