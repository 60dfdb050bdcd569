// SPDX-License-Identifier: GPL-2.0-only
/**
 * The width of comments: prose ends at column 100, drawings and tables at 120.
 *
 * A drawing is indented below its comment mark, has gaps of three spaces or more, or begins with
 * a bar or a box character.
 */

/** Most characters in a line of prose, indentation included. */
const PROSE_WIDTH = 100;
/** Most characters in a line of a drawing: the formatter's line width. */
const DRAWING_WIDTH = 120;

const COMMENT_LINE = /^\s*(?:\/\*\*?|\*|\/\/)(.*)$/;
const DRAWING = /\S\s{3,}\S|^(?:\s{2,}|\s*[|+─-╿])/;

/** Line numbers, from 1, of comments in `text` that are too wide, with their limits. */
export function wideComments(text: string): { readonly line: number; readonly limit: number }[] {
  return text.split('\n').flatMap((content, index) => {
    const comment = COMMENT_LINE.exec(content)?.[1];
    if (comment === undefined) return [];
    const limit = DRAWING.test(comment) ? DRAWING_WIDTH : PROSE_WIDTH;
    return content.length > limit ? [{ line: index + 1, limit }] : [];
  });
}
