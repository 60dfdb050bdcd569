// SPDX-License-Identifier: GPL-2.0-only
/**
 * QEMU's text on its PL011 when it runs one of the assembly guests. The tests compare it with this
 * machine's. Not a test.
 */

import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';
import { IMAGE_OFFSET, RAM_BASE } from './guest-machine.ts';
import { HANG_GUARD_MS } from './hang-guard.ts';

const QEMU = 'qemu-system-aarch64';

/** "7.2", or null when QEMU is not installed. */
export function qemuVersion(): string | null {
  try {
    return /version (\d+\.\d+)/.exec(execFileSync(QEMU, ['--version'], { encoding: 'utf8' }))?.[1] ?? null;
  } catch {
    return null;
  }
}

/**
 * Runs the guest until it has printed `last`, or QEMU has ended.
 * @throws Error when neither happens
 */
export function runInQemu(guest: string, machine: string, last: string, cpu = 'cortex-a72'): Promise<string> {
  const image = join(packageRoot(), 'firmware', 'images', 'guests', `${guest}.bin`);
  const address = RAM_BASE['qemu-virt'] + IMAGE_OFFSET;
  return new Promise((resolve, reject) => {
    const loader = `loader,file=${image},addr=${address},cpu-num=0,force-raw=on`;
    const options = `-nodefaults -machine ${machine} -cpu ${cpu} -m 1G -display none -serial stdio -monitor none`;
    const qemu = spawn(QEMU, [...options.split(' '), '-device', loader]);
    let output = '';
    let complaint = '';
    const deadline = setTimeout(() => {
      qemu.kill('SIGKILL');
      reject(new Error(`QEMU did not print "${last.trim()}" ; it printed:\n${output}\n${complaint}`));
    }, HANG_GUARD_MS);
    qemu.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    qemu.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString('latin1');
      if (output.includes(last)) qemu.kill('SIGKILL');
    });
    qemu.on('error', reject);
    qemu.on('close', () => {
      clearTimeout(deadline);
      resolve(output.replaceAll('\r', ''));
    });
  });
}
