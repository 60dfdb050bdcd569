// SPDX-License-Identifier: GPL-2.0-only
/**
 * Flags of a region against the Arm ARM's definition of NZCV, by functions that are made of them
 * and return all conditions as bits 0 to 15.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { A64Code, type Calls } from '#emulator/a64/a64-code.ts';
import { i32, type I32, i64, op, type Value } from '#emulator/a64/wasm/expressions.ts';
import { compile, createMemory, instantiate } from '#emulator/a64/wasm/host.ts';
import { ModuleBuilder } from '#emulator/a64/wasm/module.ts';
import { RegionFlags } from './region-flags.ts';

type Width = 32 | 64;
type Kind = 'compare' | 'add' | 'and';
const WIDTHS = [32, 64] as const;
const KINDS = ['compare', 'add', 'and'] as const;

const PAGES = 16;
const CORE = i32(0);
const memory = createMemory(PAGES);

/** A function of two numbers. */
type Made = (a: bigint, b: bigint) => number;

function made(build: (code: A64Code, flags: () => RegionFlags) => I32): Made {
  const code = new A64Code(2, {} as Calls, { core: CORE, pc: i64(0), immediate: i64(0) });
  const flags = (): RegionFlags =>
    new RegionFlags({
      kept: (type) => code.variable(type),
      load: (offset) => code.word(offset),
      store: (offset, value) => code.setWord(offset, value),
    });
  code.result(build(code, flags));
  const builder = new ModuleBuilder();
  builder.importMemory('m', 'memory', PAGES);
  const index = builder.declare({ parameters: ['i64', 'i64'], results: ['i32'] });
  builder.define(index, code.body);
  builder.export('made', index);
  return (instantiate(compile(builder.bytes()), { m: { memory } }) as { made: Made }).made;
}

/** All conditions as bits. */
const all = (code: A64Code, holds: (condition: number) => I32): I32 =>
  Array.from({ length: 16 }, (_, condition) => op.shl(code.let(holds(condition)), i32(condition))).reduce((a, b) =>
    op.or(a, b),
  );

/** Sets the flags as the instruction `kind` does. */
function setBy(flags: Pick<RegionFlags, 'set'>, code: A64Code, kind: Kind, width: Width): void {
  const [a, b] = [0, 1].map((index) => code.parameter('i64', index)) as [Value<'i64'>, Value<'i64'>];
  const set = <T extends 'i32' | 'i64'>(left: Value<T>, right: Value<T>): void => {
    const result = code.let({ compare: op.sub, add: op.add, and: op.and }[kind](left, right));
    if (kind === 'and') return flags.set(result, i32(0), null, null);
    const sameSign = kind === 'add' ? op.not(op.xor(left, right)) : op.xor(left, right);
    const overflow = op.and(sameSign, op.xor(left, result));
    const carry = kind === 'add' ? op.ltU(result, left) : op.geU(left, right);
    flags.set(result, carry, overflow, kind === 'compare' ? [left, right] : null);
  };
  if (width === 64) set(a, b);
  else set(op.wrap(a), op.wrap(b));
}

interface Nzcv {
  readonly n: boolean;
  readonly z: boolean;
  readonly c: boolean;
  readonly v: boolean;
}

/** Arm ARM, AddWithCarry() and the logical instructions. */
function nzcvOf(kind: Kind, width: Width, a: bigint, b: bigint): Nzcv {
  const unsigned = (value: bigint): bigint => BigInt.asUintN(width, value);
  const signed = (value: bigint): bigint => BigInt.asIntN(width, value);
  if (kind === 'and') return { n: signed(a & b) < 0n, z: unsigned(a & b) === 0n, c: false, v: false };
  const [other, carryIn] = kind === 'add' ? [b, 0n] : [~b, 1n];
  const unsignedSum = unsigned(a) + unsigned(other) + carryIn;
  const signedSum = signed(a) + signed(other) + carryIn;
  const result = unsigned(unsignedSum);
  return { n: signed(result) < 0n, z: result === 0n, c: result !== unsignedSum, v: signed(result) !== signedSum };
}

/** Arm ARM, ConditionHolds(). */
function conditionsOf({ n, z, c, v }: Nzcv): number {
  const pairs = [z, c, n, v, c && !z, n === v, n === v && !z];
  const bits = pairs.flatMap((holds) => [holds, !holds]);
  return [...bits, true, true].reduce((sum, holds, condition) => sum | (holds ? 1 << condition : 0), 0);
}

