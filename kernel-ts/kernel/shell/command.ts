// SPDX-License-Identifier: GPL-2.0-only
/** Commands of the maintenance shell, and their arguments. */

import type { KernelContext } from '#kernel-ts/kernel/context.ts';
import type { PowerSwitch } from '#kernel-ts/kernel/power.ts';
import type { UserSpace } from '#kernel-ts/kernel/user-space.ts';

/** Parts of the kernel that commands use. */
export interface ShellContext extends KernelContext {
  readonly power: PowerSwitch;
  readonly userSpace: UserSpace;
  /** Prints a line. */
  readonly print: (line: string) => void;
}

/** A command. */
export interface Command {
  readonly name: string;
  /** Its argument: "VA", "FILE"; empty when it has none. */
  readonly parameters: string;
  /** One line for `help`. */
  readonly summary: string;
  /** Possible arguments, for Tab completion. */
  readonly complete?: (context: ShellContext) => readonly string[];
  /**
   * Executes the command. `text` is the rest of the line, trimmed.
   * @throws CommandError for a wrong argument, or when the command is impossible; KernelPanic when
   * the kernel must stop
   */
  run(context: ShellContext, text: string): void;
}

/** Thrown by a command that failed. The message, for the user, names the argument and the fix. */
export class CommandError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'CommandError';
  }
}

/**
 * Parses a number, 0x… or decimal.
 * @param what the argument's name in the usage @param limit the first number that is too large
 * @throws CommandError it is missing, no number, or too large
 */
export function parseAddress(text: string, what: string, limit: bigint): bigint {
  if (text === '') throw new CommandError(`${what} is missing: give an address, 0x… or decimal`);
  const digits = text.replaceAll('_', '');
  if (!/^(0x[0-9a-f]+|[0-9]+)$/i.test(digits)) {
    throw new CommandError(`${what} is "${text}", which is no address: write 0x… or a decimal number`);
  }
  const value = BigInt(digits);
  if (value >= limit) {
    throw new CommandError(`${what} is ${text}, which needs more than ${limit.toString(2).length - 1} bits`);
  }
  return value;
}
