// SPDX-License-Identifier: GPL-2.0-only
/**
 * Bank of NOR flash, of which QEMU's `virt` board has two: two 16-bit chips side by side, Intel
 * command set (CFI 0001).
 *
 *     offset 4n:  | chip 1, word n | chip 0, word n |     a 32-bit read takes both; a command goes to both: 0x00ff00ff
 *                 31             16 15              0
 *
 * Most of the time it acts as memory: in array mode, reads give the contents, and code runs from
 * it. The machine does not call this device then:
 *
 *     array mode     `contents` mapped as executable memory without write permission; a write goes to `write`
 *        │ ▲
 *        │ └─── onArrayMode(true): map `contents` again
 *        ▼
 *     onArrayMode(false): unmap, and send reads and writes to `read` and `write`
 *
 * Both calls are made inside `write`, when the mode has changed. `onContents` reports the changed
 * bytes, so that translated code can be dropped. `read` also works in array mode: a machine that
 * maps nothing is slow but correct.
 *
 *     command (low byte of the word)         next writes                    afterwards
 *     ff, f0          read array             —                              array
 *     90 / 98 / 70    identifiers / query / status                          that plane
 *     50              clear status           —                              array
 *     10, 40          program                the data, at its place         status
 *     20              block erase            d0, in the block               status
 *     e8              buffered program       words - 1, the data …, d0      status
 *     60              lock bits              01, d0 or 2f: accepted         status
 *
 * The two chips act as one: they get the same commands, so their states cannot differ. Programming
 * clears bits and never sets one (the chips' rule; QEMU stores the data as it is). Every operation
 * completes at once: the status is always ready. An unknown command, such as a probe for another
 * command set, keeps array mode, as in QEMU. Locks are accepted and protect nothing.
 *
 * Specification: Intel StrataFlash Embedded Memory (J3), 9 "Device operations" and table of
 * commands; CFI: see cfi-query.ts. Sequences, planes and status compared with QEMU 7.2's.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import { cfiQueryTable, CHIP_BLOCK_BYTES, CHIP_BUFFER_BYTES, IDENTIFIER_CODES } from './cfi-query.ts';

const CHIPS = 2;
/** Size of an erase block of the bank in bytes. */
export const FLASH_BLOCK_BYTES = CHIPS * CHIP_BLOCK_BYTES;
/** Size of the bank's write buffer in 32-bit words. */
const BUFFER_WORDS = (CHIPS * CHIP_BUFFER_BYTES) / 4;
/** Period in bytes with which the identifier plane repeats. */
const IDENTIFIER_BYTES = 256;

const STATUS_READY = 1 << 7;
const STATUS_ERASE_ERROR = 1 << 5;
const STATUS_PROGRAM_ERROR = 1 << 4;
const STATUS_SEQUENCE_ERROR = STATUS_ERASE_ERROR | STATUS_PROGRAM_ERROR;
const STATUS_LOCKED = 1 << 1;

const CONFIRM = 0xd0;
const ERASED = 0xff;

/** Data that reads return. */
type Plane = 'array' | 'status' | 'identifiers' | 'query';

/** Meaning of the next write. */
type Expected = 'command' | 'data' | 'erase-confirm' | 'lock-bits' | 'buffer-count' | 'buffer-data' | 'buffer-confirm';

interface BufferedWrite {
  readonly offset: number;
  readonly width: AccessWidth;
  readonly value: number;
}

export interface CfiFlashOptions {
  /** Node name of the bank, for events: "flash0". */
  readonly name: string;
  readonly context: DeviceContext;
  /**
   * Contents of the bank, which the device modifies. Blank flash is zero (not 0xff, as in QEMU), so
   * that it takes no memory until touched.
   */
  readonly contents: Uint8Array;
  /** True to make programming and erasing fail, as for a locked block. False when absent. */
  readonly readOnly?: boolean;
  /** Called when array mode is left (false) or entered (true): the mapping must change. */
  readonly onArrayMode?: (arrayMode: boolean) => void;
  /** Called when bytes [start, end) of the contents have changed. */
  readonly onContents?: (start: number, end: number) => void;
}

/** Bank of two chips. */
export class CfiFlash implements Device {
  readonly model = 'CFI flash';
  /** Contents of the bank, for mapping. */
  readonly contents: Uint8Array;
  private readonly options: CfiFlashOptions;
  private readonly query: Uint8Array;
  private plane: Plane = 'array';
  private expected: Expected = 'command';
  private status = STATUS_READY;
  private buffer: BufferedWrite[] = [];
  private bufferWords = 0;

  /** @throws RangeError when the contents are not whole erase blocks, or not a power of two */
  constructor(options: CfiFlashOptions) {
    const bytes = options.contents.length;
    if (bytes < FLASH_BLOCK_BYTES || !Number.isInteger(Math.log2(bytes))) {
      throw new RangeError(`${options.name}: ${bytes} bytes are not a power of two of at least ${FLASH_BLOCK_BYTES}`);
    }
    this.options = options;
    this.contents = options.contents;
    this.query = cfiQueryTable(bytes / CHIPS);
  }

