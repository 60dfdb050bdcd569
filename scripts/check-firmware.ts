/**
 * Rebuilds firmware/ from its sources and compares with the images kept beside them. `--write`
 * replaces them instead. Exit status: 0 equal (or written), 1 different, 77 the cross binutils are
 * missing.
 */

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { haveBinutils } from './firmware/binutils.ts';
import { buildFirmware, writeImages } from './firmware/build-firmware.ts';
import { packageRoot } from '#workbench/package-root.ts';

const SKIPPED = 77;

function main(args: readonly string[]): number {
  const folder = join(packageRoot(), 'firmware');
  if (!haveBinutils()) {
    console.error('check-firmware: skipped, the GNU cross binutils for aarch64 are not installed');
    return SKIPPED;
  }
  const images = buildFirmware(folder);
  if (args.includes('--write')) {
    writeImages(folder, images);
    console.error(`check-firmware: wrote ${[...images.keys()].join(', ')}`);
    return 0;
  }
  const different = [...images].filter(([name, bytes]) => {
    const kept = join(folder, 'images', name);
    return !existsSync(kept) || Buffer.compare(readFileSync(kept), bytes) !== 0;
  });
  for (const [name] of different) {
    console.error(`check-firmware: firmware/images/${name} differs from its source; npm run check-firmware -- --write`);
  }
  if (different.length === 0) console.error(`check-firmware: ${images.size} images equal their sources`);
  return different.length === 0 ? 0 : 1;
}

process.exitCode = main(process.argv.slice(2));
