// SPDX-License-Identifier: GPL-2.0-only
/**
 * AArch64 ELF64 executables: what to load where, by physical address. Sections, symbols and
 * relocations are not looked at.
 *
 * ```
 *   ELF header (64 bytes)      16 e_type  18 e_machine  24 e_entry  32 e_phoff  54 e_phentsize  56 e_phnum
 *   program header (56 bytes)  0 p_type  4 p_flags  8 p_offset  16 p_vaddr  24 p_paddr  32 p_filesz  40 p_memsz
 * ```
 * Specification: System V ABI, chapters 4 and 5 (ELF-64 Object File Format 1.5); ELF for the Arm
 * 64-bit Architecture (AAELF64), 5.1.
 */

import { hex } from '#common/address.ts';
import { FieldReader } from './field-reader.ts';

const EI_CLASS = 4;
const EI_DATA = 5;
const EI_VERSION = 6;
const E_TYPE = 16;
const E_MACHINE = 18;
const E_ENTRY = 24;
const E_PHOFF = 32;
const E_PHENTSIZE = 54;
const E_PHNUM = 56;
const MAGIC_VALUE = 0x464c_457f;
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
const P_PADDR = 24;
const P_FILESZ = 32;
const P_MEMSZ = 40;
const PT_LOAD = 1;
const PF_X = 1;

/** A loadable segment. Sizes in bytes. */
export interface ElfSegment {
  /** p_paddr. */
  readonly physical: number;
  /** The file's part (p_filesz), a view. */
  readonly bytes: Uint8Array;
  /** p_memsz: the file's part and zeros after it. */
  readonly memoryBytes: number;
}

/** An executable. `segments` is sorted by physical address, disjoint and not empty. */
export interface Elf64 {
  /** Physical address of the first instruction. */
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
}

/** True when `bytes` begins as an ELF file does. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new FieldReader('elf', bytes).u32(0, 'e_ident') === MAGIC_VALUE;
}

/**
 * Reads the executable in `bytes`. An entry point that is the virtual address of an executable
 * segment is translated to that segment's physical address, as QEMU's loader does.
 * @throws GuestImageError naming the field: not ELF64, not little-endian, not AArch64, not
 * executable, nothing to load, segments that overlap or leave the file or the address space
 */
export function parseElf64(bytes: Uint8Array): Elf64 {
  const reader = new FieldReader('elf', bytes);
  checkIdentity(reader);
  const headersAt = reader.size64(E_PHOFF, 'e_phoff');
  const count = reader.u16(E_PHNUM, 'e_phnum');
  const headerBytes = reader.u16(E_PHENTSIZE, 'e_phentsize');
  if (count !== 0 && headerBytes !== PROGRAM_HEADER_BYTES) {
    throw reader.error('e_phentsize', `${headerBytes} is not ${PROGRAM_HEADER_BYTES}`);
  }
  const virtualEntry = reader.u64(E_ENTRY, 'e_entry');
  let entry: number | null = null;
  const segments: ElfSegment[] = [];
  for (let index = 0; index < count; index++) {
    const at = headersAt + index * PROGRAM_HEADER_BYTES;
    const name = (field: string) => `${field} of program header ${index}`;
    if (reader.u32(at, name('p_type')) !== PT_LOAD) continue;
    const segment = readSegment(reader, at, name);
    const start = reader.u64(at + P_VADDR, name('p_vaddr'));
    const inside = virtualEntry >= start && virtualEntry < start + BigInt(segment.bytes.length);
    if (entry === null && inside && isExecutable(reader, at, name)) {
      entry = segment.physical + Number(virtualEntry - start);
    }
    if (segment.memoryBytes > 0) segments.push(segment);
  }
  if (segments.length === 0) throw reader.error('e_phnum', `none of the ${count} program headers is to be loaded`);
  segments.sort((a, b) => a.physical - b.physical);
  checkDisjoint(reader, segments);
  return { entry: entry ?? reader.size64(E_ENTRY, 'e_entry'), segments };
}

function checkIdentity(reader: FieldReader): void {
  const expect = (value: number, allowed: readonly number[], field: string, meaning: string) => {
    if (!allowed.includes(value)) throw reader.error(field, `${hex(value)} is not ${meaning}`);
  };
  expect(reader.u32(0, 'e_ident'), [MAGIC_VALUE], 'e_ident', 'the magic number of ELF');
  expect(reader.u8(EI_CLASS, 'EI_CLASS'), [ELFCLASS64], 'EI_CLASS', 'ELFCLASS64');
  expect(reader.u8(EI_DATA, 'EI_DATA'), [ELFDATA2LSB], 'EI_DATA', 'ELFDATA2LSB (little-endian)');
  expect(reader.u8(EI_VERSION, 'EI_VERSION'), [EV_CURRENT], 'EI_VERSION', 'EV_CURRENT');
  expect(reader.u16(E_MACHINE, 'e_machine'), [EM_AARCH64], 'e_machine', 'EM_AARCH64');
  expect(reader.u16(E_TYPE, 'e_type'), [ET_EXEC, ET_DYN], 'e_type', 'an executable (ET_EXEC or ET_DYN)');
}

function readSegment(reader: FieldReader, at: number, name: (field: string) => string): ElfSegment {
  const fileBytes = reader.size64(at + P_FILESZ, name('p_filesz'));
  const memoryBytes = reader.size64(at + P_MEMSZ, name('p_memsz'));
  if (fileBytes > memoryBytes) {
    throw reader.error(name('p_filesz'), `${hex(fileBytes)} is more than p_memsz, ${hex(memoryBytes)}`);
  }
  const physical = reader.size64(at + P_PADDR, name('p_paddr'));
  const offset = reader.size64(at + P_OFFSET, name('p_offset'));
  return { physical, memoryBytes, bytes: reader.bytes(offset, fileBytes, name('p_offset')) };
}

function isExecutable(reader: FieldReader, at: number, name: (field: string) => string): boolean {
  return (reader.u32(at + P_FLAGS, name('p_flags')) & PF_X) !== 0;
}

function checkDisjoint(reader: FieldReader, segments: readonly ElfSegment[]): void {
  let end = 0;
  for (const { physical, memoryBytes } of segments) {
    if (physical < end) throw reader.error('p_paddr', `segments overlap at ${hex(physical)}`);
    end = physical + memoryBytes;
  }
}
