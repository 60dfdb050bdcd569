// SPDX-License-Identifier: GPL-2.0-only
/**
 * The answers of the three ways to translate an address, in one form, so that they can be compared:
 * a PAR_EL1 value for AT, a line of text for the end of an access. Not a test. mmu-differential.ts
 * runs them.
 *
 *      63   56 55  48 47                   12 11 10 9  8 7 6  1 0
 *     | ATTR  | RES0 |          PA           |1 |  |NS| SH|    |0|   translated
 *     | imp. def.    |          RES0         |1 |  |S |PTW| FST|1|   faulted
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.141 (PAR_EL1), D24.2.40 (ESR_EL1).
 */

import { physAddr, virtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import { dataAbortSyndrome, EXTERNAL_ABORT_STATUS, instructionAbortSyndrome } from '#emulator/cpu/syndrome.ts';
import { translate, type TranslationRegisters } from '#emulator/cpu/translate.ts';
import { ENGINE_EXCEPTION } from '#emulator/engine/engine.ts';
import type { TableMemory } from '#kernel-ts/hal/mmu/table-memory.ts';
import { type Access, type TranslationRegime, walk } from '#kernel-ts/hal/mmu/walk.ts';
import { AT_ACCESSES, type AccessOutcome, describeOutcome, type MmuBench } from './mmu-differential.ts';

/** One walker's answer: where to, with the leaf's attribute bits, or the fault status code. */
export type Answer =
  | { readonly ok: true; readonly pa: number; readonly descriptor: bigint }
  | { readonly ok: false; readonly status: number };

/** ATTR, PA, SH, F. NS is UNKNOWN for an AT from Non-secure state. */
const TRANSLATED_BITS = 0xff00_ffff_ffff_f181n;
/** S, PTW, FST, F; PAR[63:48] is IMPLEMENTATION DEFINED. */
const FAULTED_BITS = 0x37fn;

/** The bits of a PAR value that mean something. */
export function meaningOfPar(par: bigint): bigint {
  return par & ((par & 1n) === 0n ? TRANSLATED_BITS : FAULTED_BITS);
}

/**
 * PAR_EL1 for `answer`. SH is that of the descriptor, also for device memory: the Arm ARM has 0b10
 * there, the engine gives the descriptor's bits (the corner cases keep a test of that).
 */
export function parOf(answer: Answer, mair: bigint): bigint {
  if (!answer.ok) return (BigInt(answer.status) << 1n) | 1n;
  const { pa, descriptor } = answer;
  const attribute = (mair >> (((descriptor >> 2n) & 7n) * 8n)) & 0xffn;
  const shareability = (descriptor >> 8n) & 3n;
  return (attribute << 56n) | BigInt(pa - (pa % 4096)) | (shareability << 7n);
}

/** The kernel's walker. */
export function kernelAnswer(tables: TableMemory, regime: TranslationRegime, va: bigint, access: Access): Answer {
  const found = walk(tables, regime, virtAddr(va), access);
  return found.ok ? { ok: true, pa: found.pa, descriptor: found.attrs } : { ok: false, status: found.fsc };
}

/** The emulator's walker. */
export function emulatorAnswer(
  bench: MmuBench,
  registers: TranslationRegisters,
  va: bigint,
  { kind, el }: Access,
): Answer {
  const type = kind === 'execute' ? 'fetch' : kind;
  const found = translate(va, type, el, registers, bench.readDescriptor, bench.physicalBits);
  return found.ok
    ? { ok: true, pa: found.pa, descriptor: found.mapping.descriptor }
    : { ok: false, status: found.fault.status };
}

const describeAnswer = (answer: Answer): string =>
  answer.ok ? `PA 0x${answer.pa.toString(16)}` : `status 0x${answer.status.toString(16)}`;

/** Two answers differ, or an answer and the CPU. */
export class Disagreement extends Error {
  constructor(va: bigint, access: Access, between: string) {
    super(`0x${va.toString(16)}, ${access.kind} at EL${access.el}: ${between}`);
    this.name = 'Disagreement';
  }
}

/**
 * Holds the walkers against AT for every address and each of AT's four accesses. Returns how many
 * PARs were compared.
 * @param level the exception level that executes AT: 3 needs no mapping
 * @param tables how the kernel's walker reads tables; null where the registers say more than it
 * knows (4 KiB granules, 48-bit halves)
 * @throws Disagreement
 */
export function compareWithAt(
  bench: MmuBench,
  addresses: readonly bigint[],
  level: 1 | 3,
  tables: TableMemory | null,
): number {
  const pars = bench.addressTranslate(addresses, level);
  const registers = bench.registers();
  const regime = tables === null ? null : bench.mmu.regime();
  const mair = bench.get('MAIR_EL1');
  addresses.forEach((va, index) => {
    AT_ACCESSES.forEach((access, which) => {
      const par = pars[index * AT_ACCESSES.length + which] as bigint;
      const hold = (walker: string, answer: Answer) => {
        if (parOf(answer, mair) !== meaningOfPar(par)) {
          throw new Disagreement(va, access, `${walker} ${describeAnswer(answer)}, PAR_EL1 0x${par.toString(16)}`);
        }
      };
      hold('emulator', emulatorAnswer(bench, registers, va, access));
      if (tables !== null && regime !== null) hold('kernel', kernelAnswer(tables, regime, va, access));
    });
  });
  return pars.length;
}

/**
 * The expected end of a 4-byte access at `va` (a multiple of 4), by `answer`, in the words of
 * {@link observed}.
 */
function expected(bench: MmuBench, access: Access, va: bigint, answer: Answer): string {
  if (!answer.ok) {
    const lower = access.el === 0;
    const esr =
      access.kind === 'execute'
        ? instructionAbortSyndrome({ status: answer.status, lower })
        : dataAbortSyndrome({ status: answer.status, write: access.kind === 'write', lower });
    return abort(access.kind === 'execute' ? ENGINE_EXCEPTION.prefetchAbort : ENGINE_EXCEPTION.dataAbort, esr, va);
  }
  const { pa } = answer;
  if (!bench.memory.contains(pa, 4)) return `${access.kind} of nothing at 0x${pa.toString(16)}`;
  if (access.kind === 'write') return `stored at 0x${pa.toString(16)}`;
  const word = bench.memory.read32(pa);
  // Executing a word of the pattern is a BRK, whose ESR holds the immediate (EC 0x3C, IL).
  if (access.kind === 'read') return `loaded 0x${word.toString(16)}`;
  return `BRK, ESR 0x${(0xf200_0000 + ((word >>> 5) & 0xffff)).toString(16)}`;
}

function observed(outcome: AccessOutcome, access: Access, stored: string): string {
  switch (outcome.kind) {
    case 'completed':
      return access.kind === 'write' ? stored : `loaded 0x${outcome.x1.toString(16)}`;
    case 'unmapped': {
      const { type, address } = outcome.access;
      return `${type === 'fetch' ? 'execute' : type} of nothing at 0x${address.toString(16)}`;
    }
    case 'exception':
      if (outcome.number === ENGINE_EXCEPTION.breakpoint) return `BRK, ESR 0x${outcome.esr.toString(16)}`;
      return abort(outcome.number, outcome.esr, outcome.far);
  }
}

const abort = (number: number, esr: number, far: bigint): string =>
  `abort ${number}, ESR 0x${esr.toString(16)}, FAR 0x${far.toString(16)}`;

const MARK = 0x5a5a_c3c3;

/**
 * Makes the access on the CPU and holds its end against `answer`: data and physical address on
 * success, ESR and FAR on a fault. Memory is left as it was. Returns what happened.
 * @throws Disagreement
 */
export function compareWithAccess(bench: MmuBench, va: bigint, access: Access, answer: Answer): string {
  const { memory } = bench;
  const want = expected(bench, access, va, answer);
  const ram = answer.ok && memory.contains(answer.pa, 4) ? answer.pa : null;
  const before = ram === null ? 0 : memory.read32(ram);
  const outcome = bench.access(access, va, MARK);
  let stored = 'stored elsewhere';
  if (access.kind === 'write' && ram !== null) {
    if (memory.read32(ram) === MARK) stored = `stored at 0x${ram.toString(16)}`;
    memory.write32(ram, before);
  }
  const got = observed(outcome, access, stored);
  if (got !== want) {
    throw new Disagreement(va, access, `expected "${want}", the CPU: "${got}" (${describeOutcome(outcome)})`);
  }
  return want;
}

/**
 * The same access by TypeScript code at EL1 through VirtualMemory: it must see the data, or throw
 * with the ESR and FAR that the CPU reports.
 * @throws Disagreement
 */
export function compareWithPort(bench: MmuBench, va: bigint, access: Access, answer: Answer): void {
  const { memory, virtualMemory } = bench;
  const write = access.kind === 'write';
  const ram = answer.ok && memory.contains(answer.pa, 4) ? physAddr(answer.pa) : null;
  const want =
    ram === null
      ? dataAbortSyndrome({ status: answer.ok ? EXTERNAL_ABORT_STATUS : answer.status, write })
      : memory.read32(ram);
  let got: number;
  let far = va;
  try {
    const word = write && ram !== null ? memory.read32(ram) : 0;
    if (write) virtualMemory.write32(virtAddr(va), word);
    got = write ? word : virtualMemory.read32(virtAddr(va));
  } catch (error) {
    if (!(error instanceof DataAbort)) throw error;
    got = error.esr;
    far = error.far;
  }
  if (got !== want || far !== va) {
    throw new Disagreement(
      va,
      access,
      `port 0x${got.toString(16)} (FAR 0x${far.toString(16)}), wanted 0x${want.toString(16)}`,
    );
  }
}
