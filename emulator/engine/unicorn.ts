// SPDX-License-Identifier: GPL-2.0-only
/**
 * CPU engine on the native Unicorn library.
 *
 * Unicorn is QEMU's AArch64 core (translator, softmmu) without QEMU's machine. It does not export
 * two values that a machine needs. calibrate.ts finds them once for each library file, by causing
 * known events and searching for their values:
 *   - instructions executed so far in a slice: a counter next to the requested count in the engine's handle;
 *   - syndrome, fault address and target level of the last exception: adjacent in the saved register file.
 *
 * Time is instructions executed. Where inline-count.ts knows the library, translated code counts by
 * itself, one block at a time, and slices end between blocks. Elsewhere the engine counts: slower,
 * because it calls out for every instruction, but slices end exactly.
 *
 *     UnicornEngine ─┬─ UnicornHandle      the library's handle: memory lent, caches dropped
 *                    ├─ UnicornRegisters   one at a time, and all as bytes
 *                    ├─ UnicornSlices      running and counting
 *                    └─ UnicornCallbacks   what the library calls
 *
 * Numbers below are the library's ABI: include/unicorn/unicorn.h and arm64.h of Unicorn 2.1.
 */

import { calibrate, type Calibration, type CalibrationSubject } from './calibrate.ts';
import {
  type CpuEngine,
  type DeviceWindow,
  type EngineCallbacks,
  EngineError,
  type InterceptKind,
  type SliceEnd,
  type Syndrome,
  type UnmappedAccess,
  type WatchedAccess,
} from './engine.ts';
import { assertOwnLibrary, installInlineCount } from './inline-count.ts';
import { InlineCounter, type NativeCallback } from './inline-counter.ts';
import { retire } from './retired-engine.ts';
import type { SystemRegisterEncoding } from './system-registers.ts';
import { UnicornCallbacks } from './unicorn-callbacks.ts';
import { type CpuModel, UnicornHandle } from './unicorn-handle.ts';
import { CALLBACKS, type Library, loadLibrary, nativeProcess, type Pointer } from './unicorn-library.ts';
import { indexOfX, UnicornRegisters } from './unicorn-registers.ts';
import { UnicornSlices } from './unicorn-slices.ts';

const UC_HOOK_INTR = 1 << 0;
const UC_HOOK_MEM_UNMAPPED = (1 << 4) | (1 << 5) | (1 << 6);
/** Hooks for stores into a region mapped read-only, and for code fetched from devices. */
const UC_HOOK_MEM_WRITE_PROT = 1 << 8;
const UC_HOOK_MEM_FETCH_PROT = 1 << 9;

const UNMAPPED_TYPES: Readonly<Record<number, UnmappedAccess['type']>> = {
  19: 'read',
  20: 'write',
  21: 'fetch',
  22: 'write',
  24: 'fetch',
};

/** Hook for a translated block that is entered for the first time. */
const UC_HOOK_EDGE_GENERATED = 1 << 15;
/** Hook for one instruction, given by its enum uc_arm64_insn as an extra argument. */
const UC_HOOK_INSN = 1 << 1;
const UC_ARM64_INS = { mrs: 1, msr: 2, sys: 3 } as const;

const UC_HOOK_CODE = 1 << 2;
const UC_HOOK_MEM_ACCESS = (1 << 10) | (1 << 11);
const UC_MEM_WRITE = 17;

/** struct uc_tb { u64 pc; u16 icount; u16 size } */
const BLOCK_BYTES = 16;
/**
 * Sizes of a core's buffer for translated code. The engine's default is 1 GiB. A booting Linux
 * fills some 80 MiB, a user space more. A buffer that must be claimed by clearing it is entirely
 * resident. A core under calibration translates only a few blocks.
 */
const CODE_BUFFER = { known: 128 * 2 ** 20, claimed: 32 * 2 ** 20, calibration: 2 * 2 ** 20 } as const;

/**
 * Lowest version whose MMU and register writes work (2.0.1 wants every virtual address mapped and
 * keeps stale CPU flags).
 */
export const REQUIRED_ENGINE_VERSION = { major: 2, minor: 1 } as const;

export interface EngineVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

function versionOf(library: Library): EngineVersion {
  const packed = library.version(null, null) as number;
  return { major: packed >>> 24, minor: (packed >>> 16) & 0xff, patch: (packed >>> 8) & 0xff };
}

/**
 * Version of the Unicorn library in the file `path`, or null when the file cannot be loaded or is
 * not Unicorn.
 */
