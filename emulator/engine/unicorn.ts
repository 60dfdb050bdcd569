// SPDX-License-Identifier: GPL-2.0-only
/**
 * The CPU engine on the native Unicorn library.
 *
 * Unicorn is QEMU's AArch64 core (translator, softmmu) without QEMU's machine. Two things that a
 * machine needs it does not export, so they are found once for each library file by causing known
 * events and searching for their traces (calibrate.ts drives that):
 *   - instructions executed so far in a slice: a counter next to the requested count in the engine's handle;
 *   - syndrome, fault address and target level of the last exception: adjacent in the saved register file.
 *
 * Time is instructions executed. Where inline-count.ts knows the library, translated code counts
 * for itself, a block at a time, and a slice ends between two blocks. Elsewhere slices are given a
 * count: slower, because the engine then calls out for every instruction, and they end exactly at
 * it.
 *
 * Numbers below are the library's ABI: include/unicorn/unicorn.h and arm64.h of Unicorn 2.1.
 */

import { calibrate, type Calibration } from './calibrate.ts';
import {
  type CpuEngine,
  type DeviceWindow,
  ENGINE_EXCEPTION,
  type EngineCallbacks,
  EngineError,
  type InterceptedAccess,
  type InterceptKind,
  type Syndrome,
  type UnmappedAccess,
  type WatchedAccess,
} from './engine.ts';
import { assertOwnLibrary, type NativeCallback } from './inline-count.ts';
import { retire } from './retired-engine.ts';
import type { SystemRegisterEncoding } from './system-registers.ts';
import type { CpuModel } from './unicorn-handle.ts';
import {
  addressOf,
  type CallbackPrototype,
  CALLBACKS,
  type Library,
  loadLibrary,
  nativeProcess,
  nativeView,
  type Pointer,
  registerCallback,
  unregisterCallback,
} from './unicorn-library.ts';
import { indexOfX } from './unicorn-registers.ts';
import { UnicornSlices } from './unicorn-slices.ts';

const UC_HOOK_INTR = 1 << 0;
const UC_HOOK_MEM_UNMAPPED = (1 << 4) | (1 << 5) | (1 << 6);
/** Stores into a region mapped read-only; code fetched from devices. */
const UC_HOOK_MEM_WRITE_PROT = 1 << 8;
const UC_HOOK_MEM_FETCH_PROT = 1 << 9;

const UNMAPPED_TYPES: Readonly<Record<number, UnmappedAccess['type']>> = {
  19: 'read',
  20: 'write',
  21: 'fetch',
  22: 'write',
  24: 'fetch',
};

/** A translated block is entered for the first time. */
const UC_HOOK_EDGE_GENERATED = 1 << 15;
/** A particular instruction, with its enum uc_arm64_insn as an extra argument. */
const UC_HOOK_INSN = 1 << 1;
const UC_ARM64_INS = { mrs: 1, msr: 2, sys: 3 } as const;

const UC_HOOK_CODE = 1 << 2;
const UC_HOOK_MEM_ACCESS = (1 << 10) | (1 << 11);
const UC_MEM_WRITE = 17;

/** struct uc_tb { u64 pc; u16 icount; u16 size } */
const BLOCK_BYTES = 16;
/** The u32 fields of struct uc_arm64_cp_reg. */
const SYSTEM_REGISTER_BYTES = 20;

/**
 * The least version whose MMU and register writes work (2.0.1 wants every virtual address mapped
 * and keeps stale CPU flags).
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
  /** The library's file. */
  readonly library: string;
  readonly callbacks: EngineCallbacks;
  /** Default cortex-a72. */
  readonly model?: CpuModel;
  /**
   * `engine`: count as on hosts and with libraries for which there is no faster way. For
   * comparisons; default is the fastest.
   */
  readonly counting?: 'fastest' | 'engine';
  /**
   * Room for translated code, at least 1 MiB; default is what fits. For tests: a small one is full
   * often.
   */
  readonly codeBufferBytes?: number;
}

/** A range that was once routed to devices. It keeps its callbacks: flash goes to and fro. */
interface MappedWindow {
  window: DeviceWindow;
  readonly read: NativeCallback;
  readonly write: NativeCallback;
}

/** What stands before a callback: see inline-count.ts. */
type StandIn = 4 | 5 | 6 | 'block filter';

const calibrations = new Map<string, Calibration>();

