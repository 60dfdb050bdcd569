/**
 * The options of `npm run boot`, as DESIGN's command line has them: parsed, checked, with their
 * files read. The machine's own: machine-options.ts.
 */

import { Command } from 'commander';
import { EVENT_KINDS, traceableKinds } from '#emulator/events/event-kinds.ts';
import { readInputFile } from '#workbench/files/input-file.ts';
import { InputError } from '#workbench/machine/input-error.ts';
import type { MachineSettings } from '#workbench/machine/levitate-machine.ts';
import {
  addMachineOptions,
  machineSettings,
  parseWords,
  type RawMachineOptions,
  valueOf,
} from '#workbench/cli/machine-options.ts';
import { STORY_TRACE } from '#workbench/report/story-builder.ts';
import type { RestoreOptions } from '#workbench/snapshot/restore.ts';
import { parseCount, parseTime } from '#workbench/cli/quantities.ts';
import { isPage } from './report.ts';
import type { SaveRequest } from './snapshot-saver.ts';

/** What one call of the command asks for. */
export type BootRequest =
  | { readonly action: 'list-boards' }
  /** Help or version was printed. */
  | { readonly action: 'done' }
  | { readonly action: 'dump-dtb'; readonly settings: MachineSettings; readonly file: string }
  | { readonly action: 'boot'; readonly machine: MachineSource; readonly run: RunOptions };

/** Where the machine comes from: built, or from a snapshot. */
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
  /** Where a debugger is listened for; null: nowhere. */
  readonly gdbPort: number | null;
  /** The machine stands still until a debugger has come. */
  readonly gdbWait: boolean;
  readonly save: SaveRequest | null;
}

/** It holds the memory of the largest board, compressed. */
const SNAPSHOT = { mostBytes: 8 * 2 ** 30, measure: 'any snapshot' };

/** As QEMU has it. */
const GDB_PORT = 1234;

const EXAMPLES = `
Examples:
  npm run boot -- --board pixel6
  npm run boot -- --board qemu-virt --memory 3G --report boot.json
  npm run boot -- --board pixel6 --dtb my.dtb --fail-text "PANIC: All RAM"
  npm run boot -- --board pixel6 --gdb --gdb-wait
  npm run boot -- --board qemu-virt --bios u-boot.bin --expect-text "=> " --save prompt.snap
  npm run boot -- --restore prompt.snap
  npm run boot -- --board pixel6 --dump-dtb pixel6.dtb && dtc -I dtb -O dts pixel6.dtb

The serial line goes to stdout, everything else to stderr. On a terminal what is typed goes to the guest, Ctrl-C too; Ctrl-] quits (exit status 3).

Exit status: 0 steady state, power off, or --expect-text seen · 1 kernel panic, --fail-text seen, or a guest that cannot go on ·
2 usage, board or input error · 3 a limit was hit first · 70 a fault of the emulator itself · 130 interrupted with Ctrl-C`;

/** Values as commander collects them. */
interface RawOptions extends RawMachineOptions {
  readonly listBoards?: true;
  readonly dumpDtb?: string;
  readonly serial?: string;
  readonly log?: string;
  readonly report?: string;
  readonly timeout?: number;
  readonly maxInstructions?: number;
  readonly wallTimeout?: number;
  readonly quiet?: true;
  /** True without a port. */
  readonly gdb?: number | true;
  readonly gdbWait?: true;
  readonly save?: string;
  readonly at?: string;
  readonly restore?: string;
}

/**
 * Options that go with --restore: the machine is that of the snapshot, so what would shape it does
 * not.
 */
const WITH_RESTORE: ReadonlySet<string> = new Set(
  'restore save at trace expectText failText serial log report timeout maxInstructions wallTimeout quiet gdb gdbWait'.split(
    ' ',
  ),
);

/**
 * @param args the words after the command, @param version of the package
 * @throws InputError for everything that a user can mend: the message names the option, the value
 * and the fix
 */
