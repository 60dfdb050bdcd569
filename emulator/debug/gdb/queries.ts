// SPDX-License-Identifier: GPL-2.0-only
/**
 * General queries of the GDB remote serial protocol: supported features, threads, target
 * description, monitor commands.
 *
 * No memory map is sent, on purpose: a client treats all addresses outside a map as inaccessible,
 * but the addresses that it uses are virtual.
 *
 * Specification: GDB manual, "General Query Packets"; qHostInfo: LLDB,
 * docs/resources/lldbgdbremote.
 */

import {
  type Answer,
  type CommandState,
  coreOfThread,
  INVALID,
  isAlive,
  OK,
  threadOf,
  UNSUPPORTED,
} from './command-state.ts';
import { bytesOfHex, hexOf, parseHex } from './hexadecimal.ts';
import { fromLatin1, latin1, MOST_PACKET_BYTES } from './packets.ts';
import { TARGET_DESCRIPTION } from './register-layout.ts';

const HOST = `triple:${hexOf(latin1('aarch64-unknown-none-elf'))};endian:little;ptrsize:8;watchpoint_exceptions_received:before;`;
const FEATURES_READ = 'qXfer:features:read:';

/** Answers a packet that begins with q or Q. */
export function answerQuery(state: CommandState, text: string): Answer {
  const { target } = state;
  if (text.startsWith('qSupported')) return supported(state, text);
  if (text.startsWith(FEATURES_READ)) return readFeatures(text.slice(FEATURES_READ.length));
  if (text.startsWith('qRcmd,')) {
    const command = bytesOfHex(text.slice('qRcmd,'.length));
    if (command === null) return INVALID;
    return { action: 'output', text: target.monitor(state.core, fromLatin1(command)) };
  }
  if (text.startsWith('qThreadExtraInfo,')) {
    const core = coreOfThread(text.slice('qThreadExtraInfo,'.length));
    const thread = target.threads().find((one) => one.core === core);
    return thread === undefined ? INVALID : hexOf(latin1(thread.description));
  }
  if (text.startsWith('Qqemu.PhyMemMode:')) {
    state.physical = text.endsWith(':1');
    return OK;
  }
  switch (text) {
    case 'QStartNoAckMode':
      return { action: 'no acknowledgements' };
    case 'qAttached':
      return '1';
    case 'qC':
      return `QC${threadOf(isAlive(state, state.core) ? state.core : target.currentCore)}`;
    case 'qfThreadInfo':
      return `m${target
        .threads()
        .map(({ core }) => threadOf(core))
        .join(',')}`;
    case 'qsThreadInfo':
      return 'l';
    case 'qHostInfo':
      return HOST;
    case 'qqemu.PhyMemMode':
      return state.physical ? '1' : '0';
    default:
      return UNSUPPORTED;
  }
}

function supported(state: CommandState, text: string): string {
  const offered = text.slice('qSupported:'.length).split(';');
  state.clientFeatures = new Set(offered.filter((one) => one.endsWith('+')).map((one) => one.slice(0, -1)));
  return [
    `PacketSize=${MOST_PACKET_BYTES.toString(16)}`,
    'QStartNoAckMode+',
    'qXfer:features:read+',
    'vContSupported+',
    'swbreak+',
    'hwbreak+',
    'binary-upload+',
    ...(state.target.goesBack ? ['ReverseStep+', 'ReverseContinue+'] : []),
  ].join(';');
}

/**
 * Parses "ANNEX:OFFSET,LENGTH". The answer comes in pieces: "m" and a piece when more follow, "l"
 * and the last one.
 */
function readFeatures(text: string): string {
  const [annex, range = ''] = text.split(':');
  const [from, bytes] = range.split(',').map((number) => parseHex(number));
  if (annex !== 'target.xml' || from === null || from === undefined || bytes === null || bytes === undefined) {
    return 'E00';
  }
  const start = Number(from);
  const end = start + Math.min(Number(bytes), MOST_PACKET_BYTES / 2);
  return `${end < TARGET_DESCRIPTION.length ? 'm' : 'l'}${TARGET_DESCRIPTION.slice(start, end)}`;
}
