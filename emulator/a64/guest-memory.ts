// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory as a core's instructions reach it where its TLB does not answer: translation, devices,
 * flash, faults, watches. What may be accessed directly goes into the TLB.
 *
 *     va ─► page known? ─► RAM: TLB entry, access     device: bus     flash: its device
 *             └─ no: walk the tables; a fault is taken here, and the access answers 1
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (translation), D24.2.40 (ISS of aborts).
 */

import { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import { PHYSICAL_BITS } from '#emulator/cpu/core-translation.ts';
import type { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import { externalAbortTarget, synchronousTarget } from '#emulator/cpu/external-abort.ts';
import { dataAbortSyndrome, EXTERNAL_ABORT_STATUS, instructionAbortSyndrome } from '#emulator/cpu/syndrome.ts';
import { translate, type TranslationFault } from '#emulator/cpu/translate.ts';
import type { CoreRegisters, UnmappedAccess, WatchedAccess } from '#emulator/engine/engine.ts';
import { ACCESS_UNPRIVILEGED } from './a64-code.ts';
import { ALREADY_TAKEN, type CoreState, type MemoryPort, PSTATE } from './core-state.ts';
import { LAYOUT, TLB_ENTRIES, TLB_ENTRY, TLB_PAGE_SHIFT } from './layout.ts';
import type { RegisterFile } from './system/register-file.ts';
import type { CoreEnvironment } from '#emulator/cpu/machine-core.ts';

const PAGE = 2 ** TLB_PAGE_SHIFT;
const PAGE_MASK = PAGE - 1;
/** Bytes that DC ZVA writes: DCZID_EL0. */
const ZERO_BYTES = 64;
const NO_TAG = 2n ** 64n - 1n;
const TLB_BYTES = TLB_ENTRIES * TLB_ENTRY.bytes;

const SCTLR_M = 1n;
const SCTLR_A = 2n;

export const ALIGNMENT_STATUS = 0b100001;
/** An atomic access to memory that does not support it. */
const UNSUPPORTED_ATOMIC = 0b110101;

/** Whose rights and translations an access has: a TLB each. */
export const REGIME = { el0: 0, el1: 1, el1WithoutUser: 2, el2: 3, el3: 4 } as const;
const REGIMES = 5;

type Access = UnmappedAccess['type'];

/** A page that was translated. */
interface Page {
  readonly pa: number;
  readonly read: boolean;
  readonly write: boolean;
  readonly execute: boolean;
  /** Of the page's bytes in the WebAssembly memory; -1: a device or nothing. */
  readonly host: number;
  readonly hostWritable: boolean;
  readonly level: number;
}

/** Memory that is not RAM in banks: [base, base + size). */
interface Region {
  readonly base: number;
  readonly size: number;
  /** Address in the WebAssembly memory; -1: devices. */
  readonly host: number;
  readonly writable: boolean;
}

export interface MemoryWatch {
  readonly start: number;
  readonly end: number;
  readonly touched: (access: WatchedAccess) => void;
}

export interface MemoryParts {
  readonly state: CoreState;
  readonly registers: RegisterFile;
  /** The same registers for the parts of a core that know no WebAssembly. */
  readonly engine: CoreRegisters;
  readonly environment: CoreEnvironment;
  readonly exceptions: () => ExceptionDelivery;
  /** True when a watch wants the core to stop before the access. */
  readonly stopsBefore: () => boolean;
}

/** TCR_EL2 and TCR_EL3; EPD1 of TCR_EL1. */
const TCR_OF_LEVEL = { tbi: 20n, ps: 16n } as const;
const UPPER_HALF_OFF = 1n << 23n;
const PERMISSION_STATUS = 0b001100;

export class GuestMemory implements MemoryPort {
  readonly watches: MemoryWatch[] = [];
  private readonly parts: MemoryParts;
  private readonly pages: Map<number, Page>[] = Array.from({ length: REGIMES }, () => new Map<number, Page>());
  private readonly regions: Region[] = [];
  /** Offsets of entries in the block that are in use. */
  private filled: number[] = [];
  /** Of the access being made: its address, and the part of it that is made, in bytes. */
  private accessLow = 0;
  private accessPart = 0;
  private accessHigh = 0;
  private readonly buffer: ArrayBuffer;
  private readonly view: DataView;

  constructor(buffer: ArrayBuffer, parts: MemoryParts) {
    this.buffer = buffer;
    this.parts = parts;
    this.view = new DataView(buffer);
    const { wide } = parts.state;
    for (let at = LAYOUT.tlbs; at < LAYOUT.tlbs + REGIMES * TLB_BYTES; at += TLB_ENTRY.bytes) clearEntry(wide, at);
  }

  /** Lends `bytes`, which lie in the WebAssembly memory, at `base`. */
  map(base: number, bytes: Uint8Array, writable: boolean): void {
    if (bytes.buffer !== this.buffer) throw new RangeError('memory of a core must come from its factory');
    this.regions.push({ base, size: bytes.length, host: bytes.byteOffset, writable });
    this.flush();
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

  /** Forgets every translation. */
  flush(): void {
    const { wide } = this.parts.state;
    for (const at of this.filled) clearEntry(wide, at);
    this.filled = [];
    for (const pages of this.pages) pages.clear();
    wide[LAYOUT.fetchPage / 8] = NO_TAG;
  }

  /** The regime of the level that runs; tells the code which TLB that is. */
  select(): void {
    const { state } = this.parts;
    state.setWord(LAYOUT.tlb, state.address + LAYOUT.tlbs + this.regime * TLB_BYTES);
    state.setWord(LAYOUT.tlbUnprivileged, state.address + LAYOUT.tlbs + REGIME.el0 * TLB_BYTES);
    state.wide[LAYOUT.fetchPage / 8] = NO_TAG;
  }

  private get regime(): number {
    const { state } = this.parts;
    switch (state.level) {
      case 0:
        return REGIME.el0;
      case 1:
        return state.has(PSTATE.pan) ? REGIME.el1WithoutUser : REGIME.el1;
      case 2:
        return REGIME.el2;
      default:
        return REGIME.el3;
    }
  }

  /** What the code of a load calls; the value goes to scratch. */
  load(low: number, high: number, how: number): number {
    const bytes = how & 0xff;
    const at = this.resolve(low, high, how, 'read');
    if (at === null) return 1;
    const value = at.second === null ? this.readAt(at.first, low & PAGE_MASK, bytes) : this.readAcross(at, low, bytes);
    if (value === null) return 1;
    this.parts.state.wide[LAYOUT.scratch / 8] = value;
    return 0;
  }

  /** What the code of a store calls; the value is in scratch. */
  store(low: number, high: number, how: number): number {
    const bytes = how & 0xff;
    const at = this.resolve(low, high, how, 'write');
    if (at === null) return 1;
    const value = BigInt.asUintN(8 * bytes, this.parts.state.wide[LAYOUT.scratch / 8] as bigint);
    if (at.second === null) return this.writeAt(at.first, low & PAGE_MASK, bytes, value) ? 0 : 1;
    for (let i = 0; i < bytes; i++) {
      const offset = (low & PAGE_MASK) + i;
      const page = offset < PAGE ? at.first : at.second;
      this.accessPart = i;
      if (!this.writeAt(page, offset & PAGE_MASK, 1, (value >> BigInt(8 * i)) & 0xffn)) return 1;
    }
    return 0;
  }

  /** What the code of an atomic access calls; the host address goes to scratch. */
  update(low: number, high: number, how: number): number {
    const at = this.resolve(low, high, how, 'write');
    if (at === null) return 1;
    const { host, hostWritable, pa } = at.first;
    if (host < 0 || !hostWritable) return this.abort('write', UNSUPPORTED_ATOMIC, this.addressOf(low, high));
    const offset = low & PAGE_MASK;
    if (this.isWatched({ write: true, address: pa + offset, size: how & 0xff })) return 1;
    this.parts.state.wide[LAYOUT.scratch / 8] = BigInt(host + offset);
    return 0;
  }

  /** Finds the page of code at PC. Returns 1 when an exception was taken. */
  fetch(): number {
    const { state } = this.parts;
    const { pc } = state;
    const [low, high] = [Number(BigInt.asUintN(32, pc)), Number(pc >> 32n)];
    const page = this.pageFor(low, high, this.regime, 'fetch');
    if (page === null) return 1;
    if (page.host < 0) {
      this.unanswered({ type: 'fetch', address: page.pa + (low & PAGE_MASK), size: 4, value: 0n }, pc);
      return 1;
    }
    state.wide[LAYOUT.fetchPage / 8] = pc & ~BigInt(PAGE_MASK);
    state.setWord(LAYOUT.fetchHost, page.host);
    return 0;
  }

  /** For helpers. @throws GuestException when an abort was taken */
  read(address: bigint, bytes: number): bigint {
    const [low, high] = [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
    if (this.load(low, high, bytes) !== 0) throw ALREADY_TAKEN;
    return BigInt.asUintN(8 * bytes, this.parts.state.wide[LAYOUT.scratch / 8] as bigint);
  }

  write(address: bigint, bytes: number, value: bigint): void {
    const [low, high] = [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
    this.parts.state.wide[LAYOUT.scratch / 8] = value;
    if (this.store(low, high, bytes) !== 0) throw ALREADY_TAKEN;
  }

  /** Zeros the block around an address (DC ZVA). A fault names the address itself. */
  zero(address: bigint): void {
    const [low, high] = [Number(BigInt.asIntN(32, address)), Number(BigInt.asIntN(32, address >> 32n))];
    const at = this.resolve(low, high, 1, 'write');
    if (at === null) throw ALREADY_TAKEN;
    const { first: page } = at;
    const start = low & PAGE_MASK & ~(ZERO_BYTES - 1);
    if (page.host < 0 || !page.hostWritable || this.watches.length > 0) {
      for (let offset = start; offset < start + ZERO_BYTES; offset++) {
        if (!this.writeAt(page, offset, 1, 0n)) throw ALREADY_TAKEN;
      }
      return;
    }
    new Uint8Array(this.buffer, page.host + start, ZERO_BYTES).fill(0);
  }

  /** An access to a misaligned address. */
  misaligned(low: number, high: number, write: boolean): number {
    return this.abort(write ? 'write' : 'read', ALIGNMENT_STATUS, this.addressOf(low, high));
  }

  /** Of the access being made. */
  private get lastAddress(): bigint {
    return BigInt.asUintN(64, this.addressOf(this.accessLow, this.accessHigh) + BigInt(this.accessPart));
  }

  private addressOf(low: number, high: number): bigint {
    return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  }

  /** The page or pages of an access; null when a fault was taken. */
  private resolve(low: number, high: number, how: number, type: 'read' | 'write') {
    const bytes = how & 0xff;
    this.accessLow = low;
    this.accessPart = 0;
    this.accessHigh = high;
    const regime = (how & ACCESS_UNPRIVILEGED) === 0 ? this.regime : REGIME.el0;
    if ((low & (bytes - 1)) !== 0 && this.alignmentIsChecked) {
      this.misaligned(low, high, type === 'write');
      return null;
    }
    const first = this.pageFor(low >>> 0, high >>> 0, regime, type);
    if (first === null) return null;
    if ((low & PAGE_MASK) + bytes <= PAGE) return { first, second: null };
    const next = ((low | PAGE_MASK) + 1) >>> 0;
    const second = this.pageFor(next, next === 0 ? (high + 1) >>> 0 : high >>> 0, regime, type);
    return second === null ? null : { first, second };
  }

  /** The page at an address if the access is allowed; null when a fault was taken. */
  private pageFor(low: number, high: number, regime: number, type: Access): Page | null {
    const pages = this.pages[regime] as Map<number, Page>;
    const key = high * 2 ** (32 - TLB_PAGE_SHIFT) + (low >>> TLB_PAGE_SHIFT);
    let page = pages.get(key);
    if (page === undefined) {
      const found = this.translatePage(low, high, regime, type);
      if (found === null) return null;
      page = found;
      pages.set(key, page);
    }
    if (!(type === 'read' ? page.read : type === 'write' ? page.write : page.execute)) {
      this.abort(type, PERMISSION_STATUS + page.level, this.addressOf(low, high));
      return null;
    }
    if (page.host >= 0 && this.watches.length === 0 && !this.alignmentIsChecked) {
      this.fill(low, high, regime, page);
    }
    return page;
  }

  private fill(low: number, high: number, regime: number, { read, write, host, hostWritable }: Page): void {
    const { wide, words } = this.parts.state;
    const tag = (BigInt(high) << 32n) | BigInt((low & ~PAGE_MASK) >>> 0);
    const index = (low >>> TLB_PAGE_SHIFT) & (TLB_ENTRIES - 1);
    const at = LAYOUT.tlbs + regime * TLB_BYTES + index * TLB_ENTRY.bytes;
    wide[(at + TLB_ENTRY.read) / 8] = read ? tag : NO_TAG;
    wide[(at + TLB_ENTRY.write) / 8] = write && hostWritable ? tag : NO_TAG;
    words[(at + TLB_ENTRY.host) / 4] = host;
    this.filled.push(at);
  }

  private get alignmentIsChecked(): boolean {
    return (this.control & SCTLR_A) !== 0n;
  }

  /** SCTLR of the level that runs. */
  private get control(): bigint {
    const { level } = this.parts.state;
    return this.parts.registers.get(level <= 1 ? 'SCTLR_EL1' : level === 2 ? 'SCTLR_EL2' : 'SCTLR_EL3');
  }

  private translatePage(low: number, high: number, regime: number, type: Access): Page | null {
    const va = this.addressOf(low, high);
    const found = this.translateFor(va, type, regime);
    if (!found.ok) {
      this.translationFault(type, found.fault, va, found.lost);
      return null;
    }
    const pa = found.pa - (found.pa % PAGE);
    return { ...found.rights, pa, level: found.level, ...this.hostOf(pa) };
  }

  /** What an address means to a regime. */
  private translateFor(va: bigint, type: Access, regime: number) {
    const { registers, environment } = this.parts;
    let lost = 0;
    const read = (address: number): bigint | null => {
      lost = address;
      if (environment.memory.contains(address, 8)) return environment.memory.read64(address);
      const [first, second] = [environment.readCode(address), environment.readCode(address + 4)];
      return first === null || second === null ? null : (BigInt(second >>> 0) << 32n) | BigInt(first >>> 0);
    };
    if (regime >= REGIME.el2) {
      const own = regime === REGIME.el2 ? ownRegime(registers, 2) : ownRegime(registers, 3);
      const found = translate(va, 'read', 1, own, read, PHYSICAL_BITS);
      if (!found.ok) return { ok: false, fault: found.fault, lost } as const;
      const { descriptor, level } = found.mapping;
      const on = (own.sctlr & SCTLR_M) !== 0n;
      const write = !on || ((descriptor >> 7n) & 1n) === 0n;
      const execute = !on || (((descriptor >> 54n) & 1n) === 0n && !(write && ((own.sctlr >> 19n) & 1n) === 1n));
      return { ok: true, pa: found.pa, level, rights: { read: true, write, execute } } as const;
    }
    const el1 = {
      sctlr: registers.get('SCTLR_EL1'),
      tcr: registers.get('TCR_EL1'),
      ttbr0: registers.get('TTBR0_EL1'),
      ttbr1: registers.get('TTBR1_EL1'),
    };
    const found = translate(va, type, regime === REGIME.el0 ? 0 : 1, el1, read, PHYSICAL_BITS);
    if (!found.ok) return { ok: false, fault: found.fault, lost } as const;
    const { permissions, level } = found.mapping;
    const rights = regime === REGIME.el0 ? permissions.el0 : permissions.el1;
    const hidden = regime === REGIME.el1WithoutUser && permissions.el0.read && (el1.sctlr & SCTLR_M) !== 0n;
    return {
      ok: true,
      pa: found.pa,
      level,
      rights: hidden ? { read: false, write: false, execute: rights.execute } : rights,
    } as const;
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
      this.accessPart = i;
      const byte = this.readAt(offset < PAGE ? at.first : (at.second as Page), offset & PAGE_MASK, 1);
      if (byte === null) return null;
      value |= byte << BigInt(8 * i);
    }
    return value;
  }

  /** Null when an abort was taken, or a watch stops the core. */
  private readAt({ pa, host }: Page, offset: number, bytes: number): bigint | null {
    const address = pa + offset;
    if (this.isWatched({ write: false, address, size: bytes })) return null;
    if (host >= 0) return readBytes(this.view, host + offset, bytes);
    return this.readDevice(address, bytes);
  }

  private readDevice(address: number, bytes: number): bigint | null {
    if (isSplit(address, bytes)) {
      const low = this.readDevice(address, 4);
      this.accessPart += 4;
      const high = low === null ? null : this.readDevice(address + 4, 4);
      return low === null || high === null ? null : low | (high << 32n);
    }
    const { bus } = this.parts.environment;
    return this.onBus({ type: 'read', address, size: bytes, value: 0n }, () =>
      bytes === 8 ? bus.read64(address) : BigInt(bus.read(address, bytes as 1 | 2 | 4)),
    );
  }

  /** False when an abort was taken, or a watch stops the core. */
  private writeAt({ pa, host, hostWritable }: Page, offset: number, bytes: number, value: bigint): boolean {
    const address = pa + offset;
    if (this.isWatched({ write: true, address, size: bytes })) return false;
    if (host >= 0 && hostWritable) {
      writeBytes(this.view, host + offset, bytes, value);
      return true;
    }
    return this.writeDevice(address, bytes, value);
  }

  private writeDevice(address: number, bytes: number, value: bigint): boolean {
    if (isSplit(address, bytes)) {
      if (!this.writeDevice(address, 4, BigInt.asUintN(32, value))) return false;
      this.accessPart += 4;
      return this.writeDevice(address + 4, 4, value >> 32n);
    }
    const { environment } = this.parts;
    const access = { type: 'write', address, size: bytes, value } as const;
    if (environment.isFlashStore(access)) {
      environment.noteFlashStore(access);
      environment.flashStoresMade();
      return true;
    }
    const done = this.onBus(access, () => {
      if (bytes === 8) environment.bus.write64(address, value);
      else environment.bus.write(address, bytes as 1 | 2 | 4, Number(value));
      return true;
    });
    return done === true;
  }

  private onBus<T>(access: UnmappedAccess, make: () => T): T | null {
    const { state, engine } = this.parts;
    const { pc } = state;
    if (this.regionAt(access.address)?.host !== -1) {
      this.unanswered(access, pc);
      return null;
    }
    try {
      return make();
    } catch (error) {
      if (!(error instanceof BusAccessAbort)) throw error;
      this.parts.exceptions().reportRefused(error, pc);
      this.abort(access.type, EXTERNAL_ABORT_STATUS, this.lastAddress, externalAbortTarget(engine, state.level));
      return null;
    }
  }

  /** Nothing is mapped at a physical address. */
  private unanswered(access: UnmappedAccess, pc: bigint): void {
    const { engine, state } = this.parts;
    this.parts.exceptions().reportUnmapped(access, pc);
    const far = access.type === 'fetch' ? pc : this.lastAddress;
    this.abort(access.type, EXTERNAL_ABORT_STATUS, far, externalAbortTarget(engine, state.level));
  }

  private translationFault(type: Access, { kind, status }: TranslationFault, far: bigint, lost: number): void {
    const { engine, state } = this.parts;
    if (kind !== 'external abort on walk') {
      this.abort(type, status, far);
      return;
    }
    this.parts.exceptions().reportUnmapped({ type: 'read', address: lost, size: 8, value: 0n }, state.pc);
    this.abort(type, status, far, externalAbortTarget(engine, state.level));
  }

  /** Takes an abort, and returns 1. */
  private abort(
    type: Access,
    status: number,
    far: bigint,
    target = synchronousTarget(this.parts.engine, this.parts.state.level),
  ): number {
    const { state } = this.parts;
    const lower = state.level < target;
    const esr =
      type === 'fetch'
        ? instructionAbortSyndrome({ status, lower })
        : dataAbortSyndrome({ status, lower, write: type === 'write' });
    this.parts.exceptions().enter('synchronous', target, esr, far, state.pc);
    return 1;
  }

  /** Tells watches of an access. True when it must not be made: the core stops before it. */
  private isWatched(access: WatchedAccess): boolean {
    if (this.watches.length === 0) return false;
    for (const { start, end, touched } of this.watches) {
      if (access.address < end && access.address + access.size > start) touched(access);
    }
    return this.parts.stopsBefore();
  }
}

/**
 * The registers of EL2 or EL3 as those of a regime with two halves would be; the upper one is off.
 */
function ownRegime(registers: RegisterFile, level: 2 | 3) {
  const [sctlr, tcr, ttbr0] = (['SCTLR', 'TCR', 'TTBR0'] as const).map((name) => registers.byLevel(level, name)) as [
    bigint,
    bigint,
    bigint,
  ];
  const size = ((tcr >> TCR_OF_LEVEL.ps) & 7n) << 32n;
  const ignored = ((tcr >> TCR_OF_LEVEL.tbi) & 1n) << 37n;
  return { sctlr, tcr: (tcr & 0xffffn) | size | ignored | UPPER_HALF_OFF, ttbr0, ttbr1: 0n };
}

/** A doubleword that is aligned to a word goes to a device in two. */
const isSplit = (address: number, bytes: number): boolean => bytes === 8 && address % 8 === 4;

function clearEntry(wide: BigUint64Array, at: number): void {
  wide[(at + TLB_ENTRY.read) / 8] = NO_TAG;
  wide[(at + TLB_ENTRY.write) / 8] = NO_TAG;
}

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