export function probeEngineVersion(path: string): EngineVersion | null {
  try {
    return versionOf(loadLibrary(path));
  } catch {
    return null;
  }
}

export interface UnicornOptions {
  /** Path of the library's file. */
  readonly library: string;
  readonly callbacks: EngineCallbacks;
  /** Defaults to cortex-a72. */
  readonly model?: CpuModel;
  /**
   * `engine`: count as on hosts and with libraries that have no faster way. For comparisons; the
   * default is the fastest.
   */
  readonly counting?: 'fastest' | 'engine';
  /**
   * Size of the buffer for translated code, at least 1 MiB. For tests: a small buffer is often
   * full.
   */
  readonly codeBufferBytes?: number;
}

/** Range that was once routed to devices. It keeps its callbacks, because flash switches often. */
interface MappedWindow {
  window: DeviceWindow;
  readonly read: NativeCallback;
  readonly write: NativeCallback;
}

const calibrations = new Map<string, Calibration>();

/**
 * Creates a core at EL1 with the MMU off and nothing mapped.
 * @throws EngineError when the library is too old, cannot be calibrated, is in use by another
 * thread, or refuses the call
 */
export function createUnicornEngine(options: UnicornOptions): CpuEngine {
  const known = calibrations.get(options.library);
  if (known !== undefined) return new UnicornEngine(options, known);
  const library = loadLibrary(options.library);
  const { major, minor, patch } = versionOf(library);
  if (major !== REQUIRED_ENGINE_VERSION.major || minor < REQUIRED_ENGINE_VERSION.minor) {
    throw new EngineError(
      `${options.library} is Unicorn ${major}.${minor}.${patch}; this emulator needs 2.${REQUIRED_ENGINE_VERSION.minor} or a later 2.x`,
    );
  }
  assertOwnLibrary(options.library, () => nativeProcess(options.library), process.arch);
  const calibration = calibrate((callbacks) => {
    const engine = new UnicornEngine({ ...options, callbacks }, null);
    return engine.calibrationSubject();
  });
  calibrations.set(options.library, calibration);
  return new UnicornEngine(options, calibration);
}

class UnicornEngine implements CpuEngine {
  readonly version: string;
  private readonly callbacks: EngineCallbacks;
  private readonly calibration: Calibration | null;
  private readonly handle: UnicornHandle;
  private readonly registers: UnicornRegisters;
  private readonly slices: UnicornSlices;
  private readonly native: UnicornCallbacks;
  /** Windows by base and size. */
  private readonly windows = new Map<string, MappedWindow>();
  private readonly interceptors: Readonly<Record<InterceptKind, NativeCallback>> | null = null;

  /** @param calibration null during calibration */
  constructor(options: UnicornOptions, calibration: Calibration | null) {
    const { library, model = 'cortex-a72', counting = 'fastest' } = options;
    const code = calibration === null ? null : installInlineCount(library, () => nativeProcess(library), process.arch);
    const room = CODE_BUFFER[calibration === null ? 'calibration' : code === null ? 'claimed' : 'known'];
    this.calibration = calibration;
    this.handle = new UnicornHandle(library, model, options.codeBufferBytes ?? room);
    this.registers = new UnicornRegisters(this.handle);
    // The engine creates its core at the first access.
    this.registers.getPc();
    if (code === null) this.handle.claimCodeBuffer();
    this.slices = new UnicornSlices({
      handle: this.handle,
      registers: this.registers,
      calibration,
      counter: code === null ? null : new InlineCounter(code, this.handle.bytes),
      engineCounts: counting === 'engine',
    });
    this.native = new UnicornCallbacks(this.handle, this.slices.inline);
    this.callbacks = options.callbacks;
    const { major, minor, patch } = versionOf(this.handle.library);
    this.version = `Unicorn ${major}.${minor}.${patch}`;
    this.hookExceptions();
    this.hookUnmapped();
    if (this.callbacks.block !== undefined) this.hookBlocks();
    if (this.callbacks.intercepted !== undefined) {
      this.interceptors = {
        mrs: this.interceptor('mrs'),
        msr: this.interceptor('msr'),
        sys: this.maintenanceReporter(),
        hint: this.hintReporter(),
      };
    }
  }

  getX(index: number): bigint {
    return this.registers.getX(index);
  }

  setX(index: number, value: bigint): void {
    this.registers.setX(index, value);
  }

