// SPDX-License-Identifier: GPL-2.0-only
/**
 * Finds fields that the engine does not export: it causes events with known values and searches
 * memory for them. An engine in which a value is not found exactly once is refused: a wrong
 * syndrome or a wrong clock would be worse than no emulator.
 *
 *   handle:      … executed:u64  requested:u64 …            after a slice that stopped early
 *   saved state: … syndrome:u32 pad:u32 address:u64 target:u32 …   after a data abort
 */

import { ENGINE_EXCEPTION, type CpuEngine, type EngineCallbacks, EngineError } from './engine.ts';
import { SYSTEM_REGISTERS } from './system-registers.ts';

/** Byte offsets found by {@link calibrate}. */
export interface Calibration {
  /** Offset of the instruction counter in the engine's handle. */
  readonly executedOffset: number;
  /**
   * Offset of the syndrome (u32) in the saved register file. The fault address (u64) follows at +8,
   * the target level (u32) at +16.
   */
  readonly syndromeOffset: number;
}

/** Engine under calibration, with access to its internals. */
export interface CalibrationSubject {
  readonly engine: CpuEngine;
  readonly handleBytes: DataView;
  savedBytes(): DataView;
}

const CODE_BASE = 0x4000_0000;
const TABLE_OFFSET = 0x1000;
/**
 * Addresses in the high half, which TCR_EL1.EPD1 disables below: they always give a translation
 * fault.
 */
const FAULT_ADDRESSES = [0xffff_ffa5_1234_5678n, 0xffff_ff9a_8765_4320n];
/** Distinctive slice lengths, which no other field of the handle holds. */
const COUNTS = [0x0135_7935, 0x0246_8246];

const NOP = 0xd503201f;
const HLT = 0xd4400000;
/** Encoding of ldr x1, [x0]. */
const LDR_X1_X0 = 0xf9400001;

/**
 * True for the ESR of a data abort on a read at the same level: EC 0x25, IL; the low bits vary with
 * what the engine reports (Arm ARM D24.2.40).
 */
const isDataAbortSyndrome = (esr: number): boolean => esr >>> 26 === 0x25;

/** @throws EngineError when a field is not found exactly once */
export function calibrate(open: (callbacks: EngineCallbacks) => CalibrationSubject): Calibration {
  let engine: CpuEngine | null = null;
  let seen = 0;
  const subject = open({
    exception: (number) => {
      seen = number;
      engine?.stop();
    },
    unmapped: () => false,
  });
  engine = subject.engine;
  const memory = new ArrayBuffer(0x10000);
  const words = new Uint32Array(memory);
  engine.mapMemory(CODE_BASE, new Uint8Array(memory), 'rwx');
  try {
    const executedOffset = findExecuted(subject, words);
    const syndromeOffset = findSyndrome(subject, words, memory, () => seen);
    return { executedOffset, syndromeOffset };
  } finally {
    engine.close();
  }
}

function findExecuted({ engine, handleBytes }: CalibrationSubject, words: Uint32Array): number {
  let candidates: number[] | null = null;
  COUNTS.forEach((count, run) => {
    const before = 3 + 4 * run;
    words.fill(NOP, 0, 64);
    words[before] = HLT;
    engine.discardCode(CODE_BASE, CODE_BASE + 0x1000);
    engine.setPc(BigInt(CODE_BASE));
    engine.run(count);
    const found: number[] = [];
    for (let at = 8; at + 8 <= handleBytes.byteLength; at += 8) {
      if (
        handleBytes.getBigUint64(at, true) === BigInt(count) &&
        handleBytes.getBigUint64(at - 8, true) === BigInt(before + 1)
      ) {
        found.push(at - 8);
      }
    }
    candidates = candidates === null ? found : candidates.filter((at) => found.includes(at));
  });
  return only(candidates ?? [], 'the counter of executed instructions');
}

function findSyndrome(
  subject: CalibrationSubject,
  words: Uint32Array,
  memory: ArrayBuffer,
  seen: () => number,
): number {
  const { engine } = subject;
  words.fill(NOP, 0, 64);
  words[0] = LDR_X1_X0;
  engine.discardCode(CODE_BASE, CODE_BASE + 0x1000);
  enableTranslation(engine, memory);
  let candidates: number[] | null = null;
  for (const address of FAULT_ADDRESSES) {
    engine.setX(0, address);
    engine.setPc(BigInt(CODE_BASE));
    engine.run(4);
    if (seen() !== ENGINE_EXCEPTION.dataAbort) {
      throw new EngineError(`calibration: a load from an unmapped address gave exception ${seen()}, not a data abort`);
    }
    const saved = subject.savedBytes();
    const found: number[] = [];
    for (let at = 0; at + 24 <= saved.byteLength; at += 4) {
      if (
        saved.getBigUint64(at + 8, true) === address &&
        isDataAbortSyndrome(saved.getUint32(at, true)) &&
        saved.getUint32(at + 16, true) === 1
      ) {
        found.push(at);
      }
    }
    candidates = candidates === null ? found : candidates.filter((at) => found.includes(at));
  }
  return only(candidates ?? [], 'the exception syndrome');
}

/**
 * Enables translation at EL1: the low half identity-mapped by one 1 GiB block, the high half
 * disabled.
 */
function enableTranslation(engine: CpuEngine, memory: ArrayBuffer): void {
  const table = new BigUint64Array(memory, TABLE_OFFSET, 512);
  // Valid, AF, inner shareable, attribute 0, output address CODE_BASE.
  table[CODE_BASE / 2 ** 30] = BigInt(CODE_BASE) | (1n << 10n) | (3n << 8n) | 1n;
  const set = (name: keyof typeof SYSTEM_REGISTERS, value: bigint) => {
    engine.setSystemRegister(SYSTEM_REGISTERS[name], value);
  };
  set('SCR_EL3', 0x531n);
  set('HCR_EL2', 1n << 31n);
  engine.setPstate(0x3c5);
  set('MAIR_EL1', 0xffn);
  set('TTBR0_EL1', BigInt(CODE_BASE + TABLE_OFFSET));
  // T0SZ = T1SZ = 25 (39-bit addresses, the walk starts at level 1), EPD1.
  set('TCR_EL1', 25n | (25n << 16n) | (1n << 23n) | (2n << 30n));
  set('SCTLR_EL1', 0x30d0_1805n);
}

function only(candidates: readonly number[], what: string): number {
  const [offset] = candidates;
  if (offset === undefined || candidates.length !== 1) {
    throw new EngineError(
      `calibration: ${what} was found ${candidates.length} times in the engine's state instead of once; this build of Unicorn cannot be used`,
    );
  }
  return offset;
}
