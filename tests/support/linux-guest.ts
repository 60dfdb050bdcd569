// SPDX-License-Identifier: GPL-2.0-only
/** Booting Debian's kernels with the project's initramfs to a shell on the console. Not a test. */

import { guestInitramfs } from '#scripts/guests/initramfs-file.ts';
import { INIT_READY_MARKER } from '#scripts/guests/initramfs.ts';
import { LevitateMachine, type MachineSettings } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { answerOf, bytesOf, converse, shellTurns } from './foreign-guest.ts';

/** Words of a broken kernel, or of a kernel on a broken machine. */
const TROUBLE = /warning|oops|bug:|rcu.*stall|unexpected|call trace/i;

/** The result of a boot: everything that a second boot must repeat. */
export interface LinuxRun {
  readonly outcome: Outcome;
  /** All text of the serial line. */
  readonly serial: string;
  readonly instructions: number;
  /** The output of each command, in the order of the commands. */
  readonly answers: readonly string[];
  /** Lines that match {@link TROUBLE}. */
  readonly trouble: readonly string[];
  /** True when /init said that it ran. */
  readonly reachedInit: boolean;
}

/** A command that waits until it is interrupted. */
export const INTERRUPTED_COMMAND = `sh -c 'trap "echo interrupted; exit 3" INT; echo ready"-"now; while :; do sleep 0.1; done'; echo status $?`;
const INTERRUPT_AFTER = 'ready-now\r\n';
const CTRL_C = '\x03';

/**
 * Boots `kernel` (a path) with the initramfs of `busybox`, gives the shell `commands`, then
 * `poweroff`; {@link INTERRUPTED_COMMAND} is interrupted from the keyboard. @throws Error when a
 * command was not answered
 */
export function runLinux(
  kernel: string,
  busybox: string,
  settings: MachineSettings,
  commands: readonly string[],
): LinuxRun {
  const machine = new LevitateMachine({ ...settings, kernel: bytesOf(kernel), initrd: guestInitramfs(busybox) });
  try {
    machine.serial.watch(INTERRUPT_AFTER, () => machine.type(CTRL_C));
    const outcome = converse(machine, shellTurns('/root # ', commands, 'poweroff'));
    const { text } = machine.serial;
    return {
      outcome,
      serial: text,
      instructions: machine.machine.clock.instructions,
      answers: commands.map((_, index) => answerOf(text, index)),
      trouble: text.split(/\r?\n/).filter((line) => TROUBLE.test(line)),
      reachedInit: text.includes(`\n${INIT_READY_MARKER}\r\n`),
    };
  } finally {
    machine.close();
  }
}
