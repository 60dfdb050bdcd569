// SPDX-License-Identifier: GPL-2.0-only
/**
 * Implementation of UserSpace (user-space.ts) for exceptions, timer, console and shell. It combines
 * the parts of this folder and keeps only handles.
 *
 * ```
 *   syscall ─► system-calls.ts ─► lifecycle.ts, user-memory.ts, console      fault ─► user-faults.ts ─► page, or end
 *   tick, input, schedule ─► scheduler.ts
 * ```
 */

import { hex, PAGE_SIZE, type VirtAddr } from '#common/address.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import type { Log } from '#kernel-ts/kernel/log.ts';
import type { FrameAccounts } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import { outOfMemoryReport } from '#kernel-ts/kernel/mm/out-of-memory.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import type { PowerSwitch } from '#kernel-ts/kernel/power.ts';
import type { TrapFrame } from '#kernel-ts/kernel/trap-frame.ts';
import type { ProcessSummary, Program, SpawnResult, UserSpace } from '#kernel-ts/kernel/user-space.ts';
import { ErrorCode } from './error-codes.ts';
import type { Initramfs } from './initramfs.ts';
import { programsOf } from './programs.ts';
import { Lifecycle, type StackFrames, type StartFailure } from './lifecycle.ts';
import { eventNumber } from '#kernel-ts/hal/kernel-events.ts';
import { type Process, ProcessState, stateName } from './process.ts';
import { ProcessTable } from './process-table.ts';
import type { RecordCache } from './record.ts';
import { frameOf, Scheduler, type SchedulerContext } from './scheduler.ts';
import {
  AGAIN,
  type Arguments,
  type CallResult,
  NEXT,
  SYSTEM_CALLS,
  type SystemCallContext,
  transferBytes,
  YIELD,
} from './system-calls.ts';
import type { UserSpaceContext } from './user-address-space.ts';
import { faultReport, killedStatus, OUT_OF_MEMORY, resolveFault } from './user-faults.ts';
import { checkUserRange, copyFromUser, copyToUser } from './user-memory.ts';

/** Number of processes that a report on memory names. */
const LARGEST_TOLD = 4;
/** Exit status of a process that Ctrl-C ended, as in shells. */
const INTERRUPTED_STATUS = 130n;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/** The parts of the kernel that processes use. */
export interface ProcessesContext {
  readonly ports: Pick<Ports, 'memory' | 'caches' | 'trace'>;
  readonly log: Log;
  readonly mmu: SchedulerContext['mmu'];
  readonly idleFrame: TrapFrame;
  /** Address of PROCESS_CONTROL_BYTES zeroed bytes of kernel memory. */
  readonly control: VirtAddr;
  readonly processRecords: RecordCache;
  readonly areaRecords: RecordCache;
  readonly userFrames: UserSpaceContext['frames'];
  readonly stackFrames: StackFrames;
  readonly files: Initramfs | null;
  /** Oldest typed byte that was not read yet, or null. */
  readonly readInput: () => number | null;
  readonly power: PowerSwitch;
  readonly accounts: FrameAccounts;
}

/** The processes. */
export class Processes implements UserSpace {
  private readonly parts: ProcessesContext;
  private readonly table: ProcessTable;
  private readonly scheduler: Scheduler;
  private readonly lifecycle: Lifecycle;
  private readonly services: SystemCallContext;
  private readonly tracesCalls: boolean;
  private readonly tracesProcesses: boolean;

  constructor(parts: ProcessesContext) {
    this.parts = parts;
    const { ports, mmu, idleFrame, control } = parts;
    const { memory, trace } = ports;
    this.tracesCalls = trace.enabled('syscall');
    this.tracesProcesses = trace.enabled('process');
    this.table = new ProcessTable(memory, control, parts.processRecords);
    this.scheduler = new Scheduler({ memory, mmu, trace, idleFrame }, control);
    this.lifecycle = new Lifecycle({
      loader: ports,
      trace,
      spaces: { memory, mmu, frames: parts.userFrames, areaRecords: parts.areaRecords },
      stacks: parts.stackFrames,
      files: parts.files,
      table: this.table,
      scheduler: this.scheduler,
      onKernelChildEnd: ({ label, exitStatus }, cause) => {
        // A killed process was already reported.
        if (cause === 'exited') parts.log.line('SPAWN', `${label} has ended, exit status ${exitStatus}`);
      },
    });
    this.services = this.makeServices();
  }

