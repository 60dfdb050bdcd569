/**
 * The user's side of the serial line while a machine runs: what is typed goes to the guest.
 *
 * With a guest that is not ours on a terminal, the terminal is in raw mode, as a serial terminal is: Ctrl-C and the rest go to the guest, the escape
 * key quits, and simulated time that the guest spends asleep is slept through, so that its clock keeps pace with the user's. Without a terminal,
 * input is passed on as it comes and sleep costs nothing.
 */

import { isatty } from 'node:tty';
import type { LevitateMachine } from '../machine/levitate-machine.ts';

/** Ctrl-], as telnet has it. */
const ESCAPE_KEY = 0x1d;
/** Longest nap between two looks at the machine, milliseconds. */
const LONGEST_NAP_MS = 50;

export class Terminal {
  /** True when a person sits at it and the guest reads what is typed. */
  readonly interactive: boolean;
  /** The escape key was pressed. */
  quit = false;
  private readonly machine: LevitateMachine;
  private wake: () => void = () => {};
  /** Real and simulated milliseconds from which the pace is measured. */
  private paceFrom: { readonly real: number; readonly simulated: number } | null = null;
  private readonly onData = (chunk: Uint8Array): void => {
    const escape = this.interactive ? chunk.indexOf(ESCAPE_KEY) : -1;
    if (escape >= 0) this.quit = true;
    this.machine.type(escape >= 0 ? chunk.subarray(0, escape) : chunk);
    this.wake();
  };

  constructor(machine: LevitateMachine) {
    this.machine = machine;
    this.interactive = isatty(process.stdin.fd) && machine.findKernel() === null;
  }

  open(): void {
    const { stdin } = process;
    if (this.interactive) {
      process.stderr.write('boot: Ctrl-C goes to the guest; Ctrl-] quits\n');
      stdin.setRawMode(true);
    }
    stdin.on('data', this.onData);
  }

  close(): void {
    const { stdin } = process;
    stdin.removeListener('data', this.onData);
    if (this.interactive) stdin.setRawMode(false);
    stdin.destroy();
  }

  /** Lets input in; on a terminal, waits while simulated time is ahead of real time. */
  async breathe(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    if (!this.interactive) return;
    const simulated = this.machine.machine.clock.nowNs / 1e6;
    const real = performance.now();
    this.paceFrom ??= { real, simulated };
    const ahead = simulated - this.paceFrom.simulated - (real - this.paceFrom.real);
    if (ahead > 1) await this.nap(Math.min(ahead, LONGEST_NAP_MS));
    // A guest that computes runs as fast as it can; only sleep is paced, so lost time is forgotten.
    else if (ahead < 0) this.paceFrom = { real, simulated };
  }

  /** Waits for a key, when nothing else can wake the guest. */
  async waitForInput(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    this.wake = () => {};
    this.paceFrom = null;
  }

  private async nap(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.wake = () => {};
  }
}
