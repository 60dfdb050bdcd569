// SPDX-License-Identifier: GPL-2.0-only
/**
 * The pages as files: one HTML document each, with its style and script inside, made by
 * scripts/build.mjs from workbench/report/page/ and workbench/web/page/. The page's data is put
 * into it as JSON.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';
import { withData } from './page-with-data.ts';

/** @throws Error that says how to make the page when the package was not built */
export function readPage(name: 'report' | 'live'): string {
  const file = join(packageRoot(), 'dist', 'pages', `${name}.html`);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} is missing: run "npm run build" in the package`, { cause: error });
  }
}

/**
 * The page `name` with `data` inside: works from disk, asks the network for nothing.
 * @throws Error as {@link readPage}
 */
export function pageWithData(name: 'report' | 'live', data: unknown): string {
  return withData(readPage(name), data);
}
