// SPDX-License-Identifier: GPL-2.0-only
/**
 * QEMU's firmware configuration device: named blobs that firmware and kernels read, through a data
 * register or by DMA.
 *
 *     +0x00  data      8 bytes; a read of n gives the next n bytes of the selected item, in memory order
 *     +0x08  selector  16 bits, big-endian: chooses an item and starts at its byte 0
 *     +0x10  DMA       64 bits, big-endian: address of a descriptor; its low half starts the transfer. Reads "QEMU CFG"
 *
 *     descriptor (big-endian)   | control 32 | length 32 | address 64 |
 *     control on the way in     31:16 item, 4 write, 3 select, 2 skip, 1 read;     on the way out: 0 done, 1 error
 *
 *     items: 0x00 "QEMU"   0x01 features   0x05 cores   0x19 directory of the files: items 0x20 and up, by name
 *
 * "Big-endian" refers to bytes in memory: a little-endian core stores a byte-swapped number, which
 * is the `value` seen here. Beyond its end an item reads zeros, and so does an item that does not
 * exist. Items are read-only: a DMA write is an error, a write of the data register does nothing
 * (so in QEMU since 2.4). A descriptor or buffer outside RAM sets the error bit in the descriptor's
 * control word, if that can be written, and emits an event.
 *
 * Specification: QEMU docs/specs/fw_cfg.rst; Documentation/ABI/testing/sysfs-firmware-qemu_fw_cfg.
 * Reads compared with QEMU 7.2's.
 */

import { hex } from '#common/address.ts';
import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { MemoryPort } from './memory-port.ts';
import { UnknownRegisters } from './unknown-registers.ts';

const DATA_END = 0x08;
const SELECTOR = 0x08;
const DMA_HIGH = 0x10;
const DMA_LOW = 0x14;
const DMA_END = 0x18;

/** Items with fixed numbers. */
export const FW_CFG_ITEM = {
  SIGNATURE: 0x00,
  FEATURES: 0x01,
  RAM_SIZE: 0x03,
  NB_CPUS: 0x05,
  FILE_DIR: 0x19,
  FILE_FIRST: 0x20,
} as const;

/**
 * Mask of an item's number. Bit 14 is a relic of writing; bit 15 selects items of an architecture,
 * of which there are none.
 */
const SELECTOR_ITEM = 0x3fff;
const SELECTOR_ARCHITECTURE = 0x8000;

const FEATURE_TRADITIONAL = 1 << 0;
const FEATURE_DMA = 1 << 1;
/** "QEMU CFG" as the two halves that a little-endian core reads through the DMA register. */
const DMA_SIGNATURE_HIGH = 0x554d_4551;
const DMA_SIGNATURE_LOW = 0x4746_4320;

const CONTROL_ERROR = 1 << 0;
const CONTROL_READ = 1 << 1;
const CONTROL_SKIP = 1 << 2;
const CONTROL_SELECT = 1 << 3;
const CONTROL_WRITE = 1 << 4;
const DESCRIPTOR_BYTES = 16;

/** Size of a file name in the directory, with its NUL. */
const NAME_BYTES = 56;
const DIRECTORY_ENTRY_BYTES = 64;

export interface FwCfgOptions {
  /** Node name of the device, for events: "fw-cfg@9020000". */
  readonly name: string;
  readonly context: DeviceContext;
  /** RAM for DMA; without it the device offers the data register only. */
  readonly memory?: MemoryPort | undefined;
  readonly cpus: number;
  /** Item 0x03 in bytes; absent, as on QEMU's `virt`: no such item. */
  readonly ramBytes?: number | undefined;
}

/** Configuration device. Its registers take 0x18 bytes. */
export class FwCfg implements Device {
  readonly model = 'fw_cfg';
  private readonly name: string;
  private readonly context: DeviceContext;
  private readonly memory: MemoryPort | null;
  private readonly unknown: UnknownRegisters;
  private readonly items = new Map<number, Uint8Array>();
  private readonly files = new Map<string, Uint8Array>();
  private selected = -1;
  private position = 0;
  private dmaHigh = 0;

  constructor(options: FwCfgOptions) {
    this.name = options.name;
    this.context = options.context;
    this.memory = options.memory ?? null;
    this.unknown = new UnknownRegisters(options.name, options.context);
    const features = FEATURE_TRADITIONAL | (this.memory === null ? 0 : FEATURE_DMA);
    this.items.set(FW_CFG_ITEM.SIGNATURE, new TextEncoder().encode('QEMU'));
    this.items.set(FW_CFG_ITEM.FEATURES, littleEndian(features, 4));
    this.items.set(FW_CFG_ITEM.NB_CPUS, littleEndian(options.cpus, 2));
    if (options.ramBytes !== undefined) this.items.set(FW_CFG_ITEM.RAM_SIZE, littleEndian(options.ramBytes, 8));
    this.layOutFiles();
  }

  /**
   * Adds a file, before the guest runs: files are numbered in the order of their names, as QEMU
   * does. O(files log files).
   * @throws RangeError when the name is empty, longer than 55 bytes, not printable ASCII, or taken
   */
  addFile(name: string, bytes: Uint8Array): void {
    if (!/^[\x21-\x7e]{1,55}$/.test(name)) {
      throw new RangeError(`${this.name}: "${name}" is not 1 to 55 printable ASCII characters`);
    }
    if (this.files.has(name)) throw new RangeError(`${this.name}: there is a file "${name}" already`);
    this.files.set(name, bytes);
    this.layOutFiles();
  }

