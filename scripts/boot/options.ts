/** The options of `npm run boot`, as DESIGN's command line has them: parsed, checked, with their files read. */

import { readFileSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { boards } from '../../boards/registry.ts';
import {
  EVENT_KINDS,
  type EventKind,
  parseTraceList,
  traceableKinds,
  UnknownEventKindError,
} from '../../emulator/events/event-kinds.ts';
import { parseDrive } from '../machine/drive.ts';
import { InputError } from '../machine/input-error.ts';
import type { MachineSettings } from '../machine/levitate-machine.ts';
import { parseCount, parseSize, parseTime } from './quantities.ts';

/** What one call of the command asks for. */
export type BootRequest =
  | { readonly action: 'list-boards' }
  /** Help or version was printed. */
  | { readonly action: 'done' }
  | { readonly action: 'dump-dtb'; readonly settings: MachineSettings; readonly file: string }
  | { readonly action: 'boot'; readonly settings: MachineSettings; readonly run: RunOptions };

export interface RunOptions {
  readonly serialFile: string | null;
  readonly logFile: string | null;
  readonly reportFile: string | null;
  /** Simulated. */
  readonly timeoutNs: number | null;
  readonly maxInstructions: number | null;
  readonly wallTimeoutNs: number | null;
  readonly quiet: boolean;
}

const EXAMPLES = `
Examples:
  npm run boot -- --board pixel6
  npm run boot -- --board qemu-virt --memory 3G --report boot.json
  npm run boot -- --board pixel6 --dtb my.dtb --fail-text "PANIC: All RAM"
  npm run boot -- --board pixel6 --dump-dtb pixel6.dtb && dtc -I dtb -O dts pixel6.dtb

The serial line goes to stdout, everything else to stderr.

Exit status: 0 steady state, power off, or --expect-text seen · 1 kernel panic, --fail-text seen, or a guest that cannot go on ·
2 usage, board or input error · 3 a limit was hit first · 70 a fault of the emulator itself · 130 interrupted with Ctrl-C`;

/** Values as commander collects them. */
interface RawOptions {
  readonly board?: string;
  readonly listBoards?: true;
  readonly memory?: number;
  readonly smp?: number;
  readonly gicVersion?: number;
  readonly dtb?: string;
  readonly fixups?: 'none' | 'loader';
  readonly dumpDtb?: string;
  readonly kernel?: string;
  readonly vendorBoot?: string;
  readonly bios?: string;
  readonly drive?: string[];
  readonly initrd?: string;
  readonly append?: string;
  readonly serial?: string;
  readonly log?: string;
  readonly report?: string;
  readonly expectText?: string;
  readonly failText?: string;
  readonly timeout?: number;
  readonly maxInstructions?: number;
  readonly wallTimeout?: number;
  readonly trace?: EventKind[];
  readonly seed?: bigint;
  readonly quiet?: true;
}

/**
 * @param args the words after the command, @param version of the package
 * @throws InputError for everything that a user can mend: the message names the option, the value and the fix
 */
export function parseBootOptions(args: readonly string[], version: string): BootRequest {
  const command = bootCommand(version);
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // Help and version were asked for and printed.
    if (error.exitCode === 0) return { action: 'done' };
    throw new InputError(error.message.replace(/^error: /, ''));
  }
  const raw = command.opts<RawOptions>();
  if (raw.listBoards === true) return { action: 'list-boards' };
  if (raw.board === undefined) {
    throw new InputError(
      `--board is missing; known boards: ${boards.map(({ name }) => name).join(', ')} (--help explains)`,
    );
  }
  const settings: MachineSettings = {
    board: raw.board,
    memoryBytes: raw.memory,
    cpus: raw.smp,
    gicVersion: raw.gicVersion,
    dtb: readInput('--dtb', raw.dtb),
    fixups: raw.fixups,
    kernel: readInput('--kernel', raw.kernel),
    vendorBoot: readInput('--vendor-boot', raw.vendorBoot),
    bios: readInput('--bios', raw.bios),
    drives: raw.drive?.map(parseDrive),
    initrd: readInput('--initrd', raw.initrd),
    append: raw.append,
    seed: raw.seed,
    trace: raw.trace,
    expectText: raw.expectText,
    failText: raw.failText,
  };
  if (raw.fixups !== undefined && raw.dtb === undefined) throw new InputError('--fixups goes with --dtb FILE');
  for (const [option, text] of Object.entries({ '--expect-text': raw.expectText, '--fail-text': raw.failText })) {
    if (text === '') throw new InputError(`${option}: an empty text cannot be waited for`);
  }
  if (raw.dumpDtb !== undefined) return { action: 'dump-dtb', settings, file: raw.dumpDtb };
  if (raw.report !== undefined && !raw.report.endsWith('.json')) {
    throw new InputError(`--report ${raw.report}: the file name must end in .json`);
  }
  return {
    action: 'boot',
    settings,
    run: {
      serialFile: raw.serial ?? null,
      logFile: raw.log ?? null,
      reportFile: raw.report ?? null,
      timeoutNs: raw.timeout ?? null,
      maxInstructions: raw.maxInstructions ?? null,
      wallTimeoutNs: raw.wallTimeout ?? null,
      quiet: raw.quiet === true,
    },
  };
}

