// SPDX-License-Identifier: GPL-2.0-only
/**
 * The interpreter: a WebAssembly module with a function for each variant of each instruction, and a
 * loop that fetches a word and calls the one for it, or the translation of the place where it is.
 *
 *     place that control comes to ─► translated? ─► region(core, block)
 *                └─ no
 *     word ─► its entry among the decoded ones ─► handler(core, entry) ─► 0: PC + 4    1: PC was set
 *                └─ another word's ─► decode()
 *
 * A decoded entry belongs to a word, not to a place in memory. Changed code is decoded from its new
 * words, so no entry ever becomes stale. translate/ manages the translations.
 *
 * One module serves all cores: each function is given the core's block (layout.ts).
 */

import { A64Code, type Calls, fetchEntry } from './a64-code.ts';
import { type Variant, variantsOf } from './decode/decoder.ts';
import type { Instruction } from './decode/instruction.ts';
import {
  CODE_MODE,
  DECODED_ENTRIES,
  DECODED_ENTRY,
  FETCH_ENTRY,
  HASH,
  LAYOUT,
  PLACE_ENTRIES,
  PLACE_ENTRY,
  WORD_ENTRIES,
} from './layout.ts';
import { Code } from './wasm/code.ts';
import { i32, type I32, i64, loaded, op } from './wasm/expressions.ts';
import { compile, instantiate, type WasmMemory, type WasmModule, type WasmTable } from './wasm/host.ts';
import { type FunctionType, ModuleBuilder } from './wasm/module.ts';

/** Imports of the module by name. Those with a result return 1 when PC was set. */
export interface HandlerImports {
  load(core: number, low: number, high: number, how: number): number;
  store(core: number, low: number, high: number, how: number): number;
  update(core: number, low: number, high: number, how: number): number;
  helper(core: number, helper: number): number;
  fpTrap(core: number): number;
  stackMisaligned(core: number): number;
  misaligned(core: number, low: number, high: number, write: number): number;
  undefined(core: number): number;
  /** Decodes `word` into the entry at `entry`. */
  decode(core: number, entry: number, word: number): number;
  /** Looks up the page of code at PC. */
  fetch(core: number): number;
  /** Fills the entry at `entry` for `place`, the start of a block of code. */
  enter(core: number, entry: number, place: number): number;
  /** Called when `place` is not translated and has been visited as often as its entry said. */
  hot(core: number, entry: number, place: number): number;
}

export const functionType = (parameters: number, results = 1): FunctionType => ({
  parameters: Array.from({ length: parameters }, () => 'i32' as const),
  results: Array.from({ length: results }, () => 'i32' as const),
});

const IMPORTS: Readonly<Record<keyof HandlerImports, number>> = {
  load: 4,
  store: 4,
  update: 4,
  helper: 2,
  fpTrap: 1,
  stackMisaligned: 1,
  misaligned: 4,
  undefined: 1,
  decode: 3,
  fetch: 1,
  enter: 3,
  hot: 3,
};

/** Table places that belong to no instruction. */
const UNDEFINED_PLACE = 0;
const HELPER_PLACES = { plain: 1, fp: 2 } as const;
const FIRST_VARIANT = 3;

/** Type of handlers and of translated regions. */
export const HANDLER: FunctionType = functionType(2);
const PAGE_OF_CODE = ~0xffcn;
const SIZE_OF_INSTRUCTION = i64(4);

/** Code generated for a set of instructions: the same on every host, so a build can keep it. */
export interface HandlerCode {
  /** Selections of the variants of each instruction, in the order of their functions. */
  readonly selections: readonly (readonly number[])[];
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly fp: () => Uint8Array<ArrayBuffer>;
}

/** Module for a set of instructions, and the table place of each variant's function. */
export interface HandlerModule {
  readonly module: WasmModule;
  /** FP and SIMD functions, a third of all: compiled when a machine first executes one. */
  readonly fpModule: () => WasmModule;
  /** Table place of a variant. An undefined word has {@link HandlerModule.undefinedPlace}. */
  placeOf(instruction: Instruction, selection: number): number;
  readonly undefinedPlace: number;
}

