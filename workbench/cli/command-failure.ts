// SPDX-License-Identifier: GPL-2.0-only
/**
 * The end of a command that failed: one message on stderr, and an exit status that tells a user's
 * error from a fault of the emulator.
 */

import { BoardError } from '#boards/board-error.ts';
import { GuestMemoryFull } from '#emulator/a64/guest-memory-full.ts';
import { DeviceSizeError } from '#emulator/devices/registry.ts';
import { DebianPackageError } from '#workbench/engine-library/private-apt.ts';
import { EngineLibraryError } from '#workbench/engine-library/engine-library.ts';
import { isSystemError, whyNotWritten } from '#workbench/files/why-not.ts';
import { InputError } from '#workbench/input-error.ts';

const EXIT_USAGE = 2;
const EXIT_FAULT = 70;

/** Errors that the user can correct: their message says how. */
const MENDABLE = [InputError, BoardError, DeviceSizeError, EngineLibraryError, DebianPackageError, GuestMemoryFull];

/**
 * Prints the error of `command`.
 * @returns the exit status: 2 for what the user or the system can mend, 70 for a fault of the
 * emulator
 */
export function printFailure(command: string, error: unknown): number {
  if (MENDABLE.some((kind) => error instanceof kind)) return print(command, (error as Error).message, EXIT_USAGE);
  if (isSystemError(error)) {
    if (error.syscall === 'write') return printUnwritten(command, error.path ?? 'standard output', error);
    const what = error.path ?? error.syscall ?? 'the system';
    const why = error.code === 'ENOENT' ? 'there is no such file or folder' : whyNotWritten(error);
    return print(command, `${what}: ${error.syscall ?? 'call'} failed: ${why}`, EXIT_USAGE);
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const whose = 'a fault of the emulator itself, not of the guest';
  return print(command, `${whose}. Please report it with the command line and these lines:\n${stack}`, EXIT_FAULT);
}

/** Prints that the output to `what` is incomplete. @returns the exit status */
export function printUnwritten(command: string, what: string, error: unknown): number {
  return print(command, `${what}: cannot be written: ${whyNotWritten(error)}`, EXIT_USAGE);
}

function print(command: string, message: string, status: number): number {
  process.stderr.write(`${command}: ${message}\n`);
  return status;
}
