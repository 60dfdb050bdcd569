// SPDX-License-Identifier: GPL-2.0-only
/**
 * Log of the kernel: lines with a tag on the console, and the boot stages, which are also traced.
 *
 * Tags name the part of the kernel. A panic has its own format, see kernel.ts.
 */

import type { Console } from '#kernel-ts/hal/console/console.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';

export type Tag =
  | 'BOOT'
  | 'DTB'
  | 'FAULT'
  | 'MEM'
  | 'MMU'
  | 'BUDDY'
  | 'HEAP'
  | 'GIC'
  | 'TIMER'
  | 'UART'
  | 'SPAWN'
  | 'ELF'
  | 'SYSCALL'
  | 'PROC';

/** The five stages of a boot, as LevitateOS names them. */
export const STAGES = [
  'Early HAL (SEC)',
  'Memory & MMU (PEI)',
  'Boot Console (DXE)',
  'Discovery & FS (DXE/BDS)',
  'Steady State (BDS)',
] as const;

export class Log {
  /** Console of the log. Replaced when the device tree names another one. */
  console: Console;
  private readonly trace: TracePort;

  constructor(console: Console, trace: TracePort) {
    this.console = console;
    this.trace = trace;
  }

  /** Ends a line that a prompt or a program has begun. */
  freshLine(): void {
    if (!this.console.atLineStart) this.console.write('\n');
  }

  /** Prints a line: `[TAG] text`. */
  line(tag: Tag, text: string): void {
    this.freshLine();
    this.console.write(`[${tag}] ${text}\n`);
  }

  /** Announces stage `number`, 1 to 5. */
  stage(number: 1 | 2 | 3 | 4 | 5): void {
    const name = STAGES[number - 1] as string;
    this.trace.emit('stage', { number, name });
    this.line('BOOT', `Stage ${number}: ${name}`);
  }
}
