// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scheduler: a run queue with round-robin order, whose links are in the process records. A context
 * switch consists of the frame that a gate returns and the tree that TTBR0 points to.
 *
 * ```
 *  control  +0x18 u64 head ─► ready ─► ready ─► 0        +0x20 u64 tail        +0x28 u64 running; 0: the idle loop
 * ``` ASIDs are not used: a switch to another tree invalidates the whole TLB (`Mmu.setTtbr0`),
 * which on one core and with few processes costs less than the management of ASIDs. While the idle
 * loop runs, walks through TTBR0 are disabled.
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
  /** Trap frame to restore when no process can run. */
  readonly idleFrame: TrapFrame;
}

/** Decides which process runs now and which comes next. */
export class Scheduler extends RecordView {
  private readonly parts: SchedulerContext;
  private readonly traced: boolean;

  /** @param control the same zeroed bytes as the process table's */
  constructor(parts: SchedulerContext, control: VirtAddr) {
    super(parts.memory, control);
    this.parts = parts;
    this.traced = parts.trace.enabled('process');
  }

  /** Process whose address space is live; null while the idle loop runs. */
  get current(): Process | null {
    return this.handle(this.getLink(CURRENT));
  }

  /** True while a process runs or can run. */
  get runnable(): boolean {
    return this.getLink(CURRENT) !== null || this.getLink(HEAD) !== null;
  }

  /** Adds `process`, which is in no queue, to the end of the run queue. */
  makeReady(process: Process): void {
    process.state = ProcessState.READY;
    process.nextReady = null;
    const tail = this.handle(this.getLink(TAIL));
    if (tail === null) this.setLink(HEAD, process.va);
    else tail.nextReady = process.va;
    this.setLink(TAIL, process.va);
  }

  /** Moves the running process to the end of the queue. If it is alone, it continues. */
  yield(): TrapFrame {
    const { current } = this;
    if (current !== null && this.getLink(HEAD) !== null) {
      this.makeReady(current);
      return this.next();
    }
    return this.resume();
  }

  /** Continues the running process, or runs the next one after the idle loop. */
  resume(): TrapFrame {
    const { current } = this;
    return current === null ? this.next() : frameOf(current);
  }

  /**
   * Runs the next process in the queue, or the idle loop. The last one must wait, have ended, or be
   * queued.
   */
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

  /**
   * Removes those of `processes` that run or can run from the queue, because they are about to end.
   */
  takeAll(processes: Iterable<Process>): Process[] {
    const { current } = this;
    const taken = [...processes].filter(({ va, state }) => va === current?.va || state === ProcessState.READY);
    for (const link of [HEAD, TAIL]) this.setLink(link, null);
    return taken;
  }

  /** Called before the running process ends. Until `next`, none runs and no user table is live. */
  leave(): void {
    this.setLink(CURRENT, null);
    this.deactivate();
  }

  /** Makes no user address space live, before the running process gets another one. */
  deactivate(): void {
    this.parts.mmu.setTtbr0(null);
  }

  /** Makes the address space of `process` live. */
  activate(process: Process): void {
    const { mmu } = this.parts;
    mmu.setTtbr0(mmu.space(process.root, 'low'));
  }

  private handle(va: VirtAddr | null): Process | null {
    return va === null ? null : new Process(this.memory, va);
  }
}

/** Frame of the last exception from EL0, at the top of the kernel stack. */
export function frameOf(process: Process): TrapFrame {
  return new TrapFrame(process.memory, virtAddr(process.kernelStackTop - BigInt(TRAP_FRAME_BYTES)));
}
