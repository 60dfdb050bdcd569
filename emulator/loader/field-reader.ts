// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reader of an image's little-endian fields by offset and name. A field outside the file is a
 * {@link GuestImageError} with that name.
 */

import { hex } from '#common/address.ts';
import { GuestImageError, type GuestImageFormat } from './guest-image-error.ts';

/**
 * Reads from `bytes`, never beyond. Offsets and lengths are in bytes and may be any number, even
 * from a malicious file.
 */
export class FieldReader {
  private readonly format: GuestImageFormat;
  private readonly contents: Uint8Array;
  private readonly view: DataView;

  constructor(format: GuestImageFormat, bytes: Uint8Array) {
    this.format = format;
    this.contents = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** @throws GuestImageError when the file ends first */
  u8(offset: number, field: string): number {
    return this.view.getUint8(this.inside(offset, 1, field));
  }

  /** @throws GuestImageError when the file ends first */
  u16(offset: number, field: string): number {
    return this.view.getUint16(this.inside(offset, 2, field), true);
  }

  /** @throws GuestImageError when the file ends first */
  u32(offset: number, field: string): number {
    return this.view.getUint32(this.inside(offset, 4, field), true);
  }

  /** Reads a 64-bit field. @throws GuestImageError when the file ends first */
  u64(offset: number, field: string): bigint {
    return this.view.getBigUint64(this.inside(offset, 8, field), true);
  }

  /**
   * Reads a 64-bit field that is a size, an offset or a physical address: below 2^52. @throws
   * GuestImageError when it is not, or the file ends first
   */
  size64(offset: number, field: string): number {
    const value = this.u64(offset, field);
    if (value >= 2n ** 52n) throw this.error(field, `${hex(value)} is out of range`);
    return Number(value);
  }

  /** View of `length` bytes, not a copy. @throws GuestImageError when the file ends first */
  bytes(offset: number, length: number, field: string): Uint8Array {
    const start = this.inside(offset, length, field);
    return this.contents.subarray(start, start + length);
  }

  /**
   * ASCII up to the first NUL, or all of the field.
   * @throws GuestImageError when the file ends first
   */
  text(offset: number, length: number, field: string): string {
    const bytes = this.bytes(offset, length, field);
    const end = bytes.indexOf(0);
    return Array.from(end < 0 ? bytes : bytes.subarray(0, end), (code) => String.fromCharCode(code)).join('');
  }

  /** Error of this format about `field`. */
  error(field: string, problem: string): GuestImageError {
    return new GuestImageError(this.format, field, problem);
  }

  private inside(offset: number, length: number, field: string): number {
    if (offset + length > this.contents.length) {
      throw this.error(
        field,
        `needs bytes ${hex(offset)} to ${hex(offset + length)} of a file of ${hex(this.contents.length)} bytes`,
      );
    }
    return offset;
  }
}
