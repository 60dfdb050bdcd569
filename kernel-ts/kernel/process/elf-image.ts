// SPDX-License-Identifier: GPL-2.0-only
/**
 * Static AArch64 ELF64 programs: which bytes of the file go where in a user address space, and with
 * which rights. It decides and copies nothing: the address space does, page by page. Sections,
 * symbols and relocations are not looked at; a static position-independent program (ET_DYN without
 * PT_INTERP) relocates itself, so it only gets a base.
 *
 * ```
 *   ELF header (64 bytes)      16 e_type  18 e_machine  24 e_entry  32 e_phoff  54 e_phentsize  56 e_phnum
 *   program header (56 bytes)  0 p_type  4 p_flags  8 p_offset  16 p_vaddr  32 p_filesz  40 p_memsz
 *
 *   file       |....[ p_offset, p_filesz )....|
 *                   \                \
 *   memory     |..p.[ file's bytes   |zeros ).p..|      p: the rest of the first and last page, zeros as well
 *                   p_vaddr          p_memsz
 * ```
 * p_align is not used: segments are copied, not mapped from the file, so nothing has to be
 * congruent. Instead, no page may belong to two segments, because a page has one set of rights.
 *
 * Specification: System V ABI, chapters 4 and 5 (ELF-64 Object File Format 1.5); ELF for the Arm
 * 64-bit Architecture (AAELF64), 5.1.
 */

import { hex, PAGE_SIZE, type VirtAddr, virtAddr } from '#common/address.ts';
import { count } from '#common/quantities.ts';

const EI_CLASS = 4;
const EI_DATA = 5;
const EI_VERSION = 6;
const E_TYPE = 16;
const E_MACHINE = 18;
const E_ENTRY = 24;
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const MAGIC = 0x464c_457f;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const EV_CURRENT = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_AARCH64 = 183;

const PROGRAM_HEADER_BYTES = 56;
const P_FLAGS = 4;
const P_OFFSET = 8;
const P_VADDR = 16;
const P_FILESZ = 32;
const P_MEMSZ = 40;
const PT_LOAD = 1;
const PT_INTERP = 3;
const PF_X = 1;
const PF_W = 2;

const INSTRUCTION_BYTES = 4n;
/** Most segments of a program. Linkers make some six; each is compared with the others. */
const MAX_SEGMENTS = 64;

/** A file, little-endian. Offsets asked for are in [0, bytes), never across the end. */
export interface ByteSource {
  /** Length of the file. */
  readonly bytes: number;
  read8(offset: number): number;
  read16(offset: number): number;
  read32(offset: number): number;
  read64(offset: number): bigint;
}

/** Where the programs of an address space may lie. */
export interface ProgramRange {
  /** First address that may be used. */
  readonly start: VirtAddr;
  /** First address behind. */
  readonly end: VirtAddr;
  /** Where address 0 of a position-independent program goes: a multiple of the page size. */
  readonly positionIndependentBase: VirtAddr;
}

/** A segment to load. Sizes in bytes. Every segment may be read. */
export interface ElfSegment {
  /** Where it begins; need not be aligned. */
  readonly address: VirtAddr;
  /** All of it: `fileBytes`, then zeros. More than 0. */
  readonly memoryBytes: number;
  readonly fileOffset: number;
  readonly fileBytes: number;
  readonly rights: 'read' | 'read-write' | 'read-execute';
}

/** A program. `segments` is sorted, not empty, and no two share a page. */
export interface ElfImage {
  /** The first instruction, inside a segment that may be executed. */
  readonly entry: VirtAddr;
  readonly segments: readonly ElfSegment[];
}

/** A program that cannot be loaded. `field`: its faulty field, by the specification's name. */
export class ElfImageError extends Error {
  readonly field: string;

  constructor(field: string, problem: string) {
    super(`ELF: ${field}: ${problem}`);
    this.name = 'ElfImageError';
    this.field = field;
  }
}

/**
 * Reads the headers of the program in `file`. Linear in the number of its program headers.
 * @throws ElfImageError naming the field: not ELF64, not little-endian, not for AArch64, not an
 * executable, dynamically linked, nothing to load or too many segments, one that leaves the file or
 * `range`, that is writable and executable, or that shares a page with another; an entry outside
 * the code
 */
