// SPDX-License-Identifier: GPL-2.0-only
/** Programs as a linker makes them, each thing that can be wrong with one, and any bytes at all. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, virtAddr } from '#common/address.ts';
import { type ByteSource, ElfImageError, type ElfImage, type ProgramRange, readElfImage } from './elf-image.ts';
import { elfBytes, type SegmentSource } from './testing/elf-bytes.ts';

const RANGE: ProgramRange = {
  start: virtAddr(0x1000n),
  end: virtAddr(0x7fff_0000_0000n),
  positionIndependentBase: virtAddr(0x4000_0000n),
};
const CODE = 0x10000n;
const READ = 4;
const READ_WRITE = 6;
const WRITE_EXECUTE = 7;
const ET_REL = 1;
const ET_DYN = 3;
const PT_INTERP = 3;
const PT_TLS = 7;

/** `bytes` as a file; a read outside of it is the reader's mistake, and no ElfImageError. */
function source(bytes: Uint8Array<ArrayBuffer>): ByteSource {
  const view = new DataView(bytes.buffer);
  return {
    bytes: bytes.length,
    read8: (offset) => view.getUint8(offset),
    read16: (offset) => view.getUint16(offset, true),
    read32: (offset) => view.getUint32(offset, true),
    read64: (offset) => view.getBigUint64(offset, true),
  };
}

const read = (bytes: Uint8Array<ArrayBuffer>, range = RANGE): ElfImage => readElfImage(source(bytes), range);

const code: SegmentSource = { address: CODE, bytes: new Uint8Array(16) };
const constants: SegmentSource = { address: 0x11010n, bytes: new Uint8Array(10), flags: READ };
const data: SegmentSource = { address: 0x1201an, bytes: new Uint8Array(6), memoryBytes: 0x3000n, flags: READ_WRITE };

