// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory accesses that miss in a core's TLB: translation, RAM, watches. Pages that WebAssembly may
 * access directly are added to the TLB.
 *
 *     va ─► page known? ─► RAM: TLB entry, access     devices, flash: device-accesses.ts
 *             └─ no: walk the tables; a fault is taken (memory-aborts.ts), and the access answers 1
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation).
 */

import type { TlbScope } from '#emulator/cpu/stale-caches.ts';
import type { AccessType, ReadDescriptor } from '#emulator/cpu/translate.ts';
import type { WatchedAccess } from '#emulator/engine/engine.ts';
import { ACCESS_ATOMIC, ACCESS_UNPRIVILEGED } from './a64-code.ts';
import { ALREADY_TAKEN, type MemoryPort } from './core-state.ts';
import { DeviceAccesses, type DeviceAccessesContext } from './device-accesses.ts';
import { LAYOUT, NO_ADDRESS, TLB_PAGE_SHIFT } from './layout.ts';
import { accessed } from './managed-descriptors.ts';
import { MemoryAborts, type MemoryAbortsContext, virtualAddress } from './memory-aborts.ts';
import { RecentWalks } from './recent-walks.ts';
import { allows, type PageTranslation, type Regime, REGIME, Regimes } from './regimes.ts';
import { controlOf, effectiveHcr, HCR } from './system/hypervisor.ts';
import { type Page, Tlb } from './tlb.ts';

const PAGE = 2 ** TLB_PAGE_SHIFT;
const PAGE_MASK = PAGE - 1;
/** Block size of DC ZVA, as DCZID_EL0 says. */
const ZERO_BYTES = 64;

const SCTLR_A = 2n;
const PERMISSION_STATUS = 0b001100;
/** Fault status of an atomic access to memory that does not support it. */
const UNSUPPORTED_ATOMIC = 0b110101;

/** Memory outside the banks of RAM: [base, base + size). */
interface Region {
  readonly base: number;
  readonly size: number;
  /** Address in the WebAssembly memory; -1 for devices. */
  readonly host: number;
  readonly writable: boolean;
}

interface MemoryWatch {
  readonly start: number;
  readonly end: number;
  readonly touched: (access: WatchedAccess) => void;
}

export interface GuestMemoryContext extends MemoryAbortsContext, DeviceAccessesContext {
  /** Reads a descriptor for a table walk. */
  readonly readDescriptor: ReadDescriptor;
  /** Runs watches; true when the core is to stop before the access, or has taken an exception. */
  readonly stopsBefore: (look: () => void) => boolean;
  /** Called after a store of `bytes` into a guarded page, by address in the WebAssembly memory. */
  readonly codeStored: (address: number, bytes: number) => void;
}

export class GuestMemory implements MemoryPort {
  private readonly watches: MemoryWatch[] = [];
  private readonly parts: GuestMemoryContext;
  /** Translation regimes, also for AT instructions. */
  readonly regimes: Regimes;
  private isOfEl2 = false;
  private takesZeroing = false;
  /**
   * True when EL2 traps DC ZVA. The code of DC ZVA checks no trap on a TLB hit, so no page is
   * added.
   */
  private zeroingIsTrapped = false;
  private readonly tlb: Tlb;
  private readonly recent: RecentWalks;
  private readonly regions: Region[] = [];
  readonly aborts: MemoryAborts;
  readonly devices: DeviceAccesses;
  private readonly buffer: ArrayBuffer;
  private readonly view: DataView;

  constructor(buffer: ArrayBuffer, parts: GuestMemoryContext) {
    this.buffer = buffer;
    this.parts = parts;
    this.view = new DataView(buffer);
    this.regimes = new Regimes(parts.state, parts.registers, parts.readDescriptor);
    this.tlb = new Tlb(parts.state, () => this.regimes.tables);
    this.recent = new RecentWalks(buffer, parts.registers, parts.environment.memory);
    this.aborts = new MemoryAborts(parts, (va) => this.wordAt(va));
    this.devices = new DeviceAccesses(parts, this.aborts, (address) => this.regionAt(address)?.host === -1);
  }

