// SPDX-License-Identifier: GPL-2.0-only
/**
 * Typed access to WebAssembly in Node and browsers: TypeScript's own libraries have no types for
 * it.
 */

/** Memory that never grows, so that its views are never detached. */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
}

/** Function table that can grow. */
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

/** Size of a page of WebAssembly memory in bytes. */
export const WASM_PAGE = 65536;

/**
 * @param pages of 64 KiB, at most 65536; the host commits only touched pages. @throws RangeError
 * when it has no address space left
 */
export function createMemory(pages: number): WasmMemory {
  return new WebAssembly.Memory({ initial: pages, maximum: pages });
}

export function compile(bytes: Uint8Array<ArrayBuffer>): WasmModule {
  return new WebAssembly.Module(bytes);
}

/** Exports of a new instance of `module`. */
export function instantiate(module: WasmModule, imports: Imports): unknown {
  return new WebAssembly.Instance(module, imports).exports;
}
