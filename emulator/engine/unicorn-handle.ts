// SPDX-License-Identifier: GPL-2.0-only
/**
 * Handle of the engine, with the operations that need neither registers nor time: mapping memory,
 * dropping caches, its register file as bytes.
 *
 * Numbers are the library's ABI: include/unicorn/unicorn.h of Unicorn 2.1.
 */

import { EngineError } from './engine.ts';
import { type Library, loadLibrary, nativeView, type Pointer } from './unicorn-library.ts';

const UC_ARCH_ARM64 = 2;
const UC_MODE_ARM = 0;
const UC_PROT = { rwx: 7, rx: 5 } as const;
export const UC_ERR_OK = 0;

/** uc_ctl control words: type | argument count << 26 | direction << 30 (1 = write). */
const ucControlWrite = (type: number, args: number): number => type | (args << 26) | (1 << 30);
const UC_CTL_USE_EXITS = ucControlWrite(4, 1);
const UC_CTL_CPU_MODEL = ucControlWrite(7, 1);
const UC_CTL_TB_REMOVE_CACHE = ucControlWrite(9, 2);
const UC_CTL_TCG_BUFFER_SIZE = ucControlWrite(13, 1);
const UC_CTL_TB_FLUSH = ucControlWrite(10, 0);
const UC_CTL_TLB_FLUSH = ucControlWrite(11, 0);

/** Values of enum uc_cpu_arm64. */
const CPU_MODELS = { 'cortex-a57': 0, 'cortex-a53': 1, 'cortex-a72': 2, max: 3 } as const;
export type CpuModel = keyof typeof CPU_MODELS;

/**
 * Size of the part of the engine's handle that is searched for the instruction counter; less than
 * the handle's size.
 */
const HANDLE_SEARCH_BYTES = 2048;

export class UnicornHandle {
  readonly library: Library;
  /** uc_engine *, for library calls. */
  readonly pointer: Pointer;
  /** First bytes of the engine's handle. */
  readonly bytes: DataView;
  /** uc_context *, for saves whose result {@link contextView} reads at once. */
  readonly context: Pointer;
  readonly contextView: DataView;
  /** Buffers mapped into the engine, kept from garbage collection. */
  private readonly mapped: Uint8Array[] = [];

  /**
   * @param path path of the library's file
   * @param codeBufferBytes size of the buffer for translated code; when it is full, code is dropped
   * and translated again
   */
  constructor(path: string, model: CpuModel, codeBufferBytes: number) {
    this.library = loadLibrary(path);
    const out: [Pointer] = [null];
    this.check('uc_open', this.library.open(UC_ARCH_ARM64, UC_MODE_ARM, out));
    this.pointer = out[0];
    this.check('uc_ctl cpu model', this.library.control(this.pointer, UC_CTL_CPU_MODEL, 'int', CPU_MODELS[model]));
    this.check(
      'uc_ctl code buffer',
      this.library.control(this.pointer, UC_CTL_TCG_BUFFER_SIZE, 'uint32_t', codeBufferBytes),
    );
    this.check('uc_ctl exits', this.library.control(this.pointer, UC_CTL_USE_EXITS, 'int', 1));
    this.bytes = new DataView(nativeView(this.pointer, HANDLE_SEARCH_BYTES));
    this.context = this.allocateContext();
    this.contextView = new DataView(nativeView(this.context, this.library.contextSize(this.pointer) as number));
  }

  mapMemory(base: number, bytes: Uint8Array, access: 'rwx' | 'rx'): void {
    this.mapped.push(bytes);
    this.check('uc_mem_map_ptr', this.library.memMapPtr(this.pointer, base, bytes.byteLength, UC_PROT[access], bytes));
  }

  unmap(base: number, size: number): void {
    this.check('uc_mem_unmap', this.library.memUnmap(this.pointer, base, size));
  }

  flushTlb(): void {
    this.check('uc_ctl flush tlb', this.library.control(this.pointer, UC_CTL_TLB_FLUSH));
  }

  /** As expensive as clearing the code buffer, all of which becomes resident (Unicorn 2.1.1). */
  discardAllCode(): void {
    this.check('uc_ctl flush code', this.library.control(this.pointer, UC_CTL_TB_FLUSH));
  }

  discardCode(start: number | bigint, end: number | bigint): void {
    this.check(
      'uc_ctl remove cache',
      this.library.control(this.pointer, UC_CTL_TB_REMOVE_CACHE, 'uint64_t', start, 'uint64_t', end),
    );
  }

  /**
   * Claims the code buffer. This is required before anything is translated. The buffer is one
   * region, and the engine starts to fill it without having claimed it. When it is full for the
   * first time, the engine claims the same region again and overwrites blocks that are still
   * linked. The result was wrong execution, then a crash, some seconds into a user space. Once the
   * region is claimed, the engine finds no free region and correctly drops everything first.
   * Dropping everything claims the region. (QEMU calls tcg_region_initial_alloc for this; Unicorn,
   * up to 2.1.4 at least, does not.)
   */
  claimCodeBuffer(): void {
    this.discardAllCode();
  }

  /** New copy of the register file. */
  savedBytes(): DataView {
    this.library.contextSave(this.pointer, this.context);
    return this.contextView;
  }

  /** Frees the engine, which cannot be used afterwards. */
  close(): void {
    this.library.contextFree(this.context);
    this.check('uc_close', this.library.close(this.pointer));
    this.mapped.length = 0;
  }

  /** Registers to restore, once. */
  saveState(): Pointer {
    const context = this.allocateContext();
    this.check('uc_context_save', this.library.contextSave(this.pointer, context));
    return context;
  }

  restoreState(state: Pointer): void {
    this.check('uc_context_restore', this.library.contextRestore(this.pointer, state));
    this.library.contextFree(state);
  }

  private allocateContext(): Pointer {
    const out: [Pointer] = [null];
    this.check('uc_context_alloc', this.library.contextAlloc(this.pointer, out));
    return out[0];
  }

  /** @throws EngineError unless `code`, a result of the library, is UC_ERR_OK */
  check(what: string, code: unknown): void {
    if (code !== UC_ERR_OK) {
      const reason = this.library.strerror(code) as string;
      throw new EngineError(`${what} failed: ${reason} (${String(code)})`);
    }
  }
}
