/**
 * The CPU engine on the native Unicorn library.
 *
 * Unicorn is QEMU's AArch64 core (translator, softmmu) without QEMU's machine. Three things that a machine needs it does not export, so they are found once
 * for each library file by causing known events and searching for their traces (calibrate.ts drives that):
 *   - the number of instructions executed so far in a slice: a counter next to the requested count inside the engine's handle;
 *   - the syndrome, fault address and target level of the exception just taken: three adjacent fields in the saved register file.
 *
 * Time is instructions executed. Where inline-count.ts knows the library, translated code counts for itself, a block at a time, and a slice ends between two
 * blocks. Elsewhere slices are given a count: slower, because the engine then calls out for every instruction, with the same results.
 *
 * Numbers below are the library's ABI: include/unicorn/unicorn.h and arm64.h of Unicorn 2.1.
 */

import { calibrate, type Calibration } from './calibrate.ts';
import {
  type CpuEngine,
  type DeviceWindow,
  ENGINE_EXCEPTION,
  EngineError,
  type EngineCallbacks,
  type InterceptedAccess,
  type InterceptKind,
  type SliceEnd,
  type Syndrome,
  type UnmappedAccess,
  type WatchedAccess,
} from './engine.ts';
import { InlineCounter, installInlineCount, LONGEST_BLOCK, type NativeCallback } from './inline-count.ts';
import type { SystemRegisterEncoding } from './system-registers.ts';
import {
  addressOf,
  allocateWords,
  type CallbackPrototype,
  CALLBACKS,
  freeNative,
  type Library,
  loadLibrary,
  nativeProcess,
  nativeView,
  type Pointer,
  registerCallback,
  unregisterCallback,
} from './unicorn-library.ts';

const UC_ARCH_ARM64 = 2;
const UC_MODE_ARM = 0;

const UC_PROT = { rwx: 7, rx: 5 } as const;

const UC_HOOK_INTR = 1 << 0;
const UC_HOOK_MEM_UNMAPPED = (1 << 4) | (1 << 5) | (1 << 6);
/** Stores into a region mapped read-only. */
const UC_HOOK_MEM_WRITE_PROT = 1 << 8;

const UNMAPPED_TYPES: Readonly<Record<number, UnmappedAccess['type']>> = {
  19: 'read',
  20: 'write',
  21: 'fetch',
  22: 'write',
};

/** A translated block is entered for the first time. */
const UC_HOOK_EDGE_GENERATED = 1 << 15;
/** A particular instruction, with its enum uc_arm64_insn as an extra argument. */
const UC_HOOK_INSN = 1 << 1;
const UC_ARM64_INS = { mrs: 1, msr: 2, sys: 3 } as const;

const UC_HOOK_CODE = 1 << 2;
const UC_HOOK_MEM_ACCESS = (1 << 10) | (1 << 11);
const UC_MEM_WRITE = 17;

const UC_ERR_OK = 0;
/** Errors that mean "the unmapped-access hook declined": READ, WRITE, FETCH_UNMAPPED and WRITE_PROT. */
const UC_ERR_ACCESS = new Set([6, 7, 8, 12]);

/** uc_ctl control words: type | argument count << 26 | direction << 30 (1 = write). */
const ucControlWrite = (type: number, args: number): number => type | (args << 26) | (1 << 30);
const UC_CTL_USE_EXITS = ucControlWrite(4, 1);
const UC_CTL_CPU_MODEL = ucControlWrite(7, 1);
const UC_CTL_TB_REMOVE_CACHE = ucControlWrite(9, 2);
const UC_CTL_TCG_BUFFER_SIZE = ucControlWrite(13, 1);
const UC_CTL_TB_FLUSH = ucControlWrite(10, 0);
const UC_CTL_TLB_FLUSH = ucControlWrite(11, 0);

/** enum uc_cpu_arm64 */
const CPU_MODELS = { 'cortex-a57': 0, 'cortex-a53': 1, 'cortex-a72': 2, max: 3 } as const;
export type CpuModel = keyof typeof CPU_MODELS;

/** enum uc_arm64_reg */
const REG_PC = 260;
const REG_SP = 4;
const REG_PSTATE = 265;
const REG_SP_EL0 = 270;
const REG_CP_REG = 290;
const REG_Q0 = 104;
const REG_X0 = 199;
const REG_X29 = 1;
const indexOfX = (register: number): number =>
  register === REG_XZR ? 31 : register >= REG_X0 ? register - REG_X0 : register - REG_X29 + 29;
