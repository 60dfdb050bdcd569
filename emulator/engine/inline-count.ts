// SPDX-License-Identifier: GPL-2.0-only
/**
 * Instruction counting inside the translated code: what makes slices fast.
 *
 * The engine can count by itself, but then calls a function and stores PC for every instruction:
 * 1.3 times slower in calls, 2 in loads and stores, 7 in arithmetic (`npm run bench -- guests`).
 * Instead every block of translated code begins with a few operations that charge the whole block
 * to a counter and leave when it is used up (native/count-x64.S draws them). The price: a slice
 * ends between blocks, and in the middle of one the charge is ahead of the execution, which
 * {@link InlineCounter.restOfBlock} corrects.
 *
 *     core (CPUState):  0x28 end of the block begun last (low 32 bits; bit 0: it was told to end there)
 *                       0x2c set when the counter ended the run
 *                       0x30 counter | 0x34 set when a mask was lifted
 *                       words of QEMU's own instruction counting, which the engine compiles but never turns on
 *
 * It needs to know the library from the inside, so it works with builds that are listed here,
 * recognised by their build identifier, on hosts for which there is code. Anywhere else
 * {@link installInlineCount} returns null and the engine counts by itself.
 *
 * Facts: QEMU 5.0's accel/tcg/cpu-exec.c, include/exec/gen-icount.h; offsets read off the builds'
 * machine code.
 */

import { EngineError, LONGEST_OVERRUN } from './engine.ts';
import { COUNT_X64, COUNT_X64_ENTRIES } from './native/count-x64.ts';
import type { NativeProcess } from './unicorn-library.ts';

/** Byte offsets inside one build of the library. */
interface LibraryBuild {
  readonly name: string;
  /** In the engine's handle (struct uc_struct). */
  readonly handle: { readonly core: number; readonly translator: number; readonly stopRequest: number };
  /**
   * In a core (CPUState); `registers` is its CPUARMState, `interrupt` the upper half of
   * icount_decr.
   */
  readonly core: {
    readonly handle: number;
    readonly registers: number;
    readonly exitRequest: number;
    readonly interrupt: number;
    readonly nextBlockFlags: number;
    readonly accessReturn: number;
    readonly interruptRequest: number;
    /**
     * Pointer to the table of the core's own functions (CPUClass), and in that: cpu_exec_interrupt.
     */
    readonly functions: number;
    readonly execInterrupt: number;
    /** The blocks that branches to virtual addresses led to: pointers, as many as fit. */
    readonly branchTargets: number;
    readonly branchTargetsBytes: number;
  };
  /** In the register file. */
  readonly pc: number;
  /** PSTATE.EL and SP (bits 3:0), and DAIF (bits 9:6). */
  readonly level: number;
  readonly masks: number;
  /** CPACR_EL1, CPTR_EL2 less two registers, SCR_EL3. */
  readonly cpacr: number;
  readonly cptr: number;
  readonly scr: number;
  /** In the state of a block that is being translated (DisasContext): the instruction's word. */
  readonly word: number;
  /**
   * In the translator (TCGContext): the base of the register file, start and size of the translated
   * code.
   */
  readonly translatorEnv: number;
  readonly translatorCode: number;
  readonly translatorCodeBytes: number;
  /**
   * In the translator: where the next block's code goes, how often all was dropped, and which part
   * of the buffer is filled next.
   */
  readonly translatorNextCode: number;
  readonly translatorDrops: number;
  readonly translatorNextPart: number;
  /** In the library: return addresses of the two calls of translated code in cpu_exec. */
  readonly callsOfCode: readonly number[];
  /** Exception return, see {@link refuseAarch32}. */
  readonly exceptionReturn: {
    /** Where a return to AArch32 goes on, and where an illegal one does. */
    readonly aarch32: number;
    readonly illegal: number;
    /**
     * Code of illegal returns alone, with nothing left to do but to return from the helper: at
     * least a far jump long.
     */
    readonly illegalEnd: number;
    /** What stands at `aarch32` and `illegalEnd`, to be sure. */
    readonly aarch32Code: readonly number[];
    readonly illegalEndCode: readonly number[];
  };
  /**
   * Bytes of stack between such a return address and the one that translated code leaves when it
   * calls a helper.
   */
  readonly codeFrame: number;
  /** enum TCGOpcode */
  readonly operations: {
    readonly movi_i32: number;
    readonly ld_i32: number;
    readonly st8_i32: number;
    readonly st16_i32: number;
    readonly st_i32: number;
    readonly sub_i32: number;
    readonly st_i64: number;
  };
}

