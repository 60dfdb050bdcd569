// SPDX-License-Identifier: GPL-2.0-only
/**
 * WebAssembly side of one machine: the memory that holds guest RAM and the cores' blocks, and the
 * interpreter that runs on it.
 *
 *     0 ─ cores' blocks, upwards ─►        ◄─ free ─►        guest memory, in the order in which it is touched ─► 4 GiB
 *
 * The memory has its full size from the start, so its views are never detached. The host commits
 * only touched pages.
 */

import { CORE_BYTES, LAYOUT } from './layout.ts';
import {
  addFpHandlers,
  generateHandlers,
  type HandlerCode,
  type HandlerModule,
  handlerModule,
  type HandlerImports,
  type Interpreter,
  startHandlers,
} from './handlers.ts';
import { Decoder, selectionOf } from './decode/decoder.ts';
import type { Helper, Instruction } from './decode/instruction.ts';
import { INSTRUCTIONS } from './instructions/all.ts';
import { GuestMemoryFull } from './guest-memory-full.ts';
import { type A64Statistics, type HostClock, Stopwatch } from './statistics.ts';
import { Translations } from './translate/translations.ts';
import { createMemory, WASM_PAGE, type WasmMemory } from './wasm/host.ts';

/** Pages that 32-bit addresses reach. */
const MEMORY_PAGES = 65536;
/** Most cores whose blocks fit. */
const MOST_CORES = 8;
const GUEST_START = MOST_CORES * CORE_BYTES;

/** Functions of a core that the interpreter calls. Each returns 1 when it has set PC. */
export type RunningCore = {
  readonly [K in keyof HandlerImports]: HandlerImports[K] extends (core: number, ...rest: infer R) => number
    ? (...rest: R) => number
    : never;
};

let shared: HandlerModule | null = null;
export const generatedHandlers = (): HandlerCode => generateHandlers(INSTRUCTIONS, MEMORY_PAGES);
/**
 * Handlers, compiled once: they are the same for every machine.
 * @param prepared what {@link generatedHandlers} would give, or null
 */
export const handlers = (prepared: () => HandlerCode | null = () => null): HandlerModule =>
  (shared ??= handlerModule(INSTRUCTIONS, prepared() ?? generatedHandlers()));

let decoder: Decoder | null = null;
export const instructionDecoder = (): Decoder => (decoder ??= new Decoder(INSTRUCTIONS));

export class Runtime {
  readonly memory: WasmMemory;
  readonly translations: Translations;
  private readonly cores: RunningCore[] = [];
  private readonly interpreter: Interpreter;
  private readonly helpers: Helper[] = [];
  private readonly helperOf = new Map<number, number>();
  /** Core that ran last. */
  lastRun: object | null = null;
  private free = GUEST_START;
  private executed = 0;

  private hasFp = false;
  private readonly addFp: () => void;
  private readonly stopwatch: Stopwatch | null;
  private readonly execute: (address: number) => void;

  /**
   * @param now measures times for {@link Runtime.statistics}
   * @param prepared as in {@link handlers}
   */
  constructor(now: HostClock | null = null, prepared?: () => HandlerCode | null) {
    this.stopwatch = now === null ? null : new Stopwatch(now);
    this.memory = createMemory(MEMORY_PAGES);
    const of = (address: number): RunningCore => this.cores[address / CORE_BYTES] as RunningCore;
    const helper = (core: number, number: number): number => of(core).helper(number);
    const imports: HandlerImports = {
      load: (core, low, high, how) => of(core).load(low, high, how),
      store: (core, low, high, how) => of(core).store(low, high, how),
      update: (core, low, high, how) => of(core).update(low, high, how),
      helper,
      fpTrap: (core) => of(core).fpTrap(),
      stackMisaligned: (core) => of(core).stackMisaligned(),
      misaligned: (core, low, high, write) => of(core).misaligned(low, high, write),
      undefined: (core) => of(core).undefined(),
      decode: (core, entry, word) => of(core).decode(entry, word),
      fetch: (core) => of(core).fetch(),
      enter: (core, entry, place) => of(core).enter(entry, place),
      hot: (core, entry, place) => of(core).hot(entry, place),
    };
    const timed = this.timed(imports);
    this.interpreter = startHandlers(handlers(prepared).module, this.memory, timed);
    this.addFp = () => addFpHandlers(handlers().fpModule(), this.memory, timed, this.interpreter);
    const run = (address: number): void => this.interpreter.run(address);
    this.execute = this.stopwatch?.timed('running', run) ?? run;
    this.translations = new Translations({
      memory: this.memory,
      memoryPages: MEMORY_PAGES,
      table: this.interpreter.table,
      helper: (core, number) => timed.helper(core, number),
      decode: (word, has) => instructionDecoder().decode(word, has),
      helperNumber: (word) => this.helperNumber(word),
    });
  }

  /**
   * Adds a core and returns the address of its block. @throws RangeError when there are too many
   */
  addCore(make: (address: number) => RunningCore): number {
    if (this.cores.length === MOST_CORES) throw new RangeError(`more than ${MOST_CORES} cores`);
    const address = this.cores.length * CORE_BYTES;
    this.cores.push(make(address));
    return address;
  }

  /** Runs the core at `address` until it has no instructions left. */
  run(address: number): void {
    this.execute(address);
  }

  /** Notes that a core has executed `count` instructions. */
  didExecute(count: number): void {
    this.executed += count;
  }

  private timed(imports: HandlerImports): HandlerImports {
    const { stopwatch } = this;
    if (stopwatch === null) return imports;
    const watched = Object.entries(imports).map(([name, call]: [string, (...args: number[]) => number]) => [
      name,
      stopwatch.timed(name === 'hot' ? 'compiling' : 'outside', call),
    ]);
    return Object.fromEntries(watched) as HandlerImports;
  }

  get statistics(): A64Statistics {
    const words = new BigUint64Array(this.memory.buffer);
    const interpreted = this.cores.reduce(
      (sum, _, index) => sum + Number(words[(index * CORE_BYTES + LAYOUT.interpreted) / 8]),
      0,
    );
    const times = this.stopwatch === null ? null : { ...this.stopwatch.times };
    return { executed: this.executed, interpreted, translations: { ...this.translations.made }, times };
  }

  /** Table place of the handler of a word of `instruction`; null: of an undefined word. */
  handlerOf(instruction: Instruction | null, word: number): number {
    if (instruction === null) return handlers().undefinedPlace;
    if (instruction.fp && !this.hasFp) {
      this.hasFp = true;
      this.addFp();
    }
    return handlers().placeOf(instruction, selectionOf(instruction, word));
  }

  /** Number by which code calls the helper of `word`. */
  helperNumber(word: number): number {
    let number = this.helperOf.get(word);
    if (number === undefined) {
      number = this.helpers.push(instructionDecoder().helperOf(word)) - 1;
      this.helperOf.set(word, number);
    }
    return number;
  }

  helper(number: number): Helper {
    return this.helpers[number] as Helper;
  }

  /** Blocks of as many cores as fit. */
  get blocks(): Uint8Array {
    return new Uint8Array(this.memory.buffer, 0, GUEST_START);
  }

  /** Zeroed memory that code can be executed from. @throws GuestMemoryFull */
  allocate(bytes: number): Uint8Array<ArrayBuffer> {
    const start = this.free;
    const end = start + Math.ceil(bytes / WASM_PAGE) * WASM_PAGE;
    if (end > MEMORY_PAGES * WASM_PAGE) throw new GuestMemoryFull(end - GUEST_START);
    this.free = end;
    return new Uint8Array(this.memory.buffer, start, bytes);
  }
}
