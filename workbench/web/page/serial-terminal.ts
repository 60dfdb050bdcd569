// SPDX-License-Identifier: GPL-2.0-only
/**
 * The serial line as a terminal: what the guest sends is shown, what is typed goes to the guest.
 */

import { FitAddon } from '@xterm/addon-fit';
import { Terminal } from '@xterm/xterm';
import { byId } from '#workbench/report/page/dom.ts';

/**
 * DECSET 45, reverse wraparound: a backspace at the left edge goes to the end of the row before,
 * where the line was wrapped. A guest that edits a line does not know the terminal's width, and
 * moves only by backspaces.
 */
const REVERSE_WRAPAROUND = '\x1b[?45h';

/** CSS pixels. */
const NARROWEST = 120;

export class SerialTerminal {
  private readonly terminal: Terminal;

  /** @param onInput called with what is typed or pasted */
  constructor(onInput: (text: string) => void) {
    this.terminal = new Terminal({
      // The modelled kernel ends lines with a line feed alone.
      convertEol: true,
      fontSize: 12,
      fontFamily: 'ui-monospace, "SF Mono", Menlo, Consolas, monospace',
      scrollback: 20_000,
      screenReaderMode: true,
      theme: { background: '#14171a', foreground: '#e4e7ea' },
    });
    const fit = new FitAddon();
    this.terminal.loadAddon(fit);
    const place = byId('terminal');
    this.terminal.open(place);
    fit.fit();
    new ResizeObserver(() => {
      // A place without width, as during a new layout of the page, would cut the last line to two
      // columns.
      if (place.clientWidth >= NARROWEST) fit.fit();
    }).observe(place);
    this.terminal.write(REVERSE_WRAPAROUND);
    this.terminal.onData(onInput);
  }

  /** @param base64 bytes that the guest sent */
  write(base64: string): void {
    if (base64 !== '') this.terminal.write(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  }

  clear(): void {
    this.terminal.reset();
    this.terminal.write(REVERSE_WRAPAROUND);
  }
}
