// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reads "newc" archives back, for tests: from the format's description, and from nothing in the
 * writer.
 */

import type { CpioEntry } from '#scripts/guests/cpio.ts';

/**
 * The entries of `archive`.
 * @throws Error where it is not what the format says, or where anything follows the trailer
 */
export function readCpio(archive: Uint8Array): CpioEntry[] {
  const ascii = (start: number, end: number) => new TextDecoder().decode(archive.subarray(start, end));
  const aligned = (offset: number) => Math.ceil(offset / 4) * 4;
  const entries: CpioEntry[] = [];
  const inodes = new Set<number>();
  for (let at = 0; ; ) {
    if (ascii(at, at + 6) !== '070701') throw new Error(`no header at ${at}`);
    const field = (index: number) => Number.parseInt(ascii(at + 6 + index * 8, at + 14 + index * 8), 16);
    const [inode, mode, size, major, minor, nameBytes] = [0, 1, 6, 9, 10, 11].map(field) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ];
    if ([2, 3, 5, 7, 8, 12].some((index) => field(index) !== 0)) throw new Error(`owner, time or check at ${at}`);
    const path = ascii(at + 110, at + 110 + nameBytes - 1);
    const start = aligned(at + 110 + nameBytes);
    const content = archive.slice(start, start + size);
    at = aligned(start + size);
    if (path === 'TRAILER!!!') {
      if (at !== archive.length) throw new Error(`${archive.length - at} bytes after the trailer`);
      return entries;
    }
    if (inodes.has(inode)) throw new Error(`inode ${inode} twice`);
    inodes.add(inode);
    const permissions = mode % 0o10000;
    switch (mode - permissions) {
      case 0o100000:
        entries.push({ kind: 'file', path, mode: permissions, content });
        break;
      case 0o040000:
        entries.push({ kind: 'directory', path, mode: permissions });
        break;
      case 0o120000:
        entries.push({ kind: 'link', path, target: new TextDecoder().decode(content) });
        break;
      case 0o020000:
        entries.push({ kind: 'character-device', path, mode: permissions, major, minor });
        break;
      default:
        throw new Error(`${path} has mode ${mode.toString(8)}`);
    }
  }
}