/** By the build identifier of the library's file (`readelf -n`). */
const BUILDS: Readonly<Record<string, LibraryBuild>> = {
  b619fbf56f0accc13c25a9cf5e7bc59c85e70440: {
    name: 'Debian libunicorn2t64 2.1.1-2+b2, amd64',
    handle: { core: 0x1a0, translator: 0x2e8, stopRequest: 0x555 },
    core: {
      handle: 0x81a8,
      registers: 0xa350,
      exitRequest: 0x15,
      interrupt: 0xa342,
      nextBlockFlags: 0x18,
      accessReturn: 0x8178,
      interruptRequest: 0x1c,
      functions: 0x81b0,
      execInterrupt: 0x90,
      branchTargets: 0x138,
      branchTargetsBytes: 0x8000,
    },
    pc: 0x140,
    level: 0x148,
    masks: 0x230,
    cpacr: 0x2c0,
    cptr: 0x2c8,
    scr: 0x3c0,
    word: 0x40,
    translatorEnv: 0xa8f0,
    translatorCode: 0xa0,
    translatorCodeBytes: 0xb8,
    translatorNextCode: 0xc0,
    translatorDrops: 0xa8d0,
    translatorNextPart: 0xa928,
    callsOfCode: [0x555504, 0x55563f],
    exceptionReturn: {
      aarch32: 0x56bc43,
      illegal: 0x56bc6d,
      illegalEnd: 0x56bd2c,
      aarch32Code: [0x89, 0xd9, 0xb8],
      illegalEndCode: [0xe8, 0x8f, 0xe2, 0xff, 0xff, 0x84, 0xc0, 0x75, 0x13, 0x81, 0xe3, 0x3f, 0xf0, 0xdf],
    },
    codeFrame: 1216,
    operations: {
      movi_i32: 0x06,
      ld_i32: 0x0d,
      st8_i32: 0x0e,
      st16_i32: 0x0f,
      st_i32: 0x10,
      sub_i32: 0x12,
      st_i64: 0x4d,
    },
  },
};

/**
 * In a core: fields that the engine keeps for an instruction counting which it never turns on
 * (icount_budget, icount_extra).
 */
const END = 0x28;
const FLAG = 0x2c;
const COUNTER = 0x30;
const UNMASKED = 0x34;
/** In {@link END}. */
const END_WAS_TOLD = 1;
/** Bits of interrupt_request: CPU_INTERRUPT_HARD, CPU_INTERRUPT_FIQ. */
const REQUEST_IRQ = 1 << 1;
const REQUEST_FIQ = 1 << 4;

/** Functions in the translator's table (TranslatorOps). */
const TB_START = 1;
const TRANSLATE_INSN = 4;
const TB_STOP = 5;

/** The engine's buffer is never larger. */
const MOST_CODE_BYTES = 2 ** 31;

const PAGE = 4096n;
const CODE_BYTES = 4096;

/** Instructions of the longest block: LINE in count-x64.S. */
export const LONGEST_BLOCK = LONGEST_OVERRUN + 1;

/** The most instructions that a block which begins at `pc` can have. */
export const mostInBlockAt = (pc: bigint): number =>
  LONGEST_BLOCK - (Number(pc & (BigInt(4 * LONGEST_BLOCK) - 1n)) >>> 2);

/** A native function and the data argument to register with it. */
export interface NativeCallback {
  readonly callback: bigint;
  readonly data: bigint;
}

/** The code, in place in one library of this process. */
export interface InlineCount {
  readonly process: NativeProcess;
  readonly build: LibraryBuild;
  readonly libraryBase: bigint;
  readonly code: bigint;
}

const installed = new Map<string, InlineCount | null>();
/** By the address of the translator's table: the same library may have several paths. */
const patched = new Map<bigint, InlineCount>();

/**
 * Puts the code in place in the library at `path`, once a process. Null where that cannot be done;
 * the engine then is as it was.
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
 * @throws EngineError when the library at `path` is set up already, and not by this module: another
 * thread has loaded the same file, or this module is loaded twice. What is put into the library is
 * one for the process and not made for two.
 */
