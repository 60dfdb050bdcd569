/**
 * The options that say what machine to build, shared by every command that boots one: declared
 * once, turned into MachineSettings once.
 */

import { type Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { boards, findBoard } from '#boards/registry.ts';
import { type EventKind, parseTraceList, UnknownEventKindError } from '#emulator/events/event-kinds.ts';
import { type InputLimits, readInputFile } from '#workbench/files/input-file.ts';
import { parseDrive } from '#workbench/machine/drive.ts';
import { InputError } from '#workbench/machine/input-error.ts';
import type { MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { addFaultOptions, faultSettings, type RawFaultOptions } from './fault-options.ts';
import { refuseTakenByNpm } from './npm-options.ts';
import { parseCount, parseSize } from './quantities.ts';

/** Values of {@link addMachineOptions} as commander collects them. */
export interface RawMachineOptions extends RawFaultOptions {
  readonly board?: string;
  readonly memory?: number;
  readonly smp?: number;
  readonly gicVersion?: number;
  readonly dtb?: string;
  readonly fixups?: 'none' | 'loader';
  readonly kernel?: string;
  readonly vendorBoot?: string;
  readonly bios?: string;
  readonly drive?: string[];
  readonly initrd?: string;
  readonly append?: string;
  readonly expectText?: string;
  readonly failText?: string;
  readonly trace?: EventKind[];
  readonly seed?: bigint;
}

/** Declares `--board` and what else shapes a machine. The same command is returned. */
export function addMachineOptions(command: Command): Command {
  const names = boards.map(({ name }) => name).join(' | ');
  const machine = command
    .option('--board <name>', names)
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
    .option('--initrd <file>', 'initial RAM disk instead of the default one; an empty file: none')
    .option('--append <text>', 'kernel command line')
    .option('--expect-text <text>', 'stop with success when this appears on the serial line')
    .option('--fail-text <text>', 'stop with failure when this appears')
    .option('--trace <list>', 'loud event kinds to keep, comma-separated, or all: exception,irq,buddy', traceList)
    .option('--seed <n>', 'seed of rng-seed and kaslr-seed in the device tree; without it nothing is random', seedOf);
  return addFaultOptions(machine);
}

/**
 * The machine that the options ask for, its files read.
 * @throws InputError naming the option, the value and the fix
 */
export function machineSettings(raw: RawMachineOptions): MachineSettings {
  if (raw.board === undefined) {
    throw new InputError(
      `--board is missing; known boards: ${boards.map(({ name }) => name).join(', ')} (--help explains)`,
    );
  }
  const limits = ramOf(raw);
  const readInput = (option: string, file: string | undefined, mayBeEmpty = false): Uint8Array | undefined =>
    file === undefined ? undefined : readInputFile(option, file, { ...limits, mayBeEmpty });
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
    initrd: readInput('--initrd', raw.initrd, true),
    append: raw.append,
    seed: raw.seed,
    trace: raw.trace,
    expectText: raw.expectText,
    failText: raw.failText,
    faults: faultSettings(raw),
  };
  if (raw.fixups !== undefined && raw.dtb === undefined) throw new InputError('--fixups goes with --dtb FILE');
  for (const [option, text] of Object.entries({ '--expect-text': raw.expectText, '--fail-text': raw.failText })) {
    if (text === '') throw new InputError(`${option}: an empty text cannot be waited for`);
  }
  return settings;
}

/**
 * Parses `args` with `command`. @returns false when help or the version was asked for, and printed
 * @throws InputError with commander's message
 */
export function parseWords(command: Command, args: readonly string[]): boolean {
  refuseTakenByNpm(command, args);
  try {
    command.parse([...args], { from: 'user' });
    return true;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return false;
    throw new InputError(error.message.replace(/^error: /, ''));
  }
}

/**
 * commander reports InvalidArgumentError in its own words; ours are better, so they pass through.
 */
export function valueOf(parse: (option: string, text: string) => number, option: string): (text: string) => number {
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

/** What a file may have at most: no guest has room for more than its RAM. */
function ramOf({ board, memory, smp, gicVersion }: RawMachineOptions): InputLimits {
  const { name, ramBanks } = findBoard(board ?? '').create({ memoryBytes: memory, cpus: smp, gicVersion });
  return { mostBytes: ramBanks.reduce((sum, { size }) => sum + size, 0), measure: `the RAM of ${name}` };
}
