// SPDX-License-Identifier: GPL-2.0-only
/**
 * Guests on this machine, with Unicorn and with the own core, and on QEMU's (TCG, one thread, the
 * same image, the same model of core), whole processes in turns:
 *
 *     Debian's Linux 6.1 on qemu-virt with one core, from the start of the process to the first line of /init
 *     four loops of firmware/guests/speed.S, timed between two marks on the console
 *
 * A guest whose image is not in the cache is not measured. There are no bars without QEMU, and
 * without Unicorn only the own core is measured. Standard error says so.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findGuest } from '#scripts/guests/guest-files.ts';
import { INIT_READY_MARKER } from '#scripts/guests/initramfs.ts';
import { writeGuestInitramfs } from '#scripts/guests/initramfs-file.ts';
import { enginePath } from '#host/cores.ts';
import { readFirmwareImage } from '#host/firmware-images.ts';
import { EngineLibraryError } from '#workbench/engine-library/engine-library.ts';
import { bootCommand } from './boot-command.ts';
import type { BenchRun, Section } from './section.ts';
import { median } from './statistics.ts';
import { type Watched, watchProcess } from './watched-process.ts';

const QEMU = 'qemu-system-aarch64';
const MIB = 2 ** 20;
const DEADLINE_MS = 120_000;

/** Engines of this machine, and their names in the lines. */
const OURS = { unicorn: 'Unicorn', wasm: 'own core' } as const;
type Engine = keyof typeof OURS;
const ENGINES = Object.keys(OURS) as Engine[];

/** Times QEMU's wall time and memory. */
const WALL_BAR = 2;
const PEAK_BARS: Readonly<Record<Engine, number>> = { unicorn: 1.5, wasm: 2 };

/**
 * The loops of speed.S: `kind`, instructions in a round, rounds for about a second or two on each
 * machine, and the bars: times QEMU's time for an instruction, 1 / 0.7 and 1 / 0.6 of its speed.
 */
const LOOPS = [
  {
    kind: 0,
    what: 'register loop',
    roundInstructions: 16,
    rounds: { unicorn: 80e6, wasm: 400e6, qemu: 600e6 },
    bars: { unicorn: 1 / 0.7, wasm: 1 },
  },
  {
    kind: 1,
    what: 'load and store loop',
    roundInstructions: 12,
    rounds: { unicorn: 60e6, wasm: 150e6, qemu: 180e6 },
    bars: { unicorn: 1 / 0.7, wasm: 1 / 0.6 },
  },
  {
    kind: 2,
    what: 'call loop',
    roundInstructions: 9,
    rounds: { unicorn: 45e6, wasm: 120e6, qemu: 60e6 },
    bars: { unicorn: 1 / 0.7, wasm: 1 / 0.6 },
  },
  {
    kind: 3,
    what: 'system call loop',
    roundInstructions: 5,
    rounds: { unicorn: 500e3, wasm: 2.5e6, qemu: 2.5e6 },
    bars: { unicorn: null, wasm: 1 },
  },
] as const;
/**
 * The program whose result is the time of one round: SVC at EL0, the vector's instructions, ERET.
 */
const SYSTEM_CALLS = 3;
/** Offset of `kind` and `rounds` in the image. */
const PARAMETERS_OFFSET = 32;

/** Files and command line of a guest, for either machine. */
interface GuestFiles {
  readonly kernel: string;
  readonly initrd?: string;
  readonly append?: string;
}
type Contender = Engine | 'qemu';
type Samples<T> = Readonly<Partial<Record<Contender, T[]>>>;

