// SPDX-License-Identifier: GPL-2.0-only
/**
 * Commands of the GDB remote serial protocol: one packet in, one answer out. Commands that run the
 * machine are not executed here but returned as an action: the session sends the reply later.
 *
 * An empty answer means "not supported", E and two digits an error: 14 EFAULT (memory that cannot
 * be accessed), 22 EINVAL (a malformed packet).
 *
 * Specification: GDB manual, "Packets"; Qqemu.PhyMemMode: QEMU, docs/system/gdb.rst.
 */

import {
  type Answer,
  type CommandState,
  coreOfThread,
  FAULT,
  INVALID,
  isAlive,
  OK,
  UNSUPPORTED,
} from './command-state.ts';
import { bytesOfHex, hexOf, hexOfValue, parseHex, valueOfHex } from './hexadecimal.ts';
import { fromLatin1, latin1, MOST_PACKET_BYTES } from './packets.ts';
import { answerQuery } from './queries.ts';
import { GENERAL_REGISTERS, REGISTERS } from './register-layout.ts';
import type { DebugPoint, DebugRegister } from './target.ts';

/** Answers one packet. @throws nothing for any payload */
export function answerPacket(state: CommandState, payload: Uint8Array): Answer {
  const text = fromLatin1(payload);
  const rest = text.slice(1);
  switch (text[0]) {
    case '?':
      return { action: 'report' };
    case 'g':
      return GENERAL_REGISTERS.map((register) => readRegister(state, register)).join('');
    case 'G':
      return writeGeneralRegisters(state, rest);
    case 'p':
      return registerOf(rest, (register) => readRegister(state, register));
    case 'P': {
      const [number = '', value = ''] = rest.split('=');
      return registerOf(number, (register) => (writeRegister(state, register, value) ? OK : INVALID));
    }
    case 'm':
      return readMemory(state, rest, (bytes) => hexOf(bytes));
    case 'x':
      // lldb sends length 0 to ask whether replies come without the "b" prefix; they do not.
      return rest.endsWith(',0') ? UNSUPPORTED : readMemory(state, rest, (bytes) => Uint8Array.from([0x62, ...bytes]));
    case 'M':
      return writeMemory(state, rest, bytesOfHex(rest.slice(rest.indexOf(':') + 1)));
    case 'X':
      return writeMemory(state, rest, payload.subarray(text.indexOf(':') + 1));
    case 'Z':
    case 'z':
      return changePoint(state, text[0] === 'Z', rest);
    case 'H':
      return selectThread(state, rest);
    case 'T': {
      const core = coreOfThread(rest);
      return core !== null && isAlive(state, core) ? OK : INVALID;
    }
    case 'c':
    case 'C':
      return { action: 'resume' };
    case 's':
    case 'S':
      return { action: 'step', core: state.target.currentCore };
    case 'b':
      return goBack(state, rest);
    case 'D':
      return { action: 'detach' };
    case 'k':
      return { action: 'kill' };
    case 'v':
      return verbose(state, text);
    case 'q':
    case 'Q':
      return answerQuery(state, text);
    default:
      return UNSUPPORTED;
  }
}

function verbose(state: CommandState, text: string): Answer {
  if (text === 'vCont?') return 'vCont;c;C;s;S';
  if (text.startsWith('vCont;')) {
    const resumption = parseResumption(text.slice('vCont;'.length), state.target.currentCore);
    if (resumption === null) return INVALID;
    if (resumption.step === null) return { action: 'resume' };
    return isAlive(state, resumption.step) ? { action: 'step', core: resumption.step } : INVALID;
  }
  if (text.startsWith('vKill')) return { action: 'kill' };
  return UNSUPPORTED;
}

/** Actions of a vCont packet: "ACTION[:THREAD]", separated by ";". */
const ACTION = /^([cCsS])([0-9a-fA-F]{2})?(?::(-1|[0-9a-fA-F]+))?$/;

/**
 * Core that executes one instruction (0-based) in `step`; null there: the machine runs, always as a
 * whole. The first step action decides; without any, everything runs. Returns null when an action
 * is unknown.
 * @param currentCore core of an action without a thread
 */
function parseResumption(text: string, currentCore: number): { readonly step: number | null } | null {
  let step: number | null = null;
  for (const part of text.split(';')) {
    const [, action, signal, thread] = ACTION.exec(part) ?? [];
    // The capital letters carry a signal, which no guest here receives.
    if (action === undefined || (signal !== undefined) !== (action === 'C' || action === 'S')) return null;
    if (action.toLowerCase() !== 's' || step !== null) continue;
    const named = thread === undefined || thread === '-1' || thread === '0' ? null : parseHex(thread);
    step = named === null ? currentCore : Number(named) - 1;
  }
  return { step };
}

