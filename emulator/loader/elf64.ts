// SPDX-License-Identifier: GPL-2.0-only
/**
 * AArch64 ELF64 executables as guests: segments to load by physical address. common/elf64.ts parses
 * the headers.
 */

import { hex } from '#common/address.ts';
import { isElfMagic, PF_X, PROGRAM_HEADER, PT_LOAD, type ProgramHeader, readElfHeader } from '#common/elf64.ts';
import { FieldReader } from './field-reader.ts';

const { p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz } = PROGRAM_HEADER;

/** Loadable segment. Sizes in bytes. */
export interface ElfSegment {
  /** p_paddr. */
  readonly physical: number;
  /** Contents from the file (p_filesz), a view. */
  readonly bytes: Uint8Array;
  /** p_memsz: the contents and the zeros after them. */
  readonly memoryBytes: number;
}

/** Executable. `segments` is sorted by physical address, disjoint and not empty. */
export interface Elf64 {
  /** Physical address of the first instruction. */
  readonly entry: number;
  readonly segments: readonly ElfSegment[];
}

/** True when `bytes` begins with the magic of an ELF file. */
export function isElf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && isElfMagic(new FieldReader('elf', bytes).u32(0, 'e_ident'));
}

/**
 * Parses the executable in `bytes`. An entry point that is the virtual address of an executable
 * segment is translated to that segment's physical address, as QEMU's loader does.
 * @throws GuestImageError naming the field: not ELF64, not little-endian, not AArch64, not
 * executable, nothing to load, segments that overlap or leave the file or the address space
 */
export function parseElf64(bytes: Uint8Array): Elf64 {
  const reader = new FieldReader('elf', bytes);
  const header = readElfHeader(reader);
  let entry: number | null = null;
  const segments: ElfSegment[] = [];
  for (const program of header.programHeaders) {
    if (program.type !== PT_LOAD) continue;
    const { at, name } = program;
    const segment = readSegment(reader, program);
    const start = reader.u64(at + p_vaddr, name('p_vaddr'));
    const inside = header.entry >= start && header.entry < start + BigInt(segment.bytes.length);
    if (entry === null && inside && (reader.u32(at + p_flags, name('p_flags')) & PF_X) !== 0) {
      entry = segment.physical + Number(header.entry - start);
    }
    if (segment.memoryBytes > 0) segments.push(segment);
  }
  if (segments.length === 0) {
    throw reader.error('e_phnum', `none of the ${header.programHeaders.length} program headers is to be loaded`);
  }
  segments.sort((a, b) => a.physical - b.physical);
  checkDisjoint(reader, segments);
  return { entry: entry ?? reader.size64(24, 'e_entry'), segments };
}

function readSegment(reader: FieldReader, { at, name }: ProgramHeader): ElfSegment {
  const fileBytes = reader.size64(at + p_filesz, name('p_filesz'));
  const memoryBytes = reader.size64(at + p_memsz, name('p_memsz'));
  if (fileBytes > memoryBytes) {
    throw reader.error(name('p_filesz'), `${hex(fileBytes)} is more than p_memsz, ${hex(memoryBytes)}`);
  }
  const physical = reader.size64(at + p_paddr, name('p_paddr'));
  const offset = reader.size64(at + p_offset, name('p_offset'));
  return { physical, memoryBytes, bytes: reader.bytes(offset, fileBytes, name('p_offset')) };
}

function checkDisjoint(reader: FieldReader, segments: readonly ElfSegment[]): void {
  let end = 0;
  for (const { physical, memoryBytes } of segments) {
    if (physical < end) throw reader.error('p_paddr', `segments overlap at ${hex(physical)}`);
    end = physical + memoryBytes;
  }
}
