// SPDX-License-Identifier: GPL-2.0-only
/**
 * Standard output in large pieces, no faster than its reader. A command that shows a million lines
 * keeps few of them in memory, and ends soon after `head` has gone (the launcher ends the process
 * when the pipe breaks).
 */

import type { Writable } from 'node:stream';

const PIECE_CHARACTERS = 64 * 1024;

export class Output {
  private readonly stream: Writable;
  private gathered: string[] = [];
  private characters = 0;

  constructor(stream: Writable) {
    this.stream = stream;
  }

  write(text: string): void {
    this.gathered.push(text);
    this.characters += text.length;
  }

  /** True when it is time to flush. */
  get isFull(): boolean {
    return this.characters >= PIECE_CHARACTERS;
  }

  /** Resolves when the reader has taken all of it. */
  flush(): Promise<void> {
    const text = this.gathered.join('');
    this.gathered = [];
    this.characters = 0;
    if (text === '') return Promise.resolve();
    return new Promise((resolve) => {
      this.stream.write(text, () => resolve());
    });
  }
}