/** Code of a handler: operands are read from the word in its entry. */
function handlerCode({ instruction, fields }: Variant, calls: Calls): A64Code {
  const [core, entry] = [0, 1].map((index) => new Code(2).parameter('i32', index)) as [I32, I32];
  const code = new A64Code(2, calls, {
    core,
    // Pure reads: neither changes while the handler runs.
    pc: loaded('i64', core, LAYOUT.pc),
    immediate: loaded('i64', entry, DECODED_ENTRY.immediate),
  });
  if (instruction.fp) code.checkFp();
  const word = loaded('i32', entry, DECODED_ENTRY.word);
  const operands = instruction.pattern.fields
    .filter(({ isOperand }) => isOperand)
    .map(({ name, low, bits }): [string, I32] => [
      name,
      op.and(op.shrU(word, i32(low)), i32(low + bits === 32 ? -1 : 2 ** bits - 1)),
    ]);
  const { meaning } = instruction;
  if (meaning.kind === 'code') meaning.emit(code, { ...fields, ...Object.fromEntries(operands) });
  else code.helper(op.wrap(code.immediate));
  code.result(i32(0));
  return code;
}

/** Generates the code of `instructions`, FP and SIMD when asked; takes a quarter of a second. */
export function generateHandlers(instructions: readonly Instruction[], memoryPages: number): HandlerCode {
  const variants = instructions.map((row) => (row.meaning.kind === 'code' ? variantsOf(row) : []));
  const [plain, fp] = [false, true].map((isFp) =>
    variants.flat().filter(({ instruction }) => instruction.fp === isFp),
  ) as [Variant[], Variant[]];
  const firstFp = FIRST_VARIANT + plain.length;

  const { builder, imported, calls, add } = begin(memoryPages);
  const table = [
    add(undefinedHandler(imported.undefined)),
    add(helperHandler(calls, false)),
    add(helperHandler(calls, true)),
    ...plain.map((variant) => add(handlerCode(variant, calls))),
  ];
  builder.table(table, 'table', firstFp + fp.length);
  const run = builder.declare(functionType(1, 0));
  const findPage = builder.declare(FIND_PAGE);
  builder.define(findPage, pageFinder(imported).body);
  const findWord = builder.declare(functionType(3, 0));
  builder.define(findWord, wordFinder(imported).body);
  builder.define(run, runLoop(builder.type(HANDLER), { ...imported, findPage, findWord }).body);
  builder.export('run', run);

  return {
    selections: variants.map((own) => own.map(({ selection }) => selection)),
    plain: builder.bytes(),
    fp: () => fpHandlers(fp, firstFp, memoryPages),
  };
}

/** @param code of these `instructions` */
export function handlerModule(instructions: readonly Instruction[], code: HandlerCode): HandlerModule {
  const places = placesOf(instructions, code.selections);
  let fpModule: WasmModule | null = null;
  return {
    module: compile(code.plain),
    fpModule: () => (fpModule ??= compile(code.fp())),
    undefinedPlace: UNDEFINED_PLACE,
    placeOf(instruction, selection) {
      if (instruction.meaning.kind === 'helper') return instruction.fp ? HELPER_PLACES.fp : HELPER_PLACES.plain;
      const place = places.get(instruction)?.get(selection);
      if (place === undefined) throw new RangeError(`${instruction.name} has no handler for selection ${selection}`);
      return place;
    },
  };
}

/** Functions of `variants`, for the table of the other module from place `first` on. */
function fpHandlers(variants: readonly Variant[], first: number, memoryPages: number): Uint8Array<ArrayBuffer> {
  const { builder, calls, add } = begin(memoryPages);
  const functions = variants.map((variant) => add(handlerCode(variant, calls)));
  builder.importTable('m', 'table', functions, first);
  return builder.bytes();
}

/** Module with everything that all handlers call. */
function begin(memoryPages: number) {
  const builder = new ModuleBuilder();
  builder.importMemory('m', 'memory', memoryPages);
  const imported = Object.fromEntries(
    Object.entries(IMPORTS).map(([field, parameters]) => [
      field,
      builder.importFunction('m', field, functionType(parameters)),
    ]),
  ) as Record<keyof HandlerImports, number>;
  const condition = builder.declare(functionType(2));
  const calls: Calls = { ...imported, condition };
  builder.define(condition, conditionFunction(calls).body);
  const add = (code: Code): number => {
    const index = builder.declare(HANDLER);
    builder.define(index, code.body);
    return index;
  };
  return { builder, imported, calls, add };
}

/** Table places by instruction and selection: first all that are plain, then FP and SIMD. */
function placesOf(
  instructions: readonly Instruction[],
  selections: HandlerCode['selections'],
): ReadonlyMap<Instruction, ReadonlyMap<number, number>> {
  const places = new Map<Instruction, Map<number, number>>();
  let next = FIRST_VARIANT;
  for (const isFp of [false, true]) {
    instructions.forEach((instruction, index) => {
      if (instruction.fp !== isFp) return;
      places.set(instruction, new Map(selections[index]!.map((selection) => [selection, next++])));
    });
  }
  return places;
}

