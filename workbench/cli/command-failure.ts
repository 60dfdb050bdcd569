/**
 * How a command ends that could not do what it was asked: one message on stderr, and the exit
 * status that says whose fault it is.
 */

import { BoardError } from '#boards/board-error.ts';
import { isSystemError, whyNotWritten } from '#workbench/files/why-not.ts';
import { InputError } from '#workbench/machine/input-error.ts';
import { EngineLibraryError } from '#workbench/engine-library/engine-library.ts';

const EXIT_USAGE = 2;
const EXIT_FAULT = 70;

/**
 * Says what went wrong in `command`.
 * @returns the exit status: 2 for what the user or the system can mend, 70 for a fault of the
 * emulator
 */
export function tellFailure(command: string, error: unknown): number {
  if (error instanceof InputError || error instanceof BoardError || error instanceof EngineLibraryError) {
    process.stderr.write(`${command}: ${error.message}\n`);
    return EXIT_USAGE;
  }
  if (isSystemError(error)) {
    const what = error.path ?? error.syscall ?? 'the system';
    process.stderr.write(`${command}: ${what}: ${error.syscall ?? 'call'} failed: ${whyNotWritten(error)}\n`);
    return EXIT_USAGE;
  }
  process.stderr.write(
    `${command}: a fault of the emulator itself, not of the guest. Please report it with the command line and these lines:\n${
      error instanceof Error ? (error.stack ?? error.message) : String(error)
    }\n`,
  );
  return EXIT_FAULT;
}
