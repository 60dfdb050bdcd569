// SPDX-License-Identifier: GPL-2.0-only
/**
 * Initramfs: CPIO archives in the "newc" format, read in place, in kernel virtual memory. Nothing
 * is unpacked or copied; a file is an address and a size. There is no index: a lookup walks the
 * headers.
 *
 * ```
 *   "070701" ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
 *            6 + 13 × 8 hex digits
 *   name, NUL, zeros up to a multiple of 4 | content, zeros up to a multiple of 4 | … | the same for "TRAILER!!!"
 * ``` The rules are those of Linux: an archive may be followed by zeros and another archive; the
 * last one may lack its trailer; of two entries with the same path, the later one counts; of
 * several links to one file, only the last has the content; a name ends at its first NUL, and the
 * rest is padding; "070702" is the same format with the sum of the content's bytes in `check`. A
 * malformed entry ends the reading, and the entries before it count.
 *
 * Specification: Documentation/driver-api/early-userspace/buffer-format.rst; init/initramfs.c;
 * cpio(5), "New ASCII Format".
 */

import { alignUp, hex, type VirtAddr, virtAddr } from '#common/address.ts';
import { decodeUtf8 } from '#common/utf8.ts';
import { decodeName } from '#fdt/text.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import type { ByteSource } from './elf-image.ts';

const MAGIC = '070701';
/** Magic of the format with a sum of the content's bytes. */
const MAGIC_CHECKED = '070702';
/** Most symbolic links on the way to a file: MAXSYMLINKS of Linux. */
const MAX_LINKS = 40;
const DIGITS = 8;
const TRAILER = 'TRAILER!!!';
const ALIGNMENT = 4;
/** Longest name in bytes, with its NUL: PATH_MAX of Linux. */
const MAX_NAME_BYTES = 4096;

/** The 13 numbers of a header, in order. */
const FIELDS = [
  'ino',
  'mode',
  'uid',
  'gid',
  'nlink',
  'mtime',
  'filesize',
  'devmajor',
  'devminor',
  'rdevmajor',
  'rdevminor',
  'namesize',
  'check',
] as const;
type Field = (typeof FIELDS)[number];
const HEADER_BYTES = MAGIC.length + FIELDS.length * DIGITS;

/** st_mode (inode(7)): the file type, and permissions in the bits below. */
const TYPE_UNIT = 0o10000;
const KINDS: ReadonlyMap<number, InitramfsEntry['kind']> = new Map([
  [0o04, 'directory'],
  [0o10, 'file'],
  [0o12, 'link'],
]);

/** Entry of the archive. */
export interface InitramfsEntry {
  /** Path without "./" and slashes at its ends; "." is the root. Invalid UTF-8 becomes U+FFFD. */
  readonly path: string;
  /** "link": a symbolic link, whose content is its target. "other": a device, a pipe, a socket. */
  readonly kind: 'file' | 'directory' | 'link' | 'other';
  /** Permission bits. */
  readonly mode: number;
  /** Address of the content. */
  readonly address: VirtAddr;
  /** Size of the content. */
  readonly bytes: number;
}

/** Thrown for a malformed archive, or one that ends early. */
export class InitramfsError extends Error {
  /** Offset of the error in the initramfs, in bytes. */
  readonly offset: number;

  constructor(offset: number, problem: string) {
    super(`initramfs: ${problem} at offset ${hex(offset)}`);
    this.name = 'InitramfsError';
    this.offset = offset;
  }
}

/** File of the initramfs. The caller of its methods checks the offsets. */
export class InitramfsFile implements ByteSource {
  readonly path: string;
  readonly address: VirtAddr;
  readonly bytes: number;
  private readonly memory: MemoryPort;

  constructor(memory: MemoryPort, entry: InitramfsEntry) {
    this.memory = memory;
    this.path = entry.path;
    this.address = entry.address;
    this.bytes = entry.bytes;
  }

  read8(offset: number): number {
    return this.memory.read8(this.at(offset));
  }

  read16(offset: number): number {
    return this.memory.read16(this.at(offset));
  }

  read32(offset: number): number {
    return this.memory.read32(this.at(offset));
  }

  read64(offset: number): bigint {
    return this.memory.read64(this.at(offset));
  }

  private at(offset: number): VirtAddr {
    return virtAddr(this.address + BigInt(offset));
  }
}

/** Entry with the data common to all links to a file. */
interface RawEntry extends InitramfsEntry {
  readonly links: number;
  /** Device and inode. */
  readonly identity: string;
}

