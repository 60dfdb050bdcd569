/** `npm run boot`: an emulated board from its reset vector to the kernel's steady state. Options and exit statuses: --help, scripts/boot/options.ts. */

import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { BoardError } from '../boards/board-error.ts';
import { boards } from '../boards/registry.ts';
import { eventHeaderLine } from '../emulator/events/event-header.ts';
import { eventLine } from '../emulator/events/event-lines.ts';
import { type BootRequest, type MachineSource, parseBootOptions, type RunOptions } from './boot/options.ts';
import { showBytes, showCount, showTime } from './boot/quantities.ts';
import { isPage, makeReport } from './boot/report.ts';
import { SliceLength } from './boot/slice-length.ts';
import { SnapshotSaver, tellMoment } from './boot/snapshot-saver.ts';
import { Terminal } from './boot/terminal.ts';
import type { MachineOrigin } from './debug/debugged-machine.ts';
import { GdbServer } from './debug/gdb-server.ts';
import { HeardOnce } from './debug/heard-once.ts';
import { InputError } from './machine/input-error.ts';
import { logHeader } from './log/log-header.ts';
import { LevitateMachine } from './machine/levitate-machine.ts';
import type { Outcome } from './machine/outcome.ts';
import { packageRoot } from './package-root.ts';
import { collectReport } from './report/collect.ts';
import { pageWithData } from './report/html-page.ts';
import { StoryRecorder } from './report/story-recorder.ts';
import { restoreMachine } from './snapshot/restore.ts';
import { EngineLibraryError } from './setup/engine-library.ts';

const EXIT_USAGE = 2;
const EXIT_FAULT = 70;
/** 128 + SIGINT, as shells report it. */
const EXIT_INTERRUPTED = 130;

/** Most instructions between two looks at the keyboard, the signals and the wall clock: some 20 ms of a guest that computes. */
const SLICE_INSTRUCTIONS = 10_000_000;
/** The same in simulated time, for a guest that sleeps; and in front of a person. */
const SLICE_NS = 1e9;
const INTERACTIVE_SLICE_NS = 20e6;

export async function main(args: readonly string[]): Promise<number> {
  try {
    return await perform(parseBootOptions(args, packageVersion()));
  } catch (error) {
    if (error instanceof InputError || error instanceof BoardError || error instanceof EngineLibraryError) {
      process.stderr.write(`boot: ${error.message}\n`);
      return EXIT_USAGE;
    }
    process.stderr.write(
      `boot: a fault of the emulator itself, not of the guest. Please report it with the command line and these lines:\n${
        error instanceof Error ? (error.stack ?? error.message) : String(error)
      }\n`,
    );
    return EXIT_FAULT;
  }
}

async function perform(request: BootRequest): Promise<number> {
  switch (request.action) {
    case 'done':
      return 0;
    case 'list-boards':
      for (const { name, title } of boards) process.stdout.write(`${name.padEnd(12)}${title}\n`);
      return 0;
    case 'dump-dtb': {
      const machine = new LevitateMachine(request.settings);
      writeOutput('--dump-dtb', request.file, machine.deviceTree);
      machine.close();
      return 0;
    }
    case 'boot':
      return boot(request.machine, request.run);
  }
}

