// SPDX-License-Identifier: GPL-2.0-only
/** `npm run site`: a folder of static files that boots boards in a browser tab. */

import { commandMain } from '#workbench/cli/command.ts';
import { flag, text, titled, valueOr } from '#workbench/cli/option-table.ts';
import { parsePort } from '#workbench/cli/quantities.ts';
import { showBytes } from '#common/quantities.ts';
import { compressedBytes, readSite, writeSite } from '#workbench/site/site-files.ts';
import { serveSite } from '#workbench/site/site-server.ts';

const DEFAULT_PORT = 8471;

export const main = commandMain({
  name: 'site',
  summary:
    'Writes a folder of static files, for any web server: a page on which a visitor boots a board in the tab, on the own core. Nothing is installed and nothing leaves the tab.',
  usage: '[--out FOLDER] [--serve [--port N]]',
  options: {
    ...titled('Site', {
      out: text('<folder>', 'write the files there; it may exist, and other files in it stay. Without --serve: "site"'),
      serve: flag('serve the site on the loopback, until Ctrl-C'),
      port: valueOr('<n>', DEFAULT_PORT, 'port for --serve; 0 takes any that is free', parsePort),
    }),
  },
  details: {
    'The page': [
      'Pixel 6, qemu-virt, Raspberry Pi 4: log, shell, memory map, device tree source, faults, kernels of your own. More: docs/site.md',
    ],
    'A server for it': [
      'Any that serves files, also from a folder of another site. It needs no headers; where it sends a',
      "Content-Security-Policy, script-src must have 'self' and 'wasm-unsafe-eval'. Offline use needs https, or the loopback.",
    ],
  },
  examples: [
    ['npm run site -- --serve'],
    ['npm run site -- --out public/levitate', 'then: python3 -m http.server --directory public'],
  ],
  statuses: { 0: 'written, or served until Ctrl-C' },
  async run({ options, interrupt }) {
    const { out = options.serve ? undefined : 'site', serve, port } = options;
    const files = readSite();
    const { first, all } = compressedBytes(files);
    process.stderr.write(
      `site: ${files.size} files, ${showBytes(first)} compressed at the first load, ${showBytes(all)} with what is kept for later\n`,
    );
    if (out !== undefined) {
      writeSite(out, files);
      process.stderr.write(`site: written to ${out}\n`);
    }
    if (!serve) return 0;
    const server = await serveSite(files, port);
    process.stderr.write(`site: ${server.url} (Ctrl-C ends it)\n`);
    await new Promise<void>((resolve) => interrupt.addEventListener('abort', () => resolve(), { once: true }));
    await server.close();
    return 0;
  },
});