export function assertOwnLibrary(path: string, open: () => NativeProcess | null, arch: string): void {
  const process = arch === 'x64' ? open() : null;
  const operations = process?.symbol('aarch64_translator_ops_aarch64') ?? null;
  if (process === null || operations === null || patched.has(operations)) return;
  const libraryBase = process.loadBase(operations);
  if (libraryBase === null || BUILDS[buildIdentifier(process, libraryBase)] === undefined) return;
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
  const build = libraryBase === null ? undefined : BUILDS[buildIdentifier(process, libraryBase)];
  if (libraryBase === null || build === undefined) return null;
  const code = process.allocatePages(2 * CODE_BYTES);
  if (code === null) return null;
  new Uint8Array(process.view(code, CODE_BYTES)).set(Buffer.from(COUNT_X64, 'base64'));
  const translatorOperations = new BigUint64Array(process.view(operations, 48));
  const table = tableOf(process, build, translatorOperations);
  if (table === null) return null;
  new BigInt64Array(process.view(code + PAGE, 8 * table.length)).set(table);
  // The table of the translator's functions is constant data, made read-only after relocation.
  const writable = operations - (operations % PAGE);
  if (!process.protect(code, CODE_BYTES, 'read-execute')) return null;
  if (!process.protect(writable, 2 * Number(PAGE), 'read-write')) return null;
  const [ownStart = 0n] = table;
  const start = code + BigInt(COUNT_X64_ENTRIES.blockStart);
  // Of two threads that have come here at once, one goes on.
  if (Atomics.compareExchange(translatorOperations, TB_START, ownStart, start) !== ownStart) throw inUse(path);
  translatorOperations[TB_STOP] = code + BigInt(COUNT_X64_ENTRIES.blockStop);
  translatorOperations[TRANSLATE_INSN] = code + BigInt(COUNT_X64_ENTRIES.translate);
  refuseAarch32(process, build, libraryBase, code);
  trapFloatingPoint(process, code);
  const inline = { process, build, libraryBase, code };
  patched.set(operations, inline);
  return inline;
}

/**
 * Makes an exception return to AArch32 illegal, as on a core that has AArch64 only, and an illegal
 * return an exception. The engine would execute AArch32, without the operations that count: a loop
 * there would never end.
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
  // jmp rel8
  helper.set([0xeb, illegal - aarch32 - 2]);
  setFarJump(end, code + BigInt(COUNT_X64_ENTRIES.illegal));
  process.protect(page, bytes, 'read-execute');
}

/** endbr64; xor eax, eax; ret; then padding to 16 bytes. */
const NEVER_TRAPPED = [0xf3, 0x0f, 0x1e, 0xfa, 0x31, 0xc0, 0xc3];

/**
 * Makes CPACR_EL1.FPEN, CPTR_EL2.TFP and CPTR_EL3.TFP trap. Unicorn's translator emits the trap
 * when a block is translated for a state in which FP is off, as QEMU's does; but its function that
 * tells whether it is (fp_exception_el) was replaced by one that always says no. Where FP is on
 * this costs nothing: the answer is looked for when a system register is written or the level
 * changes, not in translated code.
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

const FAR_JUMP_BYTES = 14;

/** jmp [rip + 0] and its target. */
function setFarJump(at: Uint8Array, target: bigint): void {
  at.set([0xff, 0x25, 0, 0, 0, 0]);
  new DataView(at.buffer, at.byteOffset).setBigUint64(6, target, true);
}

/** The table that count-x64.S reads, in its order; null when a function is missing. */
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
  if (functions.includes(null)) return null;
  const { core, handle, operations } = build;
  const fromRegisters = [COUNTER, END, FLAG, core.exitRequest, core.interrupt].map((at) => at - core.registers);
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
    BigInt(UNMASKED - core.registers),
    process.symbol('raise_exception_aarch64') ?? 0n,
    BigInt(build.cpacr),
    BigInt(build.cptr),
    BigInt(build.scr),
  ];
}

/**
 * Hexadecimal build identifier in the ELF file mapped at `base`, or ''. System V ABI (gabi), 5-1
 * and 5-8.
 */
function buildIdentifier(process: NativeProcess, base: bigint): string {
  const file = new DataView(process.view(base, CODE_BYTES));
  const headers = Number(file.getBigUint64(0x20, true));
  const headerBytes = file.getUint16(0x36, true);
  for (let i = 0; i < file.getUint16(0x38, true); i++) {
    const header = headers + i * headerBytes;
    const [type, offset, size] = [
      file.getUint32(header, true),
      Number(file.getBigUint64(header + 8, true)),
      Number(file.getBigUint64(header + 32, true)),
    ];
    const isNote = type === 4 && offset + size <= file.byteLength;
    if (!isNote || size < 16 || file.getUint32(offset + 8, true) !== 3) continue;
    const bytes = new Uint8Array(file.buffer, offset + 16, file.getUint32(offset + 4, true));
    return Buffer.from(bytes).toString('hex');
  }
  return '';
}

/** Pages of engines that were closed. */
const spareCells: bigint[] = [];

