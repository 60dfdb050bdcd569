// SPDX-License-Identifier: GPL-2.0-only
/**
 * The default initramfs: every program of firmware/user/, in the root folder of a CPIO archive,
 * init first. Programs are assembly and not C, because what a compiler makes of C changes with its
 * release, and the kept archive is compared with a fresh one wherever the binutils are.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type CpioEntry, writeCpio } from '#scripts/guests/cpio.ts';
import { runBinutil } from './binutils.ts';

/** Its name in images/. */
export const INITRAMFS = 'initramfs.cpio';

const LINKER_SCRIPT = 'user.ld';
const EXECUTABLE = 0o755;

/**
 * Builds every NAME.S of `userFolder` and returns the archive. Same sources, same bytes.
 * @param work a folder for intermediate files
 * @throws Error with the assembler's or linker's message
 */
export function buildInitramfs(userFolder: string, work: string): Uint8Array {
  const names = readdirSync(userFolder)
    .filter((file) => file.endsWith('.S'))
    .map((file) => file.slice(0, -'.S'.length))
    .sort((a, b) => Number(b === 'init') - Number(a === 'init') || (a < b ? -1 : 1));
  return writeCpio(
    names.map((name): CpioEntry => {
      const content = buildProgram(userFolder, name, work);
      return { kind: 'file', path: name, mode: EXECUTABLE, content };
    }),
  );
}

function buildProgram(userFolder: string, name: string, work: string): Uint8Array {
  const object = join(work, 'program.o');
  const elf = join(work, 'program.elf');
  runBinutil('as', ['-I', userFolder, '-o', object, join(userFolder, `${name}.S`)]);
  // No symbols; segments a page apart, whatever page size the linker was configured for.
  const layout = ['-z', 'max-page-size=4096', '-T', join(userFolder, LINKER_SCRIPT)];
  runBinutil('ld', ['--strip-all', '--build-id=none', ...layout, '-o', elf, object]);
  return new Uint8Array(readFileSync(elf));
}
