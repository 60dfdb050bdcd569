// SPDX-License-Identifier: GPL-2.0-only
/**
 * Finds the imports of a TypeScript file, type imports included, and its code without comments and
 * strings.
 *
 * Not a parser: it splits the text into code, comments, string literals, templates and regular
 * expressions, exactly as far as that takes to know which is which, and then looks for the few
 * forms in which a module names another. A bundler's list would lack the type imports.
 *
 * ```
 *   import { a } from './b.ts'; // note      text
 *   import { a } from '      ';              code: same length, same lines, contents blanked
 * ```
 */

/** One place where a file names another module. */
export interface ImportSite {
  readonly specifier: string;
  /** Counted from 1. */
  readonly line: number;
}

/** The parts of a file that the rules check. */
export interface ScannedSource {
  readonly imports: readonly ImportSite[];
  /**
   * The text with comments and the contents of strings, templates and regular expressions as
   * spaces; line breaks stay.
   */
  readonly code: string;
}

/** Words after which a slash begins a regular expression, not a division. */
const BEFORE_REGEX = new Set('return typeof case in of do else void throw new await yield delete'.split(' '));

/** Line of `offset` in `text`, counted from 1. */
export function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

/** `text` with everything that is not code blanked; linear in its length. */
export function blankNonCode(text: string): string {
  let out = '';
  let at = 0;
  // One entry for each open `${`: the number of braces open inside it.
  const templates: number[] = [];
  const copyTemplate = (start: number): number => {
    // From after a backtick or a closing brace to the end of this literal part.
    let end = start;
    while (end < text.length) {
      if (text[end] === '\\') {
        end += 2;
      } else if (text[end] === '`') {
        out += `${blank(text.slice(start, end))}\``;
        return end + 1;
      } else if (text[end] === '$' && text[end + 1] === '{') {
        out += `${blank(text.slice(start, end))}\${`;
        templates.push(0);
        return end + 2;
      } else {
        end++;
      }
    }
    out += blank(text.slice(start));
    return text.length;
  };
  while (at < text.length) {
    const char = text[at] as string;
    const next = text[at + 1];
    if (char === '/' && (next === '/' || next === '*')) {
      const close = next === '/' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2);
      const end = close === -1 ? text.length : next === '/' ? close : close + 2;
      out += blank(text.slice(at, end));
      at = end;
    } else if (char === "'" || char === '"') {
      const end = endOfLiteral(text, at, char);
      out += keepEnds(text.slice(at, end));
      at = end;
    } else if (char === '`') {
      out += char;
      at = copyTemplate(at + 1);
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop();
      out += char;
      at = copyTemplate(at + 1);
    } else if (char === '/' && beginsRegex(out)) {
      const end = endOfRegex(text, at);
      out += keepEnds(text.slice(at, end));
      at = end;
    } else {
      const open = templates.length - 1;
      if (open >= 0 && (char === '{' || char === '}')) {
        templates[open] = (templates[open] ?? 0) + (char === '{' ? 1 : -1);
      }
      out += char;
      at++;
    }
  }
  return out;
}

function blank(part: string): string {
  return part.replace(/[^\n]/g, ' ');
}

/**
 * A literal with its contents blanked; the last character may be missing or a line break where the
 * literal is not closed.
 */
function keepEnds(literal: string): string {
  return literal.length < 2 ? literal : `${literal[0]}${blank(literal.slice(1, -1))}${literal.at(-1)}`;
}

function endOfLiteral(text: string, start: number, quote: string): number {
  let at = start + 1;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

function endOfRegex(text: string, start: number): number {
  let at = start + 1;
  let inClass = false;
  while (at < text.length && text[at] !== '\n' && (inClass || text[at] !== '/')) {
    if (text[at] === '[') {
      inClass = true;
    } else if (text[at] === ']') {
      inClass = false;
    }
    at += text[at] === '\\' ? 2 : 1;
  }
  return Math.min(at + 1, text.length);
}

/**
 * True when a slash after the code `before` begins a regular expression: no operand can precede
 * one.
 */
function beginsRegex(before: string): boolean {
  const tail = before.slice(-64).trimEnd();
  const word = /[\w$]+$/.exec(tail)?.[0];
  if (word !== undefined) return BEFORE_REGEX.has(word);
  return tail === '' || !/[)\]}'"`/]$/.test(tail);
}

/**
 * `import … from`, `export … from`, `import '…'`, `import('…')` (also as a type), `require('…')`,
 * `import.meta.resolve('…')`. Between the keyword and `from` stand names, braces, commas and stars
 * only. A private member (`#require`) loads nothing.
 */
const IMPORT_FORMS = [
  /\b(?:import|export)\b[\w$\s{},*]*?\bfrom\s*(['"])/g,
  /\bimport\s*(['"])/g,
  /(?<![\w$#])(?:import|require|import\.meta\.resolve)\s*\(\s*(['"`])/g,
];
/**
 * A call of `import` or `require` whose argument is no plain string: what it loads cannot be
 * checked.
 */
const COMPUTED_IMPORT = /(?<![\w$#])(?:import|require)\s*\(\s*(?!\s|['"`])/g;

/** Specifier reported for a dynamic import whose module is computed; no general rule allows it. */
const COMPUTED_SPECIFIER = '(computed)';

/** Scans one file. Linear in its length. Triple-slash references count as imports. */
export function scanSource(text: string): ScannedSource {
  const code = blankNonCode(text);
  const found = new Map<number, string>();
  for (const form of IMPORT_FORMS) {
    for (const match of code.matchAll(form)) {
      const open = match.index + match[0].length;
      const close = code.indexOf(match[1] as string, open);
      found.set(open, text.slice(open, close));
    }
  }
  for (const match of code.matchAll(COMPUTED_IMPORT)) found.set(match.index, COMPUTED_SPECIFIER);
  for (const match of text.matchAll(/^\/\/\/\s*<reference\s+(?:path|types|lib)\s*=\s*["']([^"']+)["']/gm)) {
    found.set(match.index, match[1] as string);
  }
  const imports = [...found]
    .sort(([a], [b]) => a - b)
    .map(([offset, specifier]) => ({ specifier, line: lineAt(text, offset) }));
  return { imports, code };
}
