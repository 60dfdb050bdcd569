// SPDX-License-Identifier: GPL-2.0-only
/**
 * Lifecycle of processes: spawn, exec, exit, wait. Everything that a process holds is allocated and
 * freed in this file.
 *
 * ```
 *   spawn ─► record ─► address space ─► kernel stack ─► first frame ─► run queue     fails: all taken so far goes back
 *   end   ─► address space, kernel stack back ─► children to the kernel ─► ZOMBIE ─► parent waits ─► record back
 * ```
 * A child of the kernel, and one whose parent has ended, leaves no zombie: no process waits for it.
 */

import { physAddr } from '#common/address.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';
import type { FrameAccount } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import { SPSR_USER } from '#kernel-ts/kernel/trap-frame.ts';
import { ElfImageError } from './elf-image.ts';
import { ErrorCode } from './error-codes.ts';
import { eventNumber, type OfProcess, type ProcessFields } from '#kernel-ts/hal/kernel-events.ts';
import { type Initramfs, type InitramfsEntry, InitramfsError, type InitramfsFile } from './initramfs.ts';
import { type Process, ProcessState } from './process.ts';
import type { ProcessTable } from './process-table.ts';
import { type LoaderContext, loadProgram } from './program-loader.ts';
import { frameOf, type Scheduler } from './scheduler.ts';
import { OutOfUserMemory, UserAddressSpace, type UserSpaceContext } from './user-address-space.ts';
import { STACK_TOP } from './user-layout.ts';

/** Source of kernel stacks: frames that may come out of the kernel's reserve. */
export type StackFrames = Pick<FrameAccount, 'allocFrames' | 'freeFrames'>;

/** Cause of a process's end. `killed`: by the kernel, for a fault or Ctrl-C. */
export type EndCause = 'exited' | 'killed';

/** The parts of the kernel that the lifecycle uses. */
export interface LifecycleContext {
  readonly loader: LoaderContext;
  readonly trace: TracePort;
  readonly spaces: UserSpaceContext;
  readonly stacks: StackFrames;
  /** Source of programs; null without an initramfs. */
  readonly files: Initramfs | null;
  readonly table: ProcessTable;
  readonly scheduler: Scheduler;
  /** Called when a process that the kernel itself started has ended. */
  readonly onKernelChildEnd: (process: Process, cause: EndCause) => void;
}

/**
 * Most processes, including zombies. Their records may come out of the kernel's reserve, and a
 * process that spawns and never waits would exhaust it; this many records take 128 KiB.
 */
export const MAX_PROCESSES = 1024;

/** Names for entries of the initramfs that cannot be run. */
const NO_FILE: Readonly<Record<InitramfsEntry['kind'], string>> = {
  directory: 'a directory',
  link: 'a symbolic link to nothing',
  // Only the last of several links to one file has the content.
  file: 'a link without content',
  other: 'a device, pipe or socket',
};

/** Failure to start a program: the code for the system call, and a sentence for the log. */
export interface StartFailure {
  readonly code: ErrorCode;
  readonly why: string;
  /** Content of the log: a sentence, that and the owners of memory, or nothing. */
  readonly report: 'why' | 'memory' | 'none';
  /** Number of frames requested, when memory was short; 1 when absent. */
  readonly frames?: number;
}

/** Result of starting a program. */
export type StartResult = { readonly process: Process } | StartFailure;

/** Creates and ends processes. */
export class Lifecycle {
  private readonly parts: LifecycleContext;
  private readonly traced: boolean;

  constructor(parts: LifecycleContext) {
    this.parts = parts;
    this.traced = parts.trace.enabled('process');
  }

  /** Handle on the address space of `process`. */
  spaceOf(process: Process): UserAddressSpace {
    return new UserAddressSpace(this.parts.spaces, process);
  }

  /** Number of frames that `process` holds: user memory, page tables, kernel stack. */
  framesOf(process: Process): number {
    return process.frames + this.spaceOf(process).countTables() + (process.kernelStack === 0 ? 0 : 1);
  }

  /**
   * Starts the program `path` as a child of `parent` (null: the kernel) and adds it to the run
   * queue.
   */
  spawn(path: string, parent: Process | null): StartResult {
    const file = this.open(path);
    if ('code' in file) return file;
    const { table, stacks, scheduler } = this.parts;
    if (table.count >= MAX_PROCESSES) {
      const why = `there are ${MAX_PROCESSES} processes, with those that ended and were not waited for`;
      return { code: ErrorCode.ENOMEM, why, report: 'why' };
    }
    const process = table.create(parent);
    if (process === null) {
      return { code: ErrorCode.ENOMEM, why: 'no memory for the record of a process', report: 'memory' };
    }
    process.name = nameOf(path);
    const failure = this.build(process, file, () => {
      const stack = stacks.allocFrames(0);
      if (stack === null) throw new OutOfUserMemory('a kernel stack');
      process.kernelStack = stack;
    });
    if (failure !== null) {
      this.release(process);
      table.remove(process);
      this.shrinkWhenLast();
      return failure;
    }
    scheduler.makeReady(process);
    const parentPid = parent?.pid ?? 0;
    this.emit(process, (who) => ({ op: 'spawn', ...who, parent: parentPid }));
    return { process };
  }

