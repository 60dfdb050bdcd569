// SPDX-License-Identifier: GPL-2.0-only
/**
 * The device trees of real boards that Debian's newest backported arm64 kernel ships: about 1,700
 * of some twenty silicon vendors. They lie in the package linux-base-VERSION-arm64 below
 * usr/lib/modules/VERSION/dtb/, and are kept in the cache.
 */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fetchDebianPackage } from '#workbench/engine-library/debian-packages.ts';

const REQUEST = {
  // The plain flavour only: there are cloud, rt and 16k ones beside it.
  name: /^linux-base-\d+(\.\d+)*\+deb\d+-arm64$/,
  suite: 'trixie-backports',
  architecture: 'arm64',
  only: /\.dtb$|\/copyright$/,
  intoCache: 'device-trees/debian-boards',
} as const;

/**
 * The folder of the trees, fetched once when the cache does not hold them.
 * @throws DebianPackageError when they cannot be obtained: no apt, sources that are not Debian's,
 * mirror out of reach
 */
export function fetchBoardTrees(): string {
  const onFetch = () =>
    process.stderr.write(
      "Fetching the device trees of Debian's arm64 kernel (5 MB, unpacked 120 MB) once into the cache …\n",
    );
  return fetchDebianPackage({ ...REQUEST, onFetch }).folder;
}

/**
 * Every .dtb file below `folder`, absolute where that is, sorted by path.
 * @throws Error of the file system
 */
export function treeFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.dtb'))
    .sort()
    .map((path) => join(folder, path));
}