export const guests: Section = {
  name: 'guests',
  long: true,
  run: async (run) => {
    const contenders: readonly Contender[] = [...engines(), ...(haveQemu() ? (['qemu'] as const) : [])];
    if (!contenders.includes('qemu')) {
      process.stderr.write(`guests: ${QEMU} is not installed: nothing to compare with\n`);
    }
    const folder = mkdtempSync(join(tmpdir(), 'levitate-bench-'));
    try {
      await linux(run, contenders);
      for (const loop of LOOPS) await timeLoop(run, contenders, loop, folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function linux({ short, report }: BenchRun, contenders: readonly Contender[]): Promise<void> {
  const kernel = findGuest('linux-6.1');
  const busybox = findGuest('busybox');
  if (kernel === null || busybox === null) {
    process.stderr.write('guests: Linux is not in the cache: "npm run guest-images" fetches it\n');
    return;
  }
  const files = { kernel: kernel.path, initrd: writeGuestInitramfs(busybox.path), append: 'console=ttyAMA0' };
  const samples = await inTurns(contenders, short ? 1 : 3, (contender) => start(contender, files, [INIT_READY_MARKER]));
  const wall = mapSamples(samples, ({ atMs }) => atMs.at(-1) ?? null);
  const peak = mapSamples(samples, ({ peakBytes }) => (peakBytes === null ? null : peakBytes / MIB));
  const section = guests.name;
  for (const engine of ENGINES.filter((name) => contenders.includes(name))) {
    const name = OURS[engine];
    report({ section, what: `${name}, Linux 6.1 to /init, limit: QEMU`, unit: 'ms', ...held(engine, wall, WALL_BAR) });
    const peaks = held(engine, peak, PEAK_BARS[engine]);
    if (peaks.samples.length === 0) continue;
    report({ section, what: `${name}, Linux 6.1, peak memory, limit: QEMU`, unit: 'MiB', ...peaks });
  }
}

async function timeLoop(
  { short, report }: BenchRun,
  contenders: readonly Contender[],
  { kind, what, roundInstructions, rounds, bars }: (typeof LOOPS)[number],
  folder: string,
): Promise<void> {
  const image = (contender: Contender): string => {
    const bytes = Uint8Array.from(readFirmwareImage('guests/speed.bin'));
    const parameters = new DataView(bytes.buffer);
    parameters.setBigUint64(PARAMETERS_OFFSET, BigInt(kind), true);
    parameters.setBigUint64(PARAMETERS_OFFSET + 8, BigInt(rounds[contender]), true);
    const path = join(folder, `speed-${kind}-${contender}.bin`);
    writeFileSync(path, bytes);
    return path;
  };
  const kernels = new Map(contenders.map((contender) => [contender, image(contender)]));
  const samples = await inTurns(contenders, short ? 1 : 3, (contender) =>
    start(contender, { kernel: kernels.get(contender) as string }, ['begin\n', 'end\n']),
  );
  const roundNs: Samples<number> = Object.fromEntries(
    contenders.map((contender) => [
      contender,
      (samples[contender] ?? []).map(({ atMs: [begin = 0, end = 0] }) => ((end - begin) * 1e6) / rounds[contender]),
    ]),
  );
  const scaled = (scale: (ns: number) => number) => mapSamples(roundNs, scale);
  const section = guests.name;
  const mips = scaled((ns) => (roundInstructions / ns) * 1e3);
  const us = scaled((ns) => ns / 1e3);
  const perInstruction = scaled((ns) => ns / roundInstructions);
  for (const engine of ENGINES.filter((name) => contenders.includes(name))) {
    const named = `${OURS[engine]}, ${what}`;
    report({ section, what: `${named}, limit: QEMU`, unit: 'MIPS', ...held(engine, mips, null) });
    if (kind === SYSTEM_CALLS) {
      report({
        section,
        what: `${named}: SVC at EL0, ERET, limit: QEMU`,
        unit: 'us',
        ...held(engine, us, bars[engine]),
      });
    } else {
      const times = held(engine, perInstruction, bars[engine]);
      report({ section, what: `${named}, one instruction, limit: QEMU`, unit: 'ns', ...times });
    }
  }
}

/**
 * Samples of all machines, taken in turns. The first round, which fills the host's file cache and
 * makes the bundle, is thrown away.
 */
async function inTurns(
  contenders: readonly Contender[],
  rounds: number,
  sample: (contender: Contender) => Promise<Watched>,
): Promise<Samples<Watched>> {
  const samples: Partial<Record<Contender, Watched[]>> = {};
  for (let round = -1; round < rounds; round++) {
    for (const contender of contenders) {
      const watched = await sample(contender);
      if (round >= 0) (samples[contender] ??= []).push(watched);
    }
  }
  return samples;
}

function mapSamples<T>(samples: Samples<T>, value: (sample: T) => number | null): Samples<number> {
  const known = (of: T[]) => of.map(value).filter((number) => number !== null);
  return Object.fromEntries(Object.entries(samples).map(([contender, of]) => [contender, known(of)]));
}

/** An engine's samples, QEMU's as the limit, and `factor` times QEMU's median as the bar. */
function held(engine: Engine, samples: Samples<number>, factor: number | null) {
  const { [engine]: ours = [], qemu = [] } = samples;
  if (qemu.length === 0) return { samples: ours, bar: null, limit: null };
  return { samples: ours, bar: factor === null ? null : factor * median(qemu), limit: qemu };
}

function start(contender: Contender, files: GuestFiles, texts: readonly string[]): Promise<Watched> {
  return contender === 'qemu' ? startQemu(files, texts) : startOurs(contender, files, texts);
}

function startOurs(engine: Engine, files: GuestFiles, texts: readonly string[]): Promise<Watched> {
  const words = ['--board', 'qemu-virt', '--engine', engine, '--quiet', ...optionWords(files, '--')];
  return watchProcess(process.execPath, bootCommand(words), texts, DEADLINE_MS);
}

function startQemu(files: GuestFiles, texts: readonly string[]): Promise<Watched> {
  const machine = '-machine virt -cpu cortex-a72 -smp 1 -m 1G -accel tcg -nodefaults -display none -monitor none';
  return watchProcess(
    QEMU,
    [...machine.split(' '), '-serial', 'stdio', ...optionWords(files, '-')],
    texts,
    DEADLINE_MS,
  );
}

/** Both programs call these options by the same names. */
function optionWords(files: GuestFiles, dashes: string): string[] {
  return Object.entries(files).flatMap(([option, value]) => [`${dashes}${option}`, value as string]);
}

function engines(): readonly Engine[] {
  try {
    enginePath();
    return ENGINES;
  } catch (error) {
    if (!(error instanceof EngineLibraryError)) throw error;
    process.stderr.write(`guests: without Unicorn: ${error.message}\n`);
    return ['wasm'];
  }
}

function haveQemu(): boolean {
  try {
    execFileSync(QEMU, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