/** The counter of one engine. */
export class InlineCounter {
  private readonly inline: InlineCount;
  private readonly core: bigint;
  /** END, FLAG, COUNTER, UNMASKED as 32-bit words. */
  private readonly words: Int32Array;
  private readonly interruptRequest: Int32Array;
  private readonly nextBlockFlags: Int32Array;
  private readonly accessReturn: BigUint64Array;
  /** { leave, 0, core, stack pointer }, then pairs { callback, this cell } for the guards. */
  private readonly cell: BigUint64Array;
  private readonly cellAddress: bigint;
  private guards = 0;
  /** The translated code. */
  private readonly code: DataView;
  private readonly codeStart: bigint;
  /** Address that the next block will have. */
  private readonly nextCode: BigUint64Array;
  private readonly drops: Uint32Array;
  private readonly branchTargets: Uint8Array;
  private readonly stacks = new Map<bigint, BigUint64Array>();

  /** @param handle the engine's handle, initialised */
  constructor(inline: InlineCount, handle: DataView) {
    const { process, build } = inline;
    this.inline = inline;
    this.core = handle.getBigUint64(build.handle.core, true);
    this.words = new Int32Array(process.view(this.core + BigInt(END), 16));
    this.interruptRequest = new Int32Array(process.view(this.core + BigInt(build.core.interruptRequest), 4));
    const functions = new BigUint64Array(process.view(this.core + BigInt(build.core.functions), 8))[0] ?? 0n;
    new BigUint64Array(process.view(functions + BigInt(build.core.execInterrupt), 8))[0] =
      inline.code + BigInt(COUNT_X64_ENTRIES.unmasked);
    this.nextBlockFlags = new Int32Array(process.view(this.core + BigInt(build.core.nextBlockFlags), 4));
    this.accessReturn = new BigUint64Array(process.view(this.core + BigInt(build.core.accessReturn), 8));
    const { branchTargets, branchTargetsBytes } = build.core;
    this.branchTargets = new Uint8Array(process.view(this.core + BigInt(branchTargets), branchTargetsBytes));
    const cell = spareCells.pop() ?? process.allocatePages(CODE_BYTES);
    if (cell === null) throw new RangeError('no memory for the callbacks of an engine');
    this.cellAddress = cell;
    this.cell = new BigUint64Array(process.view(cell, CODE_BYTES));
    this.cell[2] = this.core;
    const translator = handle.getBigUint64(build.handle.translator, true);
    const word = (at: number) => new BigUint64Array(process.view(translator + BigInt(at), 8));
    this.codeStart = word(build.translatorCode)[0] ?? 0n;
    const codeBytes = word(build.translatorCodeBytes)[0] ?? 0n;
    this.code = new DataView(process.view(this.codeStart, Number(codeBytes)));
    this.nextCode = word(build.translatorNextCode);
    this.drops = new Uint32Array(process.view(translator + BigInt(build.translatorDrops), 4));
    // What UnicornHandle.claimCodeBuffer is for, without its price.
    word(build.translatorNextPart)[0] = 1n;
  }

  /** Another number after each block that was translated. */
  get translations(): number {
    return (this.drops[0] ?? 0) * MOST_CODE_BYTES + this.codeBytes;
  }

  private get codeBytes(): number {
    return Number((this.nextCode[0] ?? 0n) - this.codeStart);
  }

  /** The block behind each branch that leaves its page is looked up anew. */
  forgetBranchTargets(): void {
    this.branchTargets.fill(0);
  }

  /** Bytes of the code buffer that are left. */
  get codeRoom(): number {
    return this.code.byteLength - this.codeBytes;
  }

  /** Instructions that may still be begun; a block that is begun is charged whole. */
  get left(): number {
    return this.words[2] ?? 0;
  }

  set left(count: number) {
    this.words[2] = count;
  }

  /** Instructions of the block begun last that lie behind the one at `pc`. */
  restOfBlock(pc: bigint): number {
    const rest = (((this.words[0] ?? 0) & ~END_WAS_TOLD) - Number(BigInt.asIntN(32, pc))) / 4 - 1;
    return rest > 0 && rest < LONGEST_BLOCK ? rest : 0;
  }

  /**
   * The instruction at `pc` is the last one of its block that is executed: what lies behind it is
   * taken off the charge.
   */
  endBlockAt(pc: bigint): void {
    this.left += this.restOfBlock(pc);
    this.words[0] = Number(BigInt.asIntN(32, pc + 4n));
  }

