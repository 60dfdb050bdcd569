// SPDX-License-Identifier: GPL-2.0-only
/**
 * The GNU cross binutils: tells whether they are installed, and runs one. CROSS_COMPILE names
 * another prefix, as it does for Linux.
 */

import { execFileSync } from 'node:child_process';

const TOOL_PREFIX = process.env['CROSS_COMPILE'] ?? 'aarch64-linux-gnu-';

/** The cross assembler is not installed. */
export class MissingBinutilsError extends Error {
  constructor() {
    super(
      `${TOOL_PREFIX}as was not found: install the GNU cross binutils (Debian: apt-get install binutils-aarch64-linux-gnu)`,
    );
    this.name = 'MissingBinutilsError';
  }
}

/** True when the cross binutils can be run. */
export function haveBinutils(): boolean {
  try {
    execFileSync(`${TOOL_PREFIX}as`, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/**
 * Runs one of them ("as", "ld", …) and returns what it prints.
 * @throws Error with its message when it fails
 */
export function runBinutil(tool: string, args: readonly string[]): string {
  return execFileSync(`${TOOL_PREFIX}${tool}`, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}