/** Result of a lookup. `content`: the entry with the content of a file with several links. */
interface Found {
  readonly found: RawEntry | null;
  readonly content: RawEntry | null;
}

/** Index of an initramfs at the time of reading. */
export interface InitramfsIndex {
  readonly entries: readonly InitramfsEntry[];
  /** As {@link Initramfs.open}, without reading the headers again. */
  open(path: string): InitramfsFile | null;
}

/** Archives in [address, address + bytes). */
export class Initramfs {
  readonly address: VirtAddr;
  readonly bytes: number;
  /** Error that ended the reading, after the file had been found. */
  ignored: InitramfsError | null = null;
  private readonly memory: MemoryPort;

  constructor(memory: MemoryPort, address: VirtAddr, bytes: number) {
    this.memory = memory;
    this.address = address;
    this.bytes = bytes;
  }

  /**
   * All entries, in the order of the archive. O(entries).
   * @throws InitramfsError where the archive is malformed or truncated, after the entries before
   * that place
   */
  *entries(): Generator<InitramfsEntry> {
    for (const entry of this.rawEntries()) {
      const { path, kind, mode, address, bytes } = entry;
      yield { path, kind, mode, address, bytes };
    }
  }

  /**
   * Entry that `path` names ("/bin/sh", "./bin/sh" and "bin/sh" are the same), or null. O(entries).
   * @throws InitramfsError for a malformed archive
   */
  find(path: string): InitramfsEntry | null {
    const { found } = this.lookUp(path);
    return found;
  }

  /**
   * Regular file `path`, or null when there is none. Symbolic links are followed. O(entries × parts
   * of the path).
   * @throws InitramfsError as `find`
   */
  open(path: string): InitramfsFile | null {
    return this.openBy((part) => this.lookUp(part), path);
  }

  /**
   * Index of all files, for callers that open many; it has the entries before a malformed one.
   * O(entries).
   */
  index(): InitramfsIndex {
    const entries: RawEntry[] = [];
    try {
      for (const entry of this.rawEntries()) entries.push(entry);
    } catch (error) {
      if (!(error instanceof InitramfsError)) throw error;
    }
    const byPath = new Map(entries.map((entry) => [entry.path, entry]));
    const contents = new Map(entries.filter(hasSharedContent).map((entry) => [entry.identity, entry]));
    const lookUp = (path: string): Found => withContent(byPath.get(normalPath(path)) ?? null, contents);
    return { entries, open: (path) => this.openBy(lookUp, path) };
  }

  private openBy(lookUp: (path: string) => Found, path: string): InitramfsFile | null {
    let parts = normalPath(path).split('/');
    for (let links = 0, depth = 1; depth <= parts.length; depth++) {
      const { found, content } = lookUp(parts.slice(0, depth).join('/'));
      if (found?.kind === 'link') {
        if (++links > MAX_LINKS) return null;
        const target = decodeUtf8(this.memory.readBytes(found.address, found.bytes));
        parts = resolved([...(target.startsWith('/') ? [] : parts.slice(0, depth - 1)), target, ...parts.slice(depth)]);
        depth = 0;
      } else if (depth === parts.length) {
        if (found === null || found.kind !== 'file') return null;
        return new InitramfsFile(this.memory, { ...(content ?? found), path: found.path });
      }
    }
    return null;
  }

  private lookUp(path: string): Found {
    const wanted = normalPath(path);
    let found: RawEntry | null = null;
    const contents = new Map<string, RawEntry>();
    try {
      for (const entry of this.rawEntries()) {
        if (entry.path === wanted) found = entry;
        if (hasSharedContent(entry)) contents.set(entry.identity, entry);
      }
    } catch (error) {
      // Entries before a malformed one count, as in Linux.
      if (!(error instanceof InitramfsError) || found === null) throw error;
      this.ignored = error;
    }
    return withContent(found, contents);
  }

  private *rawEntries(): Generator<RawEntry> {
    for (let at = this.skipZeros(0), archive = 0; at < this.bytes; at = this.skipZeros(at), archive++) {
      for (let ended = false; !ended && at < this.bytes; ) {
        const { entry, end } = this.readEntry(at, archive);
        at = end;
        if (entry === null) ended = true;
        else yield entry;
      }
    }
  }

