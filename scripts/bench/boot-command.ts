// SPDX-License-Identifier: GPL-2.0-only
/** The command line of `npm run boot`, without npm, which takes a third of a second by itself. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';

/** @returns arguments of Node: its flags, the launcher, the command's name, and `words` */
export function bootCommand(words: readonly string[]): string[] {
  const { scripts } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as {
    readonly scripts: { readonly boot: string };
  };
  const [, ...own] = scripts.boot.split(' ');
  return [...own, ...words];
}
