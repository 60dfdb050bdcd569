// SPDX-License-Identifier: GPL-2.0-only
/**
 * Static AArch64 ELF64 programs: their segments in a user address space, with permissions. It
 * copies nothing: program-loader.ts does, page by page. common/elf64.ts reads the headers. A static
 * position-independent program (ET_DYN without PT_INTERP) relocates itself, so it only needs a
 * base.
 *
 * ```
 *   file       |....[ p_offset, p_filesz )....|
 *                   \                \
 *   memory     |..p.[ file's bytes   |zeros ).p..|      p: the rest of the first and last page, zeros as well
 *                   p_vaddr          p_memsz
 * ``` p_align is not used: segments are copied, not mapped from the file, so file offset and
 * address need not be congruent. Instead, no page may belong to two segments, because a page has
 * one set of permissions.
 */

import { hex, PAGE_SIZE, type VirtAddr, virtAddr } from '#common/address.ts';
import {
  type ElfFields,
  type ElfHeader,
  PF_W,
  PF_X,
  PROGRAM_HEADER,
  PT_INTERP,
  PT_LOAD,
  type ProgramHeader,
  readElfHeader,
} from '#common/elf64.ts';
import { count } from '#common/quantities.ts';

const { p_flags, p_offset, p_vaddr, p_filesz, p_memsz } = PROGRAM_HEADER;

const INSTRUCTION_BYTES = 4n;
/** Most segments of a program. Linkers make some six, and each is compared with the others. */
const MAX_SEGMENTS = 64;

/** File, little-endian. Reads must lie in [0, bytes). */
export interface ByteSource {
  /** Length of the file. */
  readonly bytes: number;
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  read64(offset: number): bigint;
}

/** Addresses available to programs. */
export interface ProgramRange {
  /** First available address. */
  readonly start: VirtAddr;
  /** End of the available addresses, exclusive. */
  readonly end: VirtAddr;
  /** Load address of a position-independent program: a multiple of the page size. */
  readonly positionIndependentBase: VirtAddr;
}

/** Segment to load. Sizes in bytes. Every segment is readable. */
export interface ElfSegment {
  /** First address; need not be aligned. */
  readonly address: VirtAddr;
  /** Size in memory: `fileBytes`, then zeros. More than 0. */
  readonly memoryBytes: number;
  readonly fileOffset: number;
  readonly fileBytes: number;
  readonly rights: 'read' | 'read-write' | 'read-execute';
}

/** Program. `segments` is sorted, not empty, and no two share a page. */
export interface ElfImage {
  /** First instruction, inside an executable segment. */
  readonly entry: VirtAddr;
  readonly segments: readonly ElfSegment[];
}

/**
 * Thrown for a program that cannot be loaded. `field`: its faulty field, by the specification's
 * name.
 */
export class ElfImageError extends Error {
  readonly field: string;

  constructor(field: string, problem: string) {
    super(`ELF: ${field}: ${problem}`);
    this.name = 'ElfImageError';
    this.field = field;
  }
}

/**
 * Reads the headers of the program in `file`. Linear in the number of program headers.
 * @throws ElfImageError naming the field: not ELF64, not little-endian, not for AArch64, not an
 * executable, dynamically linked, nothing to load or too many segments, one that leaves the file or
 * `range`, that is writable and executable, or that shares a page with another; an entry outside
 * the code
 */
export function readElfImage(file: ByteSource, range: ProgramRange): ElfImage {
  const fields = new Fields(file);
  const header = readElfHeader(fields);
  const bias = header.isPositionIndependent ? range.positionIndependentBase : 0n;
  const segments = readSegments(fields, header, bias, range);
  const entry = header.entry + bias;
  if (entry % INSTRUCTION_BYTES !== 0n) {
    throw new ElfImageError('e_entry', `${hex(entry)} is not a multiple of ${INSTRUCTION_BYTES}`);
  }
  const code = segments.find(
    ({ address, fileBytes, rights }) =>
      rights === 'read-execute' && entry >= address && entry + INSTRUCTION_BYTES <= address + BigInt(fileBytes),
  );
  if (code === undefined) throw new ElfImageError('e_entry', `${hex(entry)} is in no executable segment`);
  return { entry: virtAddr(entry), segments };
}

