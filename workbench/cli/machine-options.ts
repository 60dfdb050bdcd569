// SPDX-License-Identifier: GPL-2.0-only
/**
 * The options that say what machine to build, shared by every command that boots one: declared
 * once, turned into MachineSettings once.
 */

import { totalSize } from '#common/range.ts';
import { CPU_TYPES } from '#boards/cpu-types.ts';
import { boards, findBoard } from '#boards/registry.ts';
import { isOfModelledKernel, parseTraceList, traceableKinds } from '#workbench/machine/event-kinds.ts';
import { type InputLimits, readInputFile } from '#workbench/files/input-file.ts';
import { ENGINES } from '#workbench/host/engine-name.ts';
import { parseDrive } from '#workbench/host/drive.ts';
import { InputError } from '#workbench/input-error.ts';
import type { MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { FAULT_OPTIONS, faultSettings } from './fault-options.ts';
import { oneOf, type OptionValues, repeated, text, titled, value } from './option-table.ts';
import { parseCount, parseSeed, parseSize } from './quantities.ts';

const CPU_NAMES = Object.keys(CPU_TYPES);
const BOARD_NAMES = boards.map(({ name }) => name);

export const MACHINE_OPTIONS = {
  ...titled('Machine', {
    board: text('<name>', BOARD_NAMES.join(' | ')),
    memory: value('<size>', 'RAM instead of what the board has: 512M, 8G', parseSize),
    smp: value('<n>', 'number of cores', parseCount),
    gicVersion: value('<2|3>', 'interrupt controller (qemu-virt)', parseCount),
    el: value('<1|2>', 'exception level at which --kernel or --bios is entered; 2 on the own core', parseCount),
    cpu: text('<type>', `type of the cores (qemu-virt): ${CPU_NAMES.join(', ')}; the default is ${CPU_NAMES[0]}`),
    dtb: text('<file>', 'use this device tree; RAM that it names is added to the board unless --memory is given'),
    fixups: value(
      '<none|loader>',
      'what the boot loader adds to --dtb: nothing (default), or memory, chosen and its reserved regions (default with --kernel)',
      oneOf(['none', 'loader']),
    ),
    drive: repeated(
      '<file[,readonly|,write]>',
      'disk image behind a virtio slot (qemu-virt); writes are kept in memory and lost unless ",write"',
      parseDrive,
    ),
    engine: value(
      '<auto|unicorn|wasm>',
      'what executes instructions: the native Unicorn, or the own core in WebAssembly; auto: Unicorn where it is found',
      oneOf(ENGINES),
    ),
    seed: value('<n>', 'seed of rng-seed and kaslr-seed in the device tree; without it nothing is random', parseSeed),
  }),
  ...titled('Guest', {
    kernel: text(
      '<file>',
      'boot this guest instead of the modelled kernel: arm64 Image (also gzip), ELF64, Android boot.img',
    ),
    vendorBoot: text('<file>', 'vendor_boot.img beside an Android boot.img'),
    bios: text('<file>', 'flash contents at the reset vector (qemu-virt)'),
    initrd: text('<file>', 'initial RAM disk instead of the default one; an empty file: none'),
    append: text('<text>', 'kernel command line'),
  }),
  ...titled('Run', {
    expectText: value('<text>', 'stop with success when this appears on the serial line', parseWaitedFor),
    failText: value('<text>', 'stop with failure when this appears', parseWaitedFor),
    trace: value('<list>', 'loud event kinds to keep, comma-separated, or all: exception,irq,buddy', parseTraceList),
  }),
  ...FAULT_OPTIONS,
};

export type MachineOptions = OptionValues<typeof MACHINE_OPTIONS>;

/**
 * The machine that the options ask for, its files read.
 * @throws InputError naming the option, the value and the fix
 */
export function machineSettings(options: MachineOptions): MachineSettings {
  const { board, fixups } = options;
  if (board === undefined) {
    throw new InputError(`--board is missing; known boards: ${BOARD_NAMES.join(', ')} (--help explains)`);
  }
  const limits = ramOf(options);
  const readInput = (option: string, file: string | undefined, mayBeEmpty = false): Uint8Array | undefined =>
    file === undefined ? undefined : readInputFile(option, file, { ...limits, mayBeEmpty });
  const settings: MachineSettings = {
    board,
    memoryBytes: options.memory,
    cpus: options.smp,
    gicVersion: options.gicVersion,
    el: options.el,
    cpuType: options.cpu,
    dtb: readInput('--dtb', options.dtb),
    fixups,
    kernel: readInput('--kernel', options.kernel),
    vendorBoot: readInput('--vendor-boot', options.vendorBoot),
    bios: readInput('--bios', options.bios),
    drives: options.drive,
    initrd: readInput('--initrd', options.initrd, true),
    append: options.append,
    engine: options.engine,
    seed: options.seed,
    trace: options.trace,
    expectText: options.expectText,
    failText: options.failText,
    faults: faultSettings(options),
  };
  checkTrace(options);
  if (fixups !== undefined && options.dtb === undefined) throw new InputError('--fixups goes with --dtb FILE');
  return settings;
}

/** @throws InputError for a kind, asked for by name, that the guest can never have */
function checkTrace({ trace = [], kernel, bios }: MachineOptions): void {
  const never = kernel === undefined && bios === undefined ? [] : trace.filter(isOfModelledKernel);
  if (never.length === 0 || trace.length >= traceableKinds().length) return;
  const others = traceableKinds().filter((kind) => !isOfModelledKernel(kind));
  throw new InputError(
    `--trace ${never.join(',')}: only the modelled kernel tells of these; with --kernel and --bios there are ${others.join(', ')}`,
  );
}

function parseWaitedFor(option: string, given: string): string {
  if (given === '') throw new InputError(`${option}: an empty text cannot be waited for`);
  return given;
}

/** Most bytes of a file: no guest has room for more than its RAM. */
function ramOf({ board, memory, smp, gicVersion, cpu }: MachineOptions): InputLimits {
  const { name, ramBanks } = findBoard(board ?? '').create({
    memoryBytes: memory,
    cpus: smp,
    gicVersion,
    cpuType: cpu,
  });
  return { mostBytes: totalSize(ramBanks), measure: `the RAM of ${name}` };
}
