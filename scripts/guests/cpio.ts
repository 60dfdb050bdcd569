// SPDX-License-Identifier: GPL-2.0-only
/**
 * CPIO archives in the "newc" format, in which Linux takes its initial RAM file system. Writing
 * only, and the same bytes each time: no times, no owners, numbers in order.
 *
 * ```
 *   "070701" ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
 *            6 + 13 × 8 hex digits
 *   name, NUL, zeros up to a multiple of 4 | content, zeros up to a multiple of 4 | … | the same for "TRAILER!!!"
 * ```
 * Specification: Documentation/driver-api/early-userspace/buffer-format.rst; cpio(5), "New ASCII
 * Format".
 */

import { concatBytes } from '#common/bytes.ts';

/**
 * A file of an archive. `path` is relative, without "./" or a leading "/"; parents come before what
 * is in them. `mode`: permission bits.
 */
export type CpioEntry =
  | { readonly kind: 'file'; readonly path: string; readonly mode: number; readonly content: Uint8Array }
  | { readonly kind: 'directory'; readonly path: string; readonly mode: number }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | {
      readonly kind: 'character-device';
      readonly path: string;
      readonly mode: number;
      readonly major: number;
      readonly minor: number;
    };

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
/** File types of st_mode (inode(7)). */
const FILE_TYPES = { file: 0o100000, directory: 0o040000, link: 0o120000, 'character-device': 0o020000 } as const;
const LINK_MODE = 0o777;
const UTF8 = new TextEncoder();

interface Header {
  readonly inode: number;
  readonly mode: number;
  readonly links: number;
  readonly major: number;
  readonly minor: number;
}

/**
 * The archive of `entries` in their order.
 * @throws Error for a path that is empty, absolute, or written twice: a mistake of the caller's
 */
export function writeCpio(entries: readonly CpioEntry[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  const seen = new Set<string>();
  const push = (name: string, header: Header, content: Uint8Array): void => {
    const nameBytes = UTF8.encode(`${name}\0`);
    const { inode, mode, links, major, minor } = header;
    const fields = [inode, mode, 0, 0, links, 0, content.length, 0, 0, major, minor, nameBytes.length, 0];
    const text = MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join('');
    chunks.push(padded(concatBytes([UTF8.encode(text), nameBytes])), padded(content));
  };
  for (const [index, entry] of entries.entries()) {
    if (entry.path === '' || entry.path.startsWith('/') || seen.has(entry.path)) {
      throw new Error(`the path "${entry.path}" cannot be in the archive: empty, absolute or there already`);
    }
    seen.add(entry.path);
    const permissions = entry.kind === 'link' ? LINK_MODE : entry.mode;
    const content =
      entry.kind === 'file' ? entry.content : entry.kind === 'link' ? UTF8.encode(entry.target) : new Uint8Array();
    const device = entry.kind === 'character-device' ? entry : { major: 0, minor: 0 };
    const links = entry.kind === 'directory' ? 2 : 1;
    const mode = FILE_TYPES[entry.kind] + permissions;
    push(entry.path, { inode: index + 1, mode, links, major: device.major, minor: device.minor }, content);
  }
  push(TRAILER, { inode: 0, mode: 0, links: 1, major: 0, minor: 0 }, new Uint8Array());
  return concatBytes(chunks);
}

function padded(bytes: Uint8Array): Uint8Array {
  const missing = (4 - (bytes.length % 4)) % 4;
  return missing === 0 ? bytes : concatBytes([bytes, new Uint8Array(missing)]);
}
