// SPDX-License-Identifier: GPL-2.0-only
/**
 * Session of one debugger: it receives bytes, and stops or resumes the machine. Knows no socket and
 * no machine.
 *
 *     bytes ─► packets ─► commands ─► reply
 *                             └─ "go on" ─► target.resume(); the reply is the next stop, reported by stopped()
 *
 * The machine is stopped until a command resumes it; a session begins with a stopped machine.
 *
 * Specification: GDB manual, "Packet Acknowledgment", "Stop Reply Packets".
 */

import { type Answer, type CommandState, OK, threadOf } from './command-state.ts';
import { answerPacket, outputPackets, readRegister } from './commands.ts';
import { hexOf } from './hexadecimal.ts';
import { encodePacket, latin1, PacketReader } from './packets.ts';
import { EXPEDITED, REGISTERS } from './register-layout.ts';
import type { DebugRegister, DebugStop, DebugTarget } from './target.ts';

/** Ports of a session: to the socket, and to the code that runs the machine. */
export interface SessionContext {
  send(bytes: Uint8Array): void;
  /** Stops the running machine; {@link GdbSession.stopped} follows. */
  interrupt(): void;
  /**
   * Called when the client leaves: the machine continues without it ("detach"), or is to end
   * ("kill").
   */
  left(how: 'detach' | 'kill'): void;
}

/** Signal numbers of GDB. */
const SIGNAL = { none: 0, interrupt: 2, abort: 6, trap: 5 } as const;

const DETACH = 0x44;
const KILL = 0x6b;

export class GdbSession {
  /** True while the machine runs and a stop reply is owed to the client. */
  running = false;
  private readonly ports: SessionContext;
  private readonly state: CommandState;
  private readonly reader = new PacketReader();
  private acknowledges = true;
  private lastSent: Uint8Array | null = null;
  private lastStop: DebugStop;

  /** @param stop reason why the machine is stopped now */
  constructor(target: DebugTarget, ports: SessionContext, stop: DebugStop) {
    this.ports = ports;
    this.lastStop = stop;
    this.state = { target, core: coreOf(stop) ?? 0, physical: false, clientFeatures: new Set() };
  }

  /** Handles bytes from the client. */
  receive(bytes: Uint8Array): void {
    for (const received of this.reader.receive(bytes)) {
      switch (received.kind) {
        case 'ack':
          break;
        case 'nack':
          if (this.lastSent !== null) this.ports.send(this.lastSent);
          break;
        case 'damaged':
          if (this.acknowledges) this.ports.send(latin1('-'));
          break;
        case 'interrupt':
          if (this.running) this.ports.interrupt();
          break;
        case 'packet':
          if (this.acknowledges) this.ports.send(latin1('+'));
          this.perform(received.payload);
      }
    }
  }

  /** Reports that the resumed machine has stopped. */
  stopped(stop: DebugStop): void {
    this.running = false;
    this.lastStop = stop;
    this.state.core = coreOf(stop) ?? 0;
    if (stop.kind === 'rest' || stop.kind === 'end') {
      for (const packet of outputPackets(`The machine ${stop.reason}.\n`)) this.reply(packet);
    }
    this.reply(this.stopReply(stop));
  }

  private perform(payload: Uint8Array): void {
    // While the machine runs, a client would take any reply for a stop reply, so none is sent.
    if (this.running && payload[0] !== DETACH && payload[0] !== KILL) return;
    const answer = answerPacket(this.state, payload);
    if (isAction(answer)) this.act(answer);
    else this.reply(answer);
  }

  private act(answer: Exclude<Answer, string | Uint8Array>): void {
    const { target } = this.state;
    switch (answer.action) {
      case 'no acknowledgements':
        this.reply(OK);
        this.acknowledges = false;
        break;
      case 'output':
        for (const packet of outputPackets(answer.text)) this.reply(packet);
        this.reply(OK);
        break;
      case 'report':
        this.reply(this.stopReply(this.lastStop));
        break;
      case 'resume':
        this.running = true;
        target.resume();
        break;
      case 'step':
        this.stopped(target.step(answer.core));
        break;
      case 'step back':
        this.stopped(target.stepBack());
        break;
      case 'resume back':
        this.stopped(target.resumeBack());
        break;
      case 'detach':
        this.reply(OK);
        this.ports.left('detach');
        break;
      case 'kill':
        this.ports.left('kill');
    }
  }

  private reply(payload: string | Uint8Array): void {
    this.lastSent = encodePacket(payload);
    this.ports.send(this.lastSent);
  }

  private stopReply(stop: DebugStop): string {
    if (stop.kind === 'end') return `W${(stop.exitStatus & 0xff).toString(16).padStart(2, '0')}`;
    const signal = signalOf(stop).toString(16).padStart(2, '0');
    const registers = Object.values(EXPEDITED).map((number) => {
      const value = readRegister({ ...this.state, core: stop.core }, REGISTERS[number] as DebugRegister);
      return `${number.toString(16)}:${value};`;
    });
    return `T${signal}${registers.join('')}${this.reasonOf(stop)}thread:${threadOf(stop.core)};`;
  }

  private reasonOf(stop: DebugStop): string {
    const { clientFeatures } = this.state;
    switch (stop.kind) {
      case 'breakpoint': {
        const reason = stop.hardware ? 'hwbreak' : 'swbreak';
        return clientFeatures.has(reason) ? `${reason}:;` : '';
      }
      case 'watchpoint': {
        const reason = stop.watch === 'write' ? 'watch' : stop.watch === 'read' ? 'rwatch' : 'awatch';
        return `${reason}:${stop.address.toString(16)};`;
      }
      case 'beginning':
        return 'replaylog:begin;';
      case 'rest':
        // LLDB continues by itself after a stop without a signal, unless a reason is given
        // (lldb-server's stop replies). GDB ignores both keys.
        return `reason:exception;description:${hexOf(new TextEncoder().encode(`the machine ${stop.reason}`))};`;
      default:
        return '';
    }
  }
}

function isAction(answer: Answer): answer is Exclude<Answer, string | Uint8Array> {
  return typeof answer === 'object' && !(answer instanceof Uint8Array);
}

function coreOf(stop: DebugStop): number | null {
  return stop.kind === 'end' ? null : stop.core;
}

function signalOf(stop: Exclude<DebugStop, { kind: 'end' }>): number {
  switch (stop.kind) {
    case 'interrupt':
      return SIGNAL.interrupt;
    case 'rest':
      return stop.failed ? SIGNAL.abort : SIGNAL.none;
    default:
      return SIGNAL.trap;
  }
}