  /**
   * True when the block begun last was told to end where it does ({@link limitNextBlock}), before
   * its line or a branch.
   */
  get endWasTold(): boolean {
    return ((this.words[0] ?? 0) & END_WAS_TOLD) !== 0;
  }

  /** Forgets how the last run ended. */
  arm(): void {
    this.words[1] = 0;
    this.words[3] = 0;
  }

  /**
   * The interrupts whose masks are watched: a run ends right after the instruction that lifts one.
   */
  watchMasks(irq: boolean, fiq: boolean): void {
    this.interruptRequest[0] = (irq ? REQUEST_IRQ : 0) | (fiq ? REQUEST_FIQ : 0);
  }

  /** True when that ended the run. */
  get unmasked(): boolean {
    return this.words[3] !== 0;
  }

  /** True when the counter ended the run: before a block, which was not begun and not charged. */
  get ranOut(): boolean {
    return this.words[1] !== 0;
  }

  /**
   * The next run begins with a block of at most `count` instructions (cflags_next_tb: a block of
   * its own beside the usual one).
   */
  limitNextBlock(count: number): void {
    this.nextBlockFlags[0] = count;
  }

  /**
   * A stand-in for `callback`, whose data argument is number `argument`: its address and the data
   * to register. Needed for {@link leave}.
   */
  guard(callback: bigint, argument: 4 | 5 | 6): NativeCallback {
    return this.standIn(callback, COUNT_X64_ENTRIES.guards[argument]);
  }

  /**
   * A stand-in for the callback that announces new blocks: only those with a system instruction
   * that a machine may want, or misaligned, come through.
   */
  blockFilter(callback: bigint): NativeCallback {
    return this.standIn(callback, COUNT_X64_ENTRIES.blockFilter);
  }

  private standIn(callback: bigint, entry: number): NativeCallback {
    const at = 4 + 2 * this.guards++;
    if (at + 2 > this.cell.length) throw new RangeError('too many device windows for one engine');
    this.cell[at] = callback;
    this.cell[at + 1] = this.cellAddress;
    return {
      callback: this.inline.code + BigInt(entry),
      data: this.cellAddress + BigInt(8 * at),
    };
  }

  /** Brings PC up to date inside a device callback. */
  restoreAccessPc(): void {
    this.inline.process.restoreState(this.core, this.accessReturn[0] ?? 0n);
  }

  /**
   * Brings PC up to date inside a guarded callback of a load or store that has not told where it
   * is: its return address into translated code is at a fixed distance from the one of the loop
   * that called that code.
   */
  restorePcFromStack(): void {
    const { process, build, libraryBase } = this.inline;
    const stack = this.stackAt(this.cell[3] ?? 0n);
    const frame = build.codeFrame / 8;
    for (let at = frame; at < stack.length; at++) {
      const word = stack[at] as bigint;
      if (!build.callsOfCode.some((call) => libraryBase + BigInt(call) === word)) continue;
      if (process.restoreState(this.core, this.accessAddress(stack[at - frame] as bigint))) return;
    }
    throw new RangeError("the engine's stack does not show where it is");
  }

  /**
   * The translated code of an access that called a helper, from the address the helper returns to.
   * Stores return behind themselves. Loads call from the block's end, where the address behind them
   * was put into RCX just before: lea rcx, [rip + disp32]; then call rel32, or call [rip + disp32]
   * where the library lies more than 2 GiB away.
   */
  private accessAddress(returns: bigint): bigint {
    const at = Number(returns - this.codeStart);
    if (at < 13 || at >= this.code.byteLength) return returns;
    const { code } = this;
    const call = code.getUint8(at - 5) === 0xe8 ? 5 : code.getUint16(at - 6, true) === 0x15ff ? 6 : null;
    if (call === null) return returns;
    const lea = at - call - 7;
    const isLea = code.getUint8(lea) === 0x48 && code.getUint16(lea + 1, true) === 0x0d8d;
    return isLea ? returns - BigInt(call) + BigInt(code.getInt32(lea + 3, true)) : returns;
  }

  private stackAt(address: bigint): BigUint64Array {
    let view = this.stacks.get(address);
    if (view === undefined) {
      view = new BigUint64Array(this.inline.process.view(address, 2 * CODE_BYTES));
      this.stacks.set(address, view);
    }
    return view;
  }

  /** Gives back what the engine's callbacks used. After the engine was closed. */
  close(): void {
    spareCells.push(this.cellAddress);
  }

  /**
   * When the running guarded callback returns, its instruction is left unfinished. PC stays as it
   * is: it must be exact.
   */
  leave(): void {
    this.cell[0] = 1n;
  }
}