function readSegments(fields: Fields, header: ElfHeader, bias: bigint, range: ProgramRange): ElfSegment[] {
  const segments: ElfSegment[] = [];
  for (const program of header.programHeaders) {
    const { type, name } = program;
    if (type === PT_INTERP) {
      throw new ElfImageError(name('p_type'), 'PT_INTERP: a dynamically linked program; link it with -static');
    }
    if (type !== PT_LOAD) continue;
    const segment = readSegment(fields, program, bias, range);
    if (segment === null) continue;
    const other = segments.find((one) => sharePage(one, segment));
    if (other !== undefined) {
      throw new ElfImageError(
        name('p_vaddr'),
        `the segment at ${hex(segment.address)} has a page in common with the one at ${hex(other.address)}`,
      );
    }
    if (segments.length === MAX_SEGMENTS) {
      throw new ElfImageError('e_phnum', `more than ${MAX_SEGMENTS} segments to load; link them into fewer`);
    }
    segments.push(segment);
  }
  if (segments.length === 0) {
    throw new ElfImageError('e_phnum', `${count(header.programHeaders.length, 'program header')}, nothing to load`);
  }
  return segments.sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** Returns null for an empty segment. */
function readSegment(
  fields: Fields,
  { at, name }: ProgramHeader,
  bias: bigint,
  range: ProgramRange,
): ElfSegment | null {
  const flags = fields.u32(at + p_flags, name('p_flags'));
  const writable = (flags & PF_W) !== 0;
  const executable = (flags & PF_X) !== 0;
  const fileBytes = fields.u64(at + p_filesz, name('p_filesz'));
  const memoryBytes = fields.u64(at + p_memsz, name('p_memsz'));
  if (memoryBytes === 0n && fileBytes === 0n) return null;
  if (writable && executable) {
    throw new ElfImageError(name('p_flags'), 'writable and executable at once; link data and code into segments apart');
  }
  if (fileBytes > memoryBytes) {
    throw new ElfImageError(name('p_filesz'), `${hex(fileBytes)} is more than p_memsz, ${hex(memoryBytes)}`);
  }
  const fileOffset = fields.u64(at + p_offset, name('p_offset'));
  // A segment of zeros may have an offset beyond the end of the file.
  if (fileBytes > 0n && fileOffset + fileBytes > fields.file.bytes) {
    throw new ElfImageError(
      name('p_offset'),
      `needs bytes ${hex(fileOffset)} to ${hex(fileOffset + fileBytes)} of a file of ${hex(fields.file.bytes)} bytes`,
    );
  }
  const address = fields.u64(at + p_vaddr, name('p_vaddr')) + bias;
  if (address < range.start || address + memoryBytes > range.end) {
    throw new ElfImageError(
      name('p_vaddr'),
      `${hex(address)} to ${hex(address + memoryBytes)} is not inside ${hex(range.start)} to ${hex(range.end)}`,
    );
  }
  return {
    address: virtAddr(address),
    memoryBytes: Number(memoryBytes),
    fileOffset: Number(fileOffset),
    fileBytes: Number(fileBytes),
    rights: writable ? 'read-write' : executable ? 'read-execute' : 'read',
  };
}

function sharePage(a: ElfSegment, b: ElfSegment): boolean {
  const page = BigInt(PAGE_SIZE);
  const first = (segment: ElfSegment) => segment.address / page;
  const last = (segment: ElfSegment) => (segment.address + BigInt(segment.memoryBytes) - 1n) / page;
  return first(a) <= last(b) && first(b) <= last(a);
}

/**
 * Reads fields of the file by offset and name; a field outside the file is an error with that name.
 */
class Fields implements ElfFields {
  readonly file: ByteSource;

  constructor(file: ByteSource) {
    this.file = file;
  }

  u8(offset: number, field: string): number {
    return this.file.read8(this.inside(offset, 1, field));
  }

  u16(offset: number, field: string): number {
    return this.file.read16(this.inside(offset, 2, field));
  }

  u32(offset: number, field: string): number {
    return this.file.read32(this.inside(offset, 4, field));
  }

  u64(offset: number, field: string): bigint {
    return this.file.read64(this.inside(offset, 8, field));
  }

  /** Reads a 64-bit offset into the file. @throws ElfImageError when it is beyond its end */
  size64(at: number, field: string): number {
    const value = this.u64(at, field);
    if (value > this.file.bytes) {
      throw new ElfImageError(field, `${hex(value)} is past the end of a file of ${hex(this.file.bytes)} bytes`);
    }
    return Number(value);
  }

  error(field: string, problem: string): ElfImageError {
    return new ElfImageError(field, problem);
  }

  private inside(offset: number, length: number, field: string): number {
    if (offset + length > this.file.bytes) {
      throw new ElfImageError(
        field,
        `needs bytes ${hex(offset)} to ${hex(offset + length)} of a file of ${hex(this.file.bytes)} bytes`,
      );
    }
    return offset;
  }
}
