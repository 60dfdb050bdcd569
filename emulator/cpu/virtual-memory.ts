// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory by virtual address for TypeScript code, through the core's current translation.
 *
 *     va ─► cached leaf? ─► physical address ─► RAM chunk, or device on the bus
 *              └─ no: walk the tables in RAM, check the permission, cache the leaf
 *
 * An access that the tables refuse throws {@link DataAbort}, with the ESR and FAR of the same
 * access by an instruction at EL1. Leaves stay cached until `invalidate()`, like a TLB: a kernel
 * that forgets its TLB maintenance sees stale translations here too. After `invalidate()`, a leaf
 * is reused if its descriptors are unchanged (walk-record.ts), which is cheaper than a walk.
 *
 * Windows cache host views of translated ranges for code that accesses arrays very often; they are
 * checked again after an invalidation.
 */

import { alignDown, hex, virtAddr, type VirtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import type { Bus } from '#emulator/bus/bus.ts';
import { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import type { Clock } from '#emulator/timer/clock.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { WalkRecord } from './walk-record.ts';
import { dataAbortSyndrome, EXTERNAL_ABORT_STATUS } from './syndrome.ts';
import { translate, type TranslationRegisters, type WalkStep } from './translate.ts';

/** Number of cached leaves: enough for code, stack, tables, mem_map and a device. */
const CACHED_LEAVES = 8;

interface CachedLeaf {
  readonly vaBase: bigint;
  readonly size: number;
  readonly paBase: number;
  readonly writable: boolean;
  /** Walk that found the leaf, and the registers it started from. */
  readonly steps: readonly WalkStep[];
  readonly registers: TranslationRegisters;
  /** Created when the leaf is first checked. */
  record: WalkRecord | null;
}

export interface VirtualMemoryContext {
  readonly memory: PhysicalMemory;
  readonly bus: Bus;
  readonly clock: Clock;
  /** Physical address size of the CPU in bits. */
  readonly physicalBits: number;
  /** Current translation registers. */
  registers(): TranslationRegisters;
  /** Called for each access to unmapped memory, before the fault is thrown. */
  refused(abort: BusAccessAbort): void;
}

/** Accesses at EL1 by virtual address. Satisfies the kernel's MemoryPort and MmioPort. */
export class VirtualMemory {
  private readonly context: VirtualMemoryContext;
  private leaves: CachedLeaf[] = [];
  /** Leaves cached before the last invalidation. */
  private doubtful: CachedLeaf[] = [];
  /** Windows translated since the last invalidation. */
  private readonly fresh: VirtualMemoryWindow[] = [];
  private registers: TranslationRegisters | null = null;

  constructor(context: VirtualMemoryContext) {
    this.context = context;
  }

  /**
   * Discards cached translations: after the core ran, a TLBI, or a write to a translation register.
   */
  invalidate(): void {
    for (const window of this.fresh) window.drop();
    this.fresh.length = 0;
    if (this.leaves.length > 0) {
      this.doubtful = [...this.leaves, ...this.doubtful].slice(0, CACHED_LEAVES);
      this.leaves = [];
    }
    this.registers = null;
  }

  /** Current translation registers, read once between two invalidations. */
  liveRegisters(): TranslationRegisters {
    this.registers ??= this.context.registers();
    return this.registers;
  }

  /** Registers `window`, whose translation the next invalidation drops. */
  watch(window: VirtualMemoryWindow): void {
    this.fresh.push(window);
  }

  read8(va: VirtAddr): number {
    return this.read(va, 1);
  }

  read16(va: VirtAddr): number {
    return this.read(va, 2);
  }

  read32(va: VirtAddr): number {
    return this.read(va, 4);
  }

  read64(va: VirtAddr): bigint {
    const pa = this.resolve(va, 8, false);
    if (pa < 0) {
      const bytes = this.readBytes(va, 8);
      return new DataView(bytes.buffer).getBigUint64(0, true);
    }
    this.context.clock.portAccesses++;
    if (this.context.memory.contains(pa, 8)) return this.context.memory.read64(pa);
    return this.onBus(va, false, () => this.context.bus.read64(pa));
  }

  write8(va: VirtAddr, value: number): void {
    this.write(va, 1, value);
  }

  write16(va: VirtAddr, value: number): void {
    this.write(va, 2, value);
  }

  write32(va: VirtAddr, value: number): void {
    this.write(va, 4, value);
  }

  write64(va: VirtAddr, value: bigint): void {
    const pa = this.resolve(va, 8, true);
    if (pa < 0) {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setBigUint64(0, value, true);
      this.writeBytes(va, bytes);
      return;
    }
    this.context.clock.portAccesses++;
    if (this.context.memory.contains(pa, 8)) this.context.memory.write64(pa, value);
    else this.onBus(va, true, () => this.context.bus.write64(pa, value));
  }

  readBytes(va: VirtAddr, length: number): Uint8Array {
    const copy = new Uint8Array(length);
    this.forEachRun(va, length, null, (pa, offset, bytes) => {
      copy.set(this.context.memory.readBytes(pa, bytes), offset);
    });
    return copy;
  }

  writeBytes(va: VirtAddr, source: Uint8Array): void {
    this.forEachRun(
      va,
      source.length,
      (offset) => source[offset] as number,
      (pa, offset, bytes) => {
        this.context.memory.writeBytes(pa, source.subarray(offset, offset + bytes));
      },
    );
  }

  fill(va: VirtAddr, length: number, byte: number): void {
    this.forEachRun(
      va,
      length,
      () => byte,
      (pa, _offset, bytes) => {
        this.context.memory.fill(pa, bytes, byte);
      },
    );
  }

  /**
   * Window of 32-bit words on [va, va + bytes), both multiples of 4, in physically contiguous RAM.
   */
  window(va: VirtAddr, bytes: number): VirtualMemoryWindow {
    if (va % 4n !== 0n || bytes % 4 !== 0) {
      throw new RangeError(`window of ${bytes} bytes at ${va} is not made of words`);
    }
    return new VirtualMemoryWindow(this, this.context, va, bytes);
  }

  /**
   * Physical address of `width` bytes at `va`, or -1 when they lie in two pages (the caller must
   * split). @throws DataAbort
   */
  resolve(va: VirtAddr, width: number, write: boolean): number {
    const leaves = this.leaves;
    for (let i = 0; i < leaves.length; i++) {
      const leaf = leaves[i] as CachedLeaf;
      const offset = Number(va - leaf.vaBase);
      if (offset >= 0 && offset < leaf.size && (leaf.writable || !write)) {
        if (offset + width > leaf.size) return -1;
        if (i > 1) {
          leaves.splice(i, 1);
          leaves.unshift(leaf);
        }
        return leaf.paBase + offset;
      }
    }
    const leaf = this.rescue(va, write) ?? this.walkFor(va, write);
    leaves.unshift(leaf);
    if (leaves.length > CACHED_LEAVES) leaves.pop();
    const offset = Number(va - leaf.vaBase);
    return offset + width > leaf.size ? -1 : leaf.paBase + offset;
  }

  /**
   * Number of bytes from `va` to the end of its leaf. Call after `resolve` for the same address and
   * kind of access.
   */
  leafBytesLeft(va: bigint, write: boolean): number {
    const leaf = this.cachedLeaf(va, write);
    return leaf.size - Number(va - leaf.vaBase);
  }

  /**
   * Walk that found the leaf of `va`. Call after `resolve` for the same address and kind of access.
   */
  leafSteps(va: bigint, write: boolean): readonly WalkStep[] {
    return this.cachedLeaf(va, write).steps;
  }

  private cachedLeaf(va: bigint, write: boolean): CachedLeaf {
    const found = this.leaves.find((leaf) => covers(leaf, va, write));
    if (found === undefined) throw new RangeError(`${va} is not among the cached leaves`);
    return found;
  }

  /** Leaf of `va` from before the last invalidation, if a walk would find it again; else null. */
  private rescue(va: bigint, write: boolean): CachedLeaf | null {
    const { doubtful } = this;
    const index = doubtful.findIndex((leaf) => covers(leaf, va, write));
    if (index < 0) return null;
    const [leaf] = doubtful.splice(index, 1) as [CachedLeaf];
    leaf.record ??= new WalkRecord(this.context.memory, leaf.registers, va, leaf.steps);
    return leaf.record.isCurrent(this.liveRegisters()) ? leaf : null;
  }

  private walkFor(va: bigint, write: boolean): CachedLeaf {
    const registers = this.liveRegisters();
    const { memory } = this.context;
    const found = translate(
      va,
      write ? 'write' : 'read',
      1,
      registers,
      (address) => (memory.contains(address, 8) ? memory.read64(address) : null),
      this.context.physicalBits,
    );
    if (!found.ok) throw new DataAbort(dataAbortSyndrome({ status: found.fault.status, write }), va);
    const { mapping, steps } = found;
    return {
      vaBase: mapping.vaBase,
      size: mapping.size,
      paBase: mapping.paBase,
      writable: mapping.permissions.el1.write,
      steps,
      registers,
      record: null,
    };
  }

  private read(va: VirtAddr, width: 1 | 2 | 4): number {
    const pa = this.resolve(va, width, false);
    if (pa < 0) return this.readBytes(va, width).reduceRight((value, byte) => value * 256 + byte, 0);
    const { memory, clock, bus } = this.context;
    clock.portAccesses++;
    if (!memory.contains(pa, width)) return this.onBus(va, false, () => bus.read(pa, width));
    return width === 4 ? memory.read32(pa) : width === 2 ? memory.read16(pa) : memory.read8(pa);
  }

  private write(va: VirtAddr, width: 1 | 2 | 4, value: number): void {
    const pa = this.resolve(va, width, true);
    if (pa < 0) {
      this.writeBytes(
        va,
        Uint8Array.from({ length: width }, (_, i) => (value >>> (8 * i)) & 0xff),
      );
      return;
    }
    const { memory, clock, bus } = this.context;
    clock.portAccesses++;
    if (!memory.contains(pa, width)) this.onBus(va, true, () => bus.write(pa, width, value >>> 0));
    else if (width === 4) memory.write32(pa, value);
    else if (width === 2) memory.write16(pa, value);
    else memory.write8(pa, value);
  }

  /**
   * Calls back for the physically contiguous runs of [va, va + length); all are translated before
   * the first is used.
   * @param valueAt byte to write at an offset; null for a read
   * @throws DataAbort with the first byte that is not mapped, or is not RAM
   */
  private forEachRun(
    va: VirtAddr,
    length: number,
    valueAt: ((offset: number) => number) | null,
    run: (pa: number, offset: number, bytes: number) => void,
  ): void {
    const write = valueAt !== null;
    const runs: [pa: number, offset: number, bytes: number][] = [];
    for (let offset = 0; offset < length; ) {
      const at = virtAddr(va + BigInt(offset));
      const pa = this.resolve(at, 1, write);
      const bank = this.context.memory.findBank(pa);
      if (bank === null) this.refuse(at, pa, valueAt === null ? null : valueAt(offset));
      const bytes = Math.min(length - offset, this.leafBytesLeft(at, write), bank.base + bank.size - pa);
      runs.push([pa, offset, bytes]);
      offset += bytes;
    }
    this.context.clock.portAccesses += Math.ceil(length / 8);
    for (const [pa, offset, bytes] of runs) run(pa, offset, bytes);
  }

  /**
   * Refuses a byte transfer to `pa`, which is not RAM: devices are accessed one register at a time.
   */
  private refuse(at: VirtAddr, pa: number, value: number | null): never {
    const { bus } = this.context;
    const abort =
      bus.find(pa) === null
        ? (['unmapped', 'no device at this address'] as const)
        : (['device', 'not memory that bytes can be copied from or to'] as const);
    this.context.refused(new BusAccessAbort(abort[0], { pa, width: 1, value }, bus.describe(pa), abort[1]));
    throw new DataAbort(dataAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, write: value !== null }), at);
  }

  private onBus<T>(va: bigint, write: boolean, access: () => T): T {
    try {
      return access();
    } catch (error) {
      if (!(error instanceof BusAccessAbort)) throw error;
      this.context.refused(error);
      throw new DataAbort(dataAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, write }), va);
    }
  }
}

