// SPDX-License-Identifier: GPL-2.0-only
/** Integer expressions as in C, unsigned with 64 bits, as dtc computes them. */

import type { Tokens } from './tokens.ts';

type Binary = (a: bigint, b: bigint) => bigint;

const truth = (value: boolean): bigint => (value ? 1n : 0n);

/** Binary operators by precedence, lowest first. */
const LEVELS: readonly Readonly<Record<string, Binary>>[] = [
  { '||': (a, b) => truth(a !== 0n || b !== 0n) },
  { '&&': (a, b) => truth(a !== 0n && b !== 0n) },
  { '|': (a, b) => a | b },
  { '^': (a, b) => a ^ b },
  { '&': (a, b) => a & b },
  { '==': (a, b) => truth(a === b), '!=': (a, b) => truth(a !== b) },
  {
    '<': (a, b) => truth(a < b),
    '>': (a, b) => truth(a > b),
    '<=': (a, b) => truth(a <= b),
    '>=': (a, b) => truth(a >= b),
  },
  { '<<': (a, b) => (b < 64n ? a << b : 0n), '>>': (a, b) => (b < 64n ? a >> b : 0n) },
  { '+': (a, b) => a + b, '-': (a, b) => a - b },
  { '*': (a, b) => a * b, '/': (a, b) => a / b, '%': (a, b) => a % b },
];

const UNARY: Readonly<Record<string, (a: bigint) => bigint>> = {
  '-': (a) => -a,
  '~': (a) => ~a,
  '!': (a) => truth(a === 0n),
};

/** Parses a number, or an expression in parentheses; null when neither is next. @throws DtsError */
export function integer(tokens: Tokens): bigint | null {
  const number = tokens.number();
  if (number !== null) return number;
  if (!tokens.accept('(')) return null;
  const value = conditional(tokens);
  tokens.expect(')', 'after an expression');
  return value;
}

function conditional(tokens: Tokens): bigint {
  const condition = level(tokens, 0);
  if (!tokens.accept('?')) return condition;
  const yes = conditional(tokens);
  tokens.expect(':', 'between the two values of a condition');
  const no = conditional(tokens);
  return condition === 0n ? no : yes;
}

function level(tokens: Tokens, index: number): bigint {
  const operators = LEVELS[index];
  if (operators === undefined) return unary(tokens);
  let value = level(tokens, index + 1);
  for (;;) {
    const { place } = tokens;
    const operator = tokens.operator();
    const apply = operator === null ? undefined : operators[operator];
    if (apply === undefined) {
      tokens.returnTo(place);
      return value;
    }
    const right = level(tokens, index + 1);
    if (right === 0n && (operator === '/' || operator === '%')) throw tokens.error('division by zero', place);
    value = BigInt.asUintN(64, apply(value, right));
  }
}

function unary(tokens: Tokens): bigint {
  const { place } = tokens;
  const apply = UNARY[tokens.operator() ?? ''];
  if (apply !== undefined) return BigInt.asUintN(64, apply(unary(tokens)));
  tokens.returnTo(place);
  const value = integer(tokens);
  if (value === null) throw tokens.error(`expected a number, found ${tokens.found()}`);
  return value;
}
