// SPDX-License-Identifier: GPL-2.0-only
/**
 * Maintenance shell of the kernel, on the console whenever no process has it. It runs inside gates,
 * one command at a time, and never waits: without typed input, the gate ends.
 *
 *     UART ─interrupt─► console input ─► serve() ─► line editor ─► command table ─► console
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { BEL } from '#common/ascii.ts';
import type { ConsoleInput } from '#kernel-ts/kernel/interrupts/console-input.ts';
import type { KernelContext } from '#kernel-ts/kernel/context.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import type { PowerSwitch } from '#kernel-ts/kernel/power.ts';
import type { UserSpace } from '#kernel-ts/kernel/user-space.ts';
import { CommandError, type ShellContext } from './command.ts';
import { COMMANDS } from './commands.ts';
import { LINE_EDITOR_BYTES, LineEditor } from './line-editor.ts';

/** The prompt. */
export const PROMPT = 'levitate> ';

/**
 * Size of the state: the line editor, then a u32 that is 1 while a prompt is on the console's last
 * line.
 */
const STATE_BYTES = LINE_EDITOR_BYTES + 4;

/** @throws KernelPanic when the heap has no room for the shell's state */
export function openShell(
  context: KernelContext,
  power: PowerSwitch,
  input: ConsoleInput,
  userSpace: UserSpace,
): Shell {
  const state = context.memory.heap.alloc(STATE_BYTES);
  if (state === null) {
    throw new KernelPanic('No memory for the maintenance shell', `the heap has no block of ${STATE_BYTES} bytes`);
  }
  context.ports.memory.fill(state, STATE_BYTES, 0);
  return new Shell(context, power, input, userSpace, state);
}

export class Shell {
  private readonly input: ConsoleInput;
  private readonly editor: LineEditor;
  private readonly promptedAt: VirtAddr;
  private readonly context: ShellContext;
  /** True when the machine is about to power off: no more input is read. */
  private leaving = false;

  constructor(context: KernelContext, power: PowerSwitch, input: ConsoleInput, userSpace: UserSpace, state: VirtAddr) {
    this.input = input;
    const { ports, log } = context;
    this.editor = new LineEditor(ports.memory, state, (bytes) => {
      for (const byte of bytes) log.console.writeByte(byte);
    });
    this.promptedAt = virtAddr(state + BigInt(LINE_EDITOR_BYTES));
    this.context = {
      ...context,
      power: (action) => {
        this.leaving = power(action);
        return this.leaving;
      },
      userSpace,
      print: (line) => log.console.write(`${line}\n`),
    };
  }

  /**
   * Executes typed lines until none is left, a process has the console, or the machine powers off.
   */
  serve(): void {
    for (;;) {
      this.prompt();
      const byte = this.leaving ? null : this.input.read();
      if (byte === null) return;
      const typed = this.editor.type(byte);
      if (typed.kind === 'more') continue;
      if (typed.kind === 'tab') {
        this.complete(typed.before);
        continue;
      }
      this.prompted = false;
      if (typed.kind === 'line') this.run(typed.text.trim());
      if (this.context.userSpace.hasConsole) return;
    }
  }

  /**
   * Completes the word before the cursor as far as it is unambiguous, or lists the possibilities.
   */
  private complete(before: string): void {
    const words = before.trimStart().split(/\s+/);
    const [word = ''] = words.slice(-1);
    const command = COMMANDS.find(({ name }) => name === words[0]);
    const all =
      words.length === 1
        ? COMMANDS.map(({ name }) => name)
        : words.length === 2
          ? (command?.complete?.(this.context) ?? [])
          : [];
    const found = all.filter((name) => name.startsWith(word));
    const [only = '', ...others] = found;
    const rest = others.reduce(commonStart, only).slice(word.length);
    const { console } = this.context.log;
    if (only !== '' && others.length === 0) this.editor.insert(`${rest} `);
    else if (rest !== '') this.editor.insert(rest);
    else if (found.length === 0) console.writeByte(BEL);
    else {
      console.write(`\n${found.join('  ')}\n${PROMPT}`);
      this.editor.show();
    }
  }

  private prompt(): void {
    if (this.prompted || this.leaving) return;
    this.prompted = true;
    this.context.log.console.write(PROMPT);
  }

  private run(line: string): void {
    if (line === '') return;
    const end = line.search(/\s/);
    const name = end < 0 ? line : line.slice(0, end);
    const { context } = this;
    const command = COMMANDS.find((candidate) => candidate.name === name);
    if (command === undefined) {
      context.print(`${name}: no such command; "help" lists them`);
      return;
    }
    try {
      command.run(context, line.slice(name.length).trim());
    } catch (error) {
      if (!(error instanceof CommandError)) throw error;
      context.print(`${name}: ${error.message}`);
      context.print(`usage: ${name} ${command.parameters}`.trimEnd());
    }
  }

  private get prompted(): boolean {
    return this.context.ports.memory.read32(this.promptedAt) !== 0;
  }

  private set prompted(value: boolean) {
    this.context.ports.memory.write32(this.promptedAt, value ? 1 : 0);
  }
}

function commonStart(one: string, other: string): string {
  let length = 0;
  while (length < one.length && one[length] === other[length]) length++;
  return one.slice(0, length);
}