  /** Maps `bytes`, which lie in the WebAssembly memory, at physical address `base`. */
  map(base: number, bytes: Uint8Array, writable: boolean): void {
    if (bytes.buffer !== this.buffer) throw new RangeError('memory of a core must come from its factory');
    this.regions.push({ base, size: bytes.length, host: bytes.byteOffset, writable });
    this.flush();
    // Flash that was written is mapped again.
    this.parts.outsideCalled();
  }

  mapDevices(base: number, size: number): void {
    this.regions.push({ base, size, host: -1, writable: false });
    this.flush();
  }

  unmap(base: number): void {
    const index = this.regions.findIndex((region) => region.base === base);
    if (index >= 0) this.regions.splice(index, 1);
    this.flush();
  }

  /** Discards translations: all, unless a TLBI gives a scope. */
  flush(scope: TlbScope = { kind: 'all' }): void {
    this.tlb.invalidate(scope);
  }

  /** Reports stores into the page at `host` of the WebAssembly memory. */
  guard(host: number): void {
    this.tlb.guard(host);
  }

  release(host: number): void {
    this.tlb.release(host);
  }

  /** Follows a write of TTBRx_EL1, of a host's TTBRx_EL2, or of stage 2's tables. */
  tablesChanged(): void {
    this.tlb.tablesChanged();
  }

  /** Follows a change of HCR_EL2. */
  controlsChanged(): void {
    this.regimes.controlsChanged();
    this.takesZeroing = (effectiveHcr(this.parts.registers) & HCR.tdz) !== 0n;
  }

  /** Selects the regime of the current exception level, and its TLB for WebAssembly. */
  select(): void {
    const { isOfEl2 } = this.regimes;
    const { state } = this.parts;
    this.zeroingIsTrapped = this.takesZeroing && state.level < 2;
    if (isOfEl2 !== this.isOfEl2) {
      // EL1&0 and EL2&0 have the same regime numbers and slots, but different tables.
      this.isOfEl2 = isOfEl2;
      state.wide[LAYOUT.fetchPage / 8] = NO_ADDRESS;
      this.tlb.tablesChanged();
    }
    this.tlb.select(this.regimes.current, this.regimes.unprivileged);
  }

  /** Serves a load from WebAssembly; the value goes to scratch. */
  load(low: number, high: number, how: number): number {
    const bytes = how & 0xff;
    const at = this.resolve(low, high, how, 'read');
    if (at === null) return 1;
    const value = at.second === null ? this.readAt(at.first, low & PAGE_MASK, bytes) : this.readAcross(at, low, bytes);
    if (value === null) return 1;
    this.parts.state.wide[LAYOUT.scratch / 8] = value;
    return 0;
  }

  /** Serves a store from WebAssembly; the value is in scratch. */
  store(low: number, high: number, how: number): number {
    const bytes = how & 0xff;
    const at = this.resolve(low, high, how, 'write');
    if (at === null) return 1;
    const value = BigInt.asUintN(8 * bytes, this.parts.state.wide[LAYOUT.scratch / 8] as bigint);
    if (at.second === null) return this.writeAt(at.first, low & PAGE_MASK, bytes, value) ? 0 : 1;
    for (let i = 0; i < bytes; i++) {
      const offset = (low & PAGE_MASK) + i;
      const page = offset < PAGE ? at.first : at.second;
      this.aborts.part = i;
      if (!this.writeAt(page, offset & PAGE_MASK, 1, (value >> BigInt(8 * i)) & 0xffn)) return 1;
    }
    return 0;
  }

  /** Serves an atomic access from WebAssembly; the host address goes to scratch. */
  update(low: number, high: number, how: number): number {
    if ((how & ACCESS_ATOMIC) !== 0 && this.resolve(low, high, how, 'read') === null) return 1;
    const at = this.resolve(low, high, how, 'write');
    if (at === null) return 1;
    const { host, hostWritable, pa } = at.first;
    const offset = low & PAGE_MASK;
    const access = { address: pa + offset, size: how & 0xff };
    if (host >= 0 && !hostWritable && this.parts.environment.isFlashStore({ ...access, type: 'write', value: 0n })) {
      this.devices.updateFlash(host + offset, access.address, access.size);
      return 0;
    }
    if (host < 0 || !hostWritable) return this.aborts.take('write', UNSUPPORTED_ATOMIC, virtualAddress(low, high));
    if (this.isWatched({ ...access, write: true })) return 1;
    this.parts.state.wide[LAYOUT.scratch / 8] = BigInt(host + offset);
    this.stored(host, offset, how & 0xff);
    return 0;
  }

