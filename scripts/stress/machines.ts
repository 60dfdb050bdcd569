// SPDX-License-Identifier: GPL-2.0-only
/** The command lines that run one guest on two machines. */

import { join } from 'node:path';
import type { EngineName } from '#workbench/host/engine-name.ts';
import { packageRoot } from '#workbench/package-root.ts';

/** Files of the guest, and its kernel command line. */
export interface StressGuest {
  readonly kernel: string;
  readonly initrd: string;
  readonly disk: string;
  readonly append: string;
  readonly cpus: number;
  readonly seed: number;
}

export interface MachineCommand {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * This project's machine, in a process of its own, so that every end of it is seen.
 * `timeoutSeconds` of simulated time.
 */
export function ourCommand(guest: StressGuest, engine: EngineName, timeoutSeconds: number): MachineCommand {
  const launcher = join(packageRoot(), 'scripts', 'launch.mjs');
  const files = ['--kernel', guest.kernel, '--initrd', guest.initrd, '--append', guest.append, '--drive', guest.disk];
  const machine = ['--smp', String(guest.cpus), '--seed', String(guest.seed), '--timeout', `${timeoutSeconds}s`];
  const args = [launcher, 'boot', '--board', 'qemu-virt', '--engine', engine, ...files, ...machine];
  return { name: 'this machine', program: process.execPath, args };
}

export const QEMU = 'qemu-system-aarch64';

/** QEMU's board of the same kind. What the guest writes to the disk is lost, as it is on ours. */
export function qemuCommand(guest: StressGuest): MachineCommand {
  const machine = ['-M', 'virt,gic-version=2', '-cpu', 'cortex-a53', '-smp', String(guest.cpus), '-m', '1G'];
  const console = ['-nic', 'none', '-display', 'none', '-monitor', 'none', '-serial', 'stdio', '-no-reboot'];
  const files = ['-kernel', guest.kernel, '-initrd', guest.initrd, '-append', guest.append];
  const drive = `file=${guest.disk},if=none,id=disk,format=raw,snapshot=on`;
  const args = [...machine, ...console, ...files, '-drive', drive, '-device', 'virtio-blk-device,drive=disk'];
  return { name: 'QEMU', program: QEMU, args };
}