  /** Entry at `at`, or null for a trailer, and the position of the next header. */
  private readEntry(at: number, archive: number): { entry: RawEntry | null; end: number } {
    const header = this.readText(at, HEADER_BYTES, 'a header');
    const isChecked = header.startsWith(MAGIC_CHECKED);
    if (!isChecked && !header.startsWith(MAGIC)) throw new InitramfsError(at, describeMagic(header));
    const field = (name: Field) => readField(header, name, at);
    const nameBytes = field('namesize');
    if (nameBytes < 2 || nameBytes > MAX_NAME_BYTES) {
      throw new InitramfsError(at, `a name of ${nameBytes} bytes with its NUL`);
    }
    const nameAt = at + HEADER_BYTES;
    this.check(nameAt, nameBytes, 'a name');
    const name = this.memory.readBytes(this.virtual(nameAt), nameBytes);
    if (name[nameBytes - 1] !== 0) throw new InitramfsError(nameAt, 'a name that does not end with its NUL');
    const path = decodeUtf8(name, 0, name.indexOf(0));
    const contentAt = alignUp(nameAt + nameBytes, ALIGNMENT);
    const bytes = field('filesize');
    this.check(contentAt, bytes, `the content of ${path}`);
    // The last archive may end without the zeros that fill its last word.
    const end = Math.min(alignUp(contentAt + bytes, ALIGNMENT), this.bytes);
    if (path === TRAILER) return { entry: null, end };
    if (isChecked) this.checkSum(path, contentAt, bytes, field('check'));
    const mode = field('mode');
    const entry: RawEntry = {
      path: normalPath(path),
      kind: KINDS.get(Math.floor(mode / TYPE_UNIT)) ?? 'other',
      mode: mode % TYPE_UNIT,
      address: this.virtual(contentAt),
      bytes,
      links: field('nlink'),
      identity: [archive, field('devmajor'), field('devminor'), field('ino')].join(':'),
    };
    return { entry, end };
  }

  /** Position of the first byte at or after `at` that is not zero, or the end. */
  private skipZeros(at: number): number {
    let next = at;
    while (next + 8 <= this.bytes && this.memory.read64(this.virtual(next)) === 0n) next += 8;
    while (next < this.bytes && this.memory.read8(this.virtual(next)) === 0) next++;
    return next;
  }

  private readText(at: number, length: number, what: string): string {
    this.check(at, length, what);
    return decodeName(this.memory.readBytes(this.virtual(at), length), 0, length);
  }

  /** @throws InitramfsError when the sum of the content's bytes differs from the header's */
  private checkSum(path: string, at: number, length: number, wanted: number): void {
    let sum = 0;
    for (const byte of this.memory.readBytes(this.virtual(at), length)) sum = (sum + byte) % 2 ** 32;
    if (sum === wanted) return;
    throw new InitramfsError(at, `the content of ${path} has the sum ${hex(sum, 8)}, not ${hex(wanted, 8)},`);
  }

  private check(at: number, length: number, what: string): void {
    if (at + length > this.bytes) {
      const missing = at + length - this.bytes;
      throw new InitramfsError(at, `${what} of ${length} bytes, of which ${missing} are missing,`);
    }
  }

  private virtual(at: number): VirtAddr {
    return virtAddr(this.address + BigInt(at));
  }
}

const hasSharedContent = ({ kind, links, bytes }: RawEntry): boolean => kind === 'file' && links > 1 && bytes > 0;

function withContent(found: RawEntry | null, contents: ReadonlyMap<string, RawEntry>): Found {
  const isElsewhere = found !== null && found.links > 1 && found.bytes === 0;
  return { found, content: isElsewhere ? (contents.get(found.identity) ?? null) : null };
}

function readField(header: string, name: Field, at: number): number {
  const start = MAGIC.length + FIELDS.indexOf(name) * DIGITS;
  const digits = header.slice(start, start + DIGITS);
  if (!/^[0-9a-f]{8}$/i.test(digits)) throw new InitramfsError(at + start, `${name} is not 8 hexadecimal digits`);
  return Number.parseInt(digits, 16);
}

/** Path without slashes at the ends, "." and empty parts. "" and "/" become ".". */
function normalPath(path: string): string {
  const parts = path.split('/').filter((part) => part !== '' && part !== '.');
  return parts.length === 0 ? '.' : parts.join('/');
}

/** Parts of a path, with ".." resolved. */
function resolved(pieces: readonly string[]): string[] {
  const parts: string[] = [];
  for (const part of normalPath(pieces.join('/')).split('/')) {
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return parts;
}

function describeMagic(header: string): string {
  if (header.startsWith('\x1f\x8b')) return 'gzip-compressed data (decompress it first)';
  if (header.startsWith('070707')) return 'an archive of the old portable format, "070707" (make it with cpio -H newc)';
  return `no header that begins with "${MAGIC}"`;
}
