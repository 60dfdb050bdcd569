// SPDX-License-Identifier: GPL-2.0-only
/**
 * The oracle: records (cases.ts) executed by QEMU's user-mode emulator, in a program of one loop.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { haveBinutils, runBinutil } from '#scripts/firmware/binutils.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { MEMORY_ADDRESS, RECORD, UNDEFINED_SIGNAL } from './cases.ts';

const SOURCE = 'scripts/simd-fixtures/executor.S';
/** It has FP16, RDM and DotProd; and neither FCMA nor JSCVT. */
const MODEL = 'cortex-a76';
const PROGRAMS = ['qemu-aarch64', 'qemu-aarch64-static'];
const MOST_OUTPUT = 2 ** 30;

/** Executes records, in families of `familyBytes`, and returns them with their results. */
export type Oracle = (before: Uint8Array, familyBytes: number) => Uint8Array;

/** Null where QEMU or the cross binutils are not installed. */
function findQemu(): string | null {
  if (!haveBinutils()) return null;
  return PROGRAMS.find((program) => spawnSync(program, ['--version']).status === 0) ?? null;
}

/** The executor, in `folder`. */
function assemble(folder: string): string {
  const [object, program] = [join(folder, 'executor.o'), join(folder, 'executor')];
  const recordPage = (MEMORY_ADDRESS - BigInt(RECORD.memory)).toString(16);
  runBinutil('as', [join(packageRoot(), SOURCE), '-o', object]);
  runBinutil('ld', ['-Tdata', '0x20000000', '-Tbss', `0x${recordPage}`, object, '-o', program]);
  return program;
}

/** A word that ends QEMU counts as UNDEFINED with the rest of its family. */
function execute(qemu: string, program: string, before: Uint8Array, familyBytes: number): Uint8Array {
  const after = before.slice();
  const view = new DataView(after.buffer);
  for (let at = 0; at < before.length; ) {
    const options = { input: before.subarray(at), maxBuffer: MOST_OUTPUT };
    const { stdout } = spawnSync(qemu, ['-cpu', MODEL, program], options);
    const whole = stdout.length - (stdout.length % RECORD.bytes);
    after.set(stdout.subarray(0, whole), at);
    at += whole;
    const familyEnd = Math.ceil((at + 1) / familyBytes) * familyBytes;
    for (; at < before.length && at < familyEnd; at += RECORD.bytes) view.setUint32(at, UNDEFINED_SIGNAL, true);
  }
  return after;
}

/** Calls `use` with the oracle, or with null where it is not installed. */
export function withQemu<T>(use: (oracle: Oracle | null) => T): T {
  const qemu = findQemu();
  if (qemu === null) return use(null);
  const folder = mkdtempSync(join(tmpdir(), 'simd-fixtures-'));
  try {
    const program = assemble(folder);
    return use((before, familyBytes) => execute(qemu, program, before, familyBytes));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
