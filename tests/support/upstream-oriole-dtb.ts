// SPDX-License-Identifier: GPL-2.0-only
/**
 * The upstream Linux device tree of the Pixel 6 ("oriole"), as Debian's newest backported arm64
 * kernel ships it.
 *
 * Not the tree that the emulator generates: a real input from elsewhere to compare with and to
 * boot. It has no /memory node, because the phone's boot loader fills that in. The blob lies in the
 * package linux-base-VERSION-arm64 (4.6 MB) under usr/lib/modules/VERSION/dtb/exynos/google/ (read
 * from the package itself; the version moves, so the name is looked up).
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import {
  fetchDebianPackage,
  findDebianPackage,
  DebianPackageError,
} from '#workbench/engine-library/debian-packages.ts';

const REQUEST = {
  // The plain flavour only: there are cloud, rt and 16k ones beside it.
  name: /^linux-base-\d+(\.\d+)*\+deb\d+-arm64$/,
  suite: 'trixie-backports',
  architecture: 'arm64',
  // The package unpacks to 120 MB; the tree and the licence are 60 KB of that.
  only: /\/gs101-oriole\.dtb$|\/copyright$/,
  intoCache: 'device-trees/upstream-oriole',
} as const;

/**
 * Absolute path of gs101-oriole.dtb in the cache; obtained once, afterwards without apt and
 * network.
 * @throws DebianPackageError when it is not in the cache and cannot be obtained: no apt, sources
 * that are not Debian's, mirror out of reach
 */
// oxlint-disable-next-line require-await -- callers must not depend on the fetch being synchronous
export async function upstreamOrioleDtb(): Promise<string> {
  const present = findDebianPackage(REQUEST);
  const unpacked =
    present ??
    fetchDebianPackage({
      ...REQUEST,
      onFetch: () => {
        process.stderr.write(
          'Fetching the upstream Pixel 6 device tree (Debian linux-base, 5 MB) once into the cache …\n',
        );
      },
    });
  const modules = join(unpacked.folder, 'usr', 'lib', 'modules');
  const [version] = readdirSync(modules);
  const path =
    version === undefined ? undefined : join(modules, version, 'dtb', 'exynos', 'google', 'gs101-oriole.dtb');
  if (path === undefined || !existsSync(path)) {
    throw new DebianPackageError('broken-package', `${unpacked.name} ${unpacked.version} holds no gs101-oriole.dtb`);
  }
  return path;
}
