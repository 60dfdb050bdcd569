// SPDX-License-Identifier: GPL-2.0-only
/**
 * The width of comments in TypeScript and assembly: prose ends at column 100, drawings and tables
 * at 120.
 *
 * A drawing is indented below its comment mark, has gaps of three spaces or more, or begins with
 * a bar or a box character.
 */

/** Most characters in a line of prose, indentation included. */
const PROSE_WIDTH = 100;
/** Most characters in a line of a drawing: the formatter's line width. */
const DRAWING_WIDTH = 120;

const COMMENT_LINE = /^\s*(?:\/\*\*?|\*|\/\/)(.*)$/;
/** In assembly a comment may follow code: the formatter knows no assembly. */
const ASSEMBLY_COMMENT = /(?:^\s*(?:\*|\/\/)|\/\*)(.*)$/;
const TAB_STOP = 8;
const DRAWING = /\S\s{3,}\S|^(?:\s{2,}|\s*[|+─-╿])/;

/** Line numbers, from 1, of comments in `text` that are too wide, with their limits. */
export function wideComments(text: string, isAssembly = false): { readonly line: number; readonly limit: number }[] {
  const pattern = isAssembly ? ASSEMBLY_COMMENT : COMMENT_LINE;
  return text.split('\n').flatMap((content, index) => {
    const comment = pattern.exec(content)?.[1];
    if (comment === undefined) return [];
    const limit = DRAWING.test(comment) ? DRAWING_WIDTH : PROSE_WIDTH;
    return columnsOf(content) > limit ? [{ line: index + 1, limit }] : [];
  });
}

function columnsOf(line: string): number {
  let columns = 0;
  for (const char of line) columns += char === '\t' ? TAB_STOP - (columns % TAB_STOP) : 1;
  return columns;
}