/** Interpreter on one memory. */
export interface Interpreter {
  /** Runs a core until LAYOUT.left is 0. */
  run(core: number): void;
  /** Table of handlers, followed by translated regions. */
  readonly table: WasmTable;
}

export function startHandlers(module: WasmModule, memory: WasmMemory, imports: HandlerImports): Interpreter {
  return instantiate(module, { m: { memory, ...imports } }) as Interpreter;
}

/** Adds the FP and SIMD functions to an interpreter's table. */
export function addFpHandlers(
  module: WasmModule,
  memory: WasmMemory,
  imports: HandlerImports,
  { table }: Interpreter,
): void {
  instantiate(module, { m: { memory, table, ...imports } });
}

function undefinedHandler(undefinedCall: number): Code {
  const code = new Code(2);
  code.result(code.call('i32', undefinedCall, [code.parameter('i32', 0)]));
  return code;
}

/** Handler of all helper rows: the helper's number is the entry's immediate. */
function helperHandler(calls: Calls, fp: boolean): Code {
  const parameters = new Code(2);
  const code = new A64Code(2, calls, { core: parameters.parameter('i32', 0), pc: i64(0), immediate: i64(0) });
  if (fp) code.checkFp();
  const helper = code.load('i32', code.parameter('i32', 1), DECODED_ENTRY.immediate);
  code.result(code.call('i32', calls.helper, [code.core, helper]));
  return code;
}

/** (core, condition): evaluates a condition that is known only at run time. */
function conditionFunction(calls: Calls): Code {
  const parameters = new Code(2);
  const code = new A64Code(2, calls, { core: parameters.parameter('i32', 0), pc: i64(0), immediate: i64(0) });
  const condition = code.parameter('i32', 1);
  for (let value = 0; value < 14; value++) {
    code.if(op.eq(condition, i32(value)), () => code.return(code.conditionHolds(value)));
  }
  code.result(i32(1));
  return code;
}

/** (core, PC) */
const FIND_PAGE: FunctionType = { parameters: ['i32', 'i64'], results: ['i32'] };

/** Finds the page of code at PC in the TLB, or calls out; returns 1 when that has set PC. */
function pageFinder(calls: Record<keyof HandlerImports, number>): Code {
  const code = new Code(2);
  const core = code.parameter('i32', 0);
  const page = code.let(op.and(code.parameter('i64', 1), i64(PAGE_OF_CODE)));
  code.if(op.isZero(op.and(code.load('i32', core, LAYOUT.codeMode), i32(CODE_MODE.watched))), () => {
    const entry = code.let(fetchEntry(code.load('i32', core, LAYOUT.tlb), page));
    code.if(op.eq(code.load('i64', entry, FETCH_ENTRY.tag), page), () => {
      code.store(core, LAYOUT.fetchPage, page);
      code.store(core, LAYOUT.fetchHost, code.load('i32', entry, FETCH_ENTRY.host));
      code.return(i32(0));
    });
  });
  code.result(code.call('i32', calls.fetch, [core]));
  return code;
}

/** (core, entry, word): copies the word's decoded form to the entry, and decodes it if needed. */
function wordFinder(calls: Record<keyof HandlerImports, number>): Code {
  const code = new Code(3);
  const [core, entry, word] = [0, 1, 2].map((index) => code.parameter('i32', index)) as [I32, I32, I32];
  const known = hashed(code, op.add(core, i32(LAYOUT.words)), word, WORD_ENTRIES, DECODED_ENTRY.bytes);
  code.if(op.ne(code.load('i32', known, DECODED_ENTRY.word), word), () => {
    code.call('i32', calls.decode, [core, known, word]);
  });
  code.store(entry, 0, code.load('i64', known, 0));
  code.store(entry, 8, code.load('i64', known, 8));
  return code;
}

/** Entry for `key` in a hash table of 2^n entries at `start`. */
function hashed(code: Code, start: I32, key: I32, entries: number, bytes: number): I32 {
  const hash = op.shrU(op.mul(key, i32(HASH)), i32(32 - Math.log2(entries)));
  return code.let(op.add(start, op.mul(hash, i32(bytes))));
}

type LoopCalls = Record<keyof HandlerImports | 'findPage' | 'findWord', number>;

