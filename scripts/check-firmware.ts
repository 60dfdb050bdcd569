// SPDX-License-Identifier: GPL-2.0-only
/** `npm run check-firmware`: rebuilds firmware/ from its sources and compares with the images. */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { haveBinutils } from './firmware/binutils.ts';
import { buildFirmware, writeImages } from './firmware/build-firmware.ts';
import { commandMain } from '#workbench/cli/command.ts';
import { flag } from '#workbench/cli/option-table.ts';
import { packageRoot } from '#workbench/package-root.ts';

const EXIT_SKIPPED = 77;

export const main = commandMain({
  name: 'check-firmware',
  summary: 'Rebuilds firmware/ from its sources and compares with the images kept beside them.',
  usage: '[options]',
  options: { write: flag('replace the images instead') },
  examples: [['npm run check-firmware'], ['npm run check-firmware -- --write']],
  statuses: { 0: 'equal, or written', 1: 'different', [EXIT_SKIPPED]: 'the GNU cross binutils are missing' },
  run({ options: { write } }) {
    const say = (line: string) => process.stderr.write(`check-firmware: ${line}\n`);
    const folder = join(packageRoot(), 'firmware');
    if (!haveBinutils()) {
      say('skipped, the GNU cross binutils for aarch64 are not installed');
      return EXIT_SKIPPED;
    }
    const images = buildFirmware(folder);
    if (write) {
      writeImages(folder, images);
      say(`wrote ${[...images.keys()].join(', ')}`);
      return 0;
    }
    const different = [...images].filter(([name, bytes]) => {
      const kept = join(folder, 'images', name);
      return !existsSync(kept) || Buffer.compare(readFileSync(kept), bytes) !== 0;
    });
    for (const [name] of different) {
      say(`firmware/images/${name} differs from its source; npm run check-firmware -- --write`);
    }
    if (different.length === 0) say(`${images.size} images equal their sources`);
    return different.length === 0 ? 0 : 1;
  },
});
