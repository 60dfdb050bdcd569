// SPDX-License-Identifier: GPL-2.0-only
/**
 * The event log of whole boots: its contents against its documentation, the command that reads it,
 * the comparison of two runs, golden logs.
 */

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EVENT_KINDS, type EventKind, traceableKinds } from '#workbench/machine/event-kinds.ts';
import { eventHeaderLine, parseHeaderLine } from '#workbench/log/event-header.ts';
import { eventLine, parseEventLine } from '#workbench/log/event-lines.ts';
import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import {
  bootBoard,
  diffEventLogs,
  eventLines,
  logHeader,
  type MachineSettings,
  readEventLog,
} from '#workbench/index.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const folder = mkdtempSync(join(tmpdir(), 'levitate-event-log-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const inFolder = (name: string): string => join(folder, name);

/** Boots, types at the steady state, and writes the log. @returns its path and the events */
function bootLog(
  name: string,
  settings: MachineSettings,
  typed = '',
): { readonly path: string; readonly events: readonly LogEvent[] } {
  const { board, ...others } = settings;
  const { machine } = bootBoard(board, others);
  if (typed !== '') {
    machine.type(typed);
    machine.run({ timeoutNs: 10e9 });
  }
  const path = inFolder(name);
  writeFileSync(path, eventLines(machine.events.events, logHeader(settings)));
  const { events } = machine.events;
  machine.close();
  return { path, events };
}

function log(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(packageRoot(), 'scripts', 'launch.mjs'), 'log', ...args],
    { encoding: 'utf8', timeout: HANG_GUARD_MS },
  );
  return { status, stdout, stderr };
}

/** A section of docs/event-log.md: fields with their meaning, and examples. */
interface DocumentedKind {
  readonly fields: ReadonlyMap<string, string>;
  readonly examples: readonly string[];
}

