/**
 * The CPU engine on the native Unicorn library, through koffi. The only file that touches either.
 *
 * Unicorn is QEMU's AArch64 core (translator, softmmu) without QEMU's machine. Three things that a machine needs it does not export, so they are found once
 * for each library file by causing known events and searching for their traces (calibrate.ts drives that):
 *   - the number of instructions executed so far in a slice: a counter next to the requested count inside the engine's handle;
 *   - the syndrome, fault address and target level of the exception just taken: three adjacent fields in the saved register file.
 * Slices are always given a count. That keeps time exact, and the counting code also stores PC before every instruction, which makes PC exact inside
 * every callback.
 *
 * Numbers below are the library's ABI: include/unicorn/unicorn.h and arm64.h of Unicorn 2.1.
 */

import koffi, { type TypeObject } from 'koffi';
import { calibrate, type Calibration } from './calibrate.ts';
import {
  type CpuEngine,
  type DeviceWindow,
  EngineError,
  type EngineCallbacks,
  type EngineState,
  type InterceptedAccess,
  type SliceEnd,
  type Syndrome,
  type UnmappedAccess,
} from './engine.ts';
import type { SystemRegisterEncoding } from './system-registers.ts';

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

/** Bytes of the engine's handle that the search for the instruction counter may read: less than the handle's size. */
const HANDLE_SEARCH_BYTES = 2048;

/** The least version whose MMU and register writes work (notes in docs/engine.md). */
export const REQUIRED_ENGINE_VERSION = { major: 2, minor: 1 } as const;

export interface EngineVersion {
  readonly major: number;
  readonly minor: number;
  readonly patch: number;
}

type Pointer = unknown;

const InterruptCallback = koffi.proto('void LevitateInterrupt(void *uc, uint32_t number, void *data)');
const MemoryCallback = koffi.proto(
  'bool LevitateMemory(void *uc, int type, uint64_t address, int size, int64_t value, void *data)',
);
const MmioReadCallback = koffi.proto('uint64_t LevitateMmioRead(void *uc, uint64_t offset, uint32_t size, void *data)');
const MmioWriteCallback = koffi.proto(
  'void LevitateMmioWrite(void *uc, uint64_t offset, uint32_t size, uint64_t value, void *data)',
);

const BlockCallback = koffi.proto(
  'void LevitateBlock(uintptr_t uc, uintptr_t block, uintptr_t previous, uintptr_t data)',
);
const InstructionCallback = koffi.proto(
  'uint32_t LevitateInstruction(uintptr_t uc, int reg, uintptr_t systemRegister, uintptr_t data)',
);
/** struct uc_tb { u64 pc; u16 icount; u16 size } */
const BLOCK_BYTES = 16;
/** The u32 fields of struct uc_arm64_cp_reg. */
const SYSTEM_REGISTER_BYTES = 20;
/** UC_ARM64_REG_XZR */
const REG_XZR = 7;

/** The functions of the library, declared once for each file loaded. */
function bind(path: string) {
  const library = koffi.load(path);
  return {
    version: library.func('uint32_t uc_version(void *major, void *minor)'),
    open: library.func('int uc_open(int arch, int mode, _Out_ void **uc)'),
    close: library.func('int uc_close(void *uc)'),
    strerror: library.func('const char *uc_strerror(int code)'),
    emuStart: library.func(
      'int uc_emu_start(void *uc, uint64_t begin, uint64_t until, uint64_t timeout, size_t count)',
    ),
    emuStop: library.func('int uc_emu_stop(void *uc)'),
    regRead: library.func('int uc_reg_read(void *uc, int regid, void *value)'),
    regWrite: library.func('int uc_reg_write(void *uc, int regid, void *value)'),
    memMapPtr: library.func('int uc_mem_map_ptr(void *uc, uint64_t address, size_t size, uint32_t perms, void *ptr)'),
    memUnmap: library.func('int uc_mem_unmap(void *uc, uint64_t address, size_t size)'),
    mmioMap: library.func(
      'int uc_mmio_map(void *uc, uint64_t address, size_t size, void *read, void *readData, void *write, void *writeData)',
    ),
    hookAdd: library.func(
      'int uc_hook_add(void *uc, _Out_ size_t *hook, int type, void *callback, void *data, uint64_t begin, uint64_t end, ...)',
    ),
    contextAlloc: library.func('int uc_context_alloc(void *uc, _Out_ void **context)'),
    contextSave: library.func('int uc_context_save(void *uc, void *context)'),
    contextRestore: library.func('int uc_context_restore(void *uc, void *context)'),
    contextSize: library.func('size_t uc_context_size(void *uc)'),
    contextFree: library.func('int uc_context_free(void *context)'),
    control: library.func('int uc_ctl(void *uc, int control, ...)'),
  };
}
type Library = ReturnType<typeof bind>;

