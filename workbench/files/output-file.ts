// SPDX-License-Identifier: GPL-2.0-only
/**
 * The files that commands write. Every writer uses these:
 *
 *     writeOutput      whole contents at once     ┐ written beside, then renamed: a reader, and a run that is killed,
 *     ReplacedFile     contents in pieces         ┘ leave the old file or the new one
 *     OutputStream     a serial line, a log: grows in its place while the machine runs, for who follows it
 *
 * A device, a pipe or `/dev/stdout` is written directly. Errors are InputErrors that name the file.
 */

import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { InputError } from '#workbench/input-error.ts';
import { named, whyNotWritten } from './why-not.ts';

/** Stands for standard output where a file is asked for. */
const STANDARD_OUTPUT = '-';
const STDOUT = 1;

const GATHER_BYTES = 64 * 1024;
/** Milliseconds before a full pipe is tried again. */
const RETRY_MS = 2;

/** Number of partial files of this process; keeps two of the same name apart. */
let partials = 0;
/** Partial files that exist: removed when `process.exit` ends the process. */
const unfinished = new Set<string>();

/**
 * Writes `data` as the whole of `file`; "-" is standard output. A kill at any moment leaves the old
 * file or the new one.
 * @param option what named the file, for messages; '' for none
 * @throws InputError when it cannot be written
 */
export function writeOutput(option: string, file: string, data: string | Uint8Array): void {
  if (file === STANDARD_OUTPUT) {
    guarded(option, 'standard output', () => writeFully(STDOUT, bytesOf(data)));
    return;
  }
  const output = new ReplacedFile(option, file);
  try {
    output.write(data);
    output.commit();
  } finally {
    output.discard();
  }
}

/**
 * Fails now if {@link writeOutput} would fail later, as far as that can be known.
 * @throws InputError
 */
export function checkOutput(option: string, file: string): void {
  if (file !== STANDARD_OUTPUT) new ReplacedFile(option, file).discard();
}

/** A file whose contents come in pieces and count from {@link commit} on. */
export class ReplacedFile {
  private readonly option: string;
  private readonly file: string;
  /** The file that the name leads to; null: not a regular file, so it is written in place. */
  private readonly target: string | null;
  private readonly written: string;
  private descriptor: number | null;

  /** @throws InputError */
  constructor(option: string, file: string) {
    this.option = option;
    this.file = file;
    this.target = guarded(option, file, () => targetOf(file));
    const { target } = this;
    if (target === null) this.written = file;
    else this.written = join(dirname(target), `.${basename(target)}.${process.pid}-${++partials}`);
    this.descriptor = guarded(option, file, () => (target === null ? openSync(file, 'w') : this.openBeside(target)));
  }

  /** @throws InputError */
  write(data: string | Uint8Array): void {
    const { descriptor } = this;
    if (descriptor === null) throw new Error(`${this.file}: written to after its end`);
    guarded(this.option, this.file, () => writeFully(descriptor, bytesOf(data)));
  }

  /** The new contents take the place of the old ones. @throws InputError, and the old ones stay */
  commit(): void {
    guarded(this.option, this.file, () => {
      this.close();
      if (this.target === null) return;
      renameSync(this.written, this.target);
      unfinished.delete(this.written);
    });
  }

  /** Discards the new contents before {@link commit}; does nothing after it. Never throws. */
  discard(): void {
    try {
      this.close();
    } catch {
      // Its contents are not wanted.
    }
    if (this.target === null || !unfinished.delete(this.written)) return;
    rmSync(this.written, { force: true });
  }

  private openBeside(target: string): number {
    const descriptor = openSync(this.written, 'wx');
    if (partials === 1) process.once('exit', removeUnfinished);
    unfinished.add(this.written);
    const old = statSync(target, { throwIfNoEntry: false });
    if (old !== undefined) fchmodSync(descriptor, old.mode & 0o7777);
    return descriptor;
  }

  private close(): void {
    const { descriptor } = this;
    this.descriptor = null;
    if (descriptor !== null) closeSync(descriptor);
  }
}

/**
 * A file that grows while the machine runs. Small writes are gathered. `write` never throws,
 * because machines call it from the middle of an instruction: what went wrong is kept, and thrown
 * by the next `flush` or by `close`.
 */
export class OutputStream {
  private readonly option: string;
  private readonly file: string;
  private readonly descriptor: number;
  private gathered: Uint8Array[] = [];
  private bytes = 0;
  private failure: unknown = null;

  /** Begins the file anew. @throws InputError */
  constructor(option: string, file: string) {
    this.option = option;
    this.file = file;
    this.descriptor = guarded(option, file, () => openSync(file, 'w'));
  }

  write(data: string | Uint8Array): void {
    if (this.failure !== null) return;
    const chunk = typeof data === 'string' ? Buffer.from(data) : Uint8Array.from(data);
    this.gathered.push(chunk);
    this.bytes += chunk.length;
    if (this.bytes >= GATHER_BYTES) this.pass();
  }

  /** Makes earlier writes visible to readers. @throws InputError when the file cannot be written */
  flush(): void {
    this.pass();
    const { failure } = this;
    if (failure !== null) guarded(this.option, this.file, () => raise(failure));
  }

  /** @throws InputError for what `flush` has not said yet */
  close(): void {
    const told = this.failure;
    this.pass();
    try {
      closeSync(this.descriptor);
    } catch (error) {
      this.failure ??= error;
    }
    const { failure } = this;
    if (failure !== null && failure !== told) guarded(this.option, this.file, () => raise(failure));
  }

  private pass(): void {
    if (this.bytes > 0 && this.failure === null) {
      try {
        writeFully(this.descriptor, Buffer.concat(this.gathered));
      } catch (error) {
        this.failure = error;
      }
    }
    this.gathered = [];
    this.bytes = 0;
  }
}

/** All of `bytes`: a disk takes what fits, and a pipe that is full none at all for the moment. */
export function writeFully(descriptor: number, bytes: Uint8Array, position: number | null = null): void {
  for (let done = 0; done < bytes.length; ) {
    try {
      done += writeSync(descriptor, bytes, done, bytes.length - done, position === null ? null : position + done);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

/**
 * The regular file that `file` is or will be, links followed; null for what must be written in its
 * place.
 */
function targetOf(file: string): string | null {
  // Their names lead to open descriptors, which have no place of their own.
  if (/^\/(?:dev|proc)\//.test(resolve(file))) return null;
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) return resolve(file);
  if (found.isDirectory()) throw Object.assign(new Error('a folder'), { code: 'EISDIR' });
  if (!found.isFile()) return null;
  accessSync(file, constants.W_OK);
  return realpathSync(file);
}

function removeUnfinished(): void {
  for (const file of unfinished) rmSync(file, { force: true });
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  return typeof data === 'string' ? Buffer.from(data) : data;
}

function raise(error: unknown): never {
  throw error;
}

function guarded<T>(option: string, file: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new InputError(`${named(option, file)}: cannot be written: ${whyNotWritten(error)}`);
  }
}
