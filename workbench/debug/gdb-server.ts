// SPDX-License-Identifier: GPL-2.0-only
/**
 * `--gdb`: a debugger on a socket of this computer. It holds the machine still, or lets the loop of
 * the command line run it.
 *
 *     socket ─► GdbSession ─► MachineTarget ─► machine
 *                  ▲
 *     loop: ready() … a slice … judge(outcome) … ready() …
 *
 * A machine runs one slice at a time and does not read the socket meanwhile. So a debugger acts
 * only between two slices, and the guest cannot notice it. Only one debugger can be connected. When
 * it detaches, the machine continues, and another debugger may connect. A client that does not
 * speak the protocol is not a debugger (greeting.ts).
 */

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { hex } from '#common/address.ts';
import { GdbSession } from '#emulator/debug/gdb/session.ts';
import type { DebugStop } from '#emulator/debug/gdb/target.ts';
import { MachineTarget } from '#emulator/debug/machine-target.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { Nap } from '#workbench/boot/real-time.ts';
import { InputError } from '#workbench/input-error.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { DebuggedMachine, type MachineOrigin } from './debugged-machine.ts';
import { awaitGreeting } from './greeting.ts';

const LOOPBACK = '127.0.0.1';
/** One debugger, and connections that are refused meanwhile. */
const MOST_CONNECTIONS = 16;
/** Milliseconds between two checks for another end of the run, while the debugger is silent. */
const NAP_MS = 50;
/** Milliseconds for which close() waits until the last reply is sent. */
const FAREWELL_MS = 500;

export interface GdbServerOptions {
  /** 0: any free port. */
  readonly port: number;
  /** The machine waits until a debugger continues it. */
  readonly wait: boolean;
  readonly machine: LevitateMachine;
  /**
   * Replaces the machine, for a debugger that goes back, with the one that `origin` makes; null:
   * with a new one from the start.
   */
  readonly replace: (origin: MachineOrigin | null) => LevitateMachine;
  /**
   * True when going back may start at checkpoints: the user of the machine does not need the events
   * before them.
   */
  readonly checkpoints: boolean;
}

const KILLED: Outcome = { outcome: 'limit', exitStatus: 3, panic: null, reason: 'was ended by the debugger' };

export class GdbServer {
  private readonly target: MachineTarget;
  private readonly server: Server;
  private session: GdbSession | null = null;
  private socket: Socket | null = null;
  /** True while the machine stands still and waits for a debugger. */
  private awaiting: boolean;
  /** True once a debugger has connected. */
  private visited = false;
  private interruptWanted = false;
  private killed = false;
  /** The reason why the machine rests; null while it runs. */
  private rest: DebugStop | null = null;
  private readonly nap = new Nap();

  private constructor({ machine, wait, replace, checkpoints }: GdbServerOptions) {
    this.awaiting = wait;
    const debugged = new DebuggedMachine(machine, replace, checkpoints, (input) => {
      this.rest = null;
      this.target.note(input);
    });
    this.target = new MachineTarget(debugged.drive(), () => debugged.restart());
    this.server = createServer((socket) => {
      if (this.session === null) awaitGreeting(socket, (greeting) => this.accept(socket, greeting));
      else socket.destroy();
    });
    this.server.maxConnections = MOST_CONNECTIONS;
  }

  /** Listens, on the loopback only. @throws InputError when the port cannot be had */
  static async open(options: GdbServerOptions): Promise<GdbServer> {
    const opened = new GdbServer(options);
    await new Promise<void>((resolve, reject) => {
      opened.server.once('error', (error: NodeJS.ErrnoException) => {
        const why =
          error.code === 'EADDRINUSE'
            ? 'another program listens on this port; choose another, or 0 for any that is free'
            : error.message;
        reject(new InputError(`--gdb ${options.port}: ${why}`));
      });
      opened.server.listen(options.port, LOOPBACK, resolve);
    });
    const { port } = opened.server.address() as AddressInfo;
    const state = options.wait ? 'the machine waits for a debugger' : 'a debugger may come';
    process.stderr.write(`boot: ${state}: gdb-multiarch -ex "target remote ${LOOPBACK}:${port}"\n`);
    const kernel = options.machine.findKernel();
    if (kernel !== null) {
      const base = hex(physToVirt(kernel.image.physicalBase));
      process.stderr.write(`boot: the kernel's symbols: add-symbol-file firmware/images/kernel.elf -o ${base}\n`);
    }
    return opened;
  }

  /**
   * Waits while the machine must stand still; `interrupted` ends the wait. @returns the outcome
   * when the debugger ended the machine
   */
  async ready(interrupted: () => boolean): Promise<Outcome | null> {
    while (!this.killed && this.isHeld() && !interrupted()) await this.nap.sleep(NAP_MS);
    return this.killed ? KILLED : null;
  }

  /**
   * Judges the end of a slice. @returns the outcome of the run; null when the loop is to continue,
   * for the debugger's sake or because nothing was decided
   */
  judge(outcome: Outcome | null): Outcome | null {
    const stop = this.target.stopAfter(outcome);
    this.rest = stop?.kind === 'rest' ? stop : null;
    const { session } = this;
    if (session === null) {
      // The first debugger is for a machine that has come to rest.
      this.awaiting = this.rest !== null && !this.visited;
      if (!this.awaiting) return outcome;
      process.stderr.write(`boot: the machine ${outcome?.reason}; it waits for a debugger, Ctrl-C ends it\n`);
      return null;
    }
    if (stop !== null) {
      session.stopped(stop);
      return stop.kind === 'end' ? outcome : null;
    }
    if (this.interruptWanted) session.stopped({ kind: 'interrupt', core: this.target.currentCore });
    this.interruptWanted = false;
    return null;
  }

  /** Closes: sends the last replies and frees the port. */
  async close(): Promise<void> {
    const { socket } = this;
    this.server.close();
    if (socket === null || socket.destroyed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, FAREWELL_MS);
      socket.end(() => {
        clearTimeout(timer);
        resolve();
      });
    });
    socket.destroy();
  }

  private isHeld(): boolean {
    return this.session === null ? this.awaiting : !this.session.running;
  }

  /** @param greeting what it has said so far: a packet, at least */
  private accept(socket: Socket, greeting: Uint8Array): void {
    // Another one was faster.
    if (this.session !== null) {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    this.visited = true;
    this.target.observe();
    this.interruptWanted = false;
    this.socket = socket;
    const session = new GdbSession(
      this.target,
      {
        send: (bytes) => void socket.write(bytes),
        interrupt: () => void (this.interruptWanted = true),
        left: (how) => {
          this.killed = how === 'kill';
          this.leave(socket);
          socket.end();
        },
      },
      this.rest ?? { kind: 'step', core: this.target.currentCore },
    );
    this.session = session;
    socket.on('data', (bytes) => {
      session.receive(bytes);
      this.nap.wake();
    });
    session.receive(greeting);
    this.nap.wake();
    // A client that closes the connection without a word has detached.
    socket.on('error', () => this.leave(socket));
    socket.on('close', () => this.leave(socket));
  }

  private leave(socket: Socket): void {
    if (this.socket !== socket || this.session === null) return;
    this.session = null;
    this.awaiting = false;
    this.target.release();
    this.nap.wake();
  }
}
