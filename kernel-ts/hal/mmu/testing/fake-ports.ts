// SPDX-License-Identifier: GPL-2.0-only
/**
 * Fake ports for tests of the MMU code: sparse RAM, an independent walker, a TLB that keeps every
 * entry, and a log of operations in their order.
 *
 * The walker is independent of descriptor.ts and walk.ts and uses plain bit positions, so that it
 * can serve as a reference.
 *
 * ```
 *   MemoryPort va --flat:       pa = va - physicalOffset, always reachable
 *                 --translated: walk from TTBR1/TTBR0 through `ram`; a miss or a denied write throws DataAbort
 *                                 |
 *                               TLB: every translation found is kept until a TLBI drops it,
 *                               so a forgotten TLBI is seen as a stale answer
 * ```
 * Break-before-make is checked on every 64-bit store into a frame that `watchTables` names: a valid
 * entry may not become another valid entry unless only AP, AF, PXN or UXN differ, or it was invalid
 * and DSB, TLBI, DSB came in between.
 */

import type { PhysAddr, VirtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import { hex, physAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort, MemoryWindow, SystemRegister, SystemRegisterPort, TlbPort } from '#kernel-ts/hal/ports.ts';
import type { PageAllocator } from '#kernel-ts/hal/mmu/page-allocator.ts';

/** A recorded operation: "write64 0x1000 0x3", "dsb", "tlbi 0x…", "isb", "msr TTBR1_EL1 0x1000". */
export type FakeEvent = string;

/** A leaf found by walking all tables. */
export interface FakeLeaf {
  readonly offset: number;
  readonly level: number;
  readonly descriptor: bigint;
}

interface TlbEntry {
  readonly start: bigint;
  readonly size: bigint;
  readonly descriptor: bigint;
}

const PHYSICAL_OFFSET = 0xffff_8000_0000_0000n;
const ADDRESS = 0x0000_ffff_ffff_f000n;
const PERMISSIONS = (1n << 54n) | (1n << 53n) | (1n << 10n) | (3n << 6n);

/** RAM, registers, TLB and their log. */
export class FakeMachine {
  readonly physicalOffset = PHYSICAL_OFFSET;
  readonly events: FakeEvent[] = [];
  /** Violations of break-before-make, as sentences. */
  readonly violations: string[] = [];
  /** True to translate port addresses through the tables of TTBR0 and TTBR1. */
  translated = false;
  readonly memory: MemoryPort;
  readonly tlb: TlbPort;
  readonly registers: SystemRegisterPort;
  private readonly frames = new Map<number, DataView>();
  private readonly registerValues = new Map<SystemRegister, bigint>();
  private readonly tableList = new Set<number>();
  /** Entries made invalid, by address, with the progress of DSB (1), TLBI (2), DSB (3). */
  private readonly broken = new Map<number, { before: bigint; stage: number }>();
  private entries: TlbEntry[] = [];

  constructor() {
    this.memory = this.memoryPort();
    this.registers = {
      read: (register) => this.registerValues.get(register) ?? 0n,
      write: (register, value) => {
        this.events.push(`msr ${register} ${hex(value)}`);
        this.registerValues.set(register, value);
      },
    };
    this.tlb = {
      invalidateAll: () => {
        this.events.push('tlbi all');
        this.entries = [];
        this.advance(1);
      },
      invalidatePage: (va) => {
        this.events.push(`tlbi ${hex(va)}`);
        this.entries = this.entries.filter((entry) => va < entry.start || va >= entry.start + entry.size);
        this.advance(1);
      },
      dsb: () => {
        this.events.push('dsb');
        this.advance(0);
        this.advance(2);
      },
      isb: () => {
        this.events.push('isb');
      },
    };
    this.registerValues.set('TCR_EL1', 0x5_b510_3510n);
    this.registerValues.set('ID_AA64MMFR0_EL1', 0x5n);
  }

  /** Ports for the MMU code. */
  get ports(): { memory: MemoryPort; tlb: TlbPort; registers: SystemRegisterPort } {
    return { memory: this.memory, tlb: this.tlb, registers: this.registers };
  }

  /** Starts or stops checking descriptor stores into this frame. */
  watchTable(frame: PhysAddr, isTable = true): void {
    if (isTable) this.tableList.add(frame);
    else this.tableList.delete(frame);
  }

  /** Reports a frame that is freed while a walk could still lead to it. */
  checkFreed(frame: PhysAddr): void {
    for (const [slot, { before, stage }] of this.broken) {
      if (stage < 3 && Number(before & ADDRESS) === frame) {
        this.violations.push(`${hex(frame)} freed before the entry at ${hex(slot)} left the TLB`);
      }
    }
  }

  /** Reads 64 bits of RAM, without translation and log. */
  peek(pa: number): bigint {
    return this.frame(pa).getBigUint64(pa % 4096, true);
  }

  /** Writes 64 bits of RAM, without translation, log and check. */
  poke(pa: number, value: bigint): void {
    this.frame(pa).setBigUint64(pa % 4096, value, true);
  }

  /**
   * Descriptor and output address for `va`, through the TLB; null for a translation fault, which is
   * not cached.
   */
  lookUp(va: VirtAddr): { descriptor: bigint; pa: number } | null {
    const cached = this.entries.find((entry) => va >= entry.start && va < entry.start + entry.size);
    const entry = cached ?? this.walk(va);
    if (entry === null) return null;
    if (cached === undefined) this.entries.push(entry);
    return {
      descriptor: entry.descriptor,
      pa: Number((entry.descriptor & ADDRESS & ~(entry.size - 1n)) | (va % entry.size)),
    };
  }

  /** All leaves below `root`, in order of address. */
  leaves(root: PhysAddr): FakeLeaf[] {
    const found: FakeLeaf[] = [];
    this.visit(root, (descriptor, level, offset) => {
      if (level === 3 || (descriptor & 2n) === 0n) found.push({ offset, level, descriptor });
    });
    return found;
  }

  /** All tables below `root`, the root first. */
  tables(root: PhysAddr): PhysAddr[] {
    const found = [root];
    this.visit(root, (descriptor, level) => {
      if (level < 3 && (descriptor & 2n) !== 0n) found.push(physAddr(Number(descriptor & ADDRESS)));
    });
    return found;
  }

  /** Contents of all tables below `root`: equal strings are identical trees. */
  dump(root: PhysAddr): string {
    const words: string[] = [];
    for (const table of this.tables(root)) {
      words.push(`table ${table}`);
      const frame = this.frame(table);
      for (let at = 0; at < 4096; at += 4) {
        const word = frame.getUint32(at, true);
        if (word !== 0) words.push(`${at}=${word}`);
      }
    }
    return words.join(' ');
  }

  private visit(root: PhysAddr, on: (descriptor: bigint, level: number, offset: number) => void): void {
    const visit = (table: number, level: number, start: number): void => {
      const frame = this.frame(table);
      for (let index = 0; index < 512; index++) {
        // Only the low word is read first: most entries are invalid, and a 64-bit read allocates an
        // object.
        if ((frame.getUint32(index * 8, true) & 1) === 0) continue;
        const descriptor = frame.getBigUint64(index * 8, true);
        const offset = start + index * 2 ** (39 - 9 * level);
        on(descriptor, level, offset);
        if (level < 3 && (descriptor & 2n) !== 0n) visit(Number(descriptor & ADDRESS), level + 1, offset);
      }
    };
    visit(root, 0, 0);
  }

  private walk(va: VirtAddr): TlbEntry | null {
    const high = (va & (1n << 55n)) !== 0n;
    if (va >> 48n !== (high ? 0xffffn : 0n)) return null;
    const tcr = this.registers.read('TCR_EL1');
    if ((tcr & (high ? 1n << 23n : 1n << 7n)) !== 0n) return null;
    let table = this.registers.read(high ? 'TTBR1_EL1' : 'TTBR0_EL1') & ADDRESS;
    for (let level = 0; level < 4; level++) {
      const shift = BigInt(39 - 9 * level);
      const descriptor = this.peek(Number(table) + Number((va >> shift) & 511n) * 8);
      if ((descriptor & 1n) === 0n) return null;
      const isTable = (descriptor & 2n) !== 0n;
      if (level === 3 ? !isTable : level === 0 && !isTable) return null;
      if (level === 3 || !isTable) return { start: (va >> shift) << shift, size: 1n << shift, descriptor };
      table = descriptor & ADDRESS;
    }
    return null;
  }

  private advance(from: number): void {
    for (const [slot, state] of this.broken) {
      if (state.stage === from) state.stage = from + 1;
      if (state.stage === 3) this.broken.delete(slot);
    }
  }

  private frame(pa: number): DataView {
    const number = Math.floor(pa / 4096);
    let frame = this.frames.get(number);
    if (frame === undefined) {
      frame = new DataView(new ArrayBuffer(4096));
      this.frames.set(number, frame);
    }
    return frame;
  }

  private toPhysical(va: VirtAddr, write: boolean): number {
    if (!this.translated) {
      if (va < PHYSICAL_OFFSET || va >= PHYSICAL_OFFSET + (1n << 47n)) throw new DataAbort(0x9600_0004, va);
      return Number(va - PHYSICAL_OFFSET);
    }
    const found = this.lookUp(va);
    if (found === null) throw new DataAbort(0x9600_0004, va);
    if (write && (found.descriptor & (1n << 7n)) !== 0n) throw new DataAbort(0x9600_004f, va);
    return found.pa;
  }

  private checkStore(pa: number, value: bigint): void {
    if (!this.tableList.has(pa - (pa % 4096))) return;
    const before = this.peek(pa);
    const wasValid = (before & 1n) !== 0n;
    const isValid = (value & 1n) !== 0n;
    if (wasValid && isValid && ((before ^ value) & ~PERMISSIONS) !== 0n) {
      this.violations.push(`live entry at ${hex(pa)} changed from ${hex(before)} to ${hex(value)}`);
    }
    if (wasValid && !isValid) this.broken.set(pa, { before, stage: 0 });
    if (!wasValid && isValid && this.broken.has(pa)) {
      this.violations.push(`entry at ${hex(pa)} made before it was broken`);
    }
  }

  private memoryPort(): MemoryPort {
    const locate = (va: VirtAddr, write: boolean): [DataView, number, number] => {
      const pa = this.toPhysical(va, write);
      return [this.frame(pa), pa % 4096, pa];
    };
    const eachByte = (
      va: VirtAddr,
      length: number,
      write: boolean,
      on: (frame: DataView, at: number, i: number) => void,
    ) => {
      // Whole pages are translated once; the MMU code transfers nothing that starts inside a page.
      for (let done = 0; done < length; ) {
        const [frame, at] = locate(virtAddr(va + BigInt(done)), write);
        const chunk = Math.min(length - done, 4096 - at);
        for (let i = 0; i < chunk; i++) on(frame, at + i, done + i);
        done += chunk;
      }
    };
    return {
      read8: (va) => ((at) => at[0].getUint8(at[1]))(locate(va, false)),
      read16: (va) => ((at) => at[0].getUint16(at[1], true))(locate(va, false)),
      read32: (va) => ((at) => at[0].getUint32(at[1], true))(locate(va, false)),
      read64: (va) => ((at) => at[0].getBigUint64(at[1], true))(locate(va, false)),
      write8: (va, value) => ((at) => at[0].setUint8(at[1], value))(locate(va, true)),
      write16: (va, value) => ((at) => at[0].setUint16(at[1], value, true))(locate(va, true)),
      write32: (va, value) => ((at) => at[0].setUint32(at[1], value, true))(locate(va, true)),
      write64: (va, value) => {
        const [frame, at, pa] = locate(va, true);
        this.checkStore(pa, value);
        this.events.push(`write64 ${hex(pa)} ${hex(value)}`);
        frame.setBigUint64(at, value, true);
      },
      readBytes: (va, length) => {
        const bytes = new Uint8Array(length);
        eachByte(va, length, false, (frame, at, i) => {
          bytes[i] = frame.getUint8(at);
        });
        return bytes;
      },
      writeBytes: (va, bytes) => {
        this.events.push(`writeBytes ${hex(this.toPhysical(va, true))}`);
        eachByte(va, bytes.length, true, (frame, at, i) => frame.setUint8(at, bytes[i] as number));
      },
      fill: (va, length, byte) => {
        this.events.push(`fill ${hex(this.toPhysical(va, true))}`);
        eachByte(va, length, true, (frame, at) => frame.setUint8(at, byte));
      },
      window: (): MemoryWindow => {
        throw new Error('the MMU code uses no window');
      },
    };
  }
}

/**
 * Allocator of frames from [base, base + 4096 count), lowest first; it counts allocated frames and
 * refuses to free any other.
 */
export class FakeAllocator implements PageAllocator {
  readonly out = new Set<PhysAddr>();
  /** Allocations granted before null is returned. */
  budget = Number.POSITIVE_INFINITY;
  private readonly machine: FakeMachine;
  private readonly free: PhysAddr[] = [];

  constructor(machine: FakeMachine, base: number, count: number) {
    this.machine = machine;
    for (let index = count - 1; index >= 0; index--) this.free.push(physAddr(base + index * 4096));
  }

  allocPage(): PhysAddr | null {
    if (this.budget <= 0) return null;
    const frame = this.free.pop();
    if (frame === undefined) return null;
    this.budget--;
    this.out.add(frame);
    this.machine.watchTable(frame);
    // Poisoned, because a real frame does not hold zeros.
    for (let at = 0; at < 4096; at += 8) this.machine.poke(frame + at, 0xdead_beef_dead_beeen);
    return frame;
  }

  freePage(pa: PhysAddr): void {
    if (!this.out.delete(pa)) throw new Error(`${hex(pa)} was not allocated here`);
    this.machine.checkFreed(pa);
    this.machine.watchTable(pa, false);
    this.free.push(pa);
    this.budget++;
  }
}