  /** True when reads give the contents, so that a machine may map them. */
  get arrayMode(): boolean {
    return this.plane === 'array';
  }

  /** Enters array mode. The contents stay, as in any flash. */
  reset(): void {
    this.expected = 'command';
    this.status = STATUS_READY;
    this.buffer = [];
    this.show('array');
  }

  /** State without the contents, which belong to the machine's memory. */
  saveState() {
    return {
      plane: this.plane,
      expected: this.expected,
      status: this.status,
      bufferWords: this.bufferWords,
      buffer: this.buffer.map(({ offset, width, value }) => ({ offset, width, value })),
    };
  }

  restoreState(state: ReturnType<CfiFlash['saveState']>): void {
    this.plane = state.plane;
    this.expected = state.expected;
    this.status = state.status;
    this.bufferWords = state.bufferWords;
    this.buffer = [...state.buffer];
  }

  read(offset: number): number {
    return this.word(offset - (offset % 4)) >>> (8 * (offset % 4));
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const command = value & 0xff;
    switch (this.expected) {
      case 'command':
        this.command(command);
        break;
      case 'data':
        this.finish(this.program([{ offset, width, value }]));
        break;
      case 'erase-confirm':
        if (!this.abandoned(command)) this.finish(command === CONFIRM ? this.erase(offset) : STATUS_SEQUENCE_ERROR);
        break;
      case 'lock-bits':
        if (!this.abandoned(command)) this.finish(0);
        break;
      case 'buffer-count':
        this.bufferWords = (value & 0xffff) + 1;
        this.buffer = [];
        if (this.bufferWords > BUFFER_WORDS) this.finish(STATUS_SEQUENCE_ERROR);
        else this.expected = 'buffer-data';
        break;
      case 'buffer-data':
        this.buffer.push({ offset, width, value });
        if (this.buffer.length === this.bufferWords) this.expected = 'buffer-confirm';
        break;
      case 'buffer-confirm':
        if (!this.abandoned(command)) {
          this.finish(command === CONFIRM ? this.program(this.buffer) : STATUS_SEQUENCE_ERROR);
        }
        break;
    }
  }

  private command(command: number): void {
    switch (command) {
      case 0x90:
        this.show('identifiers');
        break;
      case 0x98:
        this.show('query');
        break;
      case 0x70:
        this.show('status');
        break;
      case 0x10:
      case 0x40:
        this.expect('data');
        break;
      case 0x20:
        this.expect('erase-confirm');
        break;
      case 0x60:
        this.expect('lock-bits');
        break;
      case 0xe8:
        this.expect('buffer-count');
        break;
      case 0x50:
        this.status = STATUS_READY;
        this.show('array');
        break;
      default:
        this.show('array');
    }
  }

  /** True for a read-array command, which cancels an unfinished sequence. */
  private abandoned(command: number): boolean {
    if (command !== 0xff) return false;
    this.expected = 'command';
    this.show('array');
    return true;
  }

  private expect(next: Expected): void {
    this.expected = next;
    this.show('status');
  }

  private finish(errors: number): void {
    this.status |= errors;
    this.expected = 'command';
    this.show('status');
  }

  private show(plane: Plane): void {
    const before = this.arrayMode;
    this.plane = plane;
    if (this.arrayMode !== before) this.options.onArrayMode?.(this.arrayMode);
  }

  /** Word of both chips at `offset`, a multiple of 4. */
  private word(offset: number): number {
    switch (this.plane) {
      case 'array':
        return this.contentsWord(offset);
      case 'status':
        return bothChips(this.status);
      case 'identifiers':
        return bothChips(IDENTIFIER_CODES[(offset % IDENTIFIER_BYTES) / 4] ?? 0);
      case 'query':
        return bothChips(this.query[offset / 4] ?? 0);
    }
  }

  private contentsWord(offset: number): number {
    const { contents } = this;
    const byte = (n: number) => contents[offset + n] as number;
    return (byte(0) | (byte(1) << 8) | (byte(2) << 16) | (byte(3) << 24)) >>> 0;
  }

  /** Clears the bits that are 0 in the data. Returns status bits. */
  private program(writes: readonly BufferedWrite[]): number {
    if (this.options.readOnly === true) return STATUS_PROGRAM_ERROR | STATUS_LOCKED;
    let start = this.contents.length;
    let end = 0;
    for (const { offset, width, value } of writes) {
      for (let i = 0; i < width; i++) {
        this.contents[offset + i] = (this.contents[offset + i] as number) & (value >>> (8 * i));
      }
      start = Math.min(start, offset);
      end = Math.max(end, offset + width);
    }
    this.options.onContents?.(start, end);
    return 0;
  }

  private erase(offset: number): number {
    if (this.options.readOnly === true) return STATUS_ERASE_ERROR | STATUS_LOCKED;
    const start = offset - (offset % FLASH_BLOCK_BYTES);
    this.contents.fill(ERASED, start, start + FLASH_BLOCK_BYTES);
    this.options.onContents?.(start, start + FLASH_BLOCK_BYTES);
    return 0;
  }
}

function bothChips(word: number): number {
  return word * 0x1_0001;
}