const registerOfX = (index: number): number => (index < 29 ? REG_X0 + index : REG_X29 + index - 29);

/**
 * Translated code of a core. The engine's own choice is 1 GiB, all of which it touches when it drops everything; a booting Linux fills some 80 MiB, and what
 * does not fit is dropped and translated again.
 */
const CODE_BUFFER_BYTES = 128 * 2 ** 20;

/**
 * Instructions after which cached address translations are dropped. The cache grows with use and only shrinks when it is dropped, and each block that is translated
 * looks through all of it: 7 % of a Linux boot.
 */
const FLUSH_EVERY = 2_000_000;

/** For a counter that is not to end a run: far more instructions than a slice has. */
const NEVER_USED_UP = 2 ** 31 - 1;

/** Bytes of the engine's handle that the search for the instruction counter may read: less than the handle's size. */
const HANDLE_SEARCH_BYTES = 2048;

/** The least version whose MMU and register writes work (notes in docs/engine.md). */
export const REQUIRED_ENGINE_VERSION = { major: 2, minor: 1 } as const;

export interface EngineVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

/** Breakpoints, and watchpoints, that the architecture has room for (Arm ARM D13.3.2, ID_AA64DFR0_EL1). */
const DEBUG_REGISTERS = 16;
/** struct uc_context has seven members before its registers in Unicorn 2.1. */
const MOST_CONTEXT_HEADER_BYTES = 64;

/** struct uc_tb { u64 pc; u16 icount; u16 size } */
const BLOCK_BYTES = 16;
/** The u32 fields of struct uc_arm64_cp_reg. */
const SYSTEM_REGISTER_BYTES = 20;
/** UC_ARM64_REG_XZR */
const REG_XZR = 7;

function versionOf(library: Library): EngineVersion {
  const packed = library.version(null, null) as number;
  return { major: packed >>> 24, minor: (packed >>> 16) & 0xff, patch: (packed >>> 8) & 0xff };
}

/** Version of the Unicorn library in the file `path`, or null when the file cannot be loaded or is not Unicorn. */
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
  /** `engine`: count as on hosts and with libraries for which there is no faster way. For comparisons; default is the fastest. */
  readonly counting?: 'fastest' | 'engine';
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
 * @throws EngineError when the library is too old, cannot be calibrated, or refuses the call
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
  const calibration = calibrate((callbacks) => {
    const engine = new UnicornEngine({ ...options, callbacks }, null);
    return { engine, handleBytes: engine.handleBytes(), savedBytes: () => engine.savedBytes() };
  });
  calibrations.set(options.library, calibration);
  return new UnicornEngine(options, calibration);
}

class UnicornEngine implements CpuEngine {
  readonly version: string;
  private readonly library: Library;
  private readonly handle: Pointer;
  private readonly callbacks: EngineCallbacks;
  private readonly calibration: Calibration | null;
  /** Registered callbacks, to be given back on close. */
  private readonly registered: Pointer[] = [];
  /** Buffers lent to the engine must not be collected while it may touch them. */
  private readonly lent: Uint8Array[] = [];
  /** One 64-bit register value, in memory that both sides see. */
  private readonly cell: Pointer;
  private readonly cellValue: BigUint64Array;
  /** The same for a vector register. */
  private readonly wideCell: Pointer;
  private readonly wideValue: BigUint64Array;
  /** struct uc_arm64_cp_reg { u32 crn, crm, op0, op1, op2, pad; u64 value } */
  private readonly systemCell: Pointer;
  private readonly systemFields: Uint32Array;
  private readonly systemValue: BigUint64Array;
  private readonly context: Pointer;
  private readonly contextView: DataView;
  private readonly handleView: DataView;
  /** What a callback threw; rethrown when the slice has ended. */
  private failure: { readonly error: unknown } | null = null;
  private lastUnmapped: UnmappedAccess | null = null;
  private unmappedPc = 0n;
  /** The count at the moment when the slice was told to end: the engine counts one instruction that it does not execute any more. */
  private countAtEnd: number | null = null;
  private requested = 0;
  /** Executed in the current slice before the engine was started again to translate a block anew. */
  private executedBefore = 0;
  private stopRequested = false;
  private retranslate = false;
  /** Instructions asked for since address translations were dropped last. */
  private sinceFlush = 0;
  private readonly inline: InlineCounter | null = null;
  /** The same also where it is in the translated code but not used. */
  private readonly counter: InlineCounter | null = null;
  /** Where a callback that runs was made from, which decides how PC becomes exact and what of the block's charge is ahead. */
  private within: 'nothing' | 'register move' | 'device access' | 'memory access' = 'nothing';
  private pcIsExact = true;
  /** With inline counting: instructions charged but not executed at this moment; null: not worked out yet. */
  private ahead: number | null = 0;
  /** Registers to go back to where an instruction was abandoned. Without inline counting only. */
  private abandoned: Pointer = null;
  /** By base and size. */
  private readonly windows = new Map<string, MappedWindow>();
  private readonly structs = new Map<number, DataView>();
  private readonly interceptors: Readonly<Record<InterceptKind, NativeCallback>> | null = null;

