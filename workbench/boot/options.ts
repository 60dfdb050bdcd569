// SPDX-License-Identifier: GPL-2.0-only
/**
 * The options of `npm run boot`: declared, checked, their files read. Options that define the
 * machine are in cli/machine-options.ts.
 */

import { resolve } from 'node:path';
import { EVENT_KINDS, traceableKinds } from '#workbench/machine/event-kinds.ts';
import type { CommandDefinition } from '#workbench/cli/command.ts';
import { MACHINE_OPTIONS, machineSettings } from '#workbench/cli/machine-options.ts';
import { flag, optionName, type OptionValues, text, titled, value } from '#workbench/cli/option-table.ts';
import { parseCount, parsePort, parseTime } from '#workbench/cli/quantities.ts';
import { readInputFile } from '#workbench/files/input-file.ts';
import { InputError } from '#workbench/input-error.ts';
import type { MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { STORY_TRACE } from '#workbench/report/story-builder.ts';
import type { RestoreOptions } from '#workbench/machine/restore-snapshot.ts';
import { isPage } from '#workbench/report/run-report.ts';
import type { SaveRequest } from './snapshot-saver.ts';

/** The request of one call of the command. */
export type BootRequest =
  | { readonly action: 'list-boards' }
  | { readonly action: 'dump-dtb'; readonly settings: MachineSettings; readonly file: string }
  | { readonly action: 'boot'; readonly machine: MachineSource; readonly run: RunOptions };

/** The machine's origin: built from settings, or restored from a snapshot. */
export type MachineSource =
  | { readonly kind: 'new'; readonly settings: MachineSettings }
  | { readonly kind: 'restored'; readonly snapshot: Uint8Array; readonly options: RestoreOptions };

export interface RunOptions {
  readonly serialFile: string | null;
  readonly logFile: string | null;
  readonly reportFile: string | null;
  /** Simulated. */
  readonly timeoutNs: number | null;
  readonly maxInstructions: number | null;
  readonly wallTimeoutNs: number | null;
  readonly quiet: boolean;
  readonly stats: boolean;
  /** TCP port on which to wait for a debugger; null: none. */
  readonly gdbPort: number | null;
  /** The machine waits until a debugger has connected. */
  readonly gdbWait: boolean;
  readonly save: SaveRequest | null;
}

/** Limit of a snapshot's size: the compressed memory of the largest board fits. */
const SNAPSHOT = { mostBytes: 8 * 2 ** 30, measure: 'any snapshot' };

/** The same default as QEMU's. */
const GDB_PORT = 1234;

const OPTIONS = {
  ...MACHINE_OPTIONS,
  ...titled('Run', {
    timeout: value('<time>', 'simulated time limit: 10s, 500ms', parseTime),
    maxInstructions: value('<n>', 'limit of executed instructions', parseCount),
    wallTimeout: value('<time>', 'limit of real time', parseTime),
    quiet: flag('no summary on stderr'),
    stats: flag('where the instructions and the time of the own core went, on stderr at the end'),
  }),
  ...titled('Files', {
    serial: text('<file>', 'copy of the raw serial bytes'),
    log: text('<file>', 'event log, JSON lines'),
    report: value('<file>', 'result: .json for machines, .html a page for people', parseReportName),
    dumpDtb: text('<file>', 'write the device tree that the kernel would get and stop'),
    save: text('<file>', 'write a snapshot of the whole machine, at the end of the run or --at a point of it'),
    at: text('<when>', 'when --save does: simulated time (1.5s), or a number of executed instructions'),
    restore: text('<file>', 'go on from a snapshot instead of building a machine'),
  }),
  ...titled('Debugger', {
    gdb: {
      ...value('[port]', `listen for gdb or lldb on 127.0.0.1, port ${GDB_PORT} where none is given`, parsePort),
      bare: String(GDB_PORT),
    },
    gdbWait: flag('with --gdb: stand still before the first instruction until the debugger says otherwise'),
  }),
  listBoards: flag('print the boards and stop'),
};

type BootOptions = OptionValues<typeof OPTIONS>;

export const BOOT = {
  name: 'boot',
  summary: 'Boots the modelled kernel on an emulated AArch64 board, from the reset vector to its steady state.',
  usage: '--board NAME [options]',
  options: OPTIONS,
  details: {
    'Event kinds for --trace': traceableKinds().map((kind) => `${kind.padEnd(10)} ${EVENT_KINDS[kind].meaning}`),
    Environment: [
      'LEVITATE_ENGINE   what --engine auto means: unicorn or wasm',
      "LEVITATE_UNICORN  the engine's library: its file; no other is looked for",
      'LEVITATE_CACHE    the folder for what is fetched once: the library, guests',
    ],
    'Input and output': [
      'The serial line goes to stdout, everything else to stderr. On a terminal what is typed goes to the guest,',
      'Ctrl-C too; Ctrl-] quits (exit status 3).',
    ],
  },
  examples: [
    ['npm run boot -- --board pixel6'],
    ['npm run boot -- --board qemu-virt --memory 3G --report boot.json'],
    ['npm run boot -- --board pixel6 --dtb my.dtb --fail-text "PANIC: All RAM"'],
    ['npm run boot -- --board pixel6 --gdb --gdb-wait'],
    ['npm run boot -- --board qemu-virt --bios u-boot.bin --expect-text "=> " --save prompt.snap'],
    ['npm run boot -- --restore prompt.snap'],
    ['npm run boot -- --board pixel6 --dump-dtb pixel6.dtb && dtc -I dtb -O dts pixel6.dtb'],
  ],
  statuses: {
    0: 'steady state, power off, or --expect-text seen',
    1: 'kernel panic, --fail-text seen, or a guest that cannot go on',
    2: 'usage, board or input error',
    3: 'a limit was hit first',
    130: 'interrupted with Ctrl-C',
  },
} as const satisfies Omit<CommandDefinition<typeof OPTIONS>, 'run'>;

/**
 * Options that are allowed with --restore. The machine comes from the snapshot, so options that
 * define a machine are refused.
 */
const WITH_RESTORE: ReadonlySet<string> = new Set(
  'restore save at trace expectText failText serial log report timeout maxInstructions wallTimeout quiet stats gdb gdbWait'.split(
    ' ',
  ),
);

/**
 * @throws InputError for everything that a user can mend: the message names the option, the value
 * and the fix
 */
export function bootRequest(options: BootOptions): BootRequest {
  if (options.listBoards) return { action: 'list-boards' };
  refuseSharedOutput(options);
  const machine = options.restore === undefined ? newMachine(options) : restoredMachine(options, options.restore);
  if (options.dumpDtb !== undefined && machine.kind === 'new') {
    return { action: 'dump-dtb', settings: machine.settings, file: options.dumpDtb };
  }
  return {
    action: 'boot',
    machine,
    run: {
      serialFile: options.serial ?? null,
      logFile: options.log ?? null,
      reportFile: options.report ?? null,
      timeoutNs: options.timeout ?? null,
      maxInstructions: options.maxInstructions ?? null,
      wallTimeoutNs: options.wallTimeout ?? null,
      quiet: options.quiet,
      stats: options.stats,
      gdbPort: gdbPort(options),
      gdbWait: options.gdbWait,
      save: saveRequest(options),
    },
  };
}

/** @throws InputError when two outputs would overwrite each other */
function refuseSharedOutput({ serial, log, report, dumpDtb, save }: BootOptions): void {
  const outputs = new Map<string, string>();
  for (const [key, file] of Object.entries({ serial, log, report, dumpDtb, save })) {
    // /dev/null and pipes take more than one.
    if (file === undefined || file.startsWith('/dev/')) continue;
    const [option, other] = [optionName(key), outputs.get(resolve(file))];
    if (other !== undefined) {
      throw new InputError(`${other} and ${option} ${file}: the same file for two outputs; give each its own`);
    }
    outputs.set(resolve(file), option);
  }
}

function newMachine(options: BootOptions): MachineSource {
  const settings = machineSettings(options);
  // A page shows the allocator's operations, so they must be traced.
  const trace = options.report !== undefined && isPage(options.report) ? STORY_TRACE : [];
  if (trace.length === 0) return { kind: 'new', settings };
  return { kind: 'new', settings: { ...settings, trace: [...new Set([...(settings.trace ?? []), ...trace])] } };
}

function restoredMachine(options: BootOptions, file: string): MachineSource {
  for (const [key, given] of Object.entries(options)) {
    if (given === undefined || given === false || WITH_RESTORE.has(key)) continue;
    throw new InputError(`--restore ${file}: the machine is that of the snapshot; leave out ${optionName(key)}`);
  }
  const { trace, expectText, failText } = options;
  const restoring = { name: `--restore ${file}`, trace, expectText, failText };
  return { kind: 'restored', snapshot: readInputFile('--restore', file, SNAPSHOT), options: restoring };
}

function saveRequest({ save, at }: BootOptions): SaveRequest | null {
  if (save === undefined) {
    if (at !== undefined) throw new InputError(`--at ${at} says when a snapshot is saved: it goes with --save FILE`);
    return null;
  }
  if (at === undefined) return { file: save, at: 'end' };
  if (!/^\d/.test(at)) {
    throw new InputError(`--at ${at}: write a simulated time (1.5s, 500ms) or a number of executed instructions`);
  }
  const isCount = /^[\d_]+$/.test(at);
  return { file: save, at: isCount ? { instructions: parseCount('--at', at) } : { ns: parseTime('--at', at) } };
}

/** `--gdb-wait` alone means the usual port too. */
function gdbPort({ gdb, gdbWait }: BootOptions): number | null {
  return gdb ?? (gdbWait ? GDB_PORT : null);
}

function parseReportName(option: string, file: string): string {
  if (!/\.(json|html)$/.test(file)) throw new InputError(`${option} ${file}: the file name must end in .json or .html`);
  return file;
}