  /** Looks up the page of code at PC. Returns 1 when an exception was taken. */
  fetch(): number {
    const { state } = this.parts;
    const { pc } = state;
    const [low, high] = [Number(BigInt.asUintN(32, pc)), Number(pc >> 32n)];
    const page = this.pageFor(low, high, this.regimes.current, 'fetch');
    if (page === null) return 1;
    if (page.host < 0) {
      this.aborts.unanswered({ type: 'fetch', address: page.pa + (low & PAGE_MASK), size: 4, value: 0n });
      return 1;
    }
    state.wide[LAYOUT.fetchPage / 8] = pc & ~BigInt(PAGE_MASK);
    state.setWord(LAYOUT.fetchHost, page.host);
    return 0;
  }

  /** Reads memory for helpers. @throws GuestException when an abort was taken */
  read(address: bigint, bytes: number): bigint {
    const [low, high] = halves(address);
    if (this.load(low, high, bytes) !== 0) throw ALREADY_TAKEN;
    return BigInt.asUintN(8 * bytes, this.parts.state.wide[LAYOUT.scratch / 8] as bigint);
  }

  write(address: bigint, bytes: number, value: bigint): void {
    const [low, high] = halves(address);
    this.parts.state.wide[LAYOUT.scratch / 8] = value;
    if (this.store(low, high, bytes) !== 0) throw ALREADY_TAKEN;
  }

  /** Zeros the block around an address (DC ZVA). FAR of a fault is the address itself. */
  zero(address: bigint): void {
    const [low, high] = halves(address);
    const at = this.resolve(low, high, 1, 'write');
    if (at === null) throw ALREADY_TAKEN;
    const { first: page } = at;
    if (page.isDevice) {
      this.aborts.misaligned(low, high, true);
      throw ALREADY_TAKEN;
    }
    const start = low & PAGE_MASK & ~(ZERO_BYTES - 1);
    if (page.host < 0 || !page.hostWritable || this.watches.length > 0) {
      for (let offset = start; offset < start + ZERO_BYTES; offset++) {
        if (!this.writeAt(page, offset, 1, 0n)) throw ALREADY_TAKEN;
      }
      return;
    }
    new Uint8Array(this.buffer, page.host + start, ZERO_BYTES).fill(0);
    this.stored(page.host, start, ZERO_BYTES);
  }

  /** Reports a store to the page at `host` if it holds translated code. */
  private stored(host: number, offset: number, bytes: number): void {
    if (this.tlb.isGuarded(host)) this.parts.codeStored(host + offset, bytes);
  }

  /** Pages of an access, one or two; null when a fault was taken. */
  private resolve(low: number, high: number, how: number, type: 'read' | 'write') {
    const bytes = how & 0xff;
    this.aborts.begin(low, high);
    const regime = (how & ACCESS_UNPRIVILEGED) === 0 ? this.regimes.current : this.regimes.unprivileged;
    const isUnaligned = (low & (bytes - 1)) !== 0;
    if (isUnaligned && this.alignmentIsChecked) {
      this.aborts.misaligned(low, high, type === 'write');
      return null;
    }
    const first = this.pageFor(low >>> 0, high >>> 0, regime, type);
    if (first === null) return null;
    if (isUnaligned && first.isDevice) {
      this.aborts.misaligned(low, high, type === 'write');
      return null;
    }
    if ((low & PAGE_MASK) + bytes <= PAGE) return { first, second: null };
    const next = ((low | PAGE_MASK) + 1) >>> 0;
    const second = this.pageFor(next, next === 0 ? (high + 1) >>> 0 : high >>> 0, regime, type);
    return second === null ? null : { first, second };
  }

