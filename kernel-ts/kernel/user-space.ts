// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interface between exceptions, timer and console on one side, and kernel/process/ on the other.
 * `Kernel.userSpace` is NO_PROCESSES until user space is up.
 *
 *     vector ─► Kernel.enter ─┬─ SVC from EL0 ─────────► syscall(frame) ─┐
 *                             ├─ other fault from EL0 ─► fault(frame)    ├─► the frame to go on with
 *                             ├─ timer interrupt ──────► tick(frame)     │
 *                             └─ console interrupt ────► input(frame) ───┘
 *
 * Each gets the interrupted frame, of a process or of the idle loop, and returns the frame to
 * restore: the same, that of another process, or `Kernel.idleFrame` when none can run.
 * It never waits. TTBR0 must belong to the returned frame's process by then.
 *
 * The timer ticks while `runnable` is true after a gate, and is off otherwise.
 */

import type { TrapFrame } from './trap-frame.ts';

/** Summary of a process for `ps`. */
export interface ProcessSummary {
  readonly pid: number;
  readonly parent: number;
  readonly name: string;
  /** "running", "ready", "blocked on read", … */
  readonly state: string;
  /** Number of frames that it holds, including page tables and kernel stack. */
  readonly frames: number;
}

/** Result of a request to start a program: its pid, or a sentence with the reason of failure. */
export type SpawnResult = { readonly ok: true; readonly pid: number } | { readonly ok: false; readonly why: string };

/** A program of the initramfs. */
export interface Program {
  /** Path in the form that `spawn` takes. */
  readonly path: string;
  readonly bytes: number;
}

export interface UserSpace {
  /**
   * True while a process has not ended. Input then goes to processes, not to the maintenance shell.
   */
  readonly hasConsole: boolean;
  /** True while a process can run, so that the timer is needed. */
  readonly runnable: boolean;
  /** Serves an SVC from EL0: ELR is after the instruction. */
  syscall(frame: TrapFrame): TrapFrame;
  /**
   * Serves any other synchronous exception, or an SError, from EL0: ESR and FAR are in the frame.
   */
  fault(frame: TrapFrame): TrapFrame;
  /** Called every hundredth of a second. */
  tick(frame: TrapFrame): TrapFrame;
  /** Called for console input while a process has the console: wakes waiting readers. */
  input(frame: TrapFrame): TrapFrame;
  /** True while a process waits for console input. */
  readonly isRead: boolean;
  /**
   * Ends the processes that can run, because Ctrl-C was typed. Processes that wait for them
   * continue.
   */
  interrupt(frame: TrapFrame): TrapFrame;
  /**
   * Chooses the process that runs next; `frame` was interrupted. Called after the maintenance
   * shell, which may have started processes.
   */
  schedule(frame: TrapFrame): TrapFrame;
  /** Starts `path` of the initramfs as the kernel's child. The log says when it ends. */
  spawn(path: string): SpawnResult;
  /** Programs that can be started, sorted by path. */
  programs(): readonly Program[];
  /** Processes in ascending order of pid, including zombies. */
  processes(): readonly ProcessSummary[];
}

/** User space without programs: nothing calls it, and nothing can be started. */
export const NO_PROCESSES: UserSpace = {
  hasConsole: false,
  runnable: false,
  syscall: (frame) => frame,
  fault: (frame) => frame,
  tick: (frame) => frame,
  input: (frame) => frame,
  isRead: false,
  interrupt: (frame) => frame,
  schedule: (frame) => frame,
  spawn: () => ({ ok: false, why: 'there are no processes on this machine; the boot log says why' }),
  programs: () => [],
  processes: () => [],
};