  /**
   * Replaces the program of the running `process` by `path`; pid, parent and children stay. On
   * failure the process continues with its old program. Both programs are in memory for a moment.
   */
  exec(process: Process, path: string): StartResult {
    const file = this.open(path);
    if ('code' in file) return file;
    const { scheduler } = this.parts;
    const space = this.spaceOf(process);
    const old = space.detach();
    const failure = this.build(process, file, () => {});
    if (failure !== null) {
      space.release();
      space.attach(old);
      return failure;
    }
    const fresh = space.detach();
    scheduler.deactivate();
    space.attach(old);
    space.release();
    space.attach(fresh);
    process.name = nameOf(path);
    scheduler.activate(process);
    this.emit(process, (who) => ({ op: 'exec', ...who }));
    return { process };
  }

  /** Ends `process`, which runs or is in no queue. Another process must be chosen to run. */
  end(process: Process, status: bigint, cause: EndCause): void {
    const { scheduler, table, onKernelChildEnd } = this.parts;
    process.exitStatus = status;
    scheduler.leave();
    this.release(process);
    process.state = ProcessState.ZOMBIE;
    this.emit(process, (who) => ({ op: 'exit', ...who, status: eventNumber(status), cause }));
    for (const child of table.childrenOf(process)) {
      child.parent = null;
      if (child.state === ProcessState.ZOMBIE) table.remove(child);
    }
    const parent = table.parentOf(process);
    if (parent === null) {
      onKernelChildEnd(process, cause);
      table.remove(process);
    } else if (parent.state === ProcessState.WAITING && parent.waitsFor === process.pid) {
      frameOf(parent).setX(0, status);
      table.remove(process);
      scheduler.makeReady(parent);
    }
    this.shrinkWhenLast();
  }

  /**
   * Reaps child `pid` of `process`.
   * @returns its exit status; null when it still runs: `process` is then blocked, and another must
   * be chosen to run
   */
  wait(process: Process, pid: number): bigint | null | 'no such child' {
    const { table } = this.parts;
    for (const child of table.childrenOf(process)) {
      if (child.pid !== pid) continue;
      if (child.state === ProcessState.ZOMBIE) {
        const status = child.exitStatus;
        table.remove(child);
        return status;
      }
      process.waitsFor = pid;
      process.state = ProcessState.WAITING;
      return null;
    }
    return 'no such child';
  }

  private open(path: string): InitramfsFile | StartFailure {
    const { files } = this.parts;
    if (files === null) return { code: ErrorCode.ENOENT, why: 'there is no initramfs', report: 'none' };
    try {
      const file = files.open(path);
      if (file !== null) return file;
      const kind = files.find(path)?.kind;
      const why =
        kind === undefined
          ? `the initramfs has no file ${path}`
          : `in the initramfs ${path} is ${NO_FILE[kind]}, and no file`;
      return { code: ErrorCode.ENOENT, why, report: 'none' };
    } catch (error) {
      if (!(error instanceof InitramfsError)) throw error;
      return { code: ErrorCode.ENOENT, why: error.message, report: 'none' };
    }
  }

  /**
   * Gives `process` an address space with the program in `file`, the allocations of `more`, and a
   * first frame. On failure, the frames and records allocated before it stay.
   */
  private build(process: Process, file: InitramfsFile, more: () => void): StartFailure | null {
    const space = this.spaceOf(process);
    try {
      space.create();
      const entry = loadProgram(this.parts.loader, space, file);
      more();
      const frame = frameOf(process);
      frame.clear();
      frame.elr = entry;
      frame.sp = STACK_TOP;
      frame.spsr = SPSR_USER;
      return null;
    } catch (error) {
      if (error instanceof ElfImageError) return { code: ErrorCode.EINVAL, why: error.message, report: 'why' };
      if (error instanceof OutOfUserMemory) {
        return { code: ErrorCode.ENOMEM, why: error.message, report: 'memory', frames: error.frames };
      }
      throw error;
    }
  }

  /** Frees address space and kernel stack. */
  private release(process: Process): void {
    this.spaceOf(process).release();
    if (process.kernelStack !== 0) this.parts.stacks.freeFrames(process.kernelStack, 0);
    process.kernelStack = physAddr(0);
  }

  /**
   * With the last process, the caches of records are freed too, so that the free blocks are those
   * from before the first process, not fragmented by kept slabs.
   */
  private shrinkWhenLast(): void {
    const { table, spaces } = this.parts;
    if (table.count > 0) return;
    table.shrink();
    spaces.areaRecords.shrink();
  }

  private emit(process: Process, fields: (who: OfProcess) => ProcessFields): void {
    if (!this.traced) return;
    this.parts.trace.emit('process', () => fields({ pid: process.pid, name: process.name }));
  }
}

/** Name of a process: the last part of its path. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