function bootCommand(version: string): Command {
  const names = boards.map(({ name }) => name).join(' | ');
  const loud = traceableKinds()
    .map((kind) => `  ${kind.padEnd(10)} ${EVENT_KINDS[kind].meaning}`)
    .join('\n');
  return new Command('boot')
    .description('Boots the modelled kernel on an emulated AArch64 board, from the reset vector to its steady state.')
    .usage('--board NAME [options]')
    .version(`levitate-emulator ${version}`, '--version', 'print the version and stop')
    .helpOption('--help', 'print this text and stop')
    .option('--board <name>', names)
    .option('--list-boards', 'print the boards and stop')
    .option('--memory <size>', 'RAM instead of what the board has: 512M, 8G', valueOf(parseSize, '--memory'))
    .option('--smp <n>', 'number of cores', valueOf(parseCount, '--smp'))
    .option('--gic-version <2|3>', 'interrupt controller (qemu-virt)', valueOf(parseCount, '--gic-version'))
    .option('--dtb <file>', 'use this device tree; RAM that it names is added to the board unless --memory is given')
    .addOption(
      new Option(
        '--fixups <what>',
        'what the boot loader adds to --dtb: nothing (default), or memory, chosen and its reserved regions (default with --kernel)',
      ).choices(['none', 'loader']),
    )
    .option(
      '--kernel <file>',
      'boot this guest instead of the modelled kernel: arm64 Image (also gzip), ELF64, Android boot.img',
    )
    .option('--vendor-boot <file>', 'vendor_boot.img beside an Android boot.img')
    .option('--bios <file>', 'flash contents at the reset vector (qemu-virt)')
    .option(
      '--drive <file[,readonly|,write]>',
      'disk image behind a virtio slot (qemu-virt); writes are kept in memory and lost unless ",write"; may be repeated',
      (value: string, before: string[] | undefined) => [...(before ?? []), value],
    )
    .option('--dump-dtb <file>', 'write the device tree that the kernel would get and stop')
    .option('--initrd <file>', 'initial RAM disk')
    .option('--append <text>', 'kernel command line')
    .option('--serial <file>', 'copy of the raw serial bytes')
    .option('--log <file>', 'event log, JSON lines')
    .option('--report <file>', 'machine-readable result, .json')
    .option('--expect-text <text>', 'stop with success when this appears on the serial line')
    .option('--fail-text <text>', 'stop with failure when this appears')
    .option('--timeout <time>', 'simulated time limit: 10s, 500ms', valueOf(parseTime, '--timeout'))
    .option('--max-instructions <n>', 'limit of executed instructions', valueOf(parseCount, '--max-instructions'))
    .option('--wall-timeout <time>', 'limit of real time', valueOf(parseTime, '--wall-timeout'))
    .option('--trace <list>', 'loud event kinds to keep for --log, comma-separated, or all (below)', traceList)
    .option('--seed <n>', 'seed of rng-seed and kaslr-seed in the device tree; without it nothing is random', seedOf)
    .option('--quiet', 'no summary on stderr')
    .addHelpText('after', `\nEvent kinds for --trace:\n${loud}\n${EXAMPLES}`)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

/** commander reports InvalidArgumentError in its own words; ours are better, so they pass through. */
function valueOf(parse: (option: string, text: string) => number, option: string): (text: string) => number {
  return (text) => parse(option, text);
}

function traceList(list: string): EventKind[] {
  try {
    return parseTraceList(list);
  } catch (error) {
    if (error instanceof UnknownEventKindError) throw new InputError(`--trace: ${error.message}`);
    throw error;
  }
}

function seedOf(text: string): bigint {
  try {
    return BigInt.asUintN(64, BigInt(text));
  } catch {
    throw new InvalidArgumentError('a whole number is wanted');
  }
}

function readInput(option: string, file: string | undefined): Uint8Array | undefined {
  if (file === undefined) return undefined;
  try {
    const bytes = readFileSync(file);
    if (bytes.length === 0) throw new InputError(`${option} ${file}: the file is empty`);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (error) {
    if (error instanceof InputError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === 'ENOENT'
        ? 'there is no such file'
        : code === 'EISDIR'
          ? 'it is a folder'
          : (code ?? 'it cannot be read');
    throw new InputError(`${option} ${file}: ${why}`);
  }
}
