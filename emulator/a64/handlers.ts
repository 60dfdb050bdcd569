// SPDX-License-Identifier: GPL-2.0-only
/**
 * The interpreter: a WebAssembly module with a function for each variant of each instruction, and a
 * loop that fetches a word and calls the one for it.
 *
 *     word ─► its entry among the decoded ones ─► handler(core, entry) ─► 0: PC + 4    1: PC was set
 *                └─ another word's ─► decode()
 *
 * An entry belongs to a word, not to a place in memory: code that changes is decoded by what it is
 * now, and nothing must ever be dropped.
 *
 * One module serves all cores: each function is given the core's block (layout.ts).
 */

import { A64Code, type Calls } from './a64-code.ts';
import { type Variant, variantsOf } from './decode/decoder.ts';
import type { Instruction } from './decode/instruction.ts';
import { DECODED_ENTRIES, DECODED_ENTRY, DECODED_HASH, LAYOUT } from './layout.ts';
import { Code, i32, type I32, i64, loaded, op } from './wasm/code.ts';
import { compile, instantiate, type WasmMemory, type WasmModule } from './wasm/host.ts';
import { type FunctionType, ModuleBuilder } from './wasm/module.ts';

/**
 * What the module calls outside, by import name. Each returns 1 when it has set PC, where it
 * returns something.
 */
export interface HandlerImports {
  load(core: number, low: number, high: number, how: number): number;
  store(core: number, low: number, high: number, how: number): number;
  update(core: number, low: number, high: number, how: number): number;
  helper(core: number, helper: number): number;
  fpTrap(core: number): number;
  misaligned(core: number, low: number, high: number, write: number): number;
  undefined(core: number): number;
  /** Fills the entry at `entry` with `word`. */
  decode(core: number, entry: number, word: number): number;
  /** Looks up the page of code at PC. */
  fetch(core: number): number;
}

const functionType = (parameters: number, results = 1): FunctionType => ({
  parameters: Array.from({ length: parameters }, () => 'i32' as const),
  results: Array.from({ length: results }, () => 'i32' as const),
});

const IMPORTS: Readonly<Record<keyof HandlerImports, number>> = {
  load: 4,
  store: 4,
  update: 4,
  helper: 2,
  fpTrap: 1,
  misaligned: 4,
  undefined: 1,
  decode: 3,
  fetch: 1,
};

/** Places in the table that no instruction has. */
const UNDEFINED_PLACE = 0;
const HELPER_PLACES = { plain: 1, fp: 2 } as const;

const HANDLER: FunctionType = functionType(2);
const PAGE_OF_CODE = ~0xffcn;
const SIZE_OF_INSTRUCTION = i64(4);

/** The module for a set of instructions, and where in its table each variant's function is. */
export interface HandlerModule {
  readonly module: WasmModule;
  /** Place of a variant; of a word that is undefined: {@link HandlerModule.undefinedPlace}. */
  placeOf(instruction: Instruction, selection: number): number;
  readonly undefinedPlace: number;
}

/** A handler's code: operands are read from the word in its entry. */
function handlerCode({ instruction, fields }: Variant, calls: Calls): A64Code {
  const [core, entry] = [0, 1].map((index) => new Code(2).parameter('i32', index)) as [I32, I32];
  const code = new A64Code(2, calls, {
    core,
    // Pure reads of what does not change while the handler runs.
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

/** Compiles `instructions`: some milliseconds. */
export function handlerModule(instructions: readonly Instruction[], memoryPages: number): HandlerModule {
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

  const places = new Map<Instruction, Map<number, number>>();
  const table: number[] = [];
  const add = (code: Code): number => {
    const index = builder.declare(HANDLER);
    builder.define(index, code.body);
    return table.push(index) - 1;
  };
  add(undefinedHandler(imported.undefined));
  add(helperHandler(calls, false));
  add(helperHandler(calls, true));
  for (const instruction of instructions) {
    const own = new Map<number, number>();
    places.set(instruction, own);
    if (instruction.meaning.kind === 'helper') own.set(0, instruction.fp ? HELPER_PLACES.fp : HELPER_PLACES.plain);
    else for (const variant of variantsOf(instruction)) own.set(variant.selection, add(handlerCode(variant, calls)));
  }
  builder.table(table);
  const run = builder.declare(functionType(1, 0));
  builder.define(run, runLoop(builder.type(HANDLER), imported).body);
  builder.export('run', run);

  return {
    module: compile(builder.bytes()),
    undefinedPlace: UNDEFINED_PLACE,
    placeOf(instruction, selection) {
      const place = places.get(instruction)?.get(selection);
      if (place === undefined) throw new RangeError(`${instruction.name} has no handler for selection ${selection}`);
      return place;
    },
  };
}

/** The interpreter's loop on a memory: `run(core)` executes until no instructions are left. */
export function startHandlers(module: WasmModule, memory: WasmMemory, imports: HandlerImports): (core: number) => void {
  const { run } = instantiate(module, { m: { memory, ...imports } }) as { run: (core: number) => void };
  return run;
}

function undefinedHandler(undefinedCall: number): Code {
  const code = new Code(2);
  code.result(code.call('i32', undefinedCall, [code.parameter('i32', 0)]));
  return code;
}

/** All helpers share it: the number of the helper is the entry's immediate. */
function helperHandler(calls: Calls, fp: boolean): Code {
  const parameters = new Code(2);
  const code = new A64Code(2, calls, { core: parameters.parameter('i32', 0), pc: i64(0), immediate: i64(0) });
  if (fp) code.checkFp();
  const helper = code.load('i32', code.parameter('i32', 1), DECODED_ENTRY.immediate);
  code.result(code.call('i32', calls.helper, [code.core, helper]));
  return code;
}

/** (core, condition) for a condition that is known only when it runs. */
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

function runLoop(handlerType: number, calls: Record<keyof HandlerImports, number>): Code {
  const code = new Code(1);
  const core = code.parameter('i32', 0);
  const pc = code.variable('i64');
  pc.set(code.load('i64', core, LAYOUT.pc));
  code.loop((again) => {
    const left = code.load('i32', core, LAYOUT.left);
    code.if(op.isZero(left), () => code.end());
    code.store(core, LAYOUT.left, op.sub(left, i32(1)));
    code.if(op.ne(op.and(pc.get, i64(PAGE_OF_CODE)), code.load('i64', core, LAYOUT.fetchPage)), () => {
      code.if(code.call('i32', calls.fetch, [core]), () => {
        pc.set(code.load('i64', core, LAYOUT.pc));
        again();
      });
    });
    const place = op.add(code.load('i32', core, LAYOUT.fetchHost), op.and(op.wrap(pc.get), i32(0xfff)));
    const word = code.load('i32', place, 0);
    const hash = op.shrU(op.mul(word, i32(DECODED_HASH)), i32(32 - Math.log2(DECODED_ENTRIES)));
    const entry = code.let(op.add(op.add(core, i32(LAYOUT.decoded)), op.mul(hash, i32(DECODED_ENTRY.bytes))));
    code.if(op.ne(code.load('i32', entry, DECODED_ENTRY.word), word), () => {
      code.call('i32', calls.decode, [core, entry, word]);
    });
    const moved = code.callIndirect('i32', handlerType, code.load('i32', entry, DECODED_ENTRY.handler), [core, entry]);
    code.if(
      moved,
      () => pc.set(code.load('i64', core, LAYOUT.pc)),
      () => {
        pc.set(op.add(pc.get, SIZE_OF_INSTRUCTION));
        code.store(core, LAYOUT.pc, pc.get);
      },
    );
  });
  return code;
}
