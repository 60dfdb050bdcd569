// SPDX-License-Identifier: GPL-2.0-only
/**
 * WebAssembly as Node and browsers give it, typed: the language's own libraries have no types for
 * it.
 */

/** A memory that never grows, so that views of it are never detached. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** A table of functions that grows. */
export interface WasmTable {
  readonly length: number;
  /** Adds empty places; returns the first of them. */
  grow(by: number): number;
  set(place: number, value: null): void;
}

/** Compiled code, for any number of instances. */
export type WasmModule = { readonly wasmModule: never };

type Imports = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

declare const WebAssembly: {
  readonly Memory: new (limits: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => WasmModule;
  readonly Instance: new (module: WasmModule, imports: Imports) => { readonly exports: unknown };
};

/** Bytes of a page of WebAssembly memory. */
export const WASM_PAGE = 65536;

/**
 * @param pages of 64 KiB, at most 65536; the host commits what is touched. @throws RangeError when
 * it has no address space left
 */
export function createMemory(pages: number): WasmMemory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

export function compile(bytes: Uint8Array<ArrayBuffer>): WasmModule {
  return new WebAssembly.Module(bytes);
}

/** What an instance of `module` exports. */
export function instantiate(module: WasmModule, imports: Imports): unknown {
  return new WebAssembly.Instance(module, imports).exports;
}
