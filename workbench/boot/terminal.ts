// SPDX-License-Identifier: GPL-2.0-only
/**
 * The user's side of the serial line while a machine runs: what is typed goes to the guest.
 *
 * A terminal is in raw mode, like a serial terminal: every key goes to the guest, Ctrl-C too,
 * except the escape key, which quits. The guest's sleep takes real time, so that its clock keeps
 * pace with the user's. Input that is not a terminal is passed on as it comes, and sleep takes no
 * real time.
 *
 * A guest that polls a terminal for input sleeps too, and simulated time passes: U-Boot's prompt
 * does not keep the host busy.
 *
 * A machine that only waits for input waits until the input ends, however long that takes. A
 * terminal that the guest does not read does not count as input.
 */

import { isatty } from 'node:tty';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { Nap, Pace } from './real-time.ts';

/** Ctrl-], as telnet has it. */
const ESCAPE_KEY = 0x1d;
/** Longest sleep between two checks of the machine, milliseconds. */
const LONGEST_SLEEP_MS = 50;
/** Most instructions of an idle guest between two polls for input. */
const INSTRUCTIONS_OF_POLL = 1000;
/**
 * Most bytes of input that may wait for the guest: a pipe is read no faster than the guest reads.
 */
const MOST_WAITING_BYTES = 64 * 1024;
/** Milliseconds of waiting for a pipe before its user gets a message. */
const REPORT_AFTER_MS = 1000;

export class Terminal {
  /** True for a terminal whose guest reads input. */
  readonly interactive: boolean;
  /** True once the escape key was pressed. */
  quit = false;
  private machine: LevitateMachine;
  private readonly nap = new Nap();
  /** `fresh`: input has come since the last call of `waitForInput`. `ended`: no more will come. */
  private fresh = false;
  private ended: boolean;
  private readonly quiet: boolean;
  /** Milliseconds for which the guest has waited for input; -Infinity once the user was told. */
  private waitedMs = 0;
  /** Instructions at the last call of `yieldToHost`. */
  private instructions = 0;
  private readonly pace = new Pace();
  private readonly onData = (chunk: Uint8Array): void => {
    const escape = this.interactive ? chunk.indexOf(ESCAPE_KEY) : -1;
    if (escape >= 0) this.quit = true;
    this.fresh = true;
    this.machine.type(escape >= 0 ? chunk.subarray(0, escape) : chunk);
    if (this.machine.waitingInput > MOST_WAITING_BYTES) process.stdin.pause();
    this.nap.wake();
  };
  private readonly onEnd = (): void => {
    this.ended = true;
    this.nap.wake();
  };

  /** @param quiet do not tell the user about waiting */
  constructor(machine: LevitateMachine, quiet: boolean) {
    this.machine = machine;
    this.quiet = quiet;
    // No user talks to a shell whose answers go to a file. But another guest may be there only for
    // its input.
    this.interactive = isatty(process.stdin.fd) && (machine.findKernel() === null || isatty(process.stdout.fd));
    this.ended = isatty(process.stdin.fd) && !this.interactive;
  }

  /** Connects the user to `machine`, which continues the previous one. */
  moveTo(machine: LevitateMachine): void {
    this.machine = machine;
    this.pace.forget();
  }

  open(): void {
    const { stdin } = process;
    if (this.interactive) {
      process.stderr.write('boot: Ctrl-C goes to the guest; Ctrl-] quits\n');
      stdin.setRawMode(true);
    }
    stdin.on('data', this.onData);
    stdin.once('end', this.onEnd);
    stdin.once('error', this.onEnd);
  }

  close(): void {
    const { stdin } = process;
    stdin.removeListener('data', this.onData);
    stdin.removeListener('end', this.onEnd);
    if (this.interactive) stdin.setRawMode(false);
    stdin.destroy();
  }

  /** Lets input in; on a terminal, waits while simulated time is ahead of real time. */
  async yieldToHost(): Promise<void> {
    if (process.stdin.isPaused() && this.machine.waitingInput <= MOST_WAITING_BYTES) process.stdin.resume();
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.interactive) return;
    if (this.polls()) {
      const since = performance.now();
      await this.nap.sleep(LONGEST_SLEEP_MS);
      this.machine.machine.passTime((performance.now() - since) * 1e6);
      this.pace.forget();
      return;
    }
    const ahead = this.pace.aheadMs(this.machine.machine.clock.nowNs);
    if (ahead > 1) await this.nap.sleep(Math.min(ahead, LONGEST_SLEEP_MS));
  }

  /** True when the guest has only polled for input since the last call of `yieldToHost`. */
  private polls(): boolean {
    const { instructions } = this.machine.machine.clock;
    const executed = instructions - this.instructions;
    this.instructions = instructions;
    return executed > 0 && this.machine.emptyPolls * INSTRUCTIONS_OF_POLL > executed;
  }

  /**
   * Waits a while for input, when nothing else can wake the guest. @returns true when there is
   * input, or may be later
   */
  async waitForInput(): Promise<boolean> {
    // An idle guest that leaves so much unread will not read more.
    const unread = process.stdin.isPaused() && this.machine.waitingInput > MOST_WAITING_BYTES;
    if (!this.fresh && !this.ended && !unread) {
      const since = performance.now();
      await this.nap.sleep(LONGEST_SLEEP_MS);
      this.waitedMs += performance.now() - since;
      this.reportWaiting();
      this.pace.forget();
    }
    const mayContinue = this.fresh || (!this.ended && !unread);
    this.fresh = false;
    return mayContinue;
  }

  /** Says that the run waits for input, which the user may have left open by mistake. */
  private reportWaiting(): void {
    if (this.interactive || this.quiet || this.ended || this.waitedMs < REPORT_AFTER_MS) return;
    this.waitedMs = -Infinity;
    process.stderr.write('boot: the guest waits for input; the end of the input (or < /dev/null) ends the run\n');
  }
}
