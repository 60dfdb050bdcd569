// SPDX-License-Identifier: GPL-2.0-only
/**
 * The system calls: number in x8, arguments in x0 to x5, result in x0. The table is the ABI;
 * lifecycle.ts and scheduler.ts implement the effects on processes.
 *
 * ```
 *   0 read(fd, buffer, length) -> bytes        5 spawn(path, length) -> pid
 *   1 write(fd, buffer, length) -> bytes       6 exec(path, length)
 *   2 exit(status)                             7 yield() -> 0
 *   3 getpid() -> pid                          8 shutdown(0: off, 1: off, told, 2: reset)
 *   4 sbrk(delta) -> old break                 9 wait(pid) -> exit status
 * ``` An exit status is 0 to 255: the low byte of exit's argument. From 256 on, the kernel killed
 * the process (user-faults.ts). Files: 0 is the console's input, 1 and 2 its output. A path has no
 * NUL and at most {@link MAX_PATH_BYTES} bytes. read and write transfer at most {@link
 * MAX_TRANSFER_BYTES} a call and return the number. read ends after a line feed, and returns a
 * carriage return, which a terminal's Enter sends, as a line feed.
 *
 * Source: LevitateOS's ABI; wait, shutdown(2), ENOMEM, ENOENT and ECHILD are additions of this
 * kernel. docs/fidelity.md lists the other differences.
 */

import { decodeUtf8 } from '#common/utf8.ts';
import { ErrorCode } from './error-codes.ts';
import type { Process } from './process.ts';

/** Longest path in bytes. */
export const MAX_PATH_BYTES = 255;
/** Most bytes of one read or write, as in LevitateOS: it limits the time in the kernel. */
export const MAX_TRANSFER_BYTES = 4096;

/** Modulus of exit's status: never an error code, nor the status of a killed process. */
const EXIT_STATUSES = 256n;

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

/** Operations from which the system calls are built. */
export interface SystemCallContext {
  /** Copies user memory; EFAULT or ENOMEM on failure. */
  copyFrom(process: Process, va: bigint, length: number): Uint8Array | ErrorCode;
  /** Returns 0 when the process may write there, else EFAULT or ENOMEM. */
  checkWritable(process: Process, va: bigint, length: number): 0 | ErrorCode;
  writeConsole(bytes: Uint8Array): void;
  /**
   * Copies at most `length` bytes of input to `va` and returns their number; NEXT when there are
   * none.
   */
  readConsole(process: Process, va: bigint, length: number): CallResult;
  moveBreak(process: Process, delta: bigint): bigint;
  spawn(process: Process, path: string): bigint;
  /** Runs another program in the process: AGAIN, or an error. */
  exec(process: Process, path: string): CallResult;
  exit(process: Process, status: bigint): void;
  wait(process: Process, pid: number): CallResult;
  /**
   * Returns 0 when the machine is about to stop, ENOSYS when it cannot.
   * @param told true to log the request, and the memory in use
   */
  power(process: Process, action: 'off' | 'reset', told: boolean): bigint;
}

/**
 * Result of a call: x0 of its caller, which continues; or an action instead.
 * - NEXT: the caller waits or has ended, another process must run. The code that ends the wait
 *   sets x0.
 * - AGAIN: the caller continues with its frame unchanged: it runs another program.
 * - YIELD: x0 is 0, and another process gets its turn.
 */
export type CallResult = bigint | typeof NEXT | typeof AGAIN | typeof YIELD;
export const NEXT = 'next';
export const AGAIN = 'again';
export const YIELD = 'yield';

/** x0 to x5. */
export type Arguments = readonly [bigint, bigint, bigint, bigint, bigint, bigint];

/** Entry of the table. */
export interface SystemCall {
  readonly name: string;
  /** Number of arguments. */
  readonly arity: number;
  readonly run: (services: SystemCallContext, process: Process, arguments_: Arguments) => CallResult;
}

const error = (code: ErrorCode): bigint => BigInt(code);

/** System calls by number. */
export const SYSTEM_CALLS: readonly SystemCall[] = [
  {
    name: 'read',
    arity: 3,
    run: (services, process, [fd, buffer, length]) => {
      if (fd !== BigInt(STDIN)) return error(ErrorCode.EBADF);
      const bytes = transferBytes(length);
      const refused = services.checkWritable(process, buffer, bytes);
      if (refused !== 0) return error(refused);
      return bytes === 0 ? 0n : services.readConsole(process, buffer, bytes);
    },
  },
  {
    name: 'write',
    arity: 3,
    run: (services, process, [fd, buffer, length]) => {
      if (fd !== BigInt(STDOUT) && fd !== BigInt(STDERR)) return error(ErrorCode.EBADF);
      const bytes = services.copyFrom(process, buffer, transferBytes(length));
      if (typeof bytes === 'number') return error(bytes);
      services.writeConsole(bytes);
      return BigInt(bytes.length);
    },
  },
  {
    name: 'exit',
    arity: 1,
    run: (services, process, [status]) => {
      services.exit(process, status % EXIT_STATUSES);
      return NEXT;
    },
  },
  { name: 'getpid', arity: 0, run: (_services, process) => BigInt(process.pid) },
  {
    name: 'sbrk',
    arity: 1,
    run: (services, process, [delta]) => services.moveBreak(process, BigInt.asIntN(64, delta)),
  },
  {
    name: 'spawn',
    arity: 2,
    run: (services, process, [path, length]) => {
      const name = readPath(services, process, path, length);
      return typeof name === 'number' ? error(name) : services.spawn(process, name);
    },
  },
  {
    name: 'exec',
    arity: 2,
    run: (services, process, [path, length]) => {
      const name = readPath(services, process, path, length);
      return typeof name === 'number' ? error(name) : services.exec(process, name);
    },
  },
  { name: 'yield', arity: 0, run: () => YIELD },
  {
    name: 'shutdown',
    arity: 1,
    run: (services, process, [how]) => {
      if (how > 2n) return error(ErrorCode.EINVAL);
      return services.power(process, how === 2n ? 'reset' : 'off', how === 1n);
    },
  },
  {
    name: 'wait',
    arity: 1,
    run: (services, process, [pid]) =>
      pid > 0n && pid < 2n ** 31n ? services.wait(process, Number(pid)) : error(ErrorCode.ECHILD),
  },
];

/** Most bytes that a read or write of `length` bytes transfers. */
export function transferBytes(length: bigint): number {
  return length > BigInt(MAX_TRANSFER_BYTES) ? MAX_TRANSFER_BYTES : Number(length);
}

function readPath(services: SystemCallContext, process: Process, va: bigint, length: bigint): string | ErrorCode {
  if (length === 0n || length > BigInt(MAX_PATH_BYTES)) return ErrorCode.EINVAL;
  const bytes = services.copyFrom(process, va, Number(length));
  return typeof bytes === 'number' ? bytes : decodeUtf8(bytes);
}
