// SPDX-License-Identifier: GPL-2.0-only
/**
 * SIMD and FP instructions give the same results on the own core as on Unicorn's Cortex-A72: a few
 * words of every family, in all modes of FPCR. Extensions that the A72 does not have (FP16, RDM,
 * DotProd) are UNDEFINED on both.
 */

import { expect } from 'vitest';
import type { Feature } from '#emulator/a64/features.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import type { CpuEngine } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS, type SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { createUnicornEngine } from '#emulator/engine/unicorn.ts';
import { RECORD, UNDEFINED_SIGNAL } from '#scripts/simd-fixtures/cases.ts';
import { CLASSES, familiesOf, recordsOf, wordOf } from '#scripts/simd-fixtures/families.ts';
import { engineLibrary } from './support/guest-machine.ts';
import { RecordRunner } from './support/record-runner.ts';
import { it } from './support/on-unicorn.ts';

const RAM = 0x4000_0000;
const RAM_BYTES = 0x1_0000;
const FAMILY_CASES = 3;
const FPCR: SystemRegisterEncoding = [3, 3, 4, 4, 0];
const FPSR: SystemRegisterEncoding = [3, 3, 4, 4, 1];
const CPACR: SystemRegisterEncoding = [3, 0, 1, 0, 2];
const FP_ENABLED = 3n << 20n;
/** EL1h, all masked. */
const PSTATE = 0x3c5;
const NZCV = 0xf000_0000;
/** Filler after each instruction, so that each is translated by itself. */
const NOP = 0xd503_201f;
const NOT_IN_A72: ReadonlySet<Feature> = new Set(['FP16', 'RDM', 'DotProd']);

/** Executes records, one instruction each, in places of their own: nothing is translated twice. */
class UnicornRunner {
  private readonly engine: CpuEngine;
  private readonly ram = new DataView(new ArrayBuffer(RAM_BYTES));
  private place = 0;
  private taken = false;

  constructor() {
    this.engine = createUnicornEngine({
      library: engineLibrary(),
      callbacks: {
        exception: () => {
          this.taken = true;
          this.engine.stop();
        },
        unmapped: () => false,
      },
    });
    this.engine.mapMemory(RAM, new Uint8Array(this.ram.buffer), 'rwx');
    this.engine.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, 0x531n);
    this.engine.setSystemRegister(SYSTEM_REGISTERS.HCR_EL2, 1n << 31n);
  }

  run(before: Uint8Array): Uint8Array {
    const { engine } = this;
    const after = before.slice();
    const view = new DataView(after.buffer);
    this.place = (this.place + 8) % RAM_BYTES;
    if (this.place === 0) engine.discardCode(RAM, RAM + RAM_BYTES);
    this.ram.setUint32(this.place, view.getUint32(RECORD.word, true), true);
    this.ram.setUint32(this.place + 4, NOP, true);
    for (let i = 0; i < 16; i += 1) engine.setX(i, view.getBigUint64(RECORD.x + 8 * i, true));
    for (let i = 0; i < 32; i += 1) {
      const [low, high] = [0, 8].map((half) => view.getBigUint64(RECORD.v + 16 * i + half, true)) as [bigint, bigint];
      engine.setV(i, (high << 64n) | low);
    }
    engine.setSystemRegister(FPCR, BigInt(view.getUint32(RECORD.fpcr, true)));
    engine.setSystemRegister(FPSR, BigInt(view.getUint32(RECORD.fpsr, true)));
    engine.setPstate(PSTATE | (view.getUint32(RECORD.nzcv, true) & NZCV));
    engine.setSystemRegister(CPACR, FP_ENABLED);
    engine.setPc(BigInt(RAM + this.place));
    this.taken = false;
    engine.run(1);
    view.setUint32(RECORD.word, this.taken ? UNDEFINED_SIGNAL : 0, true);
    if (this.taken) return after;
    view.setUint32(RECORD.fpsr, Number(engine.getSystemRegister(FPSR)), true);
    view.setUint32(RECORD.nzcv, (engine.getPstate() & NZCV) >>> 0, true);
    for (let i = 0; i < 16; i += 1) view.setBigUint64(RECORD.x + 8 * i, engine.getX(i), true);
    for (let i = 0; i < 32; i += 1) {
      const value = engine.getV(i);
      view.setBigUint64(RECORD.v + 16 * i, BigInt.asUintN(64, value), true);
      view.setBigUint64(RECORD.v + 16 * i + 8, value >> 64n, true);
    }
    return after;
  }

  close(): void {
    this.engine.close();
  }
}

const isInA72 = (word: number): boolean =>
  instructionDecoder().decode(word, (feature) => !NOT_IN_A72.has(feature)) !== null;

it('SIMD and FP instructions do what they do on Unicorn', () => {
  const [unicorn, own] = [new UnicornRunner(), new RecordRunner()];
  const different: string[] = [];
  let compared = 0;
  for (const encodingClass of CLASSES.filter(({ memory }) => !memory)) {
    for (const { key, records } of familiesOf(encodingClass)) {
      for (const record of recordsOf(records).slice(0, FAMILY_CASES)) {
        const word = wordOf(record);
        const wanted = unicorn.run(record);
        const got = isInA72(word) ? own.run(record) : null;
        const executed = wordOf(wanted) === 0;
        const isSame = got === null || wordOf(got) !== 0 ? !executed : Buffer.compare(got, wanted) === 0;
        if (!isSame) different.push(`${encodingClass.name}: ${key}: ${word.toString(16)}`);
        if (executed) compared += 1;
      }
    }
  }
  unicorn.close();
  expect(different).toEqual([]);
  expect(compared).toBeGreaterThan(4000);
});
