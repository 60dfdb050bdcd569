// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory access for a debugger: by virtual address through a core's current translation, or by
 * physical address. It takes no guest time, backs no untouched page, and never accesses a device,
 * where even a read may have side effects.
 */

import { concatBytes } from '#common/bytes.ts';
import { PAGE_SIZE } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import { noteUsed, type PlacedMemory } from '#emulator/machine/fixed-memory.ts';
import type { Machine } from '#emulator/machine/machine.ts';

/** Limit of physical addresses, which no machine reaches. */
const MOST_PHYSICAL = 2n ** 48n;

/**
 * True when `walk` translates addresses of the current level; otherwise they are taken as physical.
 */
export const isTranslated = ({ level, walksEl2 = false }: MachineCore): boolean => level <= (walksEl2 ? 2 : 1);

export class DebugMemory {
  private readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /**
   * Physical address of `va` as `core` would fetch it now, or null. Permissions are not checked.
   */
  translate(core: MachineCore, va: bigint): number | null {
    if (!isTranslated(core)) return va < MOST_PHYSICAL ? Number(va) : null;
    const found = core.walk(va);
    return found.ok ? found.pa : null;
  }

  /** Physical ranges of [va, va + length), up to the first unmapped page. */
  rangesOf(core: MachineCore, va: bigint, length: number): Range[] {
    const ranges: Range[] = [];
    for (let offset = 0; offset < length; ) {
      const at = BigInt.asUintN(64, va + BigInt(offset));
      const start = this.translate(core, at);
      if (start === null) break;
      const bytes = Math.min(length - offset, PAGE_SIZE - Number(at % BigInt(PAGE_SIZE)));
      ranges.push({ start, end: start + bytes });
      offset += bytes;
    }
    return ranges;
  }

  /** Bytes from `va` on, up to the first one that cannot be read. */
  readVirtual(core: MachineCore, va: bigint, length: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (const { start, end } of this.rangesOf(core, va, length)) {
      const piece = this.readPhysical(start, end - start);
      pieces.push(piece);
      if (piece.length < end - start) break;
    }
    return concatBytes(pieces);
  }

  /** Writes bytes at `va`. Returns false, and writes nothing, when any byte cannot be written. */
  writeVirtual(core: MachineCore, va: bigint, bytes: Uint8Array): boolean {
    const ranges = this.rangesOf(core, va, bytes.length);
    const mapped = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
    if (mapped < bytes.length || !ranges.every(({ start, end }) => this.isMemory(start, end - start))) return false;
    let offset = 0;
    for (const { start, end } of ranges) {
      this.put(start, bytes.subarray(offset, offset + end - start));
      offset += end - start;
    }
    this.forgetCached();
    return true;
  }

  /** Bytes from a physical address on, up to the first one that is neither RAM nor ROM. */
  readPhysical(address: number, length: number): Uint8Array {
    const pieces: Uint8Array[] = [];
    for (let at = address, left = length; left > 0; ) {
      const bytes = Math.min(left, PAGE_SIZE - (at % PAGE_SIZE));
      const piece = this.pageBytes(at, bytes);
      if (piece === null) break;
      pieces.push(piece);
      at += bytes;
      left -= bytes;
    }
    return concatBytes(pieces);
  }

  /**
   * Writes bytes at a physical address. Returns false, and writes nothing, when any byte is neither
   * RAM nor ROM. A debugger may write ROM.
   */
  writePhysical(address: number, bytes: Uint8Array): boolean {
    if (!this.isMemory(address, bytes.length)) return false;
    this.put(address, bytes);
    this.forgetCached();
    return true;
  }

  /** True when the whole range is RAM or ROM. */
  isMemory(address: number, length: number): boolean {
    return this.machine.memory.contains(address, length) || this.fixedAt(address, length) !== null;
  }

  /**
   * Restores bytes that {@link readPhysical} read earlier. Caches stay: they hold what these bytes
   * gave before.
   */
  put(address: number, bytes: Uint8Array): void {
    const fixed = this.fixedMemoryAt(address, bytes.length);
    if (fixed === null) this.machine.memory.writeBytes(address, bytes);
    else {
      fixed.bytes.set(bytes, address - fixed.base);
      noteUsed(fixed, address - fixed.base + bytes.length);
      this.machine.memory.noteWrite();
    }
  }

  /** Host bytes of a range within one page, or null. */
  private pageBytes(address: number, length: number): Uint8Array | null {
    const { memory } = this.machine;
    if (!memory.contains(address, length)) return this.fixedAt(address, length)?.slice() ?? null;
    // Untouched RAM reads as zeros; a read must not touch it.
    const touched = memory.touchedRanges().some(({ start, end }) => address >= start && address < end);
    return touched ? memory.readBytes(address, length) : new Uint8Array(length);
  }

  private fixedAt(address: number, length: number): Uint8Array | null {
    const memory = this.fixedMemoryAt(address, length);
    return memory?.bytes.subarray(address - memory.base, address - memory.base + length) ?? null;
  }

  private fixedMemoryAt(address: number, length: number): PlacedMemory | null {
    const holds = ({ base, bytes }: PlacedMemory) => address >= base && address + length <= base + bytes.length;
    return this.machine.fixedMemory.find(holds) ?? null;
  }

  /** The written bytes may be code or page tables. */
  private forgetCached(): void {
    for (const core of this.machine.cores) {
      core.forget({ kind: 'code', line: null });
      core.forget({ kind: 'tlb' });
      core.virtualMemory.invalidate();
    }
  }
}
