// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run web`: the live view of a machine in a browser: serial terminal, run, pause, step, memory
 * as it changes. On the loopback only.
 */

import { commandMain } from '#workbench/cli/command.ts';
import { MACHINE_OPTIONS, machineSettings } from '#workbench/cli/machine-options.ts';
import { flag, titled, valueOr } from '#workbench/cli/option-table.ts';
import { parsePort } from '#workbench/cli/quantities.ts';
import { readPage } from '#workbench/report/html-page.ts';
import { LiveMachine } from '#workbench/web/live-machine.ts';
import { serve } from '#workbench/web/server.ts';

const DEFAULT_PORT = 8470;

export const main = commandMain({
  name: 'web',
  summary: 'Boots a board and shows it in a browser while it runs.',
  usage: '--board NAME [options]',
  options: {
    ...MACHINE_OPTIONS,
    ...titled('Page', {
      port: valueOr('<n>', DEFAULT_PORT, 'port on the loopback to serve on; 0 takes any that is free', parsePort),
      paused: flag('do not run before the page says so'),
    }),
  },
  details: {
    'The page': ['Its address is said on stderr. Ctrl-C ends the server and the machine. More: docs/pictures.md'],
  },
  examples: [['npm run web -- --board pixel6'], ['npm run web -- --board qemu-virt --paused --port 0']],
  statuses: { 0: 'ended with Ctrl-C', 2: 'usage, board, input or port error' },
  async run({ options, interrupt }) {
    const live = new LiveMachine(machineSettings(options), options.paused);
    interrupt.addEventListener('abort', () => live.close(), { once: true });
    const server = await serve(live, readPage('live'), options.port);
    process.stderr.write(`web: ${server.url} (Ctrl-C ends it)\n`);
    try {
      await live.run();
    } finally {
      await server.close();
    }
    return 0;
  },
});
