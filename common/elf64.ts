// SPDX-License-Identifier: GPL-2.0-only
/**
 * Headers of little-endian AArch64 ELF64 executables. Sections, symbols and relocations are not
 * read; the loaders check the segments.
 *
 * ```
 *   ELF header (64 bytes)      16 e_type  18 e_machine  24 e_entry  32 e_phoff  54 e_phentsize  56 e_phnum
 *   program header (56 bytes)  0 p_type  4 p_flags  8 p_offset  16 p_vaddr  24 p_paddr  32 p_filesz  40 p_memsz
 * ```
 * Specification: System V ABI, chapters 4 and 5 (ELF-64 Object File Format 1.5); ELF for the Arm
 * 64-bit Architecture (AAELF64), 5.1.
 */

import { hex } from './address.ts';

const MAGIC = 0x464c_457f;
const ELFCLASS64 = 2;
const ELFDATA2LSB = 1;
const EV_CURRENT = 1;
const ET_EXEC = 2;
const ET_DYN = 3;
const EM_AARCH64 = 183;
const PROGRAM_HEADER_BYTES = 56;

export const PT_LOAD = 1;
export const PT_INTERP = 3;
export const PF_X = 1;
export const PF_W = 2;

/**
 * Reads fields of a file by offset and name. Each method throws the reader's error when the file
 * ends first.
 */
export interface ElfFields {
  u8(offset: number, field: string): number;
  u16(offset: number, field: string): number;
  u32(offset: number, field: string): number;
  u64(offset: number, field: string): bigint;
  /** Reads a 64-bit file offset. @throws the reader's error when it is too large */
  size64(offset: number, field: string): number;
  /** Creates the reader's error about `field`. */
  error(field: string, problem: string): Error;
}

export interface ElfHeader {
  readonly isPositionIndependent: boolean;
  /** e_entry. */
  readonly entry: bigint;
  readonly programHeaders: readonly ProgramHeader[];
}

/** Program header at offset `at` of the file. */
export interface ProgramHeader {
  readonly at: number;
  readonly type: number;
  /** Name of one of its fields in messages: "p_vaddr of program header 2". */
  readonly name: (field: string) => string;
}

/** Offsets in a program header. */
export const PROGRAM_HEADER = {
  p_flags: 4,
  p_offset: 8,
  p_vaddr: 16,
  p_paddr: 24,
  p_filesz: 32,
  p_memsz: 40,
} as const;

/** True when `magic`, the first four bytes as a little-endian word, is that of an ELF file. */
export function isElfMagic(magic: number): boolean {
  return magic === MAGIC;
}

/**
 * Reads and checks the ELF header, and the types of the program headers.
 * @throws the error of `fields`, naming the field: not ELF64, not little-endian, not for AArch64,
 * not an executable, or cut short
 */
export function readElfHeader(fields: ElfFields): ElfHeader {
  const expect = (value: number, allowed: readonly number[], field: string, meaning: string): void => {
    if (!allowed.includes(value)) throw fields.error(field, `${hex(value)} is not ${meaning}`);
  };
  expect(fields.u32(0, 'e_ident'), [MAGIC], 'e_ident', 'the magic number of ELF');
  expect(fields.u8(4, 'EI_CLASS'), [ELFCLASS64], 'EI_CLASS', 'ELFCLASS64');
  expect(fields.u8(5, 'EI_DATA'), [ELFDATA2LSB], 'EI_DATA', 'ELFDATA2LSB (little-endian)');
  expect(fields.u8(6, 'EI_VERSION'), [EV_CURRENT], 'EI_VERSION', 'EV_CURRENT');
  expect(fields.u16(18, 'e_machine'), [EM_AARCH64], 'e_machine', 'EM_AARCH64');
  const type = fields.u16(16, 'e_type');
  expect(type, [ET_EXEC, ET_DYN], 'e_type', 'an executable (ET_EXEC, or ET_DYN linked with -static-pie)');
  const headersAt = fields.size64(32, 'e_phoff');
  const count = fields.u16(56, 'e_phnum');
  const headerBytes = fields.u16(54, 'e_phentsize');
  if (count !== 0 && headerBytes !== PROGRAM_HEADER_BYTES) {
    throw fields.error('e_phentsize', `${headerBytes} is not ${PROGRAM_HEADER_BYTES}`);
  }
  const programHeaders = Array.from({ length: count }, (_, index): ProgramHeader => {
    const at = headersAt + index * PROGRAM_HEADER_BYTES;
    const name = (field: string) => `${field} of program header ${index}`;
    return { at, name, type: fields.u32(at, name('p_type')) };
  });
  return { isPositionIndependent: type === ET_DYN, entry: fields.u64(24, 'e_entry'), programHeaders };
}