function goBack({ target }: CommandState, what: string): Answer {
  if (!target.goesBack) return UNSUPPORTED;
  if (what === 's') return { action: 'step back' };
  return what === 'c' ? { action: 'resume back' } : UNSUPPORTED;
}

function selectThread(state: CommandState, text: string): Answer {
  const core = coreOfThread(text.slice(1), state.target.currentCore);
  if (core === null || !isAlive(state, core)) return INVALID;
  // "Hc" selects the core for "c" and "s", which vCont has replaced.
  if (text[0] === 'g') state.core = core;
  return OK;
}

function registerOf(number: string, use: (register: DebugRegister) => string): string {
  const index = parseHex(number);
  const register = index === null ? undefined : REGISTERS[Number(index)];
  return register === undefined ? INVALID : use(register);
}

/** Value of a register; all "x" when the core has none. */
export function readRegister({ target, core }: CommandState, { name, bits }: DebugRegister): string {
  const value = target.readRegister(core, name);
  return value === null ? 'x'.repeat(bits / 4) : hexOfValue(value, bits);
}

function writeRegister({ target, core }: CommandState, { name, bits }: DebugRegister, text: string): boolean {
  const value = valueOfHex(text, bits);
  return value !== null && target.writeRegister(core, name, value);
}

/** Writes registers in the order of "g". A register given as "x…" keeps its value. */
function writeGeneralRegisters(state: CommandState, text: string): string {
  let at = 0;
  for (const register of GENERAL_REGISTERS) {
    const digits = text.slice(at, at + register.bits / 4);
    at += register.bits / 4;
    if (!digits.startsWith('x') && !writeRegister(state, register, digits)) return INVALID;
  }
  return OK;
}

/** Parses "ADDRESS,LENGTH", up to a ":". */
function rangeOf(text: string): { readonly address: bigint; readonly length: number } | null {
  const [address, length] = (text.split(':', 1)[0] ?? '').split(',');
  const start = parseHex(address);
  const bytes = parseHex(length);
  return start === null || bytes === null || bytes > 0xffff_ffffn ? null : { address: start, length: Number(bytes) };
}

function readMemory(state: CommandState, text: string, reply: (bytes: Uint8Array) => string | Uint8Array): Answer {
  const range = rangeOf(text);
  if (range === null) return INVALID;
  const { target, core, physical } = state;
  // The reply may be shorter than requested: the client then asks for the rest.
  const length = Math.min(range.length, MOST_PACKET_BYTES / 2 - 1);
  const bytes = physical ? target.readPhysical(range.address, length) : target.readMemory(core, range.address, length);
  return bytes.length === 0 && length > 0 ? FAULT : reply(bytes);
}

function writeMemory(state: CommandState, text: string, bytes: Uint8Array | null): Answer {
  const range = rangeOf(text);
  if (range === null || bytes === null || bytes.length !== range.length) return INVALID;
  const { target, core, physical } = state;
  const done = physical ? target.writePhysical(range.address, bytes) : target.writeMemory(core, range.address, bytes);
  return done ? OK : FAULT;
}

function changePoint({ target, core }: CommandState, add: boolean, text: string): Answer {
  const point = pointOf(text);
  if (point === null) return INVALID;
  if (point === 'unknown kind') return UNSUPPORTED;
  if (!add) target.removePoint(point);
  else if (!target.addPoint(core, point)) return FAULT;
  return OK;
}

const WATCH_KINDS = { 2: 'write', 3: 'read', 4: 'access' } as const;

/**
 * Parses "TYPE,ADDRESS,KIND"; KIND is the length of the instruction or range. Conditions after a
 * ";" are ignored: the client checks them itself.
 */
function pointOf(text: string): DebugPoint | 'unknown kind' | null {
  const [type, ...place] = (text.split(';', 1)[0] ?? '').split(',');
  const range = rangeOf(place.join(','));
  if (range === null) return null;
  const { address, length } = range;
  if (type === '0' || type === '1') return { kind: 'breakpoint', hardware: type === '1', address };
  if (type !== '2' && type !== '3' && type !== '4') return 'unknown kind';
  return length === 0 ? null : { kind: 'watchpoint', watch: WATCH_KINDS[type], address, bytes: length };
}

/** Splits the output of a "monitor" command into pieces that fit a packet each. */
export function outputPackets(text: string): string[] {
  const packets: string[] = [];
  const most = MOST_PACKET_BYTES / 2 - 1;
  for (let at = 0; at < text.length; at += most) packets.push(`O${hexOf(latin1(text.slice(at, at + most)))}`);
  return packets;
}
