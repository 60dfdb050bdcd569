/** How text is shown: with colour or without, and how wide. */

/** What the reader's terminal can do. */
export interface Style {
  readonly colour: boolean;
  /** Columns. */
  readonly width: number;
}

/** Columns where nobody says. */
const USUAL_WIDTH = 100;
const ESCAPE = '\u001b[';

/**
 * The style for a stream: colour for terminals, unless NO_COLOR is set to anything (no-color.org).
 */
export function styleOf(
  stream: { readonly isTTY?: boolean | undefined; readonly columns?: number | undefined },
  environment: Readonly<Record<string, string | undefined>>,
): Style {
  const isTerminal = stream.isTTY === true;
  const colour = isTerminal && (environment['NO_COLOR'] ?? '') === '' && environment['TERM'] !== 'dumb';
  return { colour, width: isTerminal ? (stream.columns ?? USUAL_WIDTH) : USUAL_WIDTH };
}

/**
 * `text` on a background of the 256-colour palette, in black or white, whichever can be read;
 * unchanged without colour.
 */
export function onColour(style: Style, background: number, text: string): string {
  if (!style.colour) return text;
  const foreground = DARK.has(background) ? 231 : 16;
  return `${ESCAPE}48;5;${background};38;5;${foreground}m${text}${ESCAPE}0m`;
}

/** `text` emphasised. */
export function bold(style: Style, text: string): string {
  return style.colour ? `${ESCAPE}1m${text}${ESCAPE}0m` : text;
}

/** Palette entries on which black cannot be read. */
const DARK: ReadonlySet<number> = new Set([22, 25, 52, 54, 88, 125, 236]);
