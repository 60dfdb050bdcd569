// SPDX-License-Identifier: GPL-2.0-only
/**
 * The scheduler: one queue of processes that can run, taken in turn, with its links in their
 * records. A switch is nothing but the frame that a gate returns and the tree that TTBR0 points to.
 *
 * ```
 *  control  +0x18 u64 head ─► ready ─► ready ─► 0        +0x20 u64 tail        +0x28 u64 running; 0: the idle loop
 * ```
 * No ASIDs: a switch to another tree drops the whole TLB (`Mmu.setTtbr0`), which on one core and
 * with a handful of processes costs less than the bookkeeping of numbers that run out. While the
 * idle loop runs, walks through TTBR0 are off.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { Mmu } from '#kernel-ts/hal/mmu/mmu.ts';
import type { MemoryPort, TracePort } from '#kernel-ts/hal/ports.ts';
import { TRAP_FRAME_BYTES, TrapFrame } from '#kernel-ts/kernel/trap-frame.ts';
import { Process, ProcessState } from './process.ts';
import { RecordView } from './record.ts';

const HEAD = 0x18;
const TAIL = 0x20;
const CURRENT = 0x28;

/** The parts of the kernel that the scheduler uses. */
export interface SchedulerContext {
  readonly memory: MemoryPort;
  readonly mmu: Mmu;
  readonly trace: TracePort;
  /** The frame to restore when no process can run. */
  readonly idleFrame: TrapFrame;
}

/** Decides which process runs now and which comes next. */
export class Scheduler extends RecordView {
  private readonly parts: SchedulerContext;
  private readonly traced: boolean;

  /** @param control the same bytes as the process table's, zeroed */
  constructor(parts: SchedulerContext, control: VirtAddr) {
    super(parts.memory, control);
    this.parts = parts;
    this.traced = parts.trace.enabled('process');
  }

  /** The process whose address space is live, or null while the idle loop runs. */
  get current(): Process | null {
    return this.handle(this.getLink(CURRENT));
  }

  /** True while a process runs or could. */
  get runnable(): boolean {
    return this.getLink(CURRENT) !== null || this.getLink(HEAD) !== null;
  }

  /** Puts `process` at the end of the queue. It is in no queue. */
  makeReady(process: Process): void {
    process.state = ProcessState.READY;
    process.nextReady = null;
    const tail = this.handle(this.getLink(TAIL));
    if (tail === null) this.setLink(HEAD, process.va);
    else tail.nextReady = process.va;
    this.setLink(TAIL, process.va);
  }

  /** The running process goes to the end of the queue. Alone, it goes on. */
  yield(): TrapFrame {
    const { current } = this;
    if (current !== null && this.getLink(HEAD) !== null) {
      this.makeReady(current);
      return this.next();
    }
    return this.resume();
  }

  /** Goes on with the running process, or the next when the idle loop runs. */
  resume(): TrapFrame {
    const { current } = this;
    return current === null ? this.next() : frameOf(current);
  }

  /** Runs the next in the queue, or the idle loop. The last one waits, ended or is queued. */
  next(): TrapFrame {
    const head = this.handle(this.getLink(HEAD));
    const before = this.getLink(CURRENT);
    if (head === null) {
      this.setLink(CURRENT, null);
      if (before !== null) this.deactivate();
      return this.parts.idleFrame;
    }
    this.setLink(HEAD, head.nextReady);
    if (head.nextReady === null) this.setLink(TAIL, null);
    head.nextReady = null;
    head.state = ProcessState.RUNNING;
    if (before === head.va) return frameOf(head);
    this.setLink(CURRENT, head.va);
    this.activate(head);
    if (this.traced) {
      this.parts.trace.emit('process', () => ({
        op: 'switch',
        pid: head.pid,
        name: head.name,
        from: before === null ? 0 : new Process(this.memory, before).pid,
      }));
    }
    return frameOf(head);
  }

  /** Takes those of `processes` that run or could out of the queue: they are about to end. */
  takeAll(processes: Iterable<Process>): Process[] {
    const { current } = this;
    const taken = [...processes].filter(({ va, state }) => va === current?.va || state === ProcessState.READY);
    for (const link of [HEAD, TAIL]) this.setLink(link, null);
    return taken;
  }

  /** The running process is about to end. Until `next` none runs, and no user table is live. */
  leave(): void {
    this.setLink(CURRENT, null);
    this.deactivate();
  }

  /** Makes no user address space the live one: the running process is about to get another. */
  deactivate(): void {
    this.parts.mmu.setTtbr0(null);
  }

  /** Makes the address space of `process` the live one. */
  activate(process: Process): void {
    const { mmu } = this.parts;
    mmu.setTtbr0(mmu.space(process.root, 'low'));
  }

  private handle(va: VirtAddr | null): Process | null {
    return va === null ? null : new Process(this.memory, va);
  }
}

/** The frame of the last exception from EL0, at the top of the kernel stack. */
export function frameOf(process: Process): TrapFrame {
  return new TrapFrame(process.memory, virtAddr(process.kernelStackTop - BigInt(TRAP_FRAME_BYTES)));
}