/**
 * A core at EL1 with the MMU off and everything unmapped.
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
    return { engine, handleBytes: engine.handleBytes(), savedBytes: () => engine.savedBytes() };
  });
  calibrations.set(options.library, calibration);
  return new UnicornEngine(options, calibration);
}

class UnicornEngine extends UnicornSlices implements CpuEngine {
  readonly version: string;
  private readonly callbacks: EngineCallbacks;
  /** Registered callbacks, to be given back on close. */
  private readonly registered: Pointer[] = [];
  /** By base and size. */
  private readonly windows = new Map<string, MappedWindow>();
  /** Outlives the engine, for who must know whether it is gone. */
  private readonly life = { over: false };
  private readonly structs = new Map<number, DataView>();
  private readonly interceptors: Readonly<Record<InterceptKind, NativeCallback>> | null = null;

  constructor(options: UnicornOptions, calibration: Calibration | null) {
    super({
      path: options.library,
      model: options.model ?? 'cortex-a72',
      calibration,
      counting: options.counting ?? 'fastest',
      codeBufferBytes: options.codeBufferBytes,
    });
    this.callbacks = options.callbacks;
    const { major, minor, patch } = versionOf(this.library);
    this.version = `Unicorn ${major}.${minor}.${patch}`;
    this.hook(UC_HOOK_INTR, CALLBACKS.interrupt, (_uc: Pointer, number: number) => {
      // A block that cannot be fetched was not begun.
      if (number !== ENGINE_EXCEPTION.prefetchAbort) this.refundBlock();
      this.guarded(() => this.callbacks.exception(number));
    });
    this.hook(
      UC_HOOK_MEM_UNMAPPED | UC_HOOK_MEM_WRITE_PROT | UC_HOOK_MEM_FETCH_PROT,
      CALLBACKS.memory,
      (_uc: Pointer, type: number, address: number | bigint, size: number, value: number | bigint) => {
        // DC ZVA goes on after a refusal, byte by byte; the first one is the answer.
        if (this.lastUnmapped !== null) return false;
        const kind = UNMAPPED_TYPES[type] ?? 'read';
        const access: UnmappedAccess = {
          type: kind,
          address: Number(address),
          size,
          value: kind === 'write' ? BigInt.asUintN(8 * size, BigInt(value)) : 0n,
        };
        const from = kind === 'fetch' ? 'nothing' : 'memory access';
        return this.from(from, () => {
          const retry = this.guarded(() => this.callbacks.unmapped(access)) ?? false;
          if (!retry) {
            this.lastUnmapped = access;
            this.unmappedPc = this.getPc();
            this.countAtEnd ??= this.executed;
            // A helper such as DC ZVA's goes on otherwise, and the rest of the block with it.
            if (kind !== 'fetch') this.leaveInstruction();
          }
          return retry;
        });
      },
      6,
    );
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

  mapDevices(base: number, size: number, window: DeviceWindow): void {
    const key = `${base} ${size}`;
    const mapped = this.windows.get(key) ?? this.openWindow(base, window);
    mapped.window = window;
    this.windows.set(key, mapped);
    const { read, write } = mapped;
    this.check(
      'uc_mmio_map',
      this.library.mmioMap(this.handle, base, size, read.callback, read.data, write.callback, write.data),
    );
  }

  intercept(address: bigint, kind: InterceptKind): void {
    if (this.interceptors === null) throw new EngineError('intercept() needs the intercepted() callback');
    const { callback, data } = this.interceptors[kind];
    this.check(
      'uc_hook_add',
      kind === 'hint'
        ? this.library.hookAdd(this.handle, [0], UC_HOOK_CODE, callback, data, address, address)
        : this.library.hookAdd(
            this.handle,
            [0],
            UC_HOOK_INSN,
            callback,
            data,
            address,
            address,
            'int',
            UC_ARM64_INS[kind],
          ),
    );
  }

  watchCode(address: bigint, reached: () => void): () => void {
    return this.addWatch(UC_HOOK_CODE, CALLBACKS.code, undefined, address, address, () => {
      this.atWatch(reached);
    });
  }

  watchMemory(start: number, end: number, touched: (access: WatchedAccess) => void): () => void {
    const callback = (_uc: Pointer, type: number, address: number | bigint, size: number) => {
      const access = { write: type === UC_MEM_WRITE, address: Number(address), size };
      // Further accesses of an instruction that is undone are told as well: they too may have to be
      // taken back.
      if (this.abandoned !== null) this.guarded(() => touched(access));
      else {
        this.from('memory access', () => {
          if (!this.atWatch(() => touched(access))) return;
          if (this.inline === null) this.abandoned = this.saveState();
          else this.leaveInstruction();
        });
      }
    };
    return this.addWatch(UC_HOOK_MEM_ACCESS, CALLBACKS.watch, 6, start, end - 1, callback);
  }

  syndrome(): Syndrome {
    if (this.calibration === null) throw new EngineError('the engine is not calibrated');
    this.library.contextSave(this.handle, this.context);
    const at = this.calibration.syndromeOffset;
    return {
      esr: this.contextView.getUint32(at, true),
      far: this.contextView.getBigUint64(at + 8, true),
      targetLevel: this.contextView.getUint32(at + 16, true),
    };
  }

  /** @throws EngineError inside a run: native code would return into memory that is free */
  override close(): void {
    if (this.starts > 0) throw new EngineError('the engine cannot be closed by what runs inside it');
    super.close();
    for (const callback of this.registered) unregisterCallback(callback);
    this.life.over = true;
    retire(this);
  }

  private hookBlocks(): void {
    this.hook(
      UC_HOOK_EDGE_GENERATED,
      CALLBACKS.block,
      (_uc: number, pointer: number) => {
        const view = this.structAt(pointer, BLOCK_BYTES);
        const low = view.getUint32(0, true);
        const high = view.getUint32(4, true);
        const size = view.getUint16(10, true);
        if (this.guarded(() => this.callbacks.block?.(high, low, size)) !== true) return;
        const start = (BigInt(high) << 32n) | BigInt(low);
        this.discardCode(start, start + BigInt(size));
        this.retranslate = true;
        this.countAtEnd ??= this.executed;
        this.library.emuStop(this.handle);
      },
      'block filter',
    );
  }

  private openWindow(base: number, window: DeviceWindow): MappedWindow {
    const read = this.register(
      (_uc: Pointer, offset: number, width: number) =>
        this.from('device access', () => this.guarded(() => mapped.window.read(base + offset, width))) ?? 0n,
      CALLBACKS.mmioRead,
      4,
    );
    const write = this.register(
      (_uc: Pointer, offset: number, width: number, value: number | bigint) => {
        this.from('device access', () => this.guarded(() => mapped.window.write(base + offset, width, BigInt(value))));
      },
      CALLBACKS.mmioWrite,
      5,
    );
    const mapped: MappedWindow = { window, read, write };
    return mapped;
  }

  private maintenanceReporter(): NativeCallback {
    return this.register(
      (_uc: number, register: number, systemRegister: number) => {
        const maintenance = { encoding: this.encodingAt(systemRegister), rt: indexOfX(register) };
        this.from('register move', () => this.guarded(() => this.callbacks.maintained?.(maintenance)));
        return 0;
      },
      CALLBACKS.instruction,
      4,
    );
  }

  private hintReporter(): NativeCallback {
    const reached = () => this.callbacks.hinted?.();
    return this.register(
      () => {
        this.atWatch(reached);
      },
      CALLBACKS.code,
      4,
    );
  }

  private interceptor(kind: 'mrs' | 'msr'): NativeCallback {
    return this.register(
      (_uc: number, register: number, systemRegister: number) => {
        const access: InterceptedAccess = {
          read: kind === 'mrs',
          encoding: this.encodingAt(systemRegister),
          rt: indexOfX(register),
        };
        return this.from('register move', () => this.guarded(() => this.callbacks.intercepted?.(access))) === true
          ? 1
          : 0;
      },
      CALLBACKS.instruction,
      4,
    );
  }

  private addWatch(
    type: number,
    prototype: CallbackPrototype,
    standIn: StandIn | undefined,
    begin: number | bigint,
    end: number | bigint,
    callback: (...args: never[]) => unknown,
  ): () => void {
    const registered = this.register(callback, prototype, standIn);
    const pointer = this.registered.at(-1);
    const hook: [number] = [0];
    this.check(
      'uc_hook_add',
      this.library.hookAdd(this.handle, hook, type, registered.callback, registered.data, begin, end),
    );
    const life = this.life;
    const remove = (): void => {
      this.check('uc_hook_del', this.library.hookDel(this.handle, hook[0]));
      unregisterCallback(pointer);
      this.registered.splice(this.registered.indexOf(pointer), 1);
    };
    let ended = false;
    return () => {
      // The engine took its hooks with it, and removing one twice would free it twice.
      if (ended || life.over) return;
      ended = true;
      // Inside a run it may be the very callback that native code returns to.
      if (this.starts > 0) this.afterRun.push(remove);
      else remove();
    };
  }

  /**
   * A view of the struct at native address `pointer`. The engine passes structs of its own stack
   * frame, so the same few addresses come again and again, and a view each time would cost more
   * than all the rest.
   */
  private structAt(pointer: number, bytes: number): DataView {
    let view = this.structs.get(pointer);
    if (view === undefined) {
      view = new DataView(nativeView(BigInt(pointer), bytes));
      this.structs.set(pointer, view);
    }
    return view;
  }

  /** The encoding in a struct uc_arm64_cp_reg { u32 crn, crm, op0, op1, op2; … }. */
  private encodingAt(pointer: number): SystemRegisterEncoding {
    const view = this.structAt(pointer, SYSTEM_REGISTER_BYTES);
    const field = (index: number) => view.getUint32(4 * index, true);
    return [field(2), field(3), field(0), field(1), field(4)];
  }

  private hook(
    type: number,
    prototype: CallbackPrototype,
    callback: (...args: never[]) => unknown,
    standIn?: StandIn,
  ): void {
    const registered = this.register(callback, prototype, standIn);
    // begin > end: everywhere
    this.check('uc_hook_add', this.library.hookAdd(this.handle, [0], type, registered.callback, registered.data, 1, 0));
  }

  /**
   * @param standIn number of the callback's data argument, for callbacks in which instructions are
   * abandoned or looked up; or the filter
   */
  private register(
    callback: (...args: never[]) => unknown,
    prototype: CallbackPrototype,
    standIn?: StandIn,
  ): NativeCallback {
    const pointer = registerCallback(callback, prototype);
    this.registered.push(pointer);
    const address = addressOf(pointer);
    if (this.inline === null || standIn === undefined) return { callback: address, data: 0n };
    return standIn === 'block filter' ? this.inline.blockFilter(address) : this.inline.guard(address, standIn);
  }
}