describe('readElfImage', () => {
  it('reads a program of code, constants and data with what is zero after it', () => {
    // Three program headers end at 64 + 3 × 56.
    expect(read(elfBytes(CODE + 4n, [code, constants, data]))).toEqual({
      entry: CODE + 4n,
      segments: [
        { address: CODE, memoryBytes: 16, fileOffset: 232, fileBytes: 16, rights: 'read-execute' },
        { address: 0x11010n, memoryBytes: 10, fileOffset: 248, fileBytes: 10, rights: 'read' },
        { address: 0x1201an, memoryBytes: 0x3000, fileOffset: 258, fileBytes: 6, rights: 'read-write' },
      ],
    });
  });

  it('sorts segments, and leaves out those of other types and those without a byte', () => {
    const tls = { address: CODE, type: PT_TLS };
    const { segments } = read(elfBytes(CODE, [data, { address: 0n }, tls, code]));
    expect(segments.map(({ address }) => address)).toEqual([CODE, 0x1201an]);
  });

  it('takes zeros whose p_offset lies past the end of the file, as linkers write it', () => {
    const bytes = elfBytes(CODE, [code, { address: 0x1_ffe8n, memoryBytes: 0x40n, flags: READ_WRITE }]);
    new DataView(bytes.buffer).setBigUint64(64 + 56 + 8, 0xffe8n, true);
    expect(read(bytes).segments[1]).toMatchObject({ address: 0x1_ffe8n, memoryBytes: 0x40, fileBytes: 0 });
  });

  it('puts a position-independent program at its base', () => {
    const { entry, segments } = read(elfBytes(8n, [{ ...code, address: 0n }], ET_DYN));
    expect(entry).toBe(0x4000_0008n);
    expect(segments[0]).toMatchObject({ address: 0x4000_0000n, rights: 'read-execute' });
  });

  const poke = (offset: number, value: number) => {
    const bytes = elfBytes(CODE, [code]);
    bytes[offset] = value;
    return bytes;
  };
  const pastTheEnd = () => {
    const bytes = elfBytes(CODE, [code]);
    return bytes.slice(0, bytes.length - 1);
  };
  it.each<[string, () => Uint8Array<ArrayBuffer>, string]>([
    ['an empty file', () => new Uint8Array(), 'ELF: e_ident: needs bytes 0x0 to 0x4 of a file of 0x0 bytes'],
    ['a script', () => new Uint8Array(100).fill(0x23), 'ELF: e_ident: 0x23232323 is not the magic number of ELF'],
    ['a 32-bit program', () => poke(4, 1), 'ELF: EI_CLASS: 0x1 is not ELFCLASS64'],
    ['a big-endian one', () => poke(5, 2), 'ELF: EI_DATA: 0x2 is not ELFDATA2LSB'],
    ['another version', () => poke(6, 2), 'ELF: EI_VERSION: 0x2'],
    ['an x86-64 program', () => poke(18, 62), 'ELF: e_machine: 0x3e is not EM_AARCH64'],
    ['an object file', () => elfBytes(CODE, [code], ET_REL), 'ELF: e_type: 0x1 is not an executable'],
    ['odd program headers', () => poke(54, 32), 'ELF: e_phentsize: 32 is not 56'],
    ['program headers nowhere', () => poke(34, 1), 'ELF: e_phoff: 0x10040 is past the end of a file of 0x88 bytes'],
    ['more of them than the file has', () => poke(56, 9), 'ELF: p_type of program header 2: needs bytes 0xb0'],
    ['an end inside a segment', pastTheEnd, 'ELF: p_offset of program header 0: needs bytes 0x78 to 0x88 of a file of'],
    ['nothing to load', () => elfBytes(CODE, []), 'ELF: e_phnum: 0 program headers, nothing to load'],
    [
      'too many segments',
      () =>
        elfBytes(
          CODE,
          Array.from({ length: 65 }, (_, n) => ({ ...code, address: CODE + BigInt(n * PAGE_SIZE) })),
        ),
      'ELF: e_phnum: more than 64 segments to load',
    ],
    [
      'a dynamic linker',
      () => elfBytes(CODE, [code, { address: 0n, type: PT_INTERP }]),
      'ELF: p_type of program header 1: PT_INTERP: a dynamically linked program; link it with -static',
    ],
    [
      'a segment to write and to execute',
      () => elfBytes(CODE, [{ ...code, flags: WRITE_EXECUTE }]),
      'ELF: p_flags of program header 0: writable and executable at once',
    ],
    [
      'more in the file than in memory',
      () => elfBytes(CODE, [{ ...code, memoryBytes: 15n }]),
      'ELF: p_filesz of program header 0: 0x10 is more than p_memsz, 0xf',
    ],
    [
      'a segment below the range',
      () => elfBytes(0xff0n, [{ ...code, address: 0xff0n }]),
      'ELF: p_vaddr of program header 0: 0xff0 to 0x1000 is not inside 0x1000 to 0x7fff00000000',
    ],
    [
      'a segment of the kernel',
      () => elfBytes(0xffff_8000_0000_0000n, [{ ...code, address: 0xffff_8000_0000_0000n }]),
      'ELF: p_vaddr of program header 0: 0xffff800000000000 to',
    ],
    [
      'zeros that leave the range',
      () => elfBytes(CODE, [code, { ...data, memoryBytes: 2n ** 64n - 1n }]),
      'ELF: p_vaddr of program header 1: 0x1201a to 0x10000000000012019 is not inside',
    ],
    [
      'two segments in one page',
      () => elfBytes(CODE, [code, { ...constants, address: CODE + 0xfffn }]),
      'ELF: p_vaddr of program header 1: the segment at 0x10fff has a page in common with the one at 0x10000',
    ],
    [
      'an entry between instructions',
      () => elfBytes(CODE + 2n, [code]),
      'ELF: e_entry: 0x10002 is not a multiple of 4',
    ],
    [
      'an entry after the code',
      () => elfBytes(CODE + 16n, [code]),
      'ELF: e_entry: 0x10010 is in no executable segment',
    ],
    [
      'an entry in the data',
      () => elfBytes(0x1201cn, [code, data]),
      'ELF: e_entry: 0x1201c is in no executable segment',
    ],
  ])('refuses %s', (_, make, message) => {
    expect(() => read(make())).toThrow(ElfImageError);
    expect(() => read(make())).toThrow(message);
  });

  it('answers any bytes with a program that keeps to the rules, or with its own error', () => {
    const valid = elfBytes(CODE, [code, constants, data]);
    const byte = fc.tuple(fc.nat(valid.length - 1), fc.nat(0xff));
    // Values that bounds are made of, at the places of 64-bit fields.
    const wide = fc.tuple(
      fc.nat(valid.length / 8 - 1).map((word) => word * 8),
      fc.constantFrom(0n, 1n, 0xfffn, 0x1000n, CODE, 2n ** 32n, 2n ** 47n, 2n ** 63n, 2n ** 64n - 1n),
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.array(byte, { maxLength: 4 }), fc.array(wide, { maxLength: 2 }), fc.nat(), (bytes, words, cut) => {
        const file = valid.slice(0, cut % 4 === 0 ? cut % valid.length : valid.length);
        const view = new DataView(file.buffer);
        for (const [at, value] of words) if (at + 8 <= file.length) view.setBigUint64(at, value, true);
        for (const [at, value] of bytes) if (at < file.length) file[at] = value;
        const image = answerOf(file);
        if (image === null) return;
        accepted++;
        expectSound(image, file.length);
      }),
      { numRuns: 3000 },
    );
    expect(accepted).toBeGreaterThan(100);
  });

  it('refuses random program headers, however many, soon', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 56, maxLength: 560 }), fc.nat(0xffff), (headers, count) => {
        const file = Uint8Array.from([...elfBytes(CODE, []), ...headers]);
        new DataView(file.buffer).setUint16(56, count, true);
        expect(answerOf(file)).toBeNull();
      }),
    );
  });
});

/** Null where the reader refused. Whatever else it throws fails the test. */
function answerOf(file: Uint8Array<ArrayBuffer>): ElfImage | null {
  try {
    return read(file);
  } catch (error) {
    if (error instanceof ElfImageError) return null;
    throw error;
  }
}

/** The promises of ElfImage. */
function expectSound({ entry, segments }: ElfImage, fileLength: number): void {
  expect(segments.length).toBeGreaterThan(0);
  let nextPage = 0n;
  for (const { address, memoryBytes, fileOffset, fileBytes } of segments) {
    expect(address >= RANGE.start && address + BigInt(memoryBytes) <= RANGE.end).toBe(true);
    expect(memoryBytes).toBeGreaterThan(0);
    expect(fileBytes).toBeLessThanOrEqual(memoryBytes);
    expect(fileOffset + fileBytes).toBeLessThanOrEqual(fileLength);
    const page = BigInt(PAGE_SIZE);
    expect(address / page).toBeGreaterThanOrEqual(nextPage);
    nextPage = (address + BigInt(memoryBytes) + page - 1n) / page;
  }
  const home = segments.find(({ address, fileBytes }) => entry >= address && entry + 4n <= address + BigInt(fileBytes));
  expect(home?.rights).toBe('read-execute');
}
