// SPDX-License-Identifier: GPL-2.0-only
/**
 * Instruction counting inside the translated code, which makes slices fast.
 *
 * The engine can count by itself, but then calls a function and stores PC for every instruction:
 * 1.3 times slower in calls, 2 in loads and stores, 7 in arithmetic (`npm run bench -- guests`).
 * Instead, every block of translated code begins with a few operations that charge the whole block
 * to a counter, and that leave the code when the counter is used up (drawn in native/count-x64.S).
 * The price: slices end between blocks, and inside a block the charge is ahead of execution, which
 * inline-counter.ts corrects. This file installs the code.
 *
 * It depends on the library's internals, so it works only with the builds in library-builds.ts, and
 * on hosts for which such code exists. Anywhere else {@link installInlineCount} returns null and
 * the engine counts by itself.
 *
 * Source: QEMU 5.0, accel/tcg/cpu-exec.c, include/exec/gen-icount.h.
 */

import { EngineError } from './engine.ts';
import { COUNTING_FIELDS, type InlineCount } from './inline-counter.ts';
import { buildAt, type LibraryBuild } from './library-builds.ts';
import { COUNT_X64, COUNT_X64_ENTRIES } from './native/count-x64.ts';
import type { NativeProcess } from './unicorn-library.ts';

/** Indices of functions in the translator's table (TranslatorOps). */
const TB_START = 1;
const TRANSLATE_INSN = 4;
const TB_STOP = 5;

const PAGE = 4096n;
const CODE_BYTES = 4096;

const installed = new Map<string, InlineCount | null>();
/** Installed code by address of the translator's table: the same library may have several paths. */
const patched = new Map<bigint, InlineCount>();

/**
 * Installs the code in the library at `path`, once a process. Null where this is impossible; the
 * engine is then unchanged.
 * @throws EngineError as {@link assertOwnLibrary}
 */
export function installInlineCount(
  path: string,
  process: () => NativeProcess | null,
  arch: string,
): InlineCount | null {
  let known = installed.get(path);
  if (known === undefined) {
    known = install(path, process, arch);
    installed.set(path, known);
  }
  return known;
}

/**
 * @throws EngineError when the library at `path` was set up, but not by this module: another thread
 * has loaded the same file, or this module is loaded twice. The installed code exists once a
 * process and cannot be shared.
 */
export function assertOwnLibrary(path: string, open: () => NativeProcess | null, arch: string): void {
  const process = arch === 'x64' ? open() : null;
  const operations = process?.symbol('aarch64_translator_ops_aarch64') ?? null;
  if (process === null || operations === null || patched.has(operations)) return;
  const libraryBase = process.loadBase(operations);
  if (libraryBase === null || buildAt(process, libraryBase) === undefined) return;
  const [, start = 0n] = new BigUint64Array(process.view(operations, 48));
  if (process.loadBase(start) !== libraryBase) throw inUse(path);
}

const inUse = (path: string): EngineError =>
  new EngineError(
    `${path} is in use by another thread of this process, or by another copy of this module: each needs a copy of that file`,
  );

function install(path: string, open: () => NativeProcess | null, arch: string): InlineCount | null {
  const process = arch === 'x64' ? open() : null;
  const operations = process?.symbol('aarch64_translator_ops_aarch64') ?? null;
  if (process === null || operations === null) return null;
  const known = patched.get(operations);
  if (known !== undefined) return known;
  const libraryBase = process.loadBase(operations);
  const build = libraryBase === null ? undefined : buildAt(process, libraryBase);
  if (libraryBase === null || build === undefined) return null;
  const code = process.allocatePages(2 * CODE_BYTES);
  if (code === null) return null;
  new Uint8Array(process.view(code, CODE_BYTES)).set(Buffer.from(COUNT_X64, 'base64'));
  const translatorOperations = new BigUint64Array(process.view(operations, 48));
  const table = tableOf(process, build, translatorOperations);
  if (table === null) return null;
  new BigInt64Array(process.view(code + PAGE, 8 * table.length)).set(table);
  // The table of the translator's functions is constant data, which is read-only after relocation.
  const writable = operations - (operations % PAGE);
  if (!process.protect(code, CODE_BYTES, 'read-execute')) return null;
  if (!process.protect(writable, 2 * Number(PAGE), 'read-write')) return null;
  const [ownStart = 0n] = table;
  const start = code + BigInt(COUNT_X64_ENTRIES.blockStart);
  // If two threads come here at once, only one continues.
  if (Atomics.compareExchange(translatorOperations, TB_START, ownStart, start) !== ownStart) throw inUse(path);
  translatorOperations[TB_STOP] = code + BigInt(COUNT_X64_ENTRIES.blockStop);
  translatorOperations[TRANSLATE_INSN] = code + BigInt(COUNT_X64_ENTRIES.translate);
  refuseAarch32(process, build, libraryBase, code);
  trapFloatingPoint(process, code);
  keyBlocksByAlignment(process, code);
  const inline = { process, build, libraryBase, code };
  patched.set(operations, inline);
  return inline;
}

/**
 * Makes an exception return to AArch32 illegal, as on a core that has only AArch64, and makes
 * illegal returns take an exception. The engine would execute AArch32 without the counting
 * operations: a loop there would never end.
 */
