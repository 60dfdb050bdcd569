// SPDX-License-Identifier: GPL-2.0-only
/** Commands of the maintenance shell, in the order of `help`. */

import type { Command } from './command.ts';
import { frame, pt } from './commands/address.ts';
import { buddyinfo, heap, meminfo, regions, slab } from './commands/memory.ts';
import { panic, poweroff, reboot } from './commands/power.ts';
import { ls, ps, run } from './commands/processes.ts';

const help: Command = {
  name: 'help',
  parameters: '',
  summary: 'this list',
  run: ({ print }) => {
    const usages = COMMANDS.map(({ name, parameters }) => `${name} ${parameters}`.trimEnd());
    const width = Math.max(...usages.map(({ length }) => length));
    for (const [index, { summary }] of COMMANDS.entries()) print(`${(usages[index] ?? '').padEnd(width)}  ${summary}`);
  },
};

/** All commands. */
export const COMMANDS: readonly Command[] = [
  help,
  meminfo,
  buddyinfo,
  heap,
  slab,
  regions,
  pt,
  frame,
  ps,
  ls,
  run,
  panic,
  poweroff,
  reboot,
];