  /** Deselects the item. The items stay. */
  reset(): void {
    this.selected = -1;
    this.position = 0;
    this.dmaHigh = 0;
  }

  saveState() {
    return {
      selected: this.selected,
      position: this.position,
      dmaHigh: this.dmaHigh,
      unknown: this.unknown.saveState(),
    };
  }

  restoreState(state: ReturnType<FwCfg['saveState']>): void {
    this.selected = state.selected;
    this.position = state.position;
    this.dmaHigh = state.dmaHigh;
    this.unknown.restoreState(state.unknown);
  }

  read(offset: number, width: AccessWidth): number {
    if (offset < DATA_END) return this.readData(width);
    if (offset >= DMA_HIGH && offset < DMA_END && this.memory !== null) {
      const half = offset < DMA_LOW ? DMA_SIGNATURE_HIGH : DMA_SIGNATURE_LOW;
      return half >>> (8 * (offset % 4));
    }
    if (offset !== SELECTOR) this.unknown.report('read', offset, width, 0);
    return 0;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (offset === SELECTOR && width === 2) {
      this.select(swap16(value));
    } else if (offset === DMA_HIGH && width === 4 && this.memory !== null) {
      this.dmaHigh = swap32(value);
    } else if (offset === DMA_LOW && width === 4 && this.memory !== null) {
      const address = this.dmaHigh * 2 ** 32 + swap32(value);
      this.dmaHigh = 0;
      this.transfer(this.memory, address);
    } else if (offset >= DATA_END) {
      this.unknown.report('write', offset, width, value);
    }
  }

  private select(selector: number): void {
    const item = selector & SELECTOR_ITEM;
    this.selected = (selector & SELECTOR_ARCHITECTURE) !== 0 ? -1 : item;
    this.position = 0;
  }

  private readData(width: AccessWidth): number {
    const item = this.items.get(this.selected);
    let value = 0;
    for (let i = 0; i < width; i++) {
      // An item that does not exist has no position to advance.
      value += (item?.[this.position++] ?? 0) * 2 ** (8 * i);
    }
    return value;
  }

  private transfer(memory: MemoryPort, descriptor: number): void {
    if (!memory.contains(descriptor, DESCRIPTOR_BYTES)) {
      this.report('a DMA descriptor outside RAM', descriptor);
      if (memory.contains(descriptor, 4)) memory.write32(descriptor, swap32(CONTROL_ERROR));
      return;
    }
    const control = swap32(memory.read32(descriptor));
    const length = swap32(memory.read32(descriptor + 4));
    const address = swap32(memory.read32(descriptor + 8)) * 2 ** 32 + swap32(memory.read32(descriptor + 12));
    if ((control & CONTROL_SELECT) !== 0) this.select(control >>> 16);
    memory.write32(descriptor, swap32(this.move(memory, control, address, length) ? 0 : CONTROL_ERROR));
  }

  /** Executes a transfer. Returns false when it failed; nothing was transferred then. */
  private move(memory: MemoryPort, control: number, address: number, length: number): boolean {
    if (length === 0) return true;
    const item = this.items.get(this.selected) ?? new Uint8Array();
    const start = Math.min(this.position, item.length);
    const rest = Math.min(length, item.length - start);
    if ((control & CONTROL_READ) !== 0) {
      if (!memory.contains(address, length)) {
        this.report('a DMA buffer outside RAM', address);
        return false;
      }
      memory.writeBytes(address, item.subarray(start, start + rest));
      memory.fill(address + rest, length - rest, 0);
    } else if ((control & CONTROL_WRITE) !== 0) {
      return false;
    } else if ((control & CONTROL_SKIP) === 0) {
      return true;
    }
    this.position = start + rest;
    return true;
  }

  private report(problem: string, address: number): void {
    this.context.emit('device', { device: this.name, problem, address: hex(address) });
  }

  private layOutFiles(): void {
    const names = [...this.files.keys()].sort();
    const directory = new Uint8Array(4 + names.length * DIRECTORY_ENTRY_BYTES);
    const view = new DataView(directory.buffer);
    view.setUint32(0, names.length);
    for (const [index, name] of names.entries()) {
      const bytes = this.files.get(name) as Uint8Array;
      const item = FW_CFG_ITEM.FILE_FIRST + index;
      const entry = 4 + index * DIRECTORY_ENTRY_BYTES;
      this.items.set(item, bytes);
      view.setUint32(entry, bytes.length);
      view.setUint16(entry + 4, item);
      directory.set(new TextEncoder().encode(name), entry + DIRECTORY_ENTRY_BYTES - NAME_BYTES);
    }
    this.items.set(FW_CFG_ITEM.FILE_DIR, directory);
  }
}

function littleEndian(value: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => Math.floor(value / 2 ** (8 * i)) % 256);
}

function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

function swap32(value: number): number {
  return (swap16(value & 0xffff) * 0x1_0000 + swap16(value >>> 16)) >>> 0;
}