function refuseAarch32(process: NativeProcess, build: LibraryBuild, libraryBase: bigint, code: bigint): void {
  const { aarch32, illegal, illegalEnd, aarch32Code, illegalEndCode } = build.exceptionReturn;
  const begin = libraryBase + BigInt(aarch32);
  const helper = new Uint8Array(process.view(begin, illegalEnd - aarch32 + illegalEndCode.length));
  const end = helper.subarray(illegalEnd - aarch32);
  const holds = (bytes: Uint8Array, expected: readonly number[]) => expected.every((byte, at) => bytes[at] === byte);
  if (!holds(helper, aarch32Code) || !holds(end, illegalEndCode)) return;
  const page = begin - (begin % PAGE);
  const bytes = Number(begin - page) + helper.length;
  if (!process.protect(page, bytes, 'read-write')) return;
  // jmp rel8.
  helper.set([0xeb, illegal - aarch32 - 2]);
  setFarJump(end, code + BigInt(COUNT_X64_ENTRIES.illegal));
  process.protect(page, bytes, 'read-execute');
}

/** endbr64; xor eax, eax; ret; then padding to 16 bytes. */
const NEVER_TRAPPED = [0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0xc3];

/**
 * Makes CPACR_EL1.FPEN, CPTR_EL2.TFP and CPTR_EL3.TFP trap. Unicorn's translator, like QEMU's,
 * emits the trap in blocks translated for a state with FP disabled. But Unicorn replaced the
 * function that decides this (fp_exception_el) by one that always answers "enabled". While FP is
 * enabled this costs nothing: the function is called when a system register is written or the
 * exception level changes, not in translated code.
 */
function trapFloatingPoint(process: NativeProcess, code: bigint): void {
  const at = process.symbol('fp_exception_el_aarch64');
  if (at === null) return;
  const answer = new Uint8Array(process.view(at, FAR_JUMP_BYTES));
  if (NEVER_TRAPPED.some((byte, index) => answer[index] !== byte)) return;
  const page = at - (at % PAGE);
  const bytes = Number(at - page) + FAR_JUMP_BYTES;
  if (!process.protect(page, bytes, 'read-write')) return;
  setFarJump(answer, code + BigInt(COUNT_X64_ENTRIES.fpLevel));
  process.protect(page, bytes, 'read-execute');
}

/** endbr64; mov eax, [rdi + hflags]; mov qword ptr [rdx], 0; test eax, eax. */
const BLOCK_KEY = [0xf3, 0x0f, 0x1e, 0xfa, 0x8b, 0x87, 0x50, 1, 0, 0, 0x48, 0xc7, 2, 0, 0, 0, 0, 0x85, 0xc0];
const BLOCK_KEY_PATCHED = 4;

/**
 * Makes SCTLR_ELx.A part of the key by which blocks are looked up, in bits that this architecture
 * leaves 0. So code for both of its values coexists.
 */
function keyBlocksByAlignment(process: NativeProcess, code: bigint): void {
  const at = process.symbol(BLOCK_KEY_FUNCTION);
  if (at === null) return;
  const answer = new Uint8Array(process.view(at, BLOCK_KEY_PATCHED + FAR_JUMP_BYTES + 1));
  if (BLOCK_KEY.some((byte, index) => answer[index] !== byte)) return;
  const page = at - (at % PAGE);
  const bytes = Number(at - page) + answer.length;
  if (!process.protect(page, bytes, 'read-write')) return;
  setFarJump(answer.subarray(BLOCK_KEY_PATCHED), code + BigInt(COUNT_X64_ENTRIES.blockKey));
  process.protect(page, bytes, 'read-execute');
}

const BLOCK_KEY_FUNCTION = 'cpu_get_tb_cpu_state_aarch64';

const FAR_JUMP_BYTES = 14;

/** Writes jmp [rip + 0] and its target. */
function setFarJump(at: Uint8Array, target: bigint): void {
  at.set([0xff, 0x25, 0, 0, 0, 0]);
  new DataView(at.buffer, at.byteOffset).setBigUint64(6, target, true);
}

/** Table that count-x64.S reads, in its order; null when a function is missing. */
function tableOf(process: NativeProcess, build: LibraryBuild, operationsTable: BigUint64Array): bigint[] | null {
  const functions = [
    'tcg_temp_new_internal',
    'tcg_emit_op',
    'tcg_gen_op1',
    'tcg_gen_op3',
    'tcg_gen_brcondi_i32',
    'gen_new_label',
    'tcg_const_i64',
    'cpu_loop_exit',
  ].map((name) => process.symbol(`${name}_aarch64`));
  const loadCode = process.symbol('cpu_ldl_code_aarch64');
  const blockKey = process.symbol(BLOCK_KEY_FUNCTION);
  if (functions.includes(null) || loadCode === null || blockKey === null) return null;
  const { core, handle, operations } = build;
  const { counter, end, isExhausted, unmasked } = COUNTING_FIELDS;
  const fromRegisters = [counter, end, isExhausted, core.exitRequest, core.interrupt].map((at) => at - core.registers);
  const numbers = [
    ...fromRegisters,
    build.pc,
    core.handle,
    handle.translator,
    handle.stopRequest,
    build.translatorEnv,
    operations.movi_i32,
    operations.ld_i32,
    operations.st8_i32,
    operations.st16_i32,
    operations.st_i32,
    operations.sub_i32,
    operations.st_i64,
  ];
  const own = (index: number) => operationsTable[index] ?? 0n;
  return [
    own(TB_START),
    own(TB_STOP),
    ...(functions as bigint[]),
    ...numbers.map(BigInt),
    own(TRANSLATE_INSN),
    BigInt(build.word),
    BigInt(core.registers),
    BigInt(build.masks),
    BigInt(build.level),
    BigInt(unmasked - core.registers),
    process.symbol('raise_exception_aarch64') ?? 0n,
    BigInt(build.cpacr),
    BigInt(build.cptr),
    BigInt(build.scr),
    loadCode,
    BigInt(build.sctlr),
    BigInt(build.byteOrder),
    BigInt(build.blockFlags),
    blockKey + BigInt(BLOCK_KEY.length),
  ];
}
