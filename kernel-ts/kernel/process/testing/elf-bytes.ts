// SPDX-License-Identifier: GPL-2.0-only
/** Small ELF64 programs for tests, with every field at its specified place. */

/** Program header, with the bytes it loads. Missing fields are those of a common program. */
export interface SegmentSource {
  readonly address: bigint;
  readonly bytes?: Uint8Array;
  /** p_memsz; the bytes' own length when absent. */
  readonly memoryBytes?: bigint;
  /** p_flags: 1 execute, 2 write, 4 read. */
  readonly flags?: number;
  /** p_type; PT_LOAD when absent. */
  readonly type?: number;
}

const HEADER_BYTES = 64;
const PROGRAM_HEADER_BYTES = 56;
const PT_LOAD = 1;
const ET_EXEC = 2;
const EM_AARCH64 = 183;
const READ_EXECUTE = 5;

/** Builds header, program headers, and the segments' bytes in sequence. `type` is e_type. */
export function elfBytes(entry: bigint, segments: readonly SegmentSource[], type = ET_EXEC): Uint8Array<ArrayBuffer> {
  const headersEnd = HEADER_BYTES + segments.length * PROGRAM_HEADER_BYTES;
  const total = segments.reduce((sum, { bytes }) => sum + (bytes?.length ?? 0), headersEnd);
  const file = new Uint8Array(total);
  const view = new DataView(file.buffer);
  // ELFCLASS64, ELFDATA2LSB, EV_CURRENT.
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, type, true);
  view.setUint16(18, EM_AARCH64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, entry, true);
  view.setBigUint64(32, BigInt(HEADER_BYTES), true);
  view.setUint16(52, HEADER_BYTES, true);
  view.setUint16(54, PROGRAM_HEADER_BYTES, true);
  view.setUint16(56, segments.length, true);
  let offset = headersEnd;
  for (const [index, { address, bytes = new Uint8Array(), memoryBytes, flags, type: kind }] of segments.entries()) {
    const at = HEADER_BYTES + index * PROGRAM_HEADER_BYTES;
    view.setUint32(at, kind ?? PT_LOAD, true);
    view.setUint32(at + 4, flags ?? READ_EXECUTE, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, address, true);
    view.setBigUint64(at + 24, address, true);
    view.setBigUint64(at + 32, BigInt(bytes.length), true);
    view.setBigUint64(at + 40, memoryBytes ?? BigInt(bytes.length), true);
    view.setBigUint64(at + 48, 4096n, true);
    file.set(bytes, offset);
    offset += bytes.length;
  }
  return file;
}