async function boot(source: MachineSource, options: RunOptions): Promise<number> {
  const make = () =>
    source.kind === 'new' ? new LevitateMachine(source.settings) : restoreMachine(source.snapshot, source.options);
  let machine = make();
  const record = (): StoryRecorder | null =>
    options.reportFile !== null && isPage(options.reportFile) ? new StoryRecorder(machine) : null;
  let recorder = record();
  const outputs = openOutputs(options);
  outputs.log?.write(eventHeaderLine(logHeader(machine.parts.settings)));
  const heard = new HeardOnce(
    (chunk) => {
      process.stdout.write(Uint8Array.from(chunk));
      outputs.serial?.write(chunk);
    },
    (event) => outputs.log?.write(eventLine(event)),
  );
  if (source.kind === 'restored') heard.leaveOut(machine.events.events.length);
  heard.listen(machine);
  if (source.kind === 'restored' && !options.quiet) tellMoment('goes on', machine);

  let interrupted = false;
  const interrupt = () => {
    interrupted = true;
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  const terminal = new Terminal(machine);
  const debug = await openDebugger(options, machine, (origin) => {
    machine.close();
    machine = origin?.make() ?? make();
    recorder = record();
    heard.listen(machine, origin?.eventsBefore ?? null);
    terminal.moveTo(machine);
    return machine;
  });
  terminal.open();
  const saver = options.save === null ? null : new SnapshotSaver(options.save, options.quiet);
  const followed = [outputs.serial, outputs.log].filter((file) => file !== null);

  try {
    const isOver = () => interrupted || terminal.quit;
    const outcome = await runInSlices(() => machine, options, saver, terminal, followed, debug, isOver);
    saver?.atEnd(machine);
    machine.serial.finish();
    machine.events.emit('stop', { outcome: outcome.outcome, reason: outcome.reason });
    const exitStatus = interrupted && outcome.outcome === 'limit' ? EXIT_INTERRUPTED : outcome.exitStatus;
    const report = makeReport(machine, outcome, exitStatus, performance.now());
    outputs.report?.write(
      recorder === null
        ? `${JSON.stringify(report, null, 2)}\n`
        : pageWithData('report', collectReport(machine, outcome, report, recorder)),
    );
    if (!options.quiet) process.stderr.write(summary(machine, outcome, report.host.maxRssBytes));
    return exitStatus;
  } finally {
    process.removeListener('SIGINT', interrupt);
    process.removeListener('SIGTERM', interrupt);
    terminal.close();
    await debug?.close();
    outputs.serial?.close();
    outputs.log?.close();
    outputs.report?.close();
    machine.close();
  }
}

/** The debugger's server, when `--gdb` asks for one. @throws InputError when the port cannot be had */
async function openDebugger(
  { gdbPort, gdbWait, reportFile }: RunOptions,
  machine: LevitateMachine,
  replace: (origin: MachineOrigin | null) => LevitateMachine,
): Promise<GdbServer | null> {
  // A report tells the whole life.
  const checkpoints = reportFile === null;
  return gdbPort === null ? null : GdbServer.open({ port: gdbPort, wait: gdbWait, machine, replace, checkpoints });
}

/** Runs until an outcome, letting signals, input, the wall clock and the readers of the `followed` files in between slices. */
async function runInSlices(
  machine: () => LevitateMachine,
  options: RunOptions,
  saver: SnapshotSaver | null,
  terminal: Terminal,
  followed: readonly OutputFile[],
  debug: GdbServer | null,
  interrupted: () => boolean,
): Promise<Outcome> {
  const { timeoutNs, maxInstructions, wallTimeoutNs } = options;
  const asked = { timeoutNs: timeoutNs ?? undefined, maxInstructions: maxInstructions ?? undefined };
  const length = new SliceLength(SLICE_INSTRUCTIONS);
  for (;;) {
    if (wallTimeoutNs !== null && performance.now() * 1e6 > wallTimeoutNs) {
      return { outcome: 'limit', exitStatus: 3, panic: null, reason: 'hit the limit of real time' };
    }
    const ended = debug === null ? null : await debug.ready(interrupted);
    if (ended !== null) return ended;
    const began = performance.now();
    const bounds = saver?.boundsOf(asked) ?? asked;
    const stopped = terminal.interactive
      ? machine().runSlice(length.instructions, bounds, INTERACTIVE_SLICE_NS)
      : machine().runSlice(SLICE_INSTRUCTIONS, bounds, SLICE_NS);
    length.took(performance.now() - began);
    for (const file of followed) file.flush();
    // What ended at the moment to be saved goes on behind it.
    const decided = saver?.isDue(machine()) === true ? saver.save(machine()) : stopped;
    const outcome = debug === null ? decided : debug.judge(decided);
    if (outcome !== null && (outcome.outcome !== 'steady' || terminal.quit || !(await terminal.moreInput())))
      return outcome;
    await terminal.breathe();
    if (interrupted()) return { outcome: 'limit', exitStatus: 3, panic: null, reason: 'was interrupted' };
  }
}

function summary(machine: LevitateMachine, { reason }: Outcome, maxRssBytes: number): string {
  const { clock } = machine.machine;
  return (
    `\n${machine.board.name} ${reason}: ${showBytes(machine.memory.totalBytes)} of RAM, ${showBytes(machine.memory.touchedBytes)} touched · ` +
    `${showTime(clock.nowNs)} simulated, ${showCount(clock.instructions)} instructions · ` +
    `${Math.round(performance.now())} ms, ${showBytes(maxRssBytes)} · ${machine.cpu.engine.version}\n`
  );
}

/** A file that grows while the machine runs. Small writes are gathered. */
interface OutputFile {
  write(data: string | Uint8Array): void;
  /** Lets others see what was written so far. */
  flush(): void;
  close(): void;
}

const GATHER_BYTES = 64 * 1024;

/** The files that a run writes, opened before it starts: a path that cannot be written is told at once. */
interface Outputs {
  readonly serial: OutputFile | null;
  readonly log: OutputFile | null;
  readonly report: OutputFile | null;
}

/** @throws InputError */
function openOutputs({ serialFile, logFile, reportFile }: RunOptions): Outputs {
  const open = (option: string, file: string | null): OutputFile | null =>
    file === null ? null : openOutput(option, file);
  const serial = open('--serial', serialFile);
  const log = open('--log', logFile);
  const report = open('--report', reportFile);
  return { serial, log, report };
}

function openOutput(option: string, file: string): OutputFile {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'w');
  } catch (error) {
    throw cannotWrite(option, file, error);
  }
  let gathered: Buffer[] = [];
  let bytes = 0;
  const flush = () => {
    if (bytes > 0) writeSync(descriptor, Buffer.concat(gathered));
    gathered = [];
    bytes = 0;
  };
  return {
    write: (data) => {
      const chunk = Buffer.from(data as Uint8Array);
      gathered.push(chunk);
      bytes += chunk.length;
      if (bytes >= GATHER_BYTES) flush();
    },
    flush,
    close: () => {
      flush();
      closeSync(descriptor);
    },
  };
}

function writeOutput(option: string, file: string, data: string | Uint8Array): void {
  try {
    writeFileSync(file === '-' ? process.stdout.fd : file, data);
  } catch (error) {
    throw cannotWrite(option, file, error);
  }
}

function cannotWrite(option: string, file: string, error: unknown): InputError {
  const { code } = error as NodeJS.ErrnoException;
  const why =
    code === 'ENOENT' ? 'its folder does not exist' : code === 'EISDIR' ? 'it is a folder' : (code ?? String(error));
  return new InputError(`${option} ${file}: cannot be written: ${why}`);
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return version;
}