/** Paths from an instruction that sets the flags to one that reads them. */
const WAYS: Readonly<Record<string, (kind: Kind, width: Width) => Made>> = {
  'in the same region': (kind, width) =>
    made((code, flags) => {
      const own = flags();
      setBy(own, code, kind, width);
      return all(code, (condition) => own.holds(condition));
    }),
  'in another region': (kind, width) =>
    made((code, flags) => {
      const [own, other] = [flags(), flags()];
      setBy(own, code, kind, width);
      own.store();
      other.load();
      return all(code, (condition) => other.holds(condition));
    }),
  'in the interpreter': (kind, width) =>
    made((code, flags) => {
      const own = flags();
      setBy(own, code, kind, width);
      own.store();
      return all(code, (condition) => code.conditionHolds(condition));
    }),
  'from the interpreter': (kind, width) =>
    made((code, flags) => {
      setBy({ set: (...args) => code.setFlags(...args) }, code, kind, width);
      const own = flags();
      own.load();
      return all(code, (condition) => own.holds(condition));
    }),
};

/** Corner cases, random numbers, and equal ones. */
const number64 = fc.oneof(
  fc.constantFrom(0n, 1n, -1n, 1n << 63n, (1n << 63n) - 1n, 1n << 31n, (1n << 31n) - 1n, 1n << 32n, 0xffff_ffffn),
  fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
);
const operands = fc.oneof(
  fc.tuple(number64, number64),
  number64.map((value): [bigint, bigint] => [value, value]),
);

describe('flags of a region', () => {
  const cases = Object.keys(WAYS).flatMap((way) =>
    KINDS.flatMap((kind) => WIDTHS.map((width) => [kind, width, way] as const)),
  );
  it.each(cases)('are those of %s, %i bits, %s', (kind, width, way) => {
    const conditions = (WAYS[way] as (typeof WAYS)[string])(kind, width);
    fc.assert(
      fc.property(operands, ([a, b]) => {
        expect(conditions(a, b).toString(2)).toBe(conditionsOf(nzcvOf(kind, width, a, b)).toString(2));
      }),
      { numRuns: 200 },
    );
  });

  it('are the four bits of setNzcv, here and in memory', () => {
    const bits = (code: A64Code): I32 => code.let(op.wrap(code.parameter('i64', 0)));
    const here = made((code, flags) => {
      const own = flags();
      own.setNzcv(bits(code));
      return all(code, (condition) => own.holds(condition));
    });
    const inMemory = made((code, flags) => {
      const own = flags();
      own.setNzcv(bits(code));
      own.store();
      return all(code, (condition) => code.conditionHolds(condition));
    });
    for (let nzcv = 0; nzcv < 16; nzcv++) {
      const [n, z, c, v] = [8, 4, 2, 1].map((bit) => (nzcv & bit) !== 0) as [boolean, boolean, boolean, boolean];
      const expected = conditionsOf({ n, z, c, v });
      expect([here(BigInt(nzcv), 0n), inMemory(BigInt(nzcv), 0n)]).toEqual([expected, expected]);
    }
  });

  it('after two predecessors are those of the one that control came from', () => {
    const conditions = made((code, flags) => {
      const own = flags();
      code.if(
        op.wrap(op.and(code.parameter('i64', 0), i64(1))),
        () => setBy(own, code, 'add', 64),
        () => setBy(own, code, 'compare', 64),
      );
      own.begin();
      return all(code, (condition) => own.holds(condition));
    });
    fc.assert(
      fc.property(operands, ([a, b]) => {
        expect(conditions(a, b)).toBe(conditionsOf(nzcvOf((a & 1n) === 1n ? 'add' : 'compare', 64, a, b)));
      }),
    );
  });

  it.each([
    ['not used', () => i32(0), 0, 0],
    ['only read', (flags: RegionFlags) => flags.holds(0), 4, 0],
    ['only written', (flags: RegionFlags) => (flags.setNzcv(i32(0)), i32(0)), 4, 4],
  ])('that are %s are loaded and stored as far as they must be', (_, use, loads, stores) => {
    const calls = { load: 0, store: 0 };
    made((code) => {
      const flags = new RegionFlags({
        kept: (type) => code.variable(type),
        load(offset) {
          calls.load++;
          return code.word(offset);
        },
        store(offset, value) {
          calls.store++;
          code.setWord(offset, value);
        },
      });
      const result = code.let(use(flags));
      flags.store();
      flags.loadUsed();
      return result;
    });
    expect(calls).toEqual({ load: loads, store: stores });
  });
});
