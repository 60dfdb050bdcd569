// SPDX-License-Identifier: GPL-2.0-only
/** `ps`, `ls` and `run FILE`. */

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

export const ls: Command = {
  name: 'ls',
  parameters: '',
  summary: 'the programs that run can start',
  run: ({ userSpace, print }) => {
    const programs = userSpace.programs();
    if (programs.length === 0) {
      print('no program');
      return;
    }
    print('  BYTES FILE');
    for (const { path, bytes } of programs) print(`${`${bytes}`.padStart(7)} ${path}`);
  },
};

export const run: Command = {
  name: 'run',
  parameters: 'FILE',
  summary: 'starts a program of the initramfs; it has the console until it ends, Ctrl-C ends it',
  complete: ({ userSpace }) => userSpace.programs().map(({ path }) => path),
  run: ({ userSpace }, text) => {
    if (text === '') throw new CommandError('FILE is missing: name a program of the initramfs; "ls" lists them');
    const result = userSpace.spawn(text);
    if (!result.ok) throw new CommandError(`FILE is "${text}": ${result.why}`);
  },
};
