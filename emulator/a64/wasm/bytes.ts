// SPDX-License-Identifier: GPL-2.0-only
/**
 * Buffer of WebAssembly code that grows, with the integers of the binary format. A function has
 * thousands of bytes and a machine makes thousands of functions, so appending allocates nothing.
 *
 * Specification: WebAssembly Core Specification 2.0, 5.2.2 (integers: LEB128).
 */

const FIRST_CAPACITY = 512;
const GROWTH = 4;

export class Bytes {
  private data = new Uint8Array(FIRST_CAPACITY);
  private length = 0;

  /** View of the bytes appended so far. */
  get all(): Uint8Array {
    return this.data.subarray(0, this.length);
  }

  byte(value: number): void {
    if (this.length === this.data.length) this.grow();
    this.data[this.length++] = value;
  }

  bytes(values: ArrayLike<number>): void {
    for (let i = 0; i < values.length; i++) this.byte(values[i] as number);
  }

  /** Appends an unsigned number of 32 bits at most. */
  unsigned(value: number): void {
    let rest = value >>> 0;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Appends a signed number of 32 bits. */
  signed(value: number): void {
    let rest = value;
    while (rest < -0x40 || rest >= 0x40) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  /** Appends a signed number of 64 bits. */
  wide(value: bigint): void {
    let rest = value;
    while (rest < -0x40n || rest >= 0x40n) {
      this.byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.byte(Number(rest & 0x7fn));
  }

  private grow(): void {
    const larger = new Uint8Array(GROWTH * this.data.length);
    larger.set(this.data);
    this.data = larger;
  }
}