  /** Page at an address, once the access is checked; null when a fault was taken. */
  private pageFor(low: number, high: number, regime: Regime, type: AccessType): Page | null {
    let page = this.tlb.find(low, high, regime);
    if (page === undefined) {
      const found = this.translatePage(low, high, regime, type);
      if (found === null) return null;
      page = found;
      this.tlb.add(low, high, regime, page);
    }
    if (type === 'write' && !allows(page.rights, regime, type) && allows(page.whenDirty, regime, type)) {
      page = this.written(low, high, regime, page);
    }
    if (!allows(page.rights, regime, type)) {
      const { stage2 } = page;
      if (stage2 !== null && allows(stage2.stage1, regime, type)) {
        const status = PERMISSION_STATUS + stage2.level;
        this.aborts.stage2(type, status, virtualAddress(low, high), { ipa: stage2.ipa, onWalk: false });
      } else this.aborts.take(type, PERMISSION_STATUS + page.level, virtualAddress(low, high));
      return null;
    }
    // All accesses to pages that are not added to the TLB are made here.
    const isPlain =
      page.host >= 0 &&
      !page.isDevice &&
      this.watches.length === 0 &&
      !this.alignmentIsChecked &&
      !this.zeroingIsTrapped;
    if (isPlain && type !== 'fetch') this.tlb.fill(low, high, regime, page);
    else if (isPlain && this.tlb.takesCode(regime)) this.tlb.fillCode(low, high, regime, page);
    return page;
  }

  private get alignmentIsChecked(): boolean {
    return (this.control & SCTLR_A) !== 0n;
  }

  /** SCTLR that applies to the current exception level. */
  private get control(): bigint {
    return controlOf(this.parts.state.level, this.parts.registers);
  }

  private translatePage(low: number, high: number, regime: Regime, type: AccessType): Page | null {
    const isRecorded = regime < REGIME.el2 && !this.isOfEl2;
    const again = isRecorded ? this.recent.find(low, high) : null;
    if (again !== null) return this.placed(again);
    const va = virtualAddress(low, high);
    const found = this.regimes.translate(va, regime);
    if (!found.ok) {
      const { fault, lost, stage2 } = found;
      if (stage2 === null || fault.kind === 'external abort on walk') {
        this.aborts.translationFault(type, fault, va, lost);
      } else this.aborts.stage2(type, fault.status, va, stage2);
      return null;
    }
    for (const descriptor of found.used) this.change(descriptor, accessed);
    if (isRecorded) this.recent.note(low, high, found.page, found.steps);
    return this.placed(found.page);
  }

  /** Adds the host memory of a page. */
  private placed(page: PageTranslation): Page {
    const host = this.hostOf(page.pa);
    // With the MMU off, all memory is Device memory. RAM is not treated so, see docs/fidelity.md.
    return {
      pa: page.pa,
      rights: page.rights,
      level: page.level,
      whenDirty: page.whenDirty,
      clean: page.clean,
      size: page.size,
      isGlobal: page.isGlobal,
      memory: page.memory,
      host: host.host,
      hostWritable: host.hostWritable,
      stage2: page.stage2,
      isDevice: page.memory === 'device' || (page.memory === 'flat' && host.host < 0),
    };
  }

  /** Marks a clean page as dirty in its leaf descriptors, before the page is written. */
  private written(low: number, high: number, regime: Regime, page: Page): Page {
    if (!page.clean.every(({ at, written }) => this.change(at, written))) return page;
    const found = this.regimes.translate(virtualAddress(low, high), regime);
    if (!found.ok) return page;
    const dirty = this.placed(found.page);
    this.tlb.add(low, high, regime, dirty);
    return dirty;
  }

  /** Changes a descriptor in RAM. Returns false when it must not or cannot be changed. */
  private change(address: number, changed: (descriptor: bigint) => bigint | null): boolean {
    const { host, hostWritable } = this.hostOf(address - (address % PAGE));
    if (host < 0 || !hostWritable) return false;
    const offset = address % PAGE;
    const before = readBytes(this.view, host + offset, 8);
    const after = changed(before);
    if (after === null) return false;
    if (after === before) return true;
    writeBytes(this.view, host + offset, 8, after);
    this.stored(host, offset, 8);
    return true;
  }