const loaded = new Map<string, Library>();

function load(path: string): Library {
  let library = loaded.get(path);
  if (library === undefined) {
    library = bind(path);
    loaded.set(path, library);
  }
  return library;
}

function versionOf(library: Library): EngineVersion {
  const packed = library.version(null, null) as number;
  return { major: packed >>> 24, minor: (packed >>> 16) & 0xff, patch: (packed >>> 8) & 0xff };
}

/** Version of the Unicorn library in the file `path`, or null when the file cannot be loaded or is not Unicorn. */
export function probeEngineVersion(path: string): EngineVersion | null {
  try {
    return versionOf(load(path));
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
}

const calibrations = new Map<string, Calibration>();

/**
 * A core at EL1 with the MMU off and everything unmapped.
 * @throws EngineError when the library is too old, cannot be calibrated, or refuses the call
 */
export function createUnicornEngine(options: UnicornOptions): CpuEngine {
  const known = calibrations.get(options.library);
  if (known !== undefined) return new UnicornEngine(options, known);
  const library = load(options.library);
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
  private insideInstruction = false;
  private retranslate = false;
  private readonly structs = new Map<number, DataView>();
  private readonly interceptors: Readonly<Record<'mrs' | 'msr' | 'sys', Pointer>> | null = null;

  constructor(options: UnicornOptions, calibration: Calibration | null) {
    this.library = load(options.library);
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

    this.cell = koffi.alloc('uint64_t', 1);
    this.cellValue = new BigUint64Array(koffi.view(this.cell, 8));
    this.systemCell = koffi.alloc('uint64_t', 4);
    this.systemFields = new Uint32Array(koffi.view(this.systemCell, 24));
    this.systemValue = new BigUint64Array(koffi.view(this.systemCell, 32), 24, 1);
    this.handleView = new DataView(koffi.view(this.handle, HANDLE_SEARCH_BYTES));
    this.context = this.allocateContext();
    this.contextView = new DataView(koffi.view(this.context, this.library.contextSize(this.handle) as number));

    this.hook(UC_HOOK_INTR, InterruptCallback, (_uc: Pointer, number: number) => {
      this.guarded(() => this.callbacks.exception(number));
    });
    this.hook(
      UC_HOOK_MEM_UNMAPPED | UC_HOOK_MEM_WRITE_PROT,
      MemoryCallback,
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
        const retry = this.guarded(() => this.callbacks.unmapped(access)) ?? false;
        if (!retry) {
          this.lastUnmapped = access;
          this.unmappedPc = this.getPc();
          this.countAtEnd ??= this.executed;
        }
        return retry;
      },
    );
    if (this.callbacks.block !== undefined) this.hookBlocks();
    if (this.callbacks.intercepted !== undefined) {
      this.interceptors = {
        mrs: this.interceptor('mrs'),
        msr: this.interceptor('msr'),
        sys: this.maintenanceReporter(),
      };
    }
  }

  private hookBlocks(): void {
    this.hook(UC_HOOK_EDGE_GENERATED, BlockCallback, (_uc: number, pointer: number) => {
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
    });
  }

  /**
   * A view of the struct at native address `pointer`. The engine passes structs of its own stack frame, so the same few addresses come again and again, and
   * a view each time would cost more than all the rest.
   */
  private structAt(pointer: number, bytes: number): DataView {
    let view = this.structs.get(pointer);
    if (view === undefined) {
      view = new DataView(koffi.view(BigInt(pointer), bytes));
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

  private maintenanceReporter(): Pointer {
    return this.register((_uc: number, register: number, systemRegister: number) => {
      const maintenance = { encoding: this.encodingAt(systemRegister), rt: indexOfX(register) };
      this.guarded(() => this.callbacks.maintained?.(maintenance));
      return 0;
    }, InstructionCallback);
  }

  private interceptor(kind: 'mrs' | 'msr'): Pointer {
    return this.register((_uc: number, register: number, systemRegister: number) => {
      const access: InterceptedAccess = {
        read: kind === 'mrs',
        encoding: this.encodingAt(systemRegister),
        rt: indexOfX(register),
      };
      return this.guarded(() => this.callbacks.intercepted?.(access)) === true ? 1 : 0;
    }, InstructionCallback);
  }

  get executed(): number {
    if (this.calibration === null) return 0;
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
    const read = this.register(
      (_uc: Pointer, offset: number, width: number) =>
        this.inInstruction(() => this.guarded(() => window.read(base + offset, width))) ?? 0n,
      MmioReadCallback,
    );
    const write = this.register((_uc: Pointer, offset: number, width: number, value: number | bigint) => {
      this.inInstruction(() => this.guarded(() => window.write(base + offset, width, BigInt(value))));
    }, MmioWriteCallback);
    this.check('uc_mmio_map', this.library.mmioMap(this.handle, base, size, read, null, write, null));
  }

  run(count: number): SliceEnd {
    this.stopRequested = false;
    this.lastUnmapped = null;
    this.executedBefore = 0;
    for (;;) {
      this.retranslate = false;
      this.countAtEnd = null;
      this.requested = count - this.executedBefore;
      const code = this.library.emuStart(this.handle, this.getPc(), 0, 0, this.requested) as number;
      if (this.failure !== null) {
        const { error } = this.failure;
        this.failure = null;
        throw error;
      }
      if (UC_ERR_ACCESS.has(code) && this.lastUnmapped !== null) {
        this.setPc(this.unmappedPc);
        return { kind: 'unmapped', access: this.lastUnmapped };
      }
      this.check('uc_emu_start', code);
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
    this.countAtEnd ??= this.executed;
    if (this.calibration === null || !this.insideInstruction) {
      this.library.emuStop(this.handle);
      return;
    }
    // uc_emu_stop here would break the instruction off in its middle and execute it again later, with its device accesses. Instead the slice's
    // length is cut to what was executed: the instruction completes and the next one is not begun.
    const at = this.calibration.executedOffset;
    this.handleView.setBigUint64(at + 8, this.handleView.getBigUint64(at, true), true);
  }

  intercept(address: bigint, kind: 'mrs' | 'msr' | 'sys'): void {
    if (this.interceptors === null) throw new EngineError('intercept() needs the intercepted() callback');
    this.check(
      'uc_hook_add',
      this.library.hookAdd(
        this.handle,
        [0],
        UC_HOOK_INSN,
        this.interceptors[kind],
        null,
        address,
        address,
        'int',
        UC_ARM64_INS[kind],
      ),
    );
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

  saveState(): EngineState {
    const context = this.allocateContext();
    this.check('uc_context_save', this.library.contextSave(this.handle, context));
    return context as EngineState;
  }

  restoreState(state: EngineState): void {
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
    for (const callback of this.registered) koffi.unregister(callback as Parameters<typeof koffi.unregister>[0]);
    koffi.free(this.cell);
    koffi.free(this.systemCell);
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

  private hook(type: number, prototype: TypeObject, callback: (...args: never[]) => unknown): void {
    const pointer = this.register(callback, prototype);
    // begin > end: everywhere
    this.check('uc_hook_add', this.library.hookAdd(this.handle, [0], type, pointer, null, 1, 0));
  }

  private register(callback: (...args: never[]) => unknown, prototype: TypeObject): Pointer {
    const pointer = koffi.register(callback, koffi.pointer(prototype));
    this.registered.push(pointer);
    return pointer;
  }

  /** Runs a callback that the engine makes from the middle of an instruction. */
  private inInstruction<T>(callback: () => T): T {
    this.insideInstruction = true;
    try {
      return callback();
    } finally {
      this.insideInstruction = false;
    }
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
