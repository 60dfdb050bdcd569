// SPDX-License-Identifier: GPL-2.0-only
/** Adapter that gives one A64 core the engine interface that the machine knows. */

import { retire } from '#emulator/engine/retired-engine.ts';
import { type CoreEngine, EngineError, type WatchedAccess } from '#emulator/engine/engine.ts';
import type { CoreState } from './core-state.ts';
import type { GuestMemory } from './guest-memory.ts';
import type { InstructionWatches } from './instruction-watches.ts';
import { type RegisterHooks, StateRegisters } from './state-registers.ts';
import type { RegisterFile } from './system/register-file.ts';

export interface A64EngineContext extends RegisterHooks {
  readonly memory: () => GuestMemory;
  readonly watches: InstructionWatches;
  readonly isRunning: () => boolean;
  /** Ends the running slice. */
  readonly stop: () => void;
}

export class A64Engine extends StateRegisters implements CoreEngine {
  readonly version = 'A64 to WebAssembly';
  private readonly parts: A64EngineContext;

  constructor(state: CoreState, file: RegisterFile, parts: A64EngineContext) {
    super(state, file, parts);
    this.parts = parts;
  }

  stop(): void {
    this.parts.stop();
  }

  mapMemory(base: number, bytes: Uint8Array, access: 'rwx' | 'rx'): void {
    this.parts.memory().map(base, bytes, access === 'rwx');
  }

  unmap(base: number): void {
    this.parts.memory().unmap(base);
  }

  watchCode(address: bigint, reached: () => void): () => void {
    return this.parts.watches.add(address, reached);
  }

  watchMemory(start: number, end: number, touched: (access: WatchedAccess) => void): () => void {
    return this.parts.memory().watch({ start, end, touched });
  }

  flushTlb(): void {
    this.parts.memory().flush();
  }

  /** No effect: instructions are decoded from what memory holds when they run. */
  discardAllCode(): void {}

  discardCode(): void {}

  close(): void {
    if (this.parts.isRunning()) throw new EngineError('the engine cannot be closed by what runs inside it');
    retire(this);
  }
}