function runLoop(handlerType: number, calls: LoopCalls): Code {
  const code = new Code(1);
  const core = code.parameter('i32', 0);
  const pc = code.variable('i64');
  const interpreted = code.variable('i32');
  const storeInterpreted = () => {
    const sum = op.add(code.load('i64', core, LAYOUT.interpreted), op.extendU(interpreted.get));
    code.store(core, LAYOUT.interpreted, sum);
    interpreted.set(i32(0));
  };
  const place = () => op.add(code.load('i32', core, LAYOUT.fetchHost), op.and(op.wrap(pc.get), i32(0xfff)));
  const unlessInPage = (find: () => void) =>
    code.if(op.ne(op.and(pc.get, i64(PAGE_OF_CODE)), code.load('i64', core, LAYOUT.fetchPage)), find);
  // Entered at every new value of PC that is not the next instruction.
  code.loop((arrive) => {
    pc.set(code.load('i64', core, LAYOUT.pc));
    code.if(op.isZero(code.load('i32', core, LAYOUT.codeMode)), () => {
      storeInterpreted();
      const left = code.load('i32', core, LAYOUT.left);
      code.if(op.isZero(left), () => code.end());
      unlessInPage(() => {
        // The lookup counts the instruction at PC as begun.
        code.store(core, LAYOUT.left, op.sub(left, i32(1)));
        code.if(code.call('i32', calls.findPage, [core, pc.get]), arrive);
        code.store(core, LAYOUT.left, op.add(code.load('i32', core, LAYOUT.left), i32(1)));
      });
      const at = code.let(place());
      enterPlace(code, core, at, handlerType, calls, arrive);
      pc.set(code.load('i64', core, LAYOUT.pc));
    });
    code.loop(() => {
      const left = code.load('i32', core, LAYOUT.left);
      code.if(op.isZero(left), () => {
        storeInterpreted();
        code.end();
      });
      interpreted.set(op.add(interpreted.get, i32(1)));
      code.store(core, LAYOUT.left, op.sub(left, i32(1)));
      unlessInPage(() => code.if(code.call('i32', calls.findPage, [core, pc.get]), arrive));
      const at = code.let(place());
      const word = code.load('i32', at, 0);
      const index = op.and(op.shl(at, i32(2)), i32((DECODED_ENTRIES - 1) * DECODED_ENTRY.bytes));
      const entry = code.let(op.add(op.add(core, i32(LAYOUT.decoded)), index));
      code.if(op.ne(code.load('i32', entry, DECODED_ENTRY.word), word), () => {
        code.invoke(calls.findWord, [core, entry, word]);
      });
      const handler = code.load('i32', entry, DECODED_ENTRY.handler);
      code.if(code.callIndirect('i32', handlerType, handler, [core, entry]), arrive);
      pc.set(op.add(pc.get, SIZE_OF_INSTRUCTION));
      code.store(core, LAYOUT.pc, pc.get);
    });
  });
  return code;
}

/**
 * Runs the translation of `place`, or counts the visit. Falls through when PC is to be interpreted.
 */
function enterPlace(code: Code, core: I32, place: I32, regionType: number, calls: LoopCalls, arrive: () => void): void {
  const entry = hashed(code, op.add(core, i32(LAYOUT.places)), place, PLACE_ENTRIES, PLACE_ENTRY.bytes);
  const fill = () => code.call('i32', calls.enter, [core, entry, place]);
  code.if(op.ne(code.load('i32', entry, PLACE_ENTRY.place), place), fill);
  const region = code.variable('i32');
  region.set(code.load('i32', entry, PLACE_ENTRY.function));
  code.if(
    region.get,
    () => {
      const epoch = code.load('i32', core, LAYOUT.codeEpoch);
      code.if(op.ne(code.load('i32', entry, PLACE_ENTRY.epoch), epoch), () => {
        fill();
        region.set(code.load('i32', entry, PLACE_ENTRY.function));
      });
      code.if(region.get, () => {
        const block = code.load('i32', entry, PLACE_ENTRY.block);
        code.if(op.isZero(code.callIndirect('i32', regionType, region.get, [core, block])), arrive);
      });
    },
    () => {
      const count = code.let(op.sub(code.load('i32', entry, PLACE_ENTRY.count), i32(1)));
      code.store(entry, PLACE_ENTRY.count, count);
      code.if(op.isZero(count), () => {
        code.call('i32', calls.hot, [core, entry, place]);
      });
    },
  );
}
