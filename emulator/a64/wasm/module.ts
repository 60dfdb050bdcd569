// SPDX-License-Identifier: GPL-2.0-only
/**
 * Builder of a WebAssembly module: types, imports, functions, one table of functions, exports.
 * Knows nothing of A64.
 *
 * Specification: WebAssembly Core Specification 2.0, 5.5 (modules).
 */

import { CONTROL, name, signed, TYPE_CODE, unsigned, type ValueType, vector } from './binary.ts';

/** Section numbers. */
const SECTION = { type: 1, import: 2, function: 3, table: 4, export: 7, element: 9, code: 10 } as const;
const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
const FUNCTION_TYPE = 0x60;
const FUNCREF = 0x70;
const I32_CONST = 0x41;
const KIND = { function: 0, table: 1, memory: 2 } as const;

export interface FunctionType {
  readonly parameters: readonly ValueType[];
  readonly results: readonly ValueType[];
}

/** Instructions of a function without its final `end`, and its locals after the parameters. */
export interface FunctionBody {
  readonly locals: readonly ValueType[];
  /** Pieces of the code, in order. */
  readonly code: readonly Uint8Array[];
}

export class ModuleBuilder {
  private readonly types: string[] = [];
  private readonly typeBytes: number[][] = [];
  private readonly imports: number[][] = [];
  private importedFunctions = 0;
  private readonly functions: { readonly type: number; encoded: Uint8Array | null }[] = [];
  private readonly exports: number[][] = [];
  private elements: readonly number[] = [];
  /** Size of the module's own table. */
  private tableSize = 0;
  /** First place of the elements in an imported table; null: the module has its own table. */
  private elementsAt: number | null = null;

  /** Index of a function type. */
  type({ parameters, results }: FunctionType): number {
    const key = `${parameters.join()}:${results.join()}`;
    const known = this.types.indexOf(key);
    if (known >= 0) return known;
    const codes = (types: readonly ValueType[]) => vector(types.map((type) => [TYPE_CODE[type]]));
    this.typeBytes.push([FUNCTION_TYPE, ...codes(parameters), ...codes(results)]);
    return this.types.push(key) - 1;
  }

  /** Imports the one memory, "m" of `module`: `pages` of 64 KiB, which never grow. */
  importMemory(module: string, field: string, pages: number): void {
    this.imports.push([...name(module), ...name(field), KIND.memory, 1, ...unsigned(pages), ...unsigned(pages)]);
  }

  /**
   * Imports a function and returns its index. Must precede the first function of the module itself.
   */
  importFunction(module: string, field: string, type: FunctionType): number {
    this.imports.push([...name(module), ...name(field), KIND.function, ...unsigned(this.type(type))]);
    return this.importedFunctions++;
  }

  /** Index of a function whose body {@link ModuleBuilder.define} gives later. */
  declare(type: FunctionType): number {
    return this.importedFunctions + this.functions.push({ type: this.type(type), encoded: null }) - 1;
  }

  define(index: number, body: FunctionBody): void {
    const declared = this.functions[index - this.importedFunctions];
    if (declared === undefined) throw new RangeError(`function ${index} was not declared`);
    declared.encoded = encodedFunction(body);
  }

  export(field: string, index: number): void {
    this.exports.push([...name(field), KIND.function, ...unsigned(index)]);
  }

  /** Exports a growable table with these functions. The rest of its `size` places are empty. */
  table(functions: readonly number[], field: string, size = functions.length): void {
    this.elements = functions;
    this.tableSize = size;
    this.exports.push([...name(field), KIND.table, 0]);
  }

  /** Puts `functions` into an imported table, from place `start` on. */
  importTable(module: string, field: string, functions: readonly number[], start: number): void {
    this.elements = functions;
    this.elementsAt = start;
    this.imports.push([...name(module), ...name(field), KIND.table, FUNCREF, 0, 0]);
  }

  /** Bytes of the module. @throws RangeError when a declared function has no body */
  bytes(): Uint8Array<ArrayBuffer> {
    const bodies = this.functions.map(({ encoded }, index) => {
      if (encoded === null) throw new RangeError(`function ${index + this.importedFunctions} has no body`);
      return encoded;
    });
    const elements = this.elements.map((index) => unsigned(index));
    const hasElements = this.elements.length > 0;
    const hasTable = hasElements && this.elementsAt === null;
    const start = [I32_CONST, ...signed(this.elementsAt ?? 0), CONTROL.end];
    return joined([
      MAGIC,
      ...section(SECTION.type, [vector(this.typeBytes)]),
      ...section(SECTION.import, [vector(this.imports)]),
      ...section(SECTION.function, [vector(this.functions.map(({ type }) => unsigned(type)))]),
      ...(hasTable ? section(SECTION.table, [[1, FUNCREF, 0, ...unsigned(this.tableSize)]]) : []),
      ...section(SECTION.export, [vector(this.exports)]),
      ...(hasElements ? section(SECTION.element, [[1, 0, ...start, ...vector(elements)]]) : []),
      ...section(SECTION.code, [unsigned(this.functions.length), ...bodies]),
    ]);
  }
}

type Pieces = readonly ArrayLike<number>[];

/** Declaration of locals; neighbours of one type are declared as a group. */
function localsOf(types: readonly ValueType[]): number[] {
  const groups: { readonly type: ValueType; count: number }[] = [];
  for (const type of types) {
    const last = groups.at(-1);
    if (last?.type === type) last.count++;
    else groups.push({ type, count: 1 });
  }
  return vector(groups.map(({ type, count }) => [...unsigned(count), TYPE_CODE[type]]));
}

const lengthOf = (pieces: Pieces): number => pieces.reduce((sum, { length }) => sum + length, 0);

function section(id: number, content: Pieces): Pieces {
  return [[id], unsigned(lengthOf(content)), ...content];
}

/**
 * A function as the code section has it. In bytes at once, an eighth of what its numbers take: a
 * collector that runs while a module is made would copy all functions made so far.
 */
function encodedFunction({ locals, code }: FunctionBody): Uint8Array {
  const types = localsOf(locals);
  return joined([unsigned(types.length + lengthOf(code) + 1), types, ...code, [CONTROL.end]]);
}

/** Each piece is copied only once: a module has hundreds of kilobytes. */
function joined(pieces: Pieces): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}
