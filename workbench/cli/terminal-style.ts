// SPDX-License-Identifier: GPL-2.0-only
/** Text on terminals: colours by the SGR sequences of ECMA-48, 8.3.117, and width. */

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

/** `text` in a style, or unchanged without colours. */
export type Paint = (style: Style, text: string) => string;

export const PLAIN: Paint = (_style, text) => text;

export const COLOURED: Paint = (style, text) => {
  const [begin, end] = STYLES[style];
  return `\u001b[${begin}m${text}\u001b[${end}m`;
};

/** The properties of a stream that decide about colour and width. */
interface Shown {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Variables of the environment. */
type Environment = Readonly<Record<string, string | undefined>>;

/** Colours where {@link showsColour} says so. */
export function paintFor(stream: Shown, environment: Environment): Paint {
  return showsColour(stream, environment) ? COLOURED : PLAIN;
}

/**
 * Colour only for a terminal, and not when NO_COLOR is set to anything (no-color.org) or the
 * terminal is a dumb one.
 */
function showsColour({ isTTY }: Shown, { NO_COLOR: noColour = '', TERM: terminal }: Environment): boolean {
  return isTTY === true && noColour === '' && terminal !== 'dumb';
}

/** Abilities of the reader's terminal. */
export interface TerminalStyle {
  readonly colour: boolean;
  /** Columns. */
  readonly width: number;
}

/** Columns of an unknown terminal. */
const USUAL_WIDTH = 100;

/** The style for a stream. */
export function styleOf(stream: Shown, environment: Environment): TerminalStyle {
  const width = stream.isTTY === true ? (stream.columns ?? USUAL_WIDTH) : USUAL_WIDTH;
  return { colour: showsColour(stream, environment), width };
}

/**
 * `text` on a background of the 256-colour palette, in black or white, whichever is readable;
 * unchanged without colour.
 */
export function onColour({ colour }: TerminalStyle, background: number, text: string): string {
  if (!colour) return text;
  const foreground = DARK.has(background) ? 231 : 16;
  return `\u001b[48;5;${background};38;5;${foreground}m${text}\u001b[0m`;
}

/** `text` emphasised. */
export function bold({ colour }: TerminalStyle, text: string): string {
  return colour ? COLOURED('bold', text) : text;
}

/** Palette entries on which black is not readable. */
const DARK: ReadonlySet<number> = new Set([22, 25, 52, 54, 88, 125, 236]);
