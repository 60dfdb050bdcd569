// SPDX-License-Identifier: GPL-2.0-only
/**
 * Property, with the forms of its value. Each form is checked: a value that does not fit is
 * `FDT_ERR_BADVALUE`, as in libfdt for lists of strings. Not here: the meaning of properties
 * (memory.ts and its neighbours), and addresses (addresses.ts).
 *
 * Specification: Devicetree Specification v0.4, 2.2.4 (property values).
 */

import { FdtError } from './errors.ts';
import { decodeUtf8 } from '#common/utf8.ts';
import { quote } from './text.ts';

/** Property of a blob. `value` is a view into the blob: do not write to it. */
export class DeviceProperty {
  readonly name: string;
  readonly value: Uint8Array;
  /** Offset of its FDT_PROP from the start of the blob, in bytes. */
  readonly offset: number;

  constructor(name: string, value: Uint8Array, offset: number) {
    this.name = name;
    this.value = value;
    this.offset = offset;
  }

  /**
   * Value up to its first NUL or its end, as C code without checks reads it. Never fails; for
   * `status`, `device_type`, `bootargs`.
   */
  get text(): string {
    const nul = this.value.indexOf(0);
    return decodeUtf8(this.value, 0, nul < 0 ? this.value.length : nul);
  }

  /** One cell. @throws FdtError `FDT_ERR_BADVALUE` not 4 bytes */
  u32(): number {
    if (this.value.length !== 4) throw this.badValue('4 bytes are needed');
    return this.view().getUint32(0);
  }

  /**
   * One or two cells, as the length says.
   * @throws FdtError `FDT_ERR_BADVALUE` neither 4 nor 8 bytes
   */
  u64(): bigint {
    if (this.value.length === 8) return this.view().getBigUint64(0);
    if (this.value.length === 4) return BigInt(this.view().getUint32(0));
    throw this.badValue('4 or 8 bytes are needed');
  }

  /** All cells. @throws FdtError `FDT_ERR_BADVALUE` not a multiple of 4 bytes */
  cells(): number[] {
    if (this.value.length % 4 !== 0) throw this.badValue('a multiple of 4 is needed');
    const view = this.view();
    return Array.from({ length: this.value.length / 4 }, (_, i) => view.getUint32(4 * i));
  }

  /** The first string. @throws FdtError `FDT_ERR_BADVALUE` no NUL in the value */
  string(): string {
    if (this.value.indexOf(0) < 0) throw this.badValue('a string must end with NUL');
    return this.text;
  }

  /**
   * All strings; none when the value is empty.
   * @throws FdtError `FDT_ERR_BADVALUE` the last one is not terminated
   */
  stringList(): string[] {
    if (this.value.length > 0 && this.value.at(-1) !== 0) throw this.badValue('the last string must end with NUL');
    const strings: string[] = [];
    for (let start = 0; start < this.value.length; ) {
      const nul = this.value.indexOf(0, start);
      strings.push(decodeUtf8(this.value, start, nul));
      start = nul + 1;
    }
    return strings;
  }

  /** Creates an `FDT_ERR_BADVALUE` that names this property, its length and `why`. */
  badValue(why: string): FdtError {
    return new FdtError(
      'FDT_ERR_BADVALUE',
      this.offset,
      `property ${quote(this.name)} has ${this.value.length} bytes: ${why}`,
    );
  }

  private view(): DataView {
    return new DataView(this.value.buffer, this.value.byteOffset, this.value.length);
  }
}