  get runnable(): boolean {
    return this.scheduler.runnable;
  }

  get hasConsole(): boolean {
    return this.table.hasLive();
  }

  syscall(frame: TrapFrame): TrapFrame {
    const process = this.running();
    const number = frame.x(8);
    const call = number < BigInt(SYSTEM_CALLS.length) ? SYSTEM_CALLS[Number(number)] : undefined;
    const arguments_: Arguments = [frame.x(0), frame.x(1), frame.x(2), frame.x(3), frame.x(4), frame.x(5)];
    const pid = process.pid;
    const result = call === undefined ? BigInt(ErrorCode.ENOSYS) : call.run(this.services, process, arguments_);
    if (this.tracesCalls) {
      this.parts.ports.trace.emit('syscall', {
        pid,
        number: eventNumber(number),
        name: call?.name ?? 'unknown',
        arguments: arguments_.slice(0, call?.arity ?? arguments_.length).map((value) => hex(value)),
        result: typeof result === 'bigint' ? eventNumber(result) : null,
      });
    }
    return this.goOn(frame, result);
  }

  fault(frame: TrapFrame): TrapFrame {
    const process = this.running();
    const outcome = resolveFault(this.lifecycle.spaceOf(process), frame);
    if (outcome.resolved) return frame;
    const { log, ports } = this.parts;
    for (const line of faultReport(process.label, frame, outcome.why)) log.line('PROC', line);
    if (outcome.why === OUT_OF_MEMORY) this.logOutOfMemory(process.label, 'a page by demand');
    if (this.tracesProcesses) {
      ports.trace.emit('process', () => ({
        op: 'fault',
        pid: process.pid,
        name: process.name,
        esr: frame.esr,
        far: hex(frame.far),
        elr: hex(frame.elr),
        why: outcome.why,
      }));
    }
    this.lifecycle.end(process, killedStatus(frame.esr), 'killed');
    return this.scheduler.next();
  }

  tick(_frame: TrapFrame): TrapFrame {
    return this.scheduler.yield();
  }

  input(_frame: TrapFrame): TrapFrame {
    this.serveReaders();
    return this.scheduler.resume();
  }

  get isRead(): boolean {
    return [...this.table.all()].some(({ state }) => state === ProcessState.READING);
  }

  interrupt(_frame: TrapFrame): TrapFrame {
    for (const process of this.scheduler.takeAll(this.table.all())) {
      this.parts.log.line('PROC', `${process.label} is ended: Ctrl-C`);
      this.lifecycle.end(process, INTERRUPTED_STATUS, 'killed');
    }
    return this.scheduler.next();
  }

  schedule(_frame: TrapFrame): TrapFrame {
    return this.scheduler.resume();
  }

  spawn(path: string): SpawnResult {
    const result = this.lifecycle.spawn(path, null);
    if ('process' in result) return { ok: true, pid: result.process.pid };
    if (result.report === 'memory') this.logOutOfMemory('the kernel', `${path}: ${result.why}`, result.frames);
    return { ok: false, why: result.why };
  }

  programs(): readonly Program[] {
    return this.parts.files === null ? [] : programsOf(this.parts.files);
  }

  processes(): readonly ProcessSummary[] {
    return [...this.table.all()]
      .map((process) => ({
        pid: process.pid,
        parent: this.table.parentOf(process)?.pid ?? 0,
        name: process.name,
        state: stateName(process.state),
        frames: this.lifecycle.framesOf(process),
      }))
      .sort((a, b) => a.pid - b.pid);
  }

  /** Gives waiting readers the typed input, the oldest process first. */
  private serveReaders(): void {
    for (const process of this.table.all()) {
      if (process.state !== ProcessState.READING) continue;
      const frame = frameOf(process);
      const bytes = this.readInput(transferBytes(frame.x(2)));
      if (bytes.length === 0) return;
      frame.setX(0, this.deliver(process, frame.x(1), bytes));
      this.scheduler.makeReady(process);
    }
  }

  private deliver(process: Process, va: bigint, bytes: Uint8Array): bigint {
    const { memory } = this.parts.ports;
    const refused = copyToUser(memory, this.lifecycle.spaceOf(process), va, bytes);
    return BigInt(refused === 0 ? bytes.length : refused);
  }

