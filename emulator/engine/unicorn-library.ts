// SPDX-License-Identifier: GPL-2.0-only
/**
 * Bindings of the native Unicorn library, and of the process functions that its use needs, through
 * koffi. The only file that uses either; nothing here knows a core.
 *
 * Numbers and prototypes are the library's ABI: include/unicorn/unicorn.h of Unicorn 2.1.
 */

import { createRequire } from 'node:module';
import type Koffi from 'koffi';
import type { TypeObject } from 'koffi';

let loadedKoffi: typeof Koffi | null = null;

/**
 * Loads koffi with the first library: a machine on the own core needs neither it nor a host that it
 * is built for. @throws an Error of the loader's where it is not
 */
function koffi(): typeof Koffi {
  loadedKoffi ??= createRequire(import.meta.url)('koffi') as typeof Koffi;
  return loadedKoffi;
}

/** A native pointer, opaque. */
export type Pointer = unknown;

/** Prototype of a callback, as C has it. */
export type CallbackPrototype = string;

/** Prototypes of the library's callbacks. */
export const CALLBACKS = {
  interrupt: 'void LevitateInterrupt(void *uc, uint32_t number, void *data)',
  memory: 'bool LevitateMemory(void *uc, int type, uint64_t address, int size, int64_t value, void *data)',
  mmioRead: 'uint64_t LevitateMmioRead(void *uc, uint64_t offset, uint32_t size, void *data)',
  mmioWrite: 'void LevitateMmioWrite(void *uc, uint64_t offset, uint32_t size, uint64_t value, void *data)',
  code: 'void LevitateCode(void *uc, uint64_t address, uint32_t size, void *data)',
  watch: 'void LevitateWatch(void *uc, int type, uint64_t address, int size, int64_t value, void *data)',
  block: 'void LevitateBlock(uintptr_t uc, uintptr_t block, uintptr_t previous, uintptr_t data)',
  instruction: 'uint32_t LevitateInstruction(uintptr_t uc, int reg, uintptr_t systemRegister, uintptr_t data)',
} as const satisfies Readonly<Record<string, CallbackPrototype>>;

/** Binds the functions of the library, once for each file. */
function bind(path: string) {
  const library = koffi().load(path);
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
      'int uc_mmio_map(void *uc, uint64_t address, size_t size, uintptr_t read, uintptr_t readData, uintptr_t write, uintptr_t writeData)',
    ),
    hookAdd: library.func(
      'int uc_hook_add(void *uc, _Out_ size_t *hook, int type, uintptr_t callback, uintptr_t data, uint64_t begin, uint64_t end, ...)',
    ),
    hookDel: library.func('int uc_hook_del(void *uc, size_t hook)'),
    contextAlloc: library.func('int uc_context_alloc(void *uc, _Out_ void **context)'),
    contextSave: library.func('int uc_context_save(void *uc, void *context)'),
    contextRestore: library.func('int uc_context_restore(void *uc, void *context)'),
    contextSize: library.func('size_t uc_context_size(void *uc)'),
    contextFree: library.func('int uc_context_free(void *context)'),
    control: library.func('int uc_ctl(void *uc, int control, ...)'),
  };
}
/** Bound functions of one library file. */
export type Library = ReturnType<typeof bind>;

const loaded = new Map<string, Library>();

/** @throws an Error of the loader when the file is not a library or lacks a function */
export function loadLibrary(path: string): Library {
  let library = loaded.get(path);
  if (library === undefined) {
    library = bind(path);
    loaded.set(path, library);
  }
  return library;
}

/**
 * Live view of `length` bytes of native memory at `address`. A view costs memory until the process
 * ends: make few and keep them.
 */
export function nativeView(address: Pointer, length: number): ArrayBuffer {
  return koffi().view(address as Parameters<typeof Koffi.view>[0], length);
}

/** Zeroed native memory for `count` 64-bit words. */
export function allocateWords(count: number): Pointer {
  return koffi().alloc('uint64_t', count);
}

