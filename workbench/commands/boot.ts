// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run boot`: an emulated board from its reset vector to the kernel's steady state. Options and
 * exit statuses: --help, workbench/boot/options.ts.
 */

import { boards } from '#boards/registry.ts';
import type { BoardDefinition } from '#boards/types.ts';
import { hex } from '#common/address.ts';
import { eventHeaderLine, logHeader } from '#workbench/log/event-header.ts';
import { eventLine } from '#workbench/log/event-lines.ts';
import { BOOT, bootRequest, type MachineSource, type RunOptions } from '#workbench/boot/options.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';
import { totalSize } from '#common/range.ts';
import { isPage, makeReport } from '#workbench/report/run-report.ts';
import { engineStatistics } from '#workbench/boot/engine-statistics.ts';
import { ReverseWrap } from '#workbench/boot/reverse-wrap.ts';
import { SliceLength } from '#workbench/boot/slice-length.ts';
import { SnapshotSaver, printMoment } from '#workbench/boot/snapshot-saver.ts';
import { Terminal } from '#workbench/boot/terminal.ts';
import { commandMain, EXIT_INTERRUPTED } from '#workbench/cli/command.ts';
import type { MachineOrigin } from '#workbench/debug/debugged-machine.ts';
import { GdbServer } from '#workbench/debug/gdb-server.ts';
import { ReplayFilter } from '#workbench/debug/replay-filter.ts';
import { checkOutput, OutputStream, writeOutput } from '#workbench/files/output-file.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { collectReport } from '#workbench/report/collect.ts';
import { readPage } from '#workbench/report/html-page.ts';
import { withData } from '#workbench/report/page-with-data.ts';
import { StoryRecorder } from '#workbench/report/story-recorder.ts';
import { restoreMachine } from '#workbench/machine/restore-snapshot.ts';

/**
 * Most instructions between two checks of keyboard, signals and wall clock: about 20 ms of a guest
 * that computes.
 */
const SLICE_INSTRUCTIONS = 10_000_000;
/** The same in simulated time, for a guest that sleeps; the second value is for interactive use. */
const SLICE_NS = 1e9;
const INTERACTIVE_SLICE_NS = 20e6;

export const main = commandMain({
  ...BOOT,
  run(call) {
    const request = bootRequest(call.options);
    switch (request.action) {
      case 'list-boards':
        process.stdout.write(boards.map(boardLine).join(''));
        return 0;
      case 'dump-dtb': {
        const machine = new LevitateMachine(request.settings);
        writeOutput('--dump-dtb', request.file, machine.deviceTree);
        machine.close();
        return 0;
      }
      case 'boot':
        return boot(request.machine, request.run, call.interrupt);
    }
  },
});

/** A board in two lines, with its default options. */
function boardLine(board: BoardDefinition): string {
  const { name, title, limits } = board;
  const { ramBanks, cpus, kernelConsole } = board.create();
  const cores = `${cpus.length} core${cpus.length === 1 ? '' : 's'} (to ${limits.cpus.max})`;
  const gic = `GICv${limits.gicVersions.join(' or v')}`;
  const { model, base } = kernelConsole;
  const parts = [`${showBytes(totalSize(ramBanks))} of RAM`, cores, gic, `console ${model} at ${hex(base)}`];
  return `${name.padEnd(12)}${title}\n${' '.repeat(12)}${parts.join(', ')}\n`;
}

async function boot(source: MachineSource, options: RunOptions, interrupt: AbortSignal): Promise<number> {
  const now = options.stats ? () => performance.now() : null;
  const make = () =>
    source.kind === 'new'
      ? new LevitateMachine(source.settings, now)
      : restoreMachine(source.snapshot, { ...source.options, now });
  let machine = make();
  for (const warning of machine.warnings) process.stderr.write(`warning: ${warning}\n`);
  const record = (): StoryRecorder | null =>
    options.reportFile !== null && isPage(options.reportFile) ? new StoryRecorder(machine) : null;
  let recorder = record();
  const outputs = openOutputs(options);
  outputs.log?.write(eventHeaderLine(logHeader(machine.parts.settings)));
  const wrap = process.stdout.isTTY ? new ReverseWrap(() => process.stdout.columns) : null;
  const filter = new ReplayFilter(
    (chunk) => {
      process.stdout.write(wrap?.translate(chunk) ?? Uint8Array.from(chunk));
      outputs.serial?.write(chunk);
    },
    (event) => outputs.log?.write(eventLine(event)),
  );
  if (source.kind === 'restored') filter.leaveOut(machine.events.events.length);
  filter.listen(machine);
  if (source.kind === 'restored' && !options.quiet) printMoment('goes on', machine);

  const terminal = new Terminal(machine, options.quiet);
  const debug = await openDebugger(options, machine, (origin) => {
    machine.close();
    machine = origin?.make() ?? make();
    recorder = record();
    filter.listen(machine, origin?.eventsBefore ?? null);
    terminal.moveTo(machine);
    return machine;
  });
  terminal.open();
  const saver = options.save === null ? null : new SnapshotSaver(options.save, options.quiet);
  const followed = [outputs.serial, outputs.log].filter((file) => file !== null);

  try {
    const isOver = () => interrupt.aborted || terminal.quit;
    const outcome = await runInSlices(() => machine, options, saver, terminal, followed, debug, isOver);
    saver?.atEnd(machine);
    machine.serial.finish();
    machine.events.emit('stop', { outcome: outcome.outcome, reason: outcome.reason });
    const exitStatus = interrupt.aborted && outcome.outcome === 'limit' ? EXIT_INTERRUPTED : outcome.exitStatus;
    const report = makeReport(machine, outcome, exitStatus, performance.now());
    if (options.reportFile !== null) {
      const contents =
        recorder === null
          ? `${JSON.stringify(report, null, 2)}\n`
          : withData(readPage('report'), collectReport(machine, outcome, report, recorder));
      writeOutput('--report', options.reportFile, contents);
    }
    for (const file of followed) file.flush();
    if (!options.quiet) process.stderr.write(summary(machine, outcome, report.host.maxRssBytes));
    if (options.stats) process.stderr.write(engineStatistics(machine));
    return exitStatus;
  } finally {
    terminal.close();
    await debug?.close();
    machine.close();
    closeAll(followed);
  }
}