  /** Logs why a program could not be started, when the error code alone is not enough. */
  private refuse({ label }: Process, call: string, { code, why, report, frames }: StartFailure): bigint {
    if (report === 'memory') this.logOutOfMemory(label, `${call}: ${why}`, frames);
    else if (report === 'why') {
      this.parts.log.line(code === ErrorCode.EINVAL ? 'ELF' : 'SPAWN', `${label}: ${call}: ${why}`);
    }
    return BigInt(code);
  }

  private logOutOfMemory(label: string, what: string, frames = 1): void {
    const { accounts, log } = this.parts;
    const request = { who: `${label}, for ${what},`, owner: PageOwner.USER, order: 0, blocks: frames };
    for (const line of outOfMemoryReport(accounts, request)) log.line('PROC', line);
    const largest = [...this.table.all()]
      .filter(({ frames }) => frames > 0)
      .toSorted((a, b) => b.frames - a.frames || a.pid - b.pid)
      .slice(0, LARGEST_TOLD)
      .map((process) => `${process.label} ${process.frames}`);
    if (largest.length > 0) log.line('PROC', `most user frames: ${largest.join(', ')}`);
  }

  private logShutdown({ label }: Process): void {
    const { accounts, log } = this.parts;
    const { freeFrames, totalFrames } = accounts.buddy.counts();
    log.line('PROC', `${label} switches the machine off; processes: ${this.table.count}`);
    log.line('PROC', `${freeFrames} of ${totalFrames} frames free`);
  }

  /** Reads typed bytes: at most a line, and at most `most`. Enter is always a line feed. */
  private readInput(most: number): Uint8Array {
    const bytes: number[] = [];
    while (bytes.length < most && bytes.at(-1) !== LINE_FEED) {
      const byte = this.parts.readInput();
      if (byte === null) break;
      bytes.push(byte === CARRIAGE_RETURN ? LINE_FEED : byte);
    }
    return Uint8Array.from(bytes);
  }

  /** Process that was interrupted at EL0. */
  private running(): Process {
    const { current } = this.scheduler;
    if (current === null) throw new RangeError('an exception from EL0 while no process runs');
    return current;
  }

  private goOn(frame: TrapFrame, result: CallResult): TrapFrame {
    switch (result) {
      case NEXT:
        return this.scheduler.next();
      case AGAIN:
        return frame;
      case YIELD:
        frame.setX(0, 0n);
        return this.scheduler.yield();
      default:
        frame.setX(0, result);
        return frame;
    }
  }

  private makeServices(): SystemCallContext {
    const { lifecycle, parts } = this;
    const { memory } = parts.ports;
    return {
      copyFrom: (process, va, length) => copyFromUser(memory, lifecycle.spaceOf(process), va, length),
      checkWritable: (process, va, length) => checkUserRange(lifecycle.spaceOf(process), va, length, 'write'),
      writeConsole: (bytes) => {
        for (const byte of bytes) parts.log.console.writeByte(byte);
      },
      readConsole: (process, va, length) => {
        const bytes = this.readInput(length);
        if (bytes.length > 0) return this.deliver(process, va, bytes);
        process.state = ProcessState.READING;
        return NEXT;
      },
      moveBreak: (process, delta) => {
        const result = lifecycle.spaceOf(process).moveBreak(delta);
        if (typeof result === 'bigint') return result;
        if (result === 'below the heap') return BigInt(ErrorCode.EINVAL);
        if (result === 'out of memory') {
          this.logOutOfMemory(process.label, `sbrk(${delta})`, Math.ceil(Number(delta) / PAGE_SIZE));
        }
        return BigInt(ErrorCode.ENOMEM);
      },
      spawn: (process, path) => {
        const result = lifecycle.spawn(path, process);
        return 'process' in result ? BigInt(result.process.pid) : this.refuse(process, `spawn("${path}")`, result);
      },
      exec: (process, path) => {
        const result = lifecycle.exec(process, path);
        return 'process' in result ? AGAIN : this.refuse(process, `exec("${path}")`, result);
      },
      exit: (process, status) => lifecycle.end(process, status, 'exited'),
      wait: (process, pid) => {
        const status = lifecycle.wait(process, pid);
        if (status === 'no such child') return BigInt(ErrorCode.ECHILD);
        return status ?? NEXT;
      },
      power: (process, action, told) => {
        if (told) this.logShutdown(process);
        return parts.power(action) ? 0n : BigInt(ErrorCode.ENOSYS);
      },
    };
  }
}
