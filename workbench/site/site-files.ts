// SPDX-License-Identifier: GPL-2.0-only
/** The site's files, as scripts/build.mjs made them. */

import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import { writeOutput } from '#workbench/files/output-file.ts';
import { whyNotWritten } from '#workbench/files/why-not.ts';
import { InputError } from '#workbench/input-error.ts';
import { packageRoot } from '#workbench/package-root.ts';

/** Contents by name, "/" between folders. */
export type SiteFiles = ReadonlyMap<string, Uint8Array>;

/** Files that a first visit does not request; the service worker fetches them afterwards. */
const LATER: ReadonlySet<string> = new Set(['report.html']);

/** @throws Error that says how to make them when the package was not built */
export function readSite(): SiteFiles {
  const folder = join(packageRoot(), 'dist', 'pages', 'site');
  try {
    const names = readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.partial'))
      .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1));
    return new Map(names.sort().map((name) => [name.replaceAll(sep, '/'), readFileSync(join(folder, name))]));
  } catch (error) {
    throw new Error(`${folder} is missing: run "npm run build" in the package`, { cause: error });
  }
}

/** Bytes to transfer, gzipped as by a server: at the first visit, and in total. */
export function compressedBytes(files: SiteFiles): { readonly first: number; readonly all: number } {
  let [first, all] = [0, 0];
  for (const [name, contents] of files) {
    const { length } = gzipSync(contents);
    all += length;
    if (!LATER.has(name)) first += length;
  }
  return { first, all };
}

/** Into `folder`, which is made where it is missing. @throws InputError */
export function writeSite(folder: string, files: SiteFiles): void {
  for (const [name, contents] of files) {
    const path = join(folder, name);
    try {
      mkdirSync(dirname(path), { recursive: true });
    } catch (error) {
      throw new InputError(`--out ${folder}: cannot be made: ${whyNotWritten(error)}`);
    }
    writeOutput('--out', path, contents);
  }
}