  getPc(): bigint {
    return this.slices.getPc();
  }

  setPc(value: bigint): void {
    this.registers.setPc(value);
  }

  getSp(): bigint {
    return this.registers.getSp();
  }

  setSp(value: bigint): void {
    this.registers.setSp(value);
  }

  getBankedSp(level: number): bigint {
    return this.registers.getBankedSp(level);
  }

  setBankedSp(level: number, value: bigint): void {
    this.registers.setBankedSp(level, value);
  }

  getV(index: number): bigint {
    return this.registers.getV(index);
  }

  setV(index: number, value: bigint): void {
    this.registers.setV(index, value);
  }

  getPstate(): number {
    return this.registers.getPstate();
  }

  setPstate(value: number): void {
    this.registers.setPstate(value);
  }

  getSystemRegister(encoding: SystemRegisterEncoding): bigint | null {
    return this.registers.getSystemRegister(encoding);
  }

  setSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    return this.registers.setSystemRegister(encoding, value);
  }

  exportState(): Uint8Array {
    return this.registers.exportState();
  }

  importState(state: Uint8Array): void {
    this.registers.importState(state);
  }

  get executed(): number {
    return this.slices.executed;
  }

  get inBlock(): boolean {
    return this.slices.inBlock;
  }

  run(count: number): SliceEnd {
    return this.slices.runBlocks(count, count);
  }

  runBlocks(count: number, most?: number): SliceEnd {
    return this.slices.runBlocks(count, most);
  }

  watchMasks(irq: boolean, fiq: boolean): boolean {
    return this.slices.watchMasks(irq, fiq);
  }

  stop(): void {
    this.slices.stop();
  }

  shorten(instructions: number): boolean {
    return this.slices.shorten(instructions);
  }

  abandon(): void {
    this.slices.abandon();
  }

  mapMemory(base: number, bytes: Uint8Array, access: 'rwx' | 'rx'): void {
    this.handle.mapMemory(base, bytes, access);
  }

  unmap(base: number, size: number): void {
    this.handle.unmap(base, size);
  }

  mapDevices(base: number, size: number, window: DeviceWindow): void {
    const key = `${base} ${size}`;
    const mapped = this.windows.get(key) ?? this.openWindow(base, window);
    mapped.window = window;
    this.windows.set(key, mapped);
    const { handle } = this;
    const { read, write } = mapped;
    handle.check(
      'uc_mmio_map',
      handle.library.mmioMap(handle.pointer, base, size, read.callback, read.data, write.callback, write.data),
    );
  }

  flushTlb(): void {
    this.handle.flushTlb();
  }

  discardAllCode(): void {
    this.handle.discardAllCode();
  }

  discardCode(start: number | bigint, end: number | bigint): void {
    this.handle.discardCode(start, end);
  }

  discardPhysicalCode(ranges: Iterable<readonly [start: number, end: number]>): void {
    this.slices.discardPhysicalCode(ranges);
  }

  forgetBranchTargets(): void {
    this.slices.forgetBranchTargets();
  }

  intercept(address: bigint, kind: InterceptKind): void {
    if (this.interceptors === null) throw new EngineError('intercept() needs the intercepted() callback');
    const { callback, data } = this.interceptors[kind];
    const { handle } = this;
    const { library, pointer } = handle;
    const type = kind === 'hint' ? UC_HOOK_CODE : UC_HOOK_INSN;
    const instruction = kind === 'hint' ? [] : ['int', UC_ARM64_INS[kind]];
    handle.check('uc_hook_add', library.hookAdd(pointer, [0], type, callback, data, address, address, ...instruction));
  }

  watchCode(address: bigint, reached: () => void): () => void {
    const { slices } = this;
    const callback = (): void => {
      slices.atWatch(reached);
    };
    return this.native.watch({ type: UC_HOOK_CODE, prototype: CALLBACKS.code, callback }, address, address, (action) =>
      slices.whenOver(action),
    );
  }

  watchMemory(start: number, end: number, touched: (access: WatchedAccess) => void): () => void {
    const { slices } = this;
    const callback = (_uc: Pointer, type: number, address: number | bigint, size: number): void => {
      const access = { write: type === UC_MEM_WRITE, address: Number(address), size };
      slices.atAccess(() => touched(access));
    };
    return this.native.watch(
      { type: UC_HOOK_MEM_ACCESS, prototype: CALLBACKS.watch, standIn: 6, callback },
      start,
      end - 1,
      (action) => slices.whenOver(action),
    );
  }

  syndrome(): Syndrome {
    if (this.calibration === null) throw new EngineError('the engine is not calibrated');
    const saved = this.handle.savedBytes();
    const at = this.calibration.syndromeOffset;
    return {
      esr: saved.getUint32(at, true),
      far: saved.getBigUint64(at + 8, true),
      targetLevel: saved.getUint32(at + 16, true),
    };
  }

  /** Access to the internals that calibration searches. */
  calibrationSubject(): CalibrationSubject {
    return { engine: this, handleBytes: this.handle.bytes, savedBytes: () => this.handle.savedBytes() };
  }

  /** @throws EngineError inside a run: native code would return into freed memory */
  close(): void {
    if (this.slices.isRunning) throw new EngineError('the engine cannot be closed by what runs inside it');
    this.handle.close();
    this.registers.close();
    this.slices.close();
    this.native.close();
    retire(this);
  }

  private hookExceptions(): void {
    this.native.hook({
      type: UC_HOOK_INTR,
      prototype: CALLBACKS.interrupt,
      callback: (_uc: Pointer, number: number) => {
        this.slices.exception(number, () => this.callbacks.exception(number));
      },
    });
  }

  private hookUnmapped(): void {
    this.native.hook({
      type: UC_HOOK_MEM_UNMAPPED | UC_HOOK_MEM_WRITE_PROT | UC_HOOK_MEM_FETCH_PROT,
      prototype: CALLBACKS.memory,
      standIn: 6,
      callback: (_uc: Pointer, code: number, address: number | bigint, size: number, value: number | bigint) => {
        const type = UNMAPPED_TYPES[code] ?? 'read';
        const access: UnmappedAccess = {
          type,
          address: Number(address),
          size,
          value: type === 'write' ? BigInt.asUintN(8 * size, BigInt(value)) : 0n,
        };
        return this.slices.unmapped(access, () => this.callbacks.unmapped(access));
      },
    });
  }

  private hookBlocks(): void {
    this.native.hook({
      type: UC_HOOK_EDGE_GENERATED,
      prototype: CALLBACKS.block,
      standIn: 'block filter',
      callback: (_uc: number, pointer: number) => {
        const view = this.native.structAt(pointer, BLOCK_BYTES);
        const low = view.getUint32(0, true);
        const high = view.getUint32(4, true);
        const size = view.getUint16(10, true);
        const found = this.slices.callback('nothing', () => this.callbacks.block?.(high, low, size));
        if (found === true) this.slices.translateAgain((BigInt(high) << 32n) | BigInt(low), size);
      },
    });
  }

  private openWindow(base: number, window: DeviceWindow): MappedWindow {
    const { slices, native } = this;
    const read = native.register(
      (_uc: Pointer, offset: number, width: number) =>
        slices.deviceAccess(base + offset, width, () => mapped.window.read(base + offset, width)) ?? 0n,
      CALLBACKS.mmioRead,
      4,
    );
    const write = native.register(
      (_uc: Pointer, offset: number, width: number, value: number | bigint) => {
        slices.deviceAccess(base + offset, width, () => mapped.window.write(base + offset, width, BigInt(value)));
      },
      CALLBACKS.mmioWrite,
      5,
    );
    const mapped: MappedWindow = { window, read, write };
    return mapped;
  }

  private maintenanceReporter(): NativeCallback {
    return this.native.register(
      (_uc: number, register: number, systemRegister: number) => {
        const maintenance = { encoding: this.native.encodingAt(systemRegister), rt: indexOfX(register) };
        this.slices.callback('register move', () => this.callbacks.maintained?.(maintenance));
        return 0;
      },
      CALLBACKS.instruction,
      4,
    );
  }

  private hintReporter(): NativeCallback {
    const reached = () => this.callbacks.hinted?.();
    return this.native.register(
      () => {
        this.slices.atWatch(reached);
      },
      CALLBACKS.code,
      4,
    );
  }

  private interceptor(kind: 'mrs' | 'msr'): NativeCallback {
    return this.native.register(
      (_uc: number, register: number, systemRegister: number) => {
        const encoding = this.native.encodingAt(systemRegister);
        const access = { read: kind === 'mrs', encoding, rt: indexOfX(register) };
        return this.slices.callback('register move', () => this.callbacks.intercepted?.(access)) === true ? 1 : 0;
      },
      CALLBACKS.instruction,
      4,
    );
  }
}
