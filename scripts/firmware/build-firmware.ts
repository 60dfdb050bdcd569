// SPDX-License-Identifier: GPL-2.0-only
/**
 * Builds the images of firmware/ from their sources with the GNU cross binutils. Nobody needs this
 * to run the emulator: the built images are kept beside the sources, and `npm run check-firmware`
 * rebuilds them and compares bytes.
 */

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { writeOutput } from '#workbench/files/output-file.ts';
import { haveBinutils, MissingBinutilsError, runBinutil } from './binutils.ts';
import { buildInitramfs, INITRAMFS } from './build-initramfs.ts';

/** A linked image: its source, its linker script, and whether TypeScript needs its symbols. */
interface ImageRecipe {
  readonly name: string;
  readonly source: string;
  readonly linkerScript: string;
  readonly symbols: boolean;
}

const RECIPES: readonly ImageRecipe[] = [
  { name: 'reset-qemu-virt', source: 'reset/qemu-virt.S', linkerScript: 'reset/reset.ld', symbols: false },
  { name: 'reset-pixel6', source: 'reset/pixel6.S', linkerScript: 'reset/reset.ld', symbols: false },
  { name: 'reset-rpi4', source: 'reset/rpi4.S', linkerScript: 'reset/reset.ld', symbols: false },
  { name: 'kernel', source: 'kernel/head.S', linkerScript: 'kernel/kernel.ld', symbols: true },
];

/** The guests of the tests, guests/NAME.S, in images/guests/. */
function testGuests(firmwareFolder: string): ImageRecipe[] {
  const sources = readdirSync(join(firmwareFolder, 'guests')).filter((file) => file.endsWith('.S'));
  return sources.sort().map((file) => {
    const linkerScript = `guests/${file.endsWith('-pixel6.S') ? 'guest-pixel6' : 'guest'}.ld`;
    return { name: `guests/${file.slice(0, -'.S'.length)}`, source: `guests/${file}`, linkerScript, symbols: false };
  });
}

/**
 * Assembles and links everything below `firmwareFolder`.
 * @returns file name in images/ to contents
 * @throws MissingBinutilsError; an Error with the assembler's message
 */
export function buildFirmware(firmwareFolder: string): Map<string, Uint8Array> {
  if (!haveBinutils()) throw new MissingBinutilsError();
  const work = mkdtempSync(join(tmpdir(), 'levitate-firmware-'));
  try {
    const images = new Map<string, Uint8Array>();
    for (const recipe of [...RECIPES, ...testGuests(firmwareFolder)]) {
      const source = join(firmwareFolder, recipe.source);
      const object = join(work, 'image.o');
      const elf = join(work, 'image.elf');
      const binary = join(work, 'image.bin');
      runBinutil('as', ['-I', join(source, '..'), '-o', object, source]);
      const script = join(firmwareFolder, recipe.linkerScript);
      // Small pages, so that a kept ELF file is not mostly padding.
      runBinutil('ld', ['--no-warn-rwx-segments', '-z', 'max-page-size=4096', '-T', script, '-o', elf, object]);
      runBinutil('objcopy', ['-O', 'binary', elf, binary]);
      images.set(`${recipe.name}.bin`, readFileSync(binary));
      if (recipe.symbols) {
        // For debuggers: addresses are offsets from the image's start.
        images.set(`${recipe.name}.elf`, readFileSync(elf));
        images.set(`${recipe.name}.symbols.json`, Buffer.from(symbolsJson(runBinutil('nm', ['-n', elf]))));
      }
    }
    images.set(INITRAMFS, buildInitramfs(join(firmwareFolder, 'user'), work));
    return images;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** Writes what {@link buildFirmware} made into images/. */
export function writeImages(firmwareFolder: string, images: ReadonlyMap<string, Uint8Array>): void {
  for (const [name, bytes] of images) {
    const path = join(firmwareFolder, 'images', name);
    mkdirSync(dirname(path), { recursive: true });
    writeOutput('', path, bytes);
  }
}

/**
 * Section symbols and absolute ones that belong to the layout, as offsets from the image's start,
 * by name.
 */
function symbolsJson(nm: string): string {
  const symbols: [string, number][] = [];
  for (const line of nm.split('\n')) {
    const [value, type, name] = line.trim().split(/\s+/);
    if (value === undefined || type === undefined || name === undefined) continue;
    // Constants of the assembly (.equ) are local absolutes; only the linker script's are global.
    if (type === 'a' || type === 't') continue;
    symbols.push([name, Number.parseInt(value, 16)]);
  }
  symbols.sort(([a], [b]) => (a < b ? -1 : 1));
  return `${JSON.stringify(Object.fromEntries(symbols), null, 2)}\n`;
}
