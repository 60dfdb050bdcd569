/** Colours for terminals, by the SGR sequences of ECMA-48, 8.3.117. */

/** Number that begins a style, number that ends it. */
const STYLES = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
} as const;

export type Style = keyof typeof STYLES;

/** `text` in a style, or as it is where nobody would see it. */
export type Paint = (style: Style, text: string) => string;

export const PLAIN: Paint = (_style, text) => text;

export const COLOURED: Paint = (style, text) => {
  const [begin, end] = STYLES[style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
};

/**
 * Colour only for a terminal, and not when NO_COLOR is set (no-color.org) or the terminal is a dumb
 * one.
 */
export function paintFor(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): Paint {
  const { NO_COLOR: noColour, TERM: terminal } = environment;
  const wanted = stream.isTTY === true && (noColour === undefined || noColour === '') && terminal !== 'dumb';
  return wanted ? COLOURED : PLAIN;
}