export function freeNative(pointer: Pointer): void {
  koffi().free(pointer as Parameters<typeof Koffi.free>[0]);
}

export function addressOf(pointer: Pointer): bigint {
  return koffi().address(pointer as Parameters<typeof Koffi.address>[0]);
}

const pointers = new Map<CallbackPrototype, TypeObject>();

/** The type of a function's pointer; a prototype can be declared once. */
function pointerTo(prototype: CallbackPrototype): TypeObject {
  let pointer = pointers.get(prototype);
  if (pointer === undefined) {
    pointer = koffi().pointer(koffi().proto(prototype));
    pointers.set(prototype, pointer);
  }
  return pointer;
}

/** Creates a native function that calls `callback`; free it with {@link unregisterCallback}. */
export function registerCallback(callback: (...args: never[]) => unknown, prototype: CallbackPrototype): Pointer {
  return koffi().register(callback, pointerTo(prototype));
}

export function unregisterCallback(pointer: Pointer): void {
  koffi().unregister(pointer as Parameters<typeof Koffi.unregister>[0]);
}

/**
 * Access to the process and the loaded library that inline-count.ts needs. Addresses are native.
 */
export interface NativeProcess {
  /** Address of an exported symbol of the library, or null. */
  symbol(name: string): bigint | null;
  /** Load address of the library's file that holds `address`. */
  loadBase(address: bigint): bigint | null;
  /** Allocates zeroed memory in whole pages; null when that fails. */
  allocatePages(bytes: number): bigint | null;
  /** Changes the protection of whole pages; returns false when the host does not allow it. */
  protect(address: bigint, bytes: number, access: 'read-write' | 'read-execute'): boolean;
  view(address: bigint, bytes: number): ArrayBuffer;
  /**
   * cpu_restore_state: sets PC of the core for the address `host` in translated code; returns false
   * when `host` is not such an address.
   */
  restoreState(core: bigint, host: bigint): boolean;
}

const PROTECTIONS = { 'read-write': 3, 'read-execute': 5 } as const;
const MAP_PRIVATE_ANONYMOUS = 0x22;
const RTLD_NOW = 2;

/** Process access through glibc; null on hosts without it. */
export function nativeProcess(path: string): NativeProcess | null {
  if (process.platform !== 'linux') return null;
  try {
    const libc = koffi().load('libc.so.6');
    const dlopen = libc.func('void *dlopen(const char *path, int flags)');
    const dlsym = libc.func('uintptr_t dlsym(void *library, const char *name)');
    const dladdr = libc.func('int dladdr(uintptr_t address, void *info)');
    const mmap = libc.func(
      'intptr_t mmap(void *address, size_t size, int access, int flags, int file, int64_t offset)',
    );
    const mprotect = libc.func('int mprotect(uintptr_t address, size_t size, int access)');
    const handle = dlopen(path, RTLD_NOW) as Pointer;
    const restore = koffi()
      .load(path)
      .func('bool cpu_restore_state_aarch64(uintptr_t core, uintptr_t host, bool exits)');
    return {
      symbol: (name) => {
        const address = BigInt(dlsym(handle, name) as number);
        return address === 0n ? null : address;
      },
      loadBase: (address) => {
        // Dl_info { const char *file; void *base; const char *symbol; void *symbolAddress }.
        const info = allocateWords(4);
        const known = dladdr(address, info) !== 0;
        const base = new BigUint64Array(nativeView(info, 32))[1] ?? 0n;
        freeNative(info);
        return known ? base : null;
      },
      allocatePages: (bytes) => {
        const address = mmap(null, bytes, PROTECTIONS['read-write'], MAP_PRIVATE_ANONYMOUS, -1, 0) as number | bigint;
        return BigInt(address) === -1n ? null : BigInt(address);
      },
      protect: (address, bytes, access) => mprotect(address, bytes, PROTECTIONS[access]) === 0,
      view: nativeView,
      restoreState: (core, host) => restore(core, host, false) as boolean,
    };
  } catch {
    return null;
  }
}