function covers(leaf: CachedLeaf, va: bigint, write: boolean): boolean {
  const offset = Number(va - leaf.vaBase);
  return offset >= 0 && offset < leaf.size && (leaf.writable || !write);
}

/** Words of a translated range; see MemoryWindow in the kernel's ports. */
export class VirtualMemoryWindow {
  readonly va: VirtAddr;
  readonly words: number;
  readonly shift: number;
  private readonly owner: VirtualMemory;
  private readonly context: VirtualMemoryContext;
  private readonly clock: Clock;
  private pieces: readonly Uint32Array[] = [];
  /** `pieces` while their translation is valid; null when it must be checked again. */
  private translated: readonly Uint32Array[] | null = null;
  private paBase = -1;
  private firstWord = 0;
  /** Walk that found the pieces. */
  private record: WalkRecord | null = null;

  constructor(owner: VirtualMemory, context: VirtualMemoryContext, va: VirtAddr, bytes: number) {
    this.owner = owner;
    this.context = context;
    this.clock = context.clock;
    this.va = va;
    this.words = bytes / 4;
    const { chunkBytes } = context.memory;
    this.shift = Math.log2(chunkBytes / 4);
    this.sync();
  }

  /** Index of word 0 in the first piece; `sync()` changes it when the range has moved. */
  get first(): number {
    return this.firstWord;
  }