/** Closes each file, also after a failure. @throws InputError, the first one */
function closeAll(files: readonly OutputStream[]): void {
  const [file, ...others] = files;
  if (file === undefined) return;
  try {
    file.close();
  } finally {
    closeAll(others);
  }
}

/**
 * The debugger's server, when `--gdb` asks for one.
 * @throws InputError when the port cannot be had
 */
async function openDebugger(
  { gdbPort, gdbWait, reportFile }: RunOptions,
  machine: LevitateMachine,
  replace: (origin: MachineOrigin | null) => LevitateMachine,
): Promise<GdbServer | null> {
  // A report covers the whole run, so no checkpoint can replace its beginning.
  const checkpoints = reportFile === null;
  return gdbPort === null ? null : GdbServer.open({ port: gdbPort, wait: gdbWait, machine, replace, checkpoints });
}

/**
 * Runs until an outcome, letting signals, input, the wall clock and the readers of the `followed`
 * files in between slices.
 */
async function runInSlices(
  machine: () => LevitateMachine,
  options: RunOptions,
  saver: SnapshotSaver | null,
  terminal: Terminal,
  followed: readonly OutputStream[],
  debug: GdbServer | null,
  interrupted: () => boolean,
): Promise<Outcome> {
  const { timeoutNs, maxInstructions, wallTimeoutNs } = options;
  const asked = { timeoutNs: timeoutNs ?? undefined, maxInstructions: maxInstructions ?? undefined };
  const length = new SliceLength(SLICE_INSTRUCTIONS);
  const tooLong = () => wallTimeoutNs !== null && performance.now() * 1e6 > wallTimeoutNs;
  for (;;) {
    if (tooLong()) return limit('hit the limit of real time');
    const ended = debug === null ? null : await debug.ready(() => interrupted() || tooLong());
    if (ended !== null) return ended;
    // Ended while the machine waited for a debugger: nothing runs then.
    if (interrupted()) return limit('was interrupted');
    if (tooLong()) continue;
    const began = performance.now();
    const bounds = saver?.boundsOf(asked) ?? asked;
    const stopped = terminal.interactive
      ? machine().runSlice(length.instructions, bounds, INTERACTIVE_SLICE_NS)
      : machine().runSlice(SLICE_INSTRUCTIONS, bounds, SLICE_NS);
    length.took(performance.now() - began);
    for (const file of followed) file.flush();
    // A run that only stopped at the moment to be saved continues after it.
    const decided = saver?.isDue(machine()) === true ? saver.save(machine()) : stopped;
    const outcome = debug === null ? decided : debug.judge(decided);
    if (outcome !== null && (outcome.outcome !== 'steady' || terminal.quit || !(await terminal.waitForInput()))) {
      return outcome;
    }
    await terminal.yieldToHost();
  }
}

function limit(reason: string): Outcome {
  return { outcome: 'limit', exitStatus: 3, panic: null, reason };
}

function summary(machine: LevitateMachine, { reason }: Outcome, maxRssBytes: number): string {
  const { clock } = machine.machine;
  return (
    `\n${machine.board.name} ${reason}: ${showBytes(machine.memory.totalBytes)} of RAM, ${showBytes(machine.memory.touchedBytes)} touched · ` +
    `${showTime(clock.nowNs)} simulated, ${showCount(clock.instructions)} instructions · ` +
    `${Math.round(performance.now())} ms, ${showBytes(maxRssBytes)} · ${machine.cpu.engine.version}\n`
  );
}

/**
 * The files that grow while the machine runs. They are opened before it starts, so a path that
 * cannot be written is reported at once.
 */
interface Outputs {
  readonly serial: OutputStream | null;
  readonly log: OutputStream | null;
}

/** @throws InputError, also for the file that is written at the end */
function openOutputs({ serialFile, logFile, reportFile, save }: RunOptions): Outputs {
  if (reportFile !== null) checkOutput('--report', reportFile);
  if (save !== null) checkOutput('--save', save.file);
  const open = (option: string, file: string | null): OutputStream | null =>
    file === null ? null : new OutputStream(option, file);
  return { serial: open('--serial', serialFile), log: open('--log', logFile) };
}
