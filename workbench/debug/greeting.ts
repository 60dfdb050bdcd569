// SPDX-License-Identifier: GPL-2.0-only
/**
 * The first words on the debugger's socket. Any program on this computer may have opened the
 * connection: a browser whose web page posts a form, a port scanner, a health check. A connection
 * has no effect until it has sent a complete packet of the protocol, with nothing before it.
 *
 *     connection ─► bytes: "+", "-", 0x03, then "$…#xx" ─► admitted      anything else, too much, too late ─► closed
 *
 * Specification: GDB manual, appendix "GDB Remote Serial Protocol", Overview.
 */

import type { Socket } from 'node:net';
import { PacketReader } from '#emulator/debug/gdb/packets.ts';

/** "+", "-" and Ctrl-C may come before the first packet. */
const BEFORE_A_PACKET: ReadonlySet<number> = new Set([0x2b, 0x2d, 0x03]);
const DOLLAR = 0x24;
/** No debugger's first packet is longer. */
const LONGEST_GREETING = 8192;
const LONGEST_SILENCE_MS = 10_000;

/**
 * Waits for the first packet on `socket`, and closes it when something else comes.
 * @param admit is given all that came so far; what comes later is its business
 */
export function awaitGreeting(socket: Socket, admit: (greeting: Uint8Array) => void): void {
  let greeting = Buffer.alloc(0);
  const listen = (bytes: Buffer): void => {
    greeting = Buffer.concat([greeting, bytes]);
    switch (judge(greeting)) {
      case 'refused':
        socket.destroy();
        break;
      case 'admitted':
        socket.removeListener('data', listen);
        socket.setTimeout(0);
        socket.ref();
        admit(greeting);
        break;
      case 'unfinished':
    }
  };
  // A silent connection does not keep the command from ending.
  socket.unref();
  socket.on('data', listen);
  socket.on('error', () => socket.destroy());
  socket.setTimeout(LONGEST_SILENCE_MS, () => socket.destroy());
}

function judge(greeting: Uint8Array): 'admitted' | 'refused' | 'unfinished' {
  const first = greeting.find((byte) => !BEFORE_A_PACKET.has(byte));
  if (first !== undefined && first !== DOLLAR) return 'refused';
  const found = new PacketReader().receive(greeting).find(({ kind }) => kind === 'packet' || kind === 'damaged');
  if (found !== undefined) return found.kind === 'packet' ? 'admitted' : 'refused';
  return greeting.length > LONGEST_GREETING ? 'refused' : 'unfinished';
}