  sync(): readonly Uint32Array[] {
    // Kept short, so that V8 inlines it at every call.
    return this.translated ?? this.translate();
  }

  /** Notes an invalidation: the next `sync()` translates again. */
  drop(): void {
    this.translated = null;
  }

  charge(accesses: number): void {
    this.clock.portAccesses += accesses;
  }

  get32(index: number): number {
    this.check(index);
    const pieces = this.sync();
    const at = this.firstWord + index;
    this.clock.portAccesses++;
    return (pieces[at >>> this.shift] as Uint32Array)[at & (2 ** this.shift - 1)] as number;
  }

  set32(index: number, value: number): void {
    this.check(index);
    const pieces = this.sync();
    const at = this.firstWord + index;
    this.clock.portAccesses++;
    (pieces[at >>> this.shift] as Uint32Array)[at & (2 ** this.shift - 1)] = value;
  }

  private check(index: number): void {
    if (!(index >= 0 && index < this.words)) throw new RangeError(`word ${index} of a window of ${this.words}`);
  }

  /**
   * Translates the range again.
   * @throws DataAbort with the first byte that is not mapped writable, or is not RAM; RangeError
   * when the range is not physically contiguous
   */
  private translate(): readonly Uint32Array[] {
    if (this.record?.isCurrent(this.owner.liveRegisters()) === true) return this.settle();
    const { memory } = this.context;
    const bytes = this.words * 4;
    const steps: WalkStep[] = [];
    const start = this.owner.resolve(this.va, 4, true);
    for (let offset = 0; offset < bytes; ) {
      const at = virtAddr(this.va + BigInt(offset));
      const pa = this.owner.resolve(at, 4, true);
      if (pa !== start + offset) throw new RangeError(`window at ${hex(this.va)}: not contiguous at +${hex(offset)}`);
      for (const step of this.owner.leafSteps(at, true)) steps.push(step);
      const length = Math.min(bytes - offset, this.owner.leafBytesLeft(at, true));
      const bank = memory.findBank(pa);
      if (bank === null || pa + length > bank.base + bank.size) {
        const ramBytes = bank === null ? 0 : bank.base + bank.size - pa;
        throw new DataAbort(dataAbortSyndrome({ status: EXTERNAL_ABORT_STATUS, write: true }), at + BigInt(ramBytes));
      }
      offset += length;
    }
    if (start !== this.paBase) {
      const pieces: Uint32Array[] = [];
      const first = alignDown(start, memory.chunkBytes);
      for (let pa = first; pa < start + bytes; pa += memory.chunkBytes) {
        const chunk = memory.touch(Math.max(pa, start));
        if (chunk !== null) pieces.push(chunk.words);
      }
      this.pieces = pieces;
      this.firstWord = (start - first) / 4;
      this.paBase = start;
    }
    this.record = new WalkRecord(memory, this.owner.liveRegisters(), this.va, steps);
    return this.settle();
  }

  /** Marks the pieces as valid until the next invalidation; they may be written until then. */
  private settle(): readonly Uint32Array[] {
    this.context.memory.noteWrite();
    this.translated = this.pieces;
    this.owner.watch(this);
    return this.pieces;
  }
}
