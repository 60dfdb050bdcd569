// SPDX-License-Identifier: GPL-2.0-only
/** "newc" archives for tests, entry by entry, including malformed ones. */

import { encodeUtf8 } from '#common/utf8.ts';

/** Entry. Missing fields are those of a plain file. */
export interface CpioSource {
  readonly path: string;
  readonly content?: Uint8Array;
  /** st_mode with the file type. */
  readonly mode?: number;
  readonly links?: number;
  readonly inode?: number;
  readonly magic?: string;
  /** namesize, if it differs from the name's length. */
  readonly nameBytes?: number;
}

const PLAIN_FILE = 0o100644;
const TRAILER = 'TRAILER!!!';

/** Entries without a trailer. */
export function cpioEntries(entries: readonly CpioSource[]): Uint8Array {
  const bytes: number[] = [];
  const push = (part: Uint8Array): void => {
    for (const byte of part) bytes.push(byte);
    while (bytes.length % 4 !== 0) bytes.push(0);
  };
  for (const [index, entry] of entries.entries()) {
    const { path, content = new Uint8Array(), mode = PLAIN_FILE, links = 1, inode = index + 1 } = entry;
    const name = encodeUtf8(`${path}\0`);
    const numbers = [inode, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, entry.nameBytes ?? name.length, 0];
    const digits = numbers.map((number) => number.toString(16).padStart(8, '0')).join('');
    push(Uint8Array.from([...encodeUtf8((entry.magic ?? '070701') + digits), ...name]));
    push(content);
  }
  return Uint8Array.from(bytes);
}

/** Complete archive. */
export function cpioArchive(entries: readonly CpioSource[]): Uint8Array {
  return cpioEntries([...entries, { path: TRAILER }]);
}
