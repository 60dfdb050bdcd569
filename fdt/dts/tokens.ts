// SPDX-License-Identifier: GPL-2.0-only
/**
 * Tokens of device tree source, with their places.
 *
 * Tokens depend on the context: a property's name may begin with a digit, and "ff" means one thing
 * inside "[ ]" and another outside. So the parser asks for the kind of token that it expects.
 *
 * Specification: Devicetree Specification v0.4, 6 and 2.2.4 (characters of names).
 */

/** Error in a source, with its place: line and column count from 1. */
export class DtsError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(message: string, line: number, column: number) {
    super(message);
    this.name = 'DtsError';
    this.line = line;
    this.column = column;
  }
}

const GAP = /(?:\s+|\/\/[^\n]*|\/\*[^]*?\*\/)+/y;
const LABEL = /([A-Za-z_][\w]*)\s*:/y;
const DIRECTIVE = /\/[a-z][\w-]*\//y;
const NAME = /[\w,.+*#?@-]+/y;
const REFERENCE = /&(?:\{([^}\s]*)\}|([A-Za-z_]\w*))/y;
const STRING = /"((?:[^"\\\n]|\\[^\n])*)"/y;
const NUMBER = /(?:0x[\da-f]+|\d+)(?:u|l|ul|ull)?(?![\w])/iy;
const CHARACTER = /'((?:[^'\\\n]|\\[^\n]+?))'/y;
const BYTES = /[\da-f]{2}/iy;
const OPERATOR = /<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%<>&^|~!?:()]/y;

export class Tokens {
  private readonly source: string;
  private at = 0;

  constructor(source: string) {
    this.source = source;
    this.skipGap();
  }

  /** Offset of the next token in the text. */
  get place(): number {
    return this.at;
  }

  get isAtEnd(): boolean {
    return this.at === this.source.length;
  }

  /** Consumes `text` if it is next. */
  accept(text: string): boolean {
    if (!this.source.startsWith(text, this.at)) return false;
    this.at += text.length;
    this.skipGap();
    return true;
  }

  /** Consumes `text`. @throws DtsError when it is not next */
  expect(text: string, where: string): void {
    if (!this.accept(text)) throw this.error(`expected "${text}" ${where}, found ${this.found()}`);
  }

  label = (): string | null => this.take(LABEL)?.[1] ?? null;
  directive = (): string | null => this.take(DIRECTIVE)?.[0] ?? null;
  name = (): string | null => this.take(NAME)?.[0] ?? null;
  operator = (): string | null => this.take(OPERATOR)?.[0] ?? null;
  /** Consumes two hexadecimal digits. */
  byte = (): number | null => numberOr(this.take(BYTES)?.[0], 16);

  /** Consumes `&label`, which gives its label, or `&{/path}`, which gives its path. */
  reference(): string | null {
    const match = this.take(REFERENCE);
    return match === null ? null : (match[1] ?? match[2] ?? null);
  }

  /** Consumes a string, with its escapes resolved: a character is a byte or a code point. */
  string(): string | null {
    const match = this.take(STRING);
    return match === null ? null : unescaped(match[1] ?? '');
  }

  /** Consumes a number, or a character literal. */
  number(): bigint | null {
    const text = this.take(NUMBER)?.[0].replace(/[ul]+$/i, '');
    if (text !== undefined) return BigInt(/^0\d/.test(text) ? `0o${text.slice(1)}` : text);
    const character = this.take(CHARACTER)?.[1];
    return character === undefined ? null : BigInt(unescaped(character).codePointAt(0) ?? 0);
  }

  /** Describes the text at the place, for messages. */
  found(): string {
    if (this.isAtEnd) return 'the end of the source';
    const [text = ''] = /\S\S{0,19}/.exec(this.source.slice(this.at)) ?? [];
    return `"${text}"`;
  }

  error(message: string, at = this.at): DtsError {
    const before = this.source.slice(0, at).split('\n');
    return new DtsError(message, before.length, (before.at(-1)?.length ?? 0) + 1);
  }

  /** Goes back to an earlier place. */
  returnTo(at: number): void {
    this.at = at;
  }

  private take(form: RegExp): RegExpExecArray | null {
    form.lastIndex = this.at;
    const match = form.exec(this.source);
    if (match === null) return null;
    this.at = form.lastIndex;
    this.skipGap();
    return match;
  }

  private skipGap(): void {
    GAP.lastIndex = this.at;
    if (GAP.test(this.source)) this.at = GAP.lastIndex;
    if (this.source.startsWith('/*', this.at)) throw this.error('this comment has no end');
  }
}

const numberOr = (text: string | undefined, base: number): number | null =>
  text === undefined ? null : Number.parseInt(text, base);

const ESCAPES: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  t: '\t',
  n: '\n',
  v: '\v',
  f: '\f',
  r: '\r',
};

function unescaped(text: string): string {
  return text.replace(/\\(x[\da-f]{1,2}|[0-7]{1,3}|[^])/gi, (_whole, code: string) => {
    if (/^x./i.test(code)) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    if (/^[0-7]/.test(code)) return String.fromCharCode(Number.parseInt(code, 8) & 0xff);
    return ESCAPES[code] ?? code;
  });
}
