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
import type { ExceptionDelivery } from '#emulator/cpu/exception-delivery.ts';
import { abortSyndrome, externalAbortTarget, synchronousTarget } from '#emulator/cpu/external-abort.ts';
import type { CoreContext } from '#emulator/cpu/machine-core.ts';
import type { TlbScope } from '#emulator/cpu/stale-caches.ts';
import { EXTERNAL_ABORT_STATUS } from '#emulator/cpu/syndrome.ts';
import type { AccessType, ReadDescriptor, TranslationFault } from '#emulator/cpu/translate.ts';
import type { CoreRegisters, UnmappedAccess, WatchedAccess } from '#emulator/engine/engine.ts';
import { systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import { ACCESS_ATOMIC, ACCESS_UNPRIVILEGED } from './a64-code.ts';
import { ALREADY_TAKEN, type CoreState, type MemoryPort } from './core-state.ts';
import { LAYOUT, TLB_PAGE_SHIFT } from './layout.ts';
import { accessed, dirtied } from './managed-descriptors.ts';
import { allows, type PageTranslation, type Regime, Regimes, type Stage2Refusal } from './regimes.ts';
import { effectiveHcr, HCR } from './system/hypervisor.ts';
import type { RegisterFile } from './system/register-file.ts';
import type { StoredRegister } from './system/registers.ts';
import { transferSyndrome } from './system/transfer-syndrome.ts';
import { type Page, Tlb } from './tlb.ts';

const PAGE = 2 ** TLB_PAGE_SHIFT;
const PAGE_MASK = PAGE - 1;
/** Bytes that DC ZVA writes: DCZID_EL0. */
const ZERO_BYTES = 64;

const SCTLR_A = 2n;
const HPFAR_EL2 = systemRegisterNumber([3, 4, 6, 0, 4]);
/** Of a stage 2 abort: a walk of stage 1 was refused. */
const ISS_S1PTW = 1 << 7;

export const ALIGNMENT_STATUS = 0b100001;
const PERMISSION_STATUS = 0b001100;
/** An atomic access to memory that does not support it. */
const UNSUPPORTED_ATOMIC = 0b110101;

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

export interface GuestMemoryContext {
  readonly state: CoreState;
  readonly registers: RegisterFile;
  /** The same registers for the parts of a core that know no WebAssembly. */
  readonly engine: CoreRegisters;
  readonly environment: CoreContext;
  /** Memory as table walks read it. */
  readonly readDescriptor: ReadDescriptor;
  readonly exceptions: () => ExceptionDelivery;
  /** True when a watch wants the core to stop before the access, or has taken an exception. */
  readonly stopsBefore: (look: () => void) => boolean;
  /** {@link GuestMemory.instructionDone} is to be called. */
  readonly comeBack: () => void;
  /** `bytes` at an address in the WebAssembly memory were written, in a page that is guarded. */
  readonly codeStored: (address: number, bytes: number) => void;
  /** Somebody outside was called, who may have written memory. */
  readonly outsideCalled: () => void;
}

export class GuestMemory implements MemoryPort {
  readonly watches: MemoryWatch[] = [];
  private readonly parts: GuestMemoryContext;
  /** For address translation instructions. */
  readonly regimes: Regimes;
  /** DC ZVA is EL2's to see, and its code asks nobody where the TLB answers. */
  private zeroingIsTrapped = false;
  private readonly tlb: Tlb;
  private readonly regions: Region[] = [];
  /** Of the access being made: its address, and the part of it that is made, in bytes. */
  private accessLow = 0;
  private accessPart = 0;
  private accessHigh = 0;
  /** What an instruction in progress makes of flash, in LAYOUT.flashCopy. */
  private flashUpdate: { readonly address: number; readonly size: number; readonly before: bigint[] } | null = null;
  private readonly buffer: ArrayBuffer;
  private readonly view: DataView;

  constructor(buffer: ArrayBuffer, parts: GuestMemoryContext) {
    this.buffer = buffer;
    this.parts = parts;
    this.view = new DataView(buffer);
    this.regimes = new Regimes(parts.state, parts.registers, parts.readDescriptor);
    this.tlb = new Tlb(parts.state, () => this.regimes.tables);
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

  /** Forgets translations, every one unless a TLBI says which. */
  flush(scope: TlbScope = { kind: 'all' }): void {
    this.tlb.forget(scope);
  }

  /** Has stores into the page at `host` of the WebAssembly memory told of. */
  guard(host: number): void {
    this.tlb.guard(host);
  }

  release(host: number): void {
    this.tlb.release(host);
  }

  /** TTBR0_EL1 or TTBR1_EL1 was written. */
  tablesChanged(): void {
    this.tlb.tablesChanged();
  }

  /** The regime of the level that runs; tells the code which TLB that is. */
  select(): void {
    const { registers, state } = this.parts;
    this.zeroingIsTrapped = state.level < 2 && (effectiveHcr(registers) & HCR.tdz) !== 0n;
    this.tlb.select(this.regimes.current, this.regimes.unprivileged);
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
    if ((how & ACCESS_ATOMIC) !== 0 && this.resolve(low, high, how, 'read') === null) return 1;
    const at = this.resolve(low, high, how, 'write');
    if (at === null) return 1;
    const { host, hostWritable, pa } = at.first;
    const offset = low & PAGE_MASK;
    const access = { address: pa + offset, size: how & 0xff };
    if (host >= 0 && !hostWritable && this.parts.environment.isFlashStore({ ...access, type: 'write', value: 0n })) {
      return this.updateFlash(host + offset, access);
    }
    if (host < 0 || !hostWritable) return this.abort('write', UNSUPPORTED_ATOMIC, this.addressOf(low, high));
    if (this.isWatched({ ...access, write: true })) return 1;
    this.parts.state.wide[LAYOUT.scratch / 8] = BigInt(host + offset);
    this.stored(host, offset, how & 0xff);
    return 0;
  }

  /** The instruction works on a copy; what it has changed there is stored when it is done. */
  private updateFlash(host: number, { address, size }: { address: number; size: number }): number {
    const { state } = this.parts;
    const copy = LAYOUT.flashCopy / 8;
    const bytes = new Uint8Array(this.buffer);
    bytes.copyWithin(state.address + LAYOUT.flashCopy, host, host + size);
    this.flashUpdate = { address, size, before: [...state.wide.subarray(copy, copy + 2)] };
    state.wide[LAYOUT.scratch / 8] = BigInt(state.address + LAYOUT.flashCopy);
    this.parts.comeBack();
    return 0;
  }

  /** The instruction in progress is done. */
  instructionDone(): void {
    if (this.flashUpdate === null) return;
    const { address, size, before } = this.flashUpdate;
    this.flashUpdate = null;
    before.forEach((old, index) => {
      const part = Math.min(size - 8 * index, 8);
      const value = this.parts.state.wide[LAYOUT.flashCopy / 8 + index] as bigint;
      if (part > 0 && value !== old) this.writeDevice(address + 8 * index, part, BigInt.asUintN(8 * part, value));
    });
  }

  /** Finds the page of code at PC. Returns 1 when an exception was taken. */
  fetch(): number {
    const { state } = this.parts;
    const { pc } = state;
    const [low, high] = [Number(BigInt.asUintN(32, pc)), Number(pc >> 32n)];
    const page = this.pageFor(low, high, this.regimes.current, 'fetch');
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
    if (page.isDevice) {
      this.misaligned(low, high, true);
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

  /** Bytes of the page at `host` are written. */
  private stored(host: number, offset: number, bytes: number): void {
    if (this.tlb.isGuarded(host)) this.parts.codeStored(host + offset, bytes);
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
    const regime = (how & ACCESS_UNPRIVILEGED) === 0 ? this.regimes.current : this.regimes.unprivileged;
    const isUnaligned = (low & (bytes - 1)) !== 0;
    if (isUnaligned && this.alignmentIsChecked) {
      this.misaligned(low, high, type === 'write');
      return null;
    }
    const first = this.pageFor(low >>> 0, high >>> 0, regime, type);
    if (first === null) return null;
    if (isUnaligned && first.isDevice) {
      this.misaligned(low, high, type === 'write');
      return null;
    }
    if ((low & PAGE_MASK) + bytes <= PAGE) return { first, second: null };
    const next = ((low | PAGE_MASK) + 1) >>> 0;
    const second = this.pageFor(next, next === 0 ? (high + 1) >>> 0 : high >>> 0, regime, type);
    return second === null ? null : { first, second };
  }

  /** The page at an address if the access is allowed; null when a fault was taken. */
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
        return this.stage2Abort(type, status, this.addressOf(low, high), { ipa: stage2.ipa, onWalk: false });
      }
      this.abort(type, PERMISSION_STATUS + page.level, this.addressOf(low, high));
      return null;
    }
    // Accesses to what is left out are all made here.
    const isPlain =
      page.host >= 0 &&
      !page.isDevice &&
      this.watches.length === 0 &&
      !this.alignmentIsChecked &&
      !this.zeroingIsTrapped;
    if (isPlain && (type !== 'fetch' || this.tlb.takesCode(regime))) this.tlb.fill(low, high, regime, page);
    return page;
  }

  private get alignmentIsChecked(): boolean {
    return (this.control & SCTLR_A) !== 0n;
  }

  /** SCTLR of the level that runs; EL0's is EL1's. */
  private get control(): bigint {
    const { registers, state } = this.parts;
    const { level } = state;
    return registers.get(level < 2 ? 'SCTLR_EL1' : level === 2 ? 'SCTLR_EL2' : 'SCTLR_EL3');
  }

  private translatePage(low: number, high: number, regime: Regime, type: AccessType): Page | null {
    const va = this.addressOf(low, high);
    const found = this.regimes.translate(va, regime);
    if (!found.ok) {
      const { fault, lost, stage2 } = found;
      if (stage2 === null || fault.kind === 'external abort on walk') this.translationFault(type, fault, va, lost);
      else this.stage2Abort(type, fault.status, va, stage2);
      return null;
    }
    if (found.isOld) this.change(found.page.leaf, accessed);
    return this.placed(found.page);
  }

  /** With what lies there. */
  private placed(page: PageTranslation): Page {
    const host = this.hostOf(page.pa);
    // With the MMU off all is device memory; RAM is not held to that, see docs/fidelity.md.
    return {
      pa: page.pa,
      rights: page.rights,
      level: page.level,
      leaf: page.leaf,
      whenDirty: page.whenDirty,
      size: page.size,
      isGlobal: page.isGlobal,
      memory: page.memory,
      host: host.host,
      hostWritable: host.hostWritable,
      stage2: page.stage2,
      isDevice: page.memory === 'device' || (page.memory === 'flat' && host.host < 0),
    };
  }

  /** The page is clean, and about to be written: its leaf says so from now on. */
  private written(low: number, high: number, regime: Regime, page: Page): Page {
    if (!this.change(page.leaf, dirtied)) return page;
    const found = this.regimes.translate(this.addressOf(low, high), regime);
    if (!found.ok) return page;
    const dirty = this.placed(found.page);
    this.tlb.add(low, high, regime, dirty);
    return dirty;
  }

  /** Changes a descriptor in RAM. False where nothing is to be changed, or can be. */
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
      this.stored(host, offset, bytes);
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
      this.parts.outsideCalled();
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
    } finally {
      this.parts.outsideCalled();
    }
  }

  /** Nothing is mapped at a physical address. */
  private unanswered(access: UnmappedAccess, pc: bigint): void {
    const { engine, state } = this.parts;
    this.parts.exceptions().reportUnmapped(access, pc);
    const far = access.type === 'fetch' ? pc : this.lastAddress;
    this.abort(access.type, EXTERNAL_ABORT_STATUS, far, externalAbortTarget(engine, state.level));
  }

  private translationFault(type: AccessType, { kind, status }: TranslationFault, far: bigint, lost: number): void {
    const { engine, state } = this.parts;
    if (kind !== 'external abort on walk') {
      this.abort(type, status, far);
      return;
    }
    this.parts.exceptions().reportUnmapped({ type: 'read', address: lost, size: 8, value: 0n }, state.pc);
    this.abort(type, status, far, externalAbortTarget(engine, state.level));
  }

  /** Stage 2 refuses an access, or a walk for it. */
  stage2Abort(type: AccessType, status: number, far: bigint, { ipa, onWalk }: Stage2Refusal): null {
    const { state, registers } = this.parts;
    const instruction = onWalk || type === 'fetch' ? null : this.instructionInProgress();
    const iss = onWalk ? ISS_S1PTW : instruction === null ? 0 : transferSyndrome(instruction);
    const page = BigInt(ipa) >> 12n;
    registers.write(registers.find(HPFAR_EL2) as StoredRegister, page << 4n);
    this.parts
      .exceptions()
      .enter('synchronous', 2, (abortSyndrome(type, status, true, far) | iss) >>> 0, far, state.pc);
    return null;
  }

  /** The word at PC, which is executed: so it can be read. */
  private instructionInProgress(): number | null {
    return this.wordAt(this.parts.state.pc);
  }

  /** The word of code at an address in the regime that runs; null where there is none. */
  wordAt(va: bigint): number | null {
    const found = this.regimes.translate(va, this.regimes.current);
    return found.ok ? this.parts.environment.readCode(found.page.pa + Number(va & BigInt(PAGE_MASK))) : null;
  }

  /** Takes an abort, and returns 1. */
  private abort(
    type: AccessType,
    status: number,
    far: bigint,
    target = synchronousTarget(this.parts.engine, this.parts.state.level),
  ): number {
    const { state } = this.parts;
    const esr = abortSyndrome(type, status, state.level < target, far);
    this.parts.exceptions().enter('synchronous', target, esr, far, state.pc);
    return 1;
  }

  /** Tells watches of an access. True when it must not be made: the core stops before it. */
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

/** A doubleword that is aligned to a word goes to a device in two. */
const isSplit = (address: number, bytes: number): boolean => bytes === 8 && address % 8 === 4;

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
