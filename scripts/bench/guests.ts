// SPDX-License-Identifier: GPL-2.0-only
/**
 * Guests on this machine and on QEMU's (TCG, one thread, the same image, the same model of core),
 * whole processes in turns:
 *
 *     Debian's Linux 6.1 on qemu-virt with one core, from the start of the process to the first line of /init
 *     four loops of firmware/guests/speed.S, timed between two marks on the console
 *
 * Not measured where a guest's image is not in the cache, and without bars where QEMU is not
 * installed: both are said on standard error.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findGuest } from '#scripts/guests/guest-files.ts';
import { INIT_READY_MARKER } from '#scripts/guests/initramfs.ts';
import { writeGuestInitramfs } from '#scripts/guests/initramfs-file.ts';
import { readFirmwareImage } from '#host/firmware-images.ts';
import { packageRoot } from '#workbench/package-root.ts';
import type { BenchRun, Section } from './section.ts';
import { median } from './statistics.ts';
import { type Watched, watchProcess } from './watched-process.ts';

const QEMU = 'qemu-system-aarch64';
const MIB = 2 ** 20;
const DEADLINE_MS = 120_000;

/** Times QEMU's wall time and memory, and QEMU's time for an instruction: 1 / 0.7. */
const WALL_BAR = 2;
const PEAK_BAR = 1.5;
const LOOP_BAR = 1 / 0.7;

/**
 * The loops of speed.S: `kind`, instructions in a round, and rounds for about a second or two on
 * either machine.
 */
const LOOPS = [
  { kind: 0, what: 'register loop', roundInstructions: 16, rounds: { ours: 80e6, qemu: 600e6 }, bar: LOOP_BAR },
  { kind: 1, what: 'load and store loop', roundInstructions: 12, rounds: { ours: 60e6, qemu: 180e6 }, bar: LOOP_BAR },
  { kind: 2, what: 'call loop', roundInstructions: 9, rounds: { ours: 45e6, qemu: 60e6 }, bar: LOOP_BAR },
  { kind: 3, what: 'system call loop', roundInstructions: 5, rounds: { ours: 500e3, qemu: 2.5e6 }, bar: null },
] as const;
/** Where `kind` and `rounds` lie in the image. */
const PARAMETERS_OFFSET = 32;

/** What a guest is started with, for either machine. */
interface GuestFiles {
  readonly kernel: string;
  readonly initrd?: string;
  readonly append?: string;
}
type Contender = 'ours' | 'qemu';

export const guests: Section = {
  name: 'guests',
  long: true,
  run: async (run) => {
    const contenders: readonly Contender[] = haveQemu() ? ['ours', 'qemu'] : ['ours'];
    if (contenders.length === 1) process.stderr.write(`guests: ${QEMU} is not installed: nothing to compare with\n`);
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
  report({ section, what: 'Linux 6.1 to /init, limit: QEMU', unit: 'ms', ...held(wall, WALL_BAR) });
  if (peak.ours.length > 0) {
    report({ section, what: 'Linux 6.1, peak memory, limit: QEMU', unit: 'MiB', ...held(peak, PEAK_BAR) });
  }
}

async function timeLoop(
  { short, report }: BenchRun,
  contenders: readonly Contender[],
  { kind, what, roundInstructions, rounds, bar }: (typeof LOOPS)[number],
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
  const kernels = { ours: image('ours'), qemu: image('qemu') };
  const samples = await inTurns(contenders, short ? 1 : 3, (contender) =>
    start(contender, { kernel: kernels[contender] }, ['begin\n', 'end\n']),
  );
  const roundNs = (contender: Contender): number[] =>
    samples[contender].map(({ atMs: [begin = 0, end = 0] }) => ((end - begin) * 1e6) / rounds[contender]);
  const both = { ours: roundNs('ours'), qemu: roundNs('qemu') };
  const scaled = (scale: (ns: number) => number) => mapSamples(both, scale);
  const section = guests.name;
  const mips = scaled((ns) => (roundInstructions / ns) * 1e3);
  report({ section, what: `${what}, limit: QEMU`, unit: 'MIPS', ...held(mips, null) });
  if (bar === null) {
    const us = scaled((ns) => ns / 1e3);
    report({ section, what: 'system call: SVC at EL0, ERET, limit: QEMU', unit: 'us', ...held(us, null) });
  } else {
    const ns = scaled((round) => round / roundInstructions);
    report({ section, what: `${what}, one instruction, limit: QEMU`, unit: 'ns', ...held(ns, bar) });
  }
}

/**
 * Samples of both machines, taken in turns. The first round, which fills the host's file cache and
 * makes the bundle, is thrown away.
 */
async function inTurns(
  contenders: readonly Contender[],
  rounds: number,
  sample: (contender: Contender) => Promise<Watched>,
): Promise<Record<Contender, Watched[]>> {
  const samples: Record<Contender, Watched[]> = { ours: [], qemu: [] };
  for (let round = -1; round < rounds; round++) {
    for (const contender of contenders) {
      const watched = await sample(contender);
      if (round >= 0) samples[contender].push(watched);
    }
  }
  return samples;
}

function mapSamples<T>(
  { ours, qemu }: Record<Contender, T[]>,
  value: (sample: T) => number | null,
): Record<Contender, number[]> {
  const known = (samples: T[]) => samples.map(value).filter((number) => number !== null);
  return { ours: known(ours), qemu: known(qemu) };
}

/** Ours as samples, QEMU's as the limit, and `factor` times QEMU's median as the bar. */
function held({ ours, qemu }: Record<Contender, number[]>, factor: number | null) {
  if (qemu.length === 0) return { samples: ours, bar: null, limit: null };
  return { samples: ours, bar: factor === null ? null : factor * median(qemu), limit: qemu };
}

function start(contender: Contender, files: GuestFiles, texts: readonly string[]): Promise<Watched> {
  return contender === 'ours' ? startOurs(files, texts) : startQemu(files, texts);
}

function startOurs(files: GuestFiles, texts: readonly string[]): Promise<Watched> {
  const launcher = join(packageRoot(), 'scripts', 'launch.mjs');
  const words = ['boot', '--board', 'qemu-virt', '--quiet', ...optionWords(files, '--')];
  return watchProcess(process.execPath, [launcher, ...words], texts, DEADLINE_MS);
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

function haveQemu(): boolean {
  try {
    execFileSync(QEMU, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