  private hostOf(pa: number): { host: number; hostWritable: boolean } {
    const chunk = this.parts.environment.memory.touch(pa);
    if (chunk !== null) return { host: chunk.bytes.byteOffset + (pa - chunk.base), hostWritable: true };
    const region = this.regionAt(pa);
    if (region === undefined || region.host < 0) return { host: -1, hostWritable: false };
    return { host: region.host + (pa - region.base), hostWritable: region.writable };
  }

  private regionAt(pa: number): Region | undefined {
    return this.regions.find(({ base, size }) => pa >= base && pa < base + size);
  }

  private readAcross(at: { first: Page; second: Page | null }, low: number, bytes: number): bigint | null {
    let value = 0n;
    for (let i = 0; i < bytes; i++) {
      const offset = (low & PAGE_MASK) + i;
      this.aborts.part = i;
      const byte = this.readAt(offset < PAGE ? at.first : (at.second as Page), offset & PAGE_MASK, 1);
      if (byte === null) return null;
      value |= byte << BigInt(8 * i);
    }
    return value;
  }

  /** Returns null when an abort was taken, or when a watch stops the core. */
  private readAt({ pa, host }: Page, offset: number, bytes: number): bigint | null {
    const address = pa + offset;
    if (this.isWatched({ write: false, address, size: bytes })) return null;
    if (host >= 0) return readBytes(this.view, host + offset, bytes);
    return this.devices.read(address, bytes);
  }

  /** Returns false when an abort was taken, or when a watch stops the core. */
  private writeAt({ pa, host, hostWritable }: Page, offset: number, bytes: number, value: bigint): boolean {
    const address = pa + offset;
    if (this.isWatched({ write: true, address, size: bytes })) return false;
    if (host >= 0 && hostWritable) {
      writeBytes(this.view, host + offset, bytes, value);
      this.stored(host, offset, bytes);
      return true;
    }
    return this.devices.write(address, bytes, value);
  }

  /** Word of code at an address in the current regime; null where there is none. */
  wordAt(va: bigint): number | null {
    const found = this.regimes.translate(va, this.regimes.current);
    return found.ok ? this.parts.environment.readCode(found.page.pa + Number(va & BigInt(PAGE_MASK))) : null;
  }

  /** Reports accesses to physical addresses [start, end). @returns ends the watch */
  watch(watch: MemoryWatch): () => void {
    this.watches.push(watch);
    this.flush();
    return () => {
      const at = this.watches.indexOf(watch);
      if (at >= 0) this.watches.splice(at, 1);
    };
  }

  /** Reports an access to watches. True when it must not be made: the core stops before it. */
  private isWatched(access: WatchedAccess): boolean {
    if (this.watches.length === 0) return false;
    return this.parts.stopsBefore(() => {
      for (const { start, end, touched } of this.watches) {
        if (access.address < end && access.address + access.size > start) touched(access);
      }
      this.parts.outsideCalled();
    });
  }
}

/** Halves of an address, as WebAssembly passes them. */
const halves = (address: bigint): [low: number, high: number] => [
  Number(BigInt.asIntN(32, address)),
  Number(BigInt.asIntN(32, address >> 32n)),
];

function readBytes(view: DataView, at: number, bytes: number): bigint {
  switch (bytes) {
    case 1:
      return BigInt(view.getUint8(at));
    case 2:
      return BigInt(view.getUint16(at, true));
    case 4:
      return BigInt(view.getUint32(at, true));
    default:
      return view.getBigUint64(at, true);
  }
}

function writeBytes(view: DataView, at: number, bytes: number, value: bigint): void {
  if (bytes === 8) view.setBigUint64(at, value, true);
  else if (bytes === 4) view.setUint32(at, Number(value), true);
  else if (bytes === 2) view.setUint16(at, Number(value), true);
  else view.setUint8(at, Number(value));
}