export function readElfImage(file: ByteSource, range: ProgramRange): ElfImage {
  const header = new Fields(file);
  header.expect('e_ident', header.u32(0, 'e_ident'), [MAGIC], 'the magic number of ELF');
  header.expect('EI_CLASS', header.u8(EI_CLASS, 'EI_CLASS'), [ELFCLASS64], 'ELFCLASS64');
  header.expect('EI_DATA', header.u8(EI_DATA, 'EI_DATA'), [ELFDATA2LSB], 'ELFDATA2LSB (little-endian)');
  header.expect('EI_VERSION', header.u8(EI_VERSION, 'EI_VERSION'), [EV_CURRENT], 'EV_CURRENT');
  header.expect('e_machine', header.u16(E_MACHINE, 'e_machine'), [EM_AARCH64], 'EM_AARCH64');
  const type = header.u16(E_TYPE, 'e_type');
  header.expect('e_type', type, [ET_EXEC, ET_DYN], 'an executable (ET_EXEC, or ET_DYN linked with -static-pie)');
  const bias = type === ET_DYN ? range.positionIndependentBase : 0n;

  const segments = readSegments(header, bias, range);
  const entry = header.u64(E_ENTRY, 'e_entry') + bias;
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

function readSegments(fields: Fields, bias: bigint, range: ProgramRange): ElfSegment[] {
  const headersAt = fields.offset(E_PHOFF, 'e_phoff');
  const headers = fields.u16(E_PHNUM, 'e_phnum');
  const headerBytes = fields.u16(E_PHENTSIZE, 'e_phentsize');
  if (headers !== 0 && headerBytes !== PROGRAM_HEADER_BYTES) {
    throw new ElfImageError('e_phentsize', `${headerBytes} is not ${PROGRAM_HEADER_BYTES}`);
  }
  const segments: ElfSegment[] = [];
  for (let index = 0; index < headers; index++) {
    const at = headersAt + index * PROGRAM_HEADER_BYTES;
    const name = (field: string) => `${field} of program header ${index}`;
    const type = fields.u32(at, name('p_type'));
    if (type === PT_INTERP) {
      throw new ElfImageError(name('p_type'), 'PT_INTERP: a dynamically linked program; link it with -static');
    }
    if (type !== PT_LOAD) continue;
    const segment = readSegment(fields, at, name, bias, range);
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
  if (segments.length === 0) throw new ElfImageError('e_phnum', `${count(headers, 'program header')}, nothing to load`);
  return segments.sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** Null for a segment without a byte. */
function readSegment(
  fields: Fields,
  at: number,
  name: (field: string) => string,
  bias: bigint,
  range: ProgramRange,
): ElfSegment | null {
  const flags = fields.u32(at + P_FLAGS, name('p_flags'));
  const writable = (flags & PF_W) !== 0;
  const executable = (flags & PF_X) !== 0;
  const fileBytes = fields.u64(at + P_FILESZ, name('p_filesz'));
  const memoryBytes = fields.u64(at + P_MEMSZ, name('p_memsz'));
  if (memoryBytes === 0n && fileBytes === 0n) return null;
  if (writable && executable) {
    throw new ElfImageError(name('p_flags'), 'writable and executable at once; link data and code into segments apart');
  }
  if (fileBytes > memoryBytes) {
    throw new ElfImageError(name('p_filesz'), `${hex(fileBytes)} is more than p_memsz, ${hex(memoryBytes)}`);
  }
  const fileOffset = fields.u64(at + P_OFFSET, name('p_offset'));
  // A segment of zeros may have an offset behind the end of the file.
  if (fileBytes > 0n && fileOffset + fileBytes > fields.file.bytes) {
    throw new ElfImageError(
      name('p_offset'),
      `needs bytes ${hex(fileOffset)} to ${hex(fileOffset + fileBytes)} of a file of ${hex(fields.file.bytes)} bytes`,
    );
  }
  const address = fields.u64(at + P_VADDR, name('p_vaddr')) + bias;
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

/** Fields of the file by offset and name: what lies outside is an error with that name. */
class Fields {
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

  /** A 64-bit offset into the file. @throws ElfImageError behind its end */
  offset(at: number, field: string): number {
    const value = this.u64(at, field);
    if (value > this.file.bytes) {
      throw new ElfImageError(field, `${hex(value)} is behind the end of a file of ${hex(this.file.bytes)} bytes`);
    }
    return Number(value);
  }

  expect(field: string, value: number, allowed: readonly number[], meaning: string): void {
    if (!allowed.includes(value)) throw new ElfImageError(field, `${hex(value)} is not ${meaning}`);
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
