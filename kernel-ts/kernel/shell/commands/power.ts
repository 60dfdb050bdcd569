// SPDX-License-Identifier: GPL-2.0-only
/** `panic TEXT`, `poweroff`, `reboot`: commands that do not return. */

import type { PowerAction } from '#kernel-ts/kernel/power.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { type Command, CommandError, type ShellContext } from '#kernel-ts/kernel/shell/command.ts';

export const panic: Command = {
  name: 'panic',
  parameters: 'TEXT',
  summary: 'a kernel panic with that text',
  run: (_context, text) => {
    throw new KernelPanic(text === '' ? 'Asked for' : text, 'asked for in the maintenance shell');
  },
};

export const poweroff: Command = {
  name: 'poweroff',
  parameters: '',
  summary: 'switches the machine off',
  run: (context) => ask(context, 'off'),
};

export const reboot: Command = {
  name: 'reboot',
  parameters: '',
  summary: 'resets the machine',
  run: (context) => ask(context, 'reset'),
};

function ask({ power }: ShellContext, action: PowerAction): void {
  if (!power(action)) throw new CommandError('the device tree names no PSCI 0.2 or later to ask');
}
