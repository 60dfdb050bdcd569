// SPDX-License-Identifier: GPL-2.0-only
/** `ps` and `run FILE`. */

import { type Command, CommandError } from '#kernel-ts/kernel/shell/command.ts';

export const ps: Command = {
  name: 'ps',
  parameters: '',
  summary: 'processes',
  run: ({ userSpace, print }) => {
    const processes = userSpace.processes();
    if (processes.length === 0) {
      print('no process');
      return;
    }
    print('  PID PARENT FRAMES STATE      NAME');
    for (const { pid, parent, frames, state, name } of processes) {
      print(
        `${`${pid}`.padStart(5)} ${`${parent}`.padStart(6)} ${`${frames}`.padStart(6)} ${state.padEnd(10)} ${name}`,
      );
    }
  },
};

export const run: Command = {
  name: 'run',
  parameters: 'FILE',
  summary: 'starts a program of the initramfs; it has the console until it ends',
  run: ({ userSpace }, text) => {
    if (text === '') throw new CommandError('FILE is missing: name a program of the initramfs');
    const result = userSpace.spawn(text);
    if (!result.ok) throw new CommandError(`FILE is "${text}": ${result.why}`);
  },
};
