// SPDX-License-Identifier: GPL-2.0-only
/** The page's request as settings of a machine. Texts are parsed as on the command line. */

import { compileDts, DtsError } from '#fdt/dts/compile.ts';
import { parseFailAlloc, parseBitFlip, parseShare } from '#workbench/cli/fault-options.ts';
import { parseCount, parseSeed, parseSize } from '#workbench/cli/quantities.ts';
import { parseTraceList } from '#workbench/machine/event-kinds.ts';
import type { FaultSettings } from '#workbench/machine/fault-settings.ts';
import { InputError } from '#workbench/input-error.ts';
import type { MachineSettings } from '#workbench/machine/levitate-machine.ts';
import type { SiteOption, SiteRequest } from '#workbench/site/protocol.ts';

/** @throws InputError that names the field, the text and the fix */
export function siteSettings({ options, files, dts }: SiteRequest): MachineSettings {
  const text = (name: SiteOption): string | undefined => {
    const given = options[name]?.trim();
    return given === '' ? undefined : given;
  };
  const read = <T>(name: SiteOption, label: string, parse: (option: string, text: string) => T): T | undefined => {
    const given = text(name);
    return given === undefined ? undefined : parse(label, given);
  };
  const fixups = text('fixups');
  if (fixups !== undefined && fixups !== 'none' && fixups !== 'loader') throw new InputError(`fixups: ${fixups}`);
  return {
    board: text('board') ?? '',
    memoryBytes: read('memory', 'Memory', parseSize),
    cpus: read('smp', 'Cores', parseCount),
    gicVersion: read('gicVersion', 'GIC', parseCount),
    append: options.append === undefined || options.append === '' ? undefined : options.append,
    seed: read('seed', 'Seed', parseSeed),
    fixups,
    trace: read('trace', 'Trace', parseTraceList),
    ...files,
    ...(dts === null ? {} : { dtb: compiled(dts) }),
    faults: faultsOf(read),
  };
}

type Read = <T>(name: SiteOption, label: string, parse: (option: string, text: string) => T) => T | undefined;

function faultsOf(read: Read): FaultSettings | undefined {
  const each =
    <T>(parse: (option: string, text: string) => T) =>
    (option: string, text: string): T[] =>
      text.split(/\s+/).map((part) => parse(option, part));
  const faults: FaultSettings = {
    failAlloc: read('failAlloc', 'Refuse allocations', each(parseFailAlloc)),
    oomAt: read('oomAt', 'Out of memory at', parseShare),
    poisonFreed: read('poisonFreed', 'Poison', () => true),
    flipBits: read('flipBit', 'Flip bits', each(parseBitFlip)),
  };
  return Object.values(faults).every((fault) => fault === undefined) ? undefined : faults;
}

/** @throws InputError with line and column */
function compiled(source: string): Uint8Array {
  try {
    return compileDts(source);
  } catch (error) {
    if (!(error instanceof DtsError)) throw error;
    throw new InputError(`Device tree source, line ${error.line}, column ${error.column}: ${error.message}`);
  }
}
