// SPDX-License-Identifier: GPL-2.0-only
/**
 * Commands after "monitor" in a debugger: views of the machine for which the debugger's protocol
 * has no command.
 */

import { hex } from '#common/address.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Mapping, Translation } from '#emulator/cpu/translate.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { type DebugMemory, isTranslated } from './debug-memory.ts';

/** State that the commands show. */
export interface MonitorContext {
  readonly machine: Machine;
  readonly memory: DebugMemory;
  /** The selected core. */
  readonly core: MachineCore;
}

interface MonitorCommand {
  readonly usage: string;
  readonly meaning: string;
  answer(context: MonitorContext, args: readonly string[]): string;
}

const MOST_DUMPED_BYTES = 4096;
const DUMP_ROW = 16;

const COMMANDS: Readonly<Record<string, MonitorCommand>> = {
  help: {
    usage: 'help',
    meaning: 'these lines',
    answer: () =>
      Object.values(COMMANDS)
        .map(({ usage, meaning }) => `${usage.padEnd(24)}${meaning}\n`)
        .join(''),
  },
  info: { usage: 'info', meaning: 'simulated time, cores, physical memory', answer: describeMachine },
  phys: { usage: 'phys ADDRESS [BYTES]', meaning: 'memory by physical address', answer: dumpPhysical },
  walk: { usage: 'walk ADDRESS', meaning: 'translation of a virtual address, level by level', answer: walkAddress },
};

/** Output for a line, ending with a line feed; for an unknown command, a list of the known ones. */
export function answerMonitor(context: MonitorContext, line: string): string {
  const [name = '', ...args] = line.trim().split(/\s+/);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) return `"${name}" is not known: ${Object.keys(COMMANDS).join(', ')}\n`;
  return command.answer(context, args);
}

/** Parses an address or count, decimal or 0x…; null for anything else and for more than 64 bits. */
function parseNumber(text: string | undefined): bigint | null {
  if (text === undefined || !/^(0x[0-9a-f]{1,16}|\d{1,19})$/i.test(text)) return null;
  return BigInt(text);
}

function describeMachine({ machine }: MonitorContext): string {
  const { clock, memory } = machine;
  return [
    `${clock.nowNs} ns simulated, ${clock.instructions} instructions`,
    ...machine.cores.map(
      (core) =>
        `core ${core.index}: ${machine.coreState(core.index)} at EL${core.level}, PC ${hex(core.engine.getPc())}${core.index === machine.currentCore ? ', ran last' : ''}`,
    ),
    ...memory.banks.map(({ base, size }) => `RAM ${hex(base)}-${hex(base + size - 1)}`),
    ...machine.fixedMemory.map(({ name, base, size }) => `${name} ${hex(base)}-${hex(base + size - 1)}`),
    '',
  ].join('\n');
}

function dumpPhysical({ machine, memory }: MonitorContext, args: readonly string[]): string {
  const start = parseNumber(args[0]);
  const length = args[1] === undefined ? 64n : parseNumber(args[1]);
  if (start === null || length === null || start >= 2n ** 48n || length > MOST_DUMPED_BYTES) {
    return `phys ADDRESS [BYTES]: a physical address below 2^48 and at most ${MOST_DUMPED_BYTES} bytes\n`;
  }
  const bytes = memory.readPhysical(Number(start), Number(length));
  const rows: string[] = [];
  for (let at = 0; at < bytes.length; at += DUMP_ROW) {
    const row = [...bytes.subarray(at, at + DUMP_ROW)];
    const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
    const digits = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    rows.push(`${hex(Number(start) + at, 10)}  ${digits.padEnd(3 * DUMP_ROW)} ${text}\n`);
  }
  if (bytes.length < Number(length)) {
    const end = Number(start) + bytes.length;
    rows.push(`${hex(end, 10)}  is ${machine.bus.describe(end)}, not memory: registers are not read here\n`);
  }
  return rows.join('');
}

function walkAddress({ core }: MonitorContext, args: readonly string[]): string {
  const va = parseNumber(args[0]);
  if (va === null) return 'walk ADDRESS: a virtual address, as in walk 0xffff800040080000\n';
  const found = core.walk(va);
  const note = isTranslated(core) ? '' : `(core ${core.index} is at EL${core.level} and translates nothing itself)\n`;
  const steps = found.steps.map(
    ({ level, address, descriptor }) => `level ${level}  descriptor at ${hex(address, 10)} = ${hex(descriptor, 16)}\n`,
  );
  return `${note}${steps.join('')}${resultOf(found)}`;
}

function resultOf(found: Translation): string {
  if (!found.ok) {
    const { kind, level, status } = found.fault;
    return `${kind} fault, level ${level} (fault status ${hex(status)})\n`;
  }
  const { mapping } = found;
  return `physical ${hex(found.pa)}, ${hex(mapping.size)} bytes, EL1 ${rightsOf(mapping, 'el1')}, EL0 ${rightsOf(mapping, 'el0')}, MAIR attribute ${mapping.attributeIndex}\n`;
}

function rightsOf({ permissions }: Mapping, level: 'el0' | 'el1'): string {
  const { read, write, execute } = permissions[level];
  return `${read ? 'r' : '-'}${write ? 'w' : '-'}${execute ? 'x' : '-'}`;
}
