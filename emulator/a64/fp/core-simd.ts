// SPDX-License-Identifier: GPL-2.0-only
/** View of a core's state for SIMD and FP instructions. */

import type { CoreState } from '#emulator/a64/core-state.ts';
import { LAYOUT, ZERO_REGISTER } from '#emulator/a64/layout.ts';
import { type SimdState, VectorRegisters } from './vector-registers.ts';

class CoreSimd implements SimdState {
  readonly v: VectorRegisters;
  private readonly core: CoreState;

  constructor(core: CoreState) {
    this.core = core;
    this.v = new VectorRegisters(core.words.buffer, core.address + LAYOUT.v);
  }

  get fpcr(): number {
    return this.core.fpcr;
  }

  get fpsr(): number {
    return this.core.fpsr;
  }

  set fpsr(value: number) {
    this.core.fpsr = value;
  }

  get nzcv(): number {
    return this.core.nzcv;
  }

  set nzcv(value: number) {
    this.core.nzcv = value;
  }

  getX(index: number): bigint {
    return this.core.x[index] as bigint;
  }

  setX(index: number, value: bigint): void {
    if (index !== ZERO_REGISTER) this.core.x[index] = value;
  }
}

const states = new WeakMap<CoreState, CoreSimd>();

export function simdStateOf(core: CoreState): SimdState {
  const known = states.get(core);
  if (known !== undefined) return known;
  const made = new CoreSimd(core);
  states.set(core, made);
  return made;
}
