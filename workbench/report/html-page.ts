// SPDX-License-Identifier: GPL-2.0-only
/**
 * The pages as files: one HTML document each, with its style and script inside, made by
 * scripts/build.mjs from workbench/report/page/ and workbench/web/page/. A report's data is put
 * into it by page-with-data.ts.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';

/** @throws Error that says how to make the page when the package was not built */
export function readPage(name: 'report' | 'live'): string {
  const file = join(packageRoot(), 'dist', 'pages', `${name}.html`);
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`${file} is missing: run "npm run build" in the package`, { cause: error });
  }
}