export function parseBootOptions(args: readonly string[], version: string): BootRequest {
  const command = bootCommand(version);
  if (!parseWords(command, args)) return { action: 'done' };
  const raw = command.opts<RawOptions>();
  if (raw.listBoards === true) return { action: 'list-boards' };
  const machine = raw.restore === undefined ? newMachine(raw) : restoredMachine(raw, raw.restore);
  if (raw.dumpDtb !== undefined && machine.kind === 'new') {
    return { action: 'dump-dtb', settings: machine.settings, file: raw.dumpDtb };
  }
  if (raw.report !== undefined && !/\.(json|html)$/.test(raw.report)) {
    throw new InputError(`--report ${raw.report}: the file name must end in .json or .html`);
  }
  return {
    action: 'boot',
    machine,
    run: {
      serialFile: raw.serial ?? null,
      logFile: raw.log ?? null,
      reportFile: raw.report ?? null,
      timeoutNs: raw.timeout ?? null,
      maxInstructions: raw.maxInstructions ?? null,
      wallTimeoutNs: raw.wallTimeout ?? null,
      quiet: raw.quiet === true,
      gdbPort: gdbPort(raw),
      gdbWait: raw.gdbWait === true,
      save: saveRequest(raw),
    },
  };
}

function newMachine(raw: RawOptions): MachineSource {
  const settings = machineSettings(raw);
  // A page shows what the allocator did, so it must be told of it.
  const trace = raw.report !== undefined && isPage(raw.report) ? STORY_TRACE : [];
  if (trace.length === 0) return { kind: 'new', settings };
  return { kind: 'new', settings: { ...settings, trace: [...new Set([...(settings.trace ?? []), ...trace])] } };
}

function restoredMachine(raw: RawOptions, file: string): MachineSource {
  const other = Object.keys(raw).find((name) => !WITH_RESTORE.has(name));
  if (other !== undefined) {
    const option = `--${other.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    throw new InputError(`--restore ${file}: the machine is that of the snapshot; leave out ${option}`);
  }
  const { trace, expectText, failText } = raw;
  const options = { name: `--restore ${file}`, trace, expectText, failText };
  return { kind: 'restored', snapshot: readInputFile('--restore', file, SNAPSHOT), options };
}

function saveRequest({ save, at }: RawOptions): SaveRequest | null {
  if (save === undefined) {
    if (at !== undefined) throw new InputError(`--at ${at} says when a snapshot is saved: it goes with --save FILE`);
    return null;
  }
  if (at === undefined) return { file: save, at: 'end' };
  const isCount = /^[\d_]+$/.test(at);
  return { file: save, at: isCount ? { instructions: parseCount('--at', at) } : { ns: parseTime('--at', at) } };
}

/** `--gdb-wait` alone means the usual port too. */
function gdbPort({ gdb, gdbWait }: RawOptions): number | null {
  if (gdb === undefined) return gdbWait === true ? GDB_PORT : null;
  return gdb === true ? GDB_PORT : gdb;
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Infinity;
  if (port > 65_535) throw new InputError(`--gdb ${text}: a port is a number from 0 (any that is free) to 65535`);
  return port;
}

function bootCommand(version: string): Command {
  const loud = traceableKinds()
    .map((kind) => `  ${kind.padEnd(10)} ${EVENT_KINDS[kind].meaning}`)
    .join('\n');
  const command = new Command('boot')
    .description('Boots the modelled kernel on an emulated AArch64 board, from the reset vector to its steady state.')
    .usage('--board NAME [options]')
    .version(`levitate-emulator ${version}`, '--version', 'print the version and stop')
    .helpOption('--help', 'print this text and stop')
    .option('--list-boards', 'print the boards and stop');
  return addMachineOptions(command)
    .option('--dump-dtb <file>', 'write the device tree that the kernel would get and stop')
    .option('--serial <file>', 'copy of the raw serial bytes')
    .option('--log <file>', 'event log, JSON lines')
    .option('--report <file>', 'result: .json for machines, .html a page for people')
    .option('--timeout <time>', 'simulated time limit: 10s, 500ms', valueOf(parseTime, '--timeout'))
    .option('--max-instructions <n>', 'limit of executed instructions', valueOf(parseCount, '--max-instructions'))
    .option('--wall-timeout <time>', 'limit of real time', valueOf(parseTime, '--wall-timeout'))
    .option('--save <file>', 'write a snapshot of the whole machine, at the end of the run or --at a point of it')
    .option('--at <when>', 'when --save does: simulated time (1.5s), or a number of executed instructions')
    .option('--restore <file>', 'go on from a snapshot instead of building a machine')
    .option('--gdb [port]', `listen for gdb or lldb on 127.0.0.1, port ${GDB_PORT} by default`, parsePort)
    .option('--gdb-wait', 'with --gdb: stand still before the first instruction until the debugger says otherwise')
    .option('--quiet', 'no summary on stderr')
    .addHelpText('after', `\nEvent kinds for --trace:\n${loud}\n${EXAMPLES}`)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}
