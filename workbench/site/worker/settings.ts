// SPDX-License-Identifier: GPL-2.0-only
/** The page's request as settings of a machine. Texts are parsed as on the command line. */

import { compileDts, DtsError } from '#fdt/dts/compile.ts';
import { parseFailAlloc, parseBitFlip, parseShare } from '#workbench/cli/fault-options.ts';
import { parseCount, parseSeed, parseSize } from '#workbench/cli/quantities.ts';
import { parseTraceList } from '#workbench/machine/event-kinds.ts';
import type { FaultSettings } from '#workbench/machine/fault-settings.ts';
import { InputError } from '#workbench/input-error.ts';
import type { MachineSettings } from '#workbench/machine/levitate-machine.ts';
import type { SiteFile, SiteOption, SiteRequest } from '#workbench/site/protocol.ts';

/** @throws InputError that names the field, the text and the fix */
export async function siteSettings({ options, files, dts }: SiteRequest): Promise<MachineSettings> {
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
    ...(await contentsOf(files)),
    ...(dts === null ? {} : { dtb: compiled(dts) }),
    faults: faultsOf(read),
  };
}

async function contentsOf(files: SiteRequest['files']): Promise<Partial<Record<SiteFile, Uint8Array>>> {
  const read = Object.entries(files).map(async ([name, file]) => [name, await readFile(name, file)]);
  return Object.fromEntries(await Promise.all(read)) as Partial<Record<SiteFile, Uint8Array>>;
}

/** @throws InputError for a file that has changed on its disk, or gone, since it was chosen */
async function readFile(name: string, file: Blob): Promise<Uint8Array> {
  try {
    return new Uint8Array(await file.arrayBuffer());
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new InputError(`the file for ${name} can no longer be read (${why}); choose it again`);
  }
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