  constructor(options: UnicornOptions, calibration: Calibration | null) {
    this.library = loadLibrary(options.library);
    this.callbacks = options.callbacks;
    this.calibration = calibration;
    const { major, minor, patch } = versionOf(this.library);
    this.version = `Unicorn ${major}.${minor}.${patch}`;

    const out: [Pointer] = [null];
    this.check('uc_open', this.library.open(UC_ARCH_ARM64, UC_MODE_ARM, out));
    this.handle = out[0];
    this.check(
      'uc_ctl cpu model',
      this.library.control(this.handle, UC_CTL_CPU_MODEL, 'int', CPU_MODELS[options.model ?? 'cortex-a72']),
    );
    this.check(
      'uc_ctl code buffer',
      this.library.control(this.handle, UC_CTL_TCG_BUFFER_SIZE, 'uint32_t', CODE_BUFFER_BYTES),
    );
    this.check('uc_ctl exits', this.library.control(this.handle, UC_CTL_USE_EXITS, 'int', 1));

    this.cell = allocateWords(1);
    this.cellValue = new BigUint64Array(nativeView(this.cell, 8));
    this.wideCell = allocateWords(2);
    this.wideValue = new BigUint64Array(nativeView(this.wideCell, 16));
    this.systemCell = allocateWords(4);
    this.systemFields = new Uint32Array(nativeView(this.systemCell, 24));
    this.systemValue = new BigUint64Array(nativeView(this.systemCell, 32), 24, 1);
    this.handleView = new DataView(nativeView(this.handle, HANDLE_SEARCH_BYTES));
    this.context = this.allocateContext();
    this.contextView = new DataView(nativeView(this.context, this.library.contextSize(this.handle) as number));

    const installed =
      calibration === null
        ? null
        : installInlineCount(options.library, () => nativeProcess(options.library), process.arch);
    if (installed !== null) {
      this.counter = new InlineCounter(installed, this.initialisedHandle());
      if (options.counting !== 'engine') this.inline = this.counter;
    }
    this.hook(UC_HOOK_INTR, CALLBACKS.interrupt, (_uc: Pointer, number: number) => {
      // A block that cannot be fetched was not begun.
      if (number !== ENGINE_EXCEPTION.prefetchAbort) this.refundBlock();
      this.guarded(() => this.callbacks.exception(number));
    });
    this.hook(
      UC_HOOK_MEM_UNMAPPED | UC_HOOK_MEM_WRITE_PROT,
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

  /**
   * A view of the struct at native address `pointer`. The engine passes structs of its own stack frame, so the same few addresses come again and again, and
   * a view each time would cost more than all the rest.
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

  get executed(): number {
    if (this.calibration === null) return 0;
    if (this.inline !== null) {
      this.ahead ??= this.inline.restOfBlock(this.getPc());
      return this.requested - this.inline.left - this.ahead;
    }
    if (this.countAtEnd !== null) return this.countAtEnd;
    // The counter runs one past the request when the count ends the slice.
    return (
      this.executedBefore + Math.min(this.handleView.getUint32(this.calibration.executedOffset, true), this.requested)
    );
  }

  getX(index: number): bigint {
    return this.readRegister(registerOfX(index));
  }

  setX(index: number, value: bigint): void {
    this.writeRegister(registerOfX(index), value);
  }

  getPc(): bigint {
    if (!this.pcIsExact) this.findPc();
    return this.readRegister(REG_PC);
  }

  setPc(value: bigint): void {
    this.writeRegister(REG_PC, value);
  }

  getSp(): bigint {
    return this.readRegister(REG_SP);
  }

  setSp(value: bigint): void {
    this.writeRegister(REG_SP, value);
  }

  getBankedSp(level: number): bigint {
    return this.readRegister(REG_SP_EL0 + level);
  }

  setBankedSp(level: number, value: bigint): void {
    this.writeRegister(REG_SP_EL0 + level, value);
  }

  getV(index: number): bigint {
    this.library.regRead(this.handle, REG_Q0 + index, this.wideCell);
    return ((this.wideValue[1] ?? 0n) << 64n) | (this.wideValue[0] ?? 0n);
  }

  setV(index: number, value: bigint): void {
    this.wideValue[0] = BigInt.asUintN(64, value);
    this.wideValue[1] = BigInt.asUintN(64, value >> 64n);
    this.library.regWrite(this.handle, REG_Q0 + index, this.wideCell);
  }

  getPstate(): number {
    return Number(BigInt.asUintN(32, this.readRegister(REG_PSTATE)));
  }

  setPstate(value: number): void {
    this.writeRegister(REG_PSTATE, BigInt(value >>> 0));
  }

  getSystemRegister(encoding: SystemRegisterEncoding): bigint | null {
    this.selectSystemRegister(encoding);
    if (this.library.regRead(this.handle, REG_CP_REG, this.systemCell) !== UC_ERR_OK) return null;
    return this.systemValue[0] ?? 0n;
  }

  setSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean {
    this.selectSystemRegister(encoding);
    this.systemValue[0] = value;
    return this.library.regWrite(this.handle, REG_CP_REG, this.systemCell) === UC_ERR_OK;
  }

  mapMemory(base: number, bytes: Uint8Array, access: 'rwx' | 'rx'): void {
    this.lent.push(bytes);
    this.check('uc_mem_map_ptr', this.library.memMapPtr(this.handle, base, bytes.byteLength, UC_PROT[access], bytes));
  }

  unmap(base: number, size: number): void {
    this.check('uc_mem_unmap', this.library.memUnmap(this.handle, base, size));
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

  run(count: number): SliceEnd {
    const { inline } = this;
    if (inline === null) return this.runCounted(count);
    this.begin(count);
    for (;;) {
      const before = this.executed;
      const left = count - before;
      if (left > LONGEST_BLOCK) inline.left = left - LONGEST_BLOCK;
      else {
        inline.left = 1;
        inline.limitNextBlock(left);
      }
      this.requested = before + inline.left;
      const end = this.runInline(inline);
      if (end.kind !== 'count' || this.executed >= count) return end;
    }
  }

  runBlocks(count: number): SliceEnd {
    const { inline } = this;
    if (inline === null) return this.runCounted(count);
    this.begin(count);
    return this.runInline(inline);
  }

  private begin(count: number): void {
    this.stopRequested = false;
    this.lastUnmapped = null;
    this.requested = count;
    if (this.inline !== null) this.inline.left = count;
  }

  /** Runs until the counter is used up or something else ends the slice. */
  private runInline(inline: InlineCounter): SliceEnd {
    this.sinceFlush += inline.left;
    if (this.sinceFlush >= FLUSH_EVERY) {
      this.sinceFlush = 0;
      this.flushTlb();
    }
    for (;;) {
      this.retranslate = false;
      inline.arm();
      const code = this.library.emuStart(this.handle, this.getPc(), 0, 0, 0) as number;
      const end = this.endOf(code);
      if (end !== null) return end;
      const ranOut = inline.ranOut(this.getPc());
      if (this.stopRequested) return { kind: 'stopped' };
      if (ranOut) return { kind: 'count' };
      if (!this.retranslate) return { kind: 'stopped' };
    }
  }

  /** What an error of the engine's means for the slice; null when it ended without one. */
  private endOf(code: number): SliceEnd | null {
    if (this.failure !== null) {
      const { error } = this.failure;
      this.failure = null;
      throw error;
    }
    if (this.lastUnmapped !== null && (this.inline !== null || UC_ERR_ACCESS.has(code))) {
      this.setPc(this.unmappedPc);
      return { kind: 'unmapped', access: this.lastUnmapped };
    }
    this.check('uc_emu_start', code);
    return null;
  }

  /** A slice that the engine counts. */
  private runCounted(count: number): SliceEnd {
    this.begin(count);
    this.executedBefore = 0;
    for (;;) {
      if (this.counter !== null) this.counter.left = NEVER_USED_UP;
      this.retranslate = false;
      this.countAtEnd = null;
      this.requested = count - this.executedBefore;
      const end = this.endOf(this.library.emuStart(this.handle, this.getPc(), 0, 0, this.requested) as number);
      if (this.abandoned !== null) {
        this.restoreState(this.abandoned);
        this.abandoned = null;
      }
      if (end !== null) return end;
      const executed = this.executed;
      if (!this.retranslate || this.stopRequested || executed >= count) {
        const byCount = this.retranslate || this.endedByCount();
        return this.stopRequested || !byCount ? { kind: 'stopped' } : { kind: 'count' };
      }
      this.executedBefore = executed;
      this.requested = 0;
    }
  }

  /** True when the slice's length ended it: the counter is then one past it. WFI as the last instruction leaves it at the length. */
  private endedByCount(): boolean {
    if (this.calibration === null) return false;
    return this.handleView.getUint32(this.calibration.executedOffset, true) > this.requested;
  }

  stop(): void {
    this.stopRequested = true;
    const { inline } = this;
    if (this.calibration === null || this.within === 'nothing') {
      this.countAtEnd ??= this.executed;
      this.library.emuStop(this.handle);
    } else if (inline !== null) {
      this.requested -= inline.left;
      inline.left = 0;
    } else {
      this.countAtEnd ??= this.executed;
      // uc_emu_stop would break the instruction off in its middle and execute it again later, with its device accesses. Instead the slice's
      // length is cut to what was executed: the instruction completes and the next one is not begun.
      const at = this.calibration.executedOffset;
      this.handleView.setBigUint64(at + 8, this.handleView.getBigUint64(at, true), true);
    }
  }

  abandon(): void {
    const { inline } = this;
    if (inline === null) {
      // The instruction completes inside the engine; its effects are undone by going back to the registers it started with.
      this.abandoned ??= this.saveState();
      this.stop();
      return;
    }
    this.stopRequested = true;
    this.leaveInstruction();
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
      // Further accesses of an instruction that is undone are told as well: they too may have to be taken back.
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

  /** A watch meets an instruction that was counted and has not happened. True when it was told to stop, so that the instruction does not count. */
  private atWatch(action: () => void): boolean {
    const { inline } = this;
    if (inline !== null) {
      const pc = this.getPc();
      this.ahead = inline.restOfBlock(pc) + 1;
      this.guarded(action);
      if (!this.stopRequested) {
        this.ahead = 0;
        return false;
      }
      this.refundBlock();
      inline.left += 1;
      return true;
    }
    if (this.countAtEnd !== null) return false;
    this.countAtEnd = Math.max(0, this.executed - 1);
    this.guarded(action);
    if (!this.stopRequested) this.countAtEnd = null;
    return this.stopRequested;
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
    return () => {
      this.check('uc_hook_del', this.library.hookDel(this.handle, hook[0]));
      unregisterCallback(pointer);
      this.registered.splice(this.registered.indexOf(pointer), 1);
    };
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

  exportState(): Uint8Array {
    for (let index = 0; index < DEBUG_REGISTERS; index++) {
      // DBGBCRn_EL1, DBGWCRn_EL1: bit 0 is E.
      for (const op2 of [5, 7]) {
        if (((this.getSystemRegister([2, 0, 0, index, op2]) ?? 0n) & 1n) !== 0n) {
          throw new EngineError('the guest uses hardware breakpoints or watchpoints, which the engine cannot save');
        }
      }
    }
    this.check('uc_context_save', this.library.contextSave(this.handle, this.context));
    return new Uint8Array(this.contextView.buffer.slice(this.contextHeaderBytes));
  }

  importState(state: Uint8Array): void {
    // What stands before the registers describes this engine, not the one that was saved.
    this.check('uc_context_save', this.library.contextSave(this.handle, this.context));
    const registers = new Uint8Array(this.contextView.buffer, this.contextHeaderBytes);
    if (state.length !== registers.length) {
      throw new EngineError(`registers of ${state.length} bytes; this build of the engine has ${registers.length}`);
    }
    registers.set(state);
    this.check('uc_context_restore', this.library.contextRestore(this.handle, this.context));
    this.discardAllCode();
    this.flushTlb();
  }

  /** struct uc_context begins with the length of the registers, which stand at its end. */
  private get contextHeaderBytes(): number {
    const bytes = this.contextView.byteLength - Number(this.contextView.getBigUint64(0, true));
    if (bytes < 8 || bytes > MOST_CONTEXT_HEADER_BYTES) {
      throw new EngineError("the engine's saved registers are not laid out as in Unicorn 2.1");
    }
    return bytes;
  }

  private saveState(): Pointer {
    const context = this.allocateContext();
    this.check('uc_context_save', this.library.contextSave(this.handle, context));
    return context;
  }

  private restoreState(state: Pointer): void {
    this.check('uc_context_restore', this.library.contextRestore(this.handle, state));
    this.library.contextFree(state);
  }

  flushTlb(): void {
    this.check('uc_ctl flush tlb', this.library.control(this.handle, UC_CTL_TLB_FLUSH));
  }

  discardAllCode(): void {
    this.check('uc_ctl flush code', this.library.control(this.handle, UC_CTL_TB_FLUSH));
  }

  discardCode(start: number | bigint, end: number | bigint): void {
    this.check(
      'uc_ctl remove cache',
      this.library.control(this.handle, UC_CTL_TB_REMOVE_CACHE, 'uint64_t', start, 'uint64_t', end),
    );
  }

  close(): void {
    this.library.contextFree(this.context);
    this.check('uc_close', this.library.close(this.handle));
    for (const callback of this.registered) unregisterCallback(callback);
    freeNative(this.cell);
    freeNative(this.wideCell);
    freeNative(this.systemCell);
    this.lent.length = 0;
  }

  /** For calibration: the first bytes of the engine's handle. */
  handleBytes(): DataView {
    return this.handleView;
  }

  /** For calibration: a fresh copy of the saved register file. */
  savedBytes(): DataView {
    this.library.contextSave(this.handle, this.context);
    return this.contextView;
  }

  private allocateContext(): Pointer {
    const out: [Pointer] = [null];
    this.check('uc_context_alloc', this.library.contextAlloc(this.handle, out));
    return out[0];
  }

  private readRegister(register: number): bigint {
    this.library.regRead(this.handle, register, this.cell);
    return this.cellValue[0] ?? 0n;
  }

  private writeRegister(register: number, value: bigint): void {
    this.cellValue[0] = value;
    this.library.regWrite(this.handle, register, this.cell);
  }

  private selectSystemRegister([op0, op1, crn, crm, op2]: SystemRegisterEncoding): void {
    const fields = this.systemFields;
    fields[0] = crn;
    fields[1] = crm;
    fields[2] = op0;
    fields[3] = op1;
    fields[4] = op2;
    fields[5] = 0;
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

  /** @param standIn number of the callback's data argument, for callbacks in which instructions are abandoned or looked up; or the filter */
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

  /** Runs a callback that the engine makes from the middle of an instruction. */
  private from<T>(where: UnicornEngine['within'], callback: () => T): T {
    this.within = where;
    if (this.inline !== null && where !== 'nothing') {
      this.ahead = null;
      this.pcIsExact = where === 'register move';
    }
    try {
      return callback();
    } finally {
      this.within = 'nothing';
      this.ahead = 0;
      this.pcIsExact = true;
    }
  }

  private findPc(): void {
    this.pcIsExact = true;
    if (this.within === 'device access') this.inline?.restoreAccessPc();
    else this.inline?.restorePcFromStack();
  }

  /** The instruction at PC is the last one of its block that counts. */
  private refundBlock(): void {
    if (this.inline === null) return;
    this.inline.endBlockAt(this.getPc());
    this.ahead = 0;
  }

  /** When the callback that runs returns, its instruction is left unfinished and the run ends. With inline counting only. */
  private leaveInstruction(): void {
    if (this.inline === null) return;
    this.refundBlock();
    this.inline.leave();
    this.library.emuStop(this.handle);
  }

  /** The first bytes of the handle, after the engine has made its core. */
  private initialisedHandle(): DataView {
    this.getPc();
    return this.handleView;
  }

  /** An exception must not unwind through native frames: it is kept, the slice ends, and `run` throws it. */
  private guarded<T>(action: () => T): T | null {
    try {
      return action();
    } catch (error) {
      this.failure ??= { error };
      this.stop();
      return null;
    }
  }

  private check(what: string, code: unknown): void {
    if (code !== UC_ERR_OK) {
      const reason = this.library.strerror(code) as string;
      throw new EngineError(`${what} failed: ${reason} (${String(code)})`);
    }
  }
}