function documentedKinds(): Map<string, DocumentedKind> {
  const text = readFileSync(join(packageRoot(), 'docs', 'event-log.md'), 'utf8');
  const sections = text.slice(text.indexOf('## Kinds that are always kept')).split(/^### /m).slice(1);
  return new Map(
    sections.map((section) => {
      const table = /^\| field \| \|\n\|---\|---\|\n((?:\|.*\n)+)/m.exec(section)?.[1] ?? '';
      const rows = table.matchAll(/^\| `(\w+)` \| (.*) \|$/gm);
      const fields = new Map([...rows].map(([, name, words]) => [name as string, words as string]));
      const examples = [...section.matchAll(/^\{.*\}$/gm)].map(([line]) => line);
      return [section.slice(0, section.indexOf('\n')), { fields, examples }];
    }),
  );
}

/** The files whose types define the fields of each kind. */
const TYPES = [
  'emulator/events/machine-events.ts',
  'kernel-ts/hal/kernel-events.ts',
  'workbench/machine/event-kinds.ts',
];

/** Fields of each kind with their comments, as the types have them. */
function typedKinds(): Map<string, Map<string, string>> {
  const text = TYPES.map((path) => readFileSync(join(packageRoot(), path), 'utf8')).join('\n');
  const interfaces = new Map(
    [...text.matchAll(/^(?:export )?interface (\w+)(?: extends ([^{]+))? \{\n(.*?)^\}/gms)].map(
      ([, name, parents = '', body]) => [name as string, { parents: parents.split(', '), body: body as string }],
    ),
  );
  const unions = new Map(
    [...text.matchAll(/^export type (\w+Fields) =([^;]+);/gm)].map(([, name, parts]) => [
      name as string,
      parts as string,
    ]),
  );
  const add = (fields: Map<string, string>, type: string): Map<string, string> => {
    for (const part of (unions.get(type) ?? '').match(/\w+/g) ?? []) add(fields, part);
    const { parents = [], body = '' } = interfaces.get(type) ?? {};
    for (const parent of parents) add(fields, parent);
    const comment = String.raw`(?:  /\*\*\s+(?:\* )?((?:[^*]|\*(?!/))*?)\s*\*/\n)?`;
    for (const [, words, name] of body.matchAll(new RegExp(`${comment}  readonly (\\w+)\\??:`, 'g'))) {
      // The first comment of a field counts for the others of its kind.
      const known = fields.get(name as string);
      if (known === undefined || known === '') fields.set(name as string, (words ?? '').replaceAll(/\n\s+\* /g, ' '));
    }
    return fields;
  };
  const kinds = new Map<string, Map<string, string>>();
  for (const map of ['MachineEvents', 'KernelEvents', 'Events']) {
    for (const [, kind, types] of interfaces.get(map)?.body.matchAll(/^  '?([a-z-]+)'?: (.+);$/gm) ?? []) {
      const fields = kinds.get(kind as string) ?? new Map<string, string>();
      for (const type of (types as string).match(/\w+Fields/g) ?? []) add(fields, type);
      kinds.set(kind as string, fields);
    }
  }
  return kinds;
}

describe('docs/event-log.md', () => {
  const documented = documentedKinds();

  it('describes every kind, and no other', () => {
    expect(new Set(documented.keys())).toEqual(new Set(Object.keys(EVENT_KINDS)));
  });

  it.each([...typedKinds()])('says of %s what its type says', (kind, fields) => {
    expect(fields.size).toBeGreaterThan(0);
    expect(Object.fromEntries(documented.get(kind)?.fields ?? [])).toEqual(Object.fromEntries(fields));
  });

  it('speaks of every kind that has a type', () => {
    expect(new Set(typedKinds().keys())).toEqual(new Set(Object.keys(EVENT_KINDS)));
  });

  it.each([...documented])(
    'has an example of %s that the reader takes, with its fields alone',
    (kind, { fields, examples }) => {
      expect(examples).toHaveLength(1);
      const event = parseEventLine(examples[0] ?? '', 1);
      expect(event.kind).toBe(kind);
      expect(eventLine(event)).toBe(`${examples[0]}\n`);
      for (const name of Object.keys(event.fields)) expect([...fields.keys()]).toContain(name);
    },
  );

  it('describes the kinds that the code emits, and each of them is emitted', () => {
    const emitted = new Set<string>();
    for (const part of ['emulator', 'kernel-ts', 'workbench']) {
      for (const file of readdirSync(join(packageRoot(), part), { recursive: true, encoding: 'utf8' })) {
        if (!file.endsWith('.ts') || file.endsWith('.test.ts')) continue;
        const text = readFileSync(join(packageRoot(), part, file), 'utf8');
        const calls = text.matchAll(
          /(?:events|trace|context|environment)\??\.emit\(\s*(?:this(?:\.core)?, )?'([a-z-]+)'/g,
        );
        for (const [, kind] of calls) emitted.add(kind as string);
      }
    }
    expect(emitted).toEqual(new Set(Object.keys(EVENT_KINDS)));
  });

  it.each([2, 3] as const)('follows an interrupt on a GICv%i from being taken to its end', (gicVersion) => {
    const settings = { board: 'qemu-virt', gicVersion, trace: ['irq'] } as const;
    const { events } = bootLog(`irq-${gicVersion}.log`, settings, 'help\n');
    const handling = events
      .filter(({ kind }) => kind === 'irq')
      .map(({ fields }) => Object.entries(fields).filter(([name]) => name !== 'pc'));
    // SPI 1 is the PL011's on this board: QEMU's hw/arm/virt.c, a15irqmap.
    expect(handling.slice(0, 3)).toEqual([[['taken', 'irq']], [['acknowledged', 33]], [['ended', 33]]]);
    expect(handling.length % 3).toBe(0);
  });

  it('says which kinds are always kept', () => {
    const text = readFileSync(join(packageRoot(), 'docs', 'event-log.md'), 'utf8');
    const loud = text.slice(text.indexOf('## Loud kinds')).matchAll(/^### (.*)$/gm);
    expect(new Set([...loud].map(([, kind]) => kind))).toEqual(new Set(traceableKinds()));
  });

  it('shows a header that the reader takes', () => {
    const text = readFileSync(join(packageRoot(), 'docs', 'event-log.md'), 'utf8');
    const header = /^\{"format".*$/m.exec(text)?.[0] ?? '';
    expect(eventHeaderLine(parseHeaderLine(header, 1)).replace(',"masks":[]', '')).toBe(`${header}\n`);
  });

  it.each(['pixel6', 'qemu-virt'])(
    'describes every field of every event of a boot of %s with everything traced',
    (board) => {
      const { events } = bootLog(`all-${board}.log`, { board, trace: traceableKinds() }, 'run wild\n');
      const missing = new Set<string>();
      for (const { kind, fields } of events) {
        for (const name of Object.keys(fields)) {
          if (documented.get(kind)?.fields.has(name) !== true) missing.add(`${kind}.${name}`);
        }
      }
      expect([...missing]).toEqual([]);
      const promised: EventKind[] = [
        'boot',
        'stage',
        'serial',
        'memory',
        'buddy',
        'heap',
        'mmu',
        'mmio',
        'gate',
        'exception',
        'process',
        'syscall',
        'timer',
      ];
      const kinds = new Set(events.map(({ kind }) => kind));
      expect(promised.filter((kind) => !kinds.has(kind))).toEqual([]);
    },
  );
});

describe('a boot that panics', () => {
  it('has the panic in its log, timeline and comparison', () => {
    const dtb = new Uint8Array(4096).fill(0xff);
    const before = bootLog('well.log', { board: 'qemu-virt' }).path;
    const { path, events } = bootLog('panics.log', { board: 'qemu-virt', dtb });
    const reason = events.find((event) => event.kind === 'panic')?.fields.reason;
    expect(reason).toContain('device tree');
    expect(log(path).stdout).toContain(`PANIC: ${reason}`);
    const { differences } = diffEventLogs(before, path);
    expect(differences.find(({ topic }) => topic === 'panic')?.text).toContain(`it panics with "PANIC: ${reason}" at `);
    expect(differences.map(({ text }) => text)).toContain('stage 2: Memory & MMU (PEI) is not reached');
  });
});

describe('two boots with different --memory', () => {
  it('differ as an explanation says', () => {
    const before = bootLog('8g.log', { board: 'pixel6' }).path;
    const after = bootLog('2g.log', { board: 'pixel6', memoryBytes: 2 * 2 ** 30 }).path;
    const texts = diffEventLogs(before, after).differences.map(({ topic, text }) => `${topic}: ${text}`);
    expect(texts).toContain('options: memoryBytes is 2 GiB instead of not given');
    expect(texts).toContain('ram: RAM is 2 GiB instead of 8 GiB: the bank of 6 GiB at 0x880000000 is gone');
    expect(texts.find((text) => text.startsWith('mem_map: '))).toMatch(
      /^mem_map: mem_map has 12 MiB instead of 48 MiB because RAM is 2 GiB instead of 8 GiB: 524,288 entries/,
    );
    const free = texts.find((text) => text.startsWith('free: ')) ?? '';
    const [change, ...parts] = [...free.matchAll(/[+-][\d,]+/g)].map(([number]) => Number(number.replaceAll(',', '')));
    expect(parts.reduce((sum, part) => sum + part, 0)).toBe(change);

    const { status, stdout } = log(before, '--diff', after);
    expect(status).toBe(1);
    for (const text of texts) expect(stdout).toContain(text.slice(text.indexOf(': ') + 2));
    expect(log(before, '--diff', before)).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('npm run log', () => {
  let path = '';
  let events: readonly LogEvent[] = [];
  beforeAll(() => {
    ({ path, events } = bootLog('quiet.log', { board: 'qemu-virt' }));
  });

  it('shows the timeline, the events that a filter chooses, and statistics', () => {
    const timeline = log(path);
    expect(timeline).toMatchObject({ status: 0, stderr: '' });
    expect(timeline.stdout).toMatch(/^qemu-virt · \d+ events .*\n.*\n.*power on.*\n.*stage 1: Early HAL \(SEC\)\n/);
    const stages = log(path, '--kind', 'stage', '--json').stdout;
    expect(stages).toBe(
      events
        .filter(({ kind }) => kind === 'stage')
        .map(eventLine)
        .join(''),
    );
    expect(JSON.parse(log(path, '--stats', '--json').stdout)).toMatchObject({ events: events.length });
    expect(log(path, '--grep', 'Stage [12]').stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it('keeps a golden log: made, held, and broken with exit status 1', () => {
    const golden = inFolder('boot.golden');
    expect(log(path, '--golden', golden)).toMatchObject({ status: 2, stdout: '' });
    expect(log(path, '--golden', golden, '--update', '--mask', '*.t').status).toBe(0);
    expect(log(path, '--golden', golden).status).toBe(0);
    const other = bootLog('other.log', { board: 'qemu-virt', memoryBytes: 2 ** 29 }).path;
    const broken = log(other, '--golden', golden);
    expect(broken.status).toBe(1);
    expect(broken.stdout).toContain('options is {"memoryBytes":536870912}, the golden log was made with {}');
  });

  it('tells what is wrong with a file, and where', () => {
    const cut = inFolder('cut.log');
    writeFileSync(cut, readFileSync(path, 'utf8').slice(0, -10));
    expect(log(cut, '--events')).toMatchObject({ status: 2 });
    expect(log(cut).stderr).toContain(
      `log: ${cut}: event log, line ${events.length + 1}: the file ends within the line`,
    );
    expect(log(inFolder('absent.log')).stderr).toContain('there is no such file');
  });

  it('ends when its reader does, and says so', async () => {
    const large = inFolder('large.log');
    writeFileSync(
      large,
      eventHeaderLine() + eventLine({ t: 0, core: 0, kind: 'irq', fields: { taken: 'irq' } }).repeat(200_000),
    );
    const child = spawn(process.execPath, [join(packageRoot(), 'scripts', 'launch.mjs'), 'log', large, '--events']);
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.stdout.once('data', () => child.stdout.destroy());
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'log: standard output: cannot be written: its reader has closed the pipe\n',
    });
  });

  it('follows until Ctrl-C', async () => {
    const open = inFolder('open.log');
    writeFileSync(open, eventHeaderLine() + events.slice(0, 3).map(eventLine).join(''));
    const child = spawn(process.execPath, [
      join(packageRoot(), 'scripts', 'launch.mjs'),
      'log',
      open,
      '--follow',
      '--json',
    ]);
    let stdout = '';
    child.stdout.on('data', (data: Buffer) => {
      stdout += data.toString();
      if (stdout.split('\n').length > 3) child.kill('SIGINT');
    });
    const status = await new Promise((resolve) => child.once('close', resolve));
    expect({ status, stdout }).toEqual({ status: 130, stdout: events.slice(0, 3).map(eventLine).join('') });
  });

  it('reads in code what it shows', () => {
    expect([...readEventLog(path, { kinds: ['stage'] })].map(({ fields }) => fields.number)).toEqual([1, 2, 3, 4, 5]);
  });
});
