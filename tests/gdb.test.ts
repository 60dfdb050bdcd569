// SPDX-License-Identifier: GPL-2.0-only
/**
 * The real gdb on the command line's `--gdb`: the modelled kernel with its symbols, and Debian's
 * Linux.
 */

import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { physAddr } from '#common/address.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { boot, bootCommand, commandEnvironment } from './support/command.ts';
import { foreignGuests } from './support/foreign-guest.ts';
import { bootUnderGdb, lacksGdb } from './support/gdb.ts';

const lacks = lacksGdb();
const why = lacks === null ? '' : ` (${lacks})`;

const hex = (value: number | bigint): string => `0x${value.toString(16)}`;

/** The modelled kernel's memory at its steady state, read in this process. */
function modelledKernel(board: string) {
  const machine = new LevitateMachine({ board });
  try {
    machine.run();
    const { memory, image } = machine.kernel;
    const physical = memory?.memMap.base ?? 0;
    const memMap = physToVirt(physAddr(physical));
    return {
      memMap,
      firstPage: machine.memory.read64(physical),
      bootArgs: image.physical('boot_args'),
      load: image.virtual('boot_args') - BigInt(image.symbols.boot_args),
      deviceTree: machine.findImage('dtb')?.base ?? 0,
    };
  } finally {
    machine.close();
  }
}

describe.skipIf(lacks !== null)(`gdb on the modelled kernel${why}`, () => {
  it.each(['qemu-virt', 'pixel6'])(
    '%s: watches, stops in front of kmain, steps over it, reads mem_map, goes back, lets go',
    async (board) => {
      const kernel = modelledKernel(board);
      const { gdb, status, stdout } = await bootUnderGdb(
        ['--board', board],
        [
          `add-symbol-file firmware/images/kernel.elf -o ${hex(kernel.load)}`,
          `watch *(unsigned long *)${hex(kernel.bootArgs)}`,
          'continue',
          'delete',
          'break gate_kmain',
          'continue',
          'p/x $CurrentEL',
          'x/i $pc',
          'stepi',
          `x/gx ${hex(kernel.memMap)}`,
          `monitor walk ${hex(kernel.memMap)}`,
          'info threads',
          'reverse-stepi',
          'p $pc',
          'reverse-stepi',
          'x/i $pc',
          'delete',
          'detach',
        ],
      );
      expect(gdb).toContain(`Old value = 0\nNew value = ${kernel.deviceTree}\n`);
      expect(gdb).toMatch(/Breakpoint 2, 0x[0-9a-f]+ in gate_kmain \(\)/);
      expect(gdb).toContain('$1 = 0x4');
      expect(gdb).toMatch(/=> 0x[0-9a-f]+ <gate_kmain>:\thlt\t#0x4c00/);
      expect(gdb).toContain(`${hex(kernel.memMap)}:\t0x${kernel.firstPage.toString(16).padStart(16, '0')}`);
      expect(gdb).toMatch(/level 0 {2}descriptor at 0x[0-9a-f]+ = 0x[0-9a-f]+\n/);
      expect(gdb).toMatch(/\* 1 +Thread 1 \(core 0, MPIDR 0x\w+, running at EL1\)/);
      expect(gdb).toMatch(/\$2 = \(.*\) 0x[0-9a-f]+ <gate_kmain>/);
      expect(gdb.match(/^=> .*$/gm)?.at(-1)).not.toContain('gate_kmain>:');
      // The guest cannot notice the debugger: its output and its end are the same as without one,
      // and appear once.
      expect(status).toBe(0);
      expect(stdout).toBe(boot('--board', board).stdout.toString());
    },
  );

  it('shows a machine that came to rest, and ends it when told to', async () => {
    const { gdb, status, stderr } = await bootUnderGdb(['--board', 'qemu-virt'], ['continue', 'monitor info', 'kill']);
    expect(gdb).toContain('The machine reached its steady state.\n');
    expect(gdb).toMatch(/core 0: sleeping at EL1, PC 0xffff/);
    expect(status).toBe(3);
    expect(stderr).toContain('was ended by the debugger');
  });
});

const guests = foreignGuests('linux-6.1');

/** Runs it for two seconds at a time; the progress in each depends on the host. */
const INTERRUPT_UNTIL_TRANSLATED = [
  'import os, threading',
  'while int(gdb.parse_and_eval("(unsigned long)$pc")) >> 48 != 0xffff:',
  '  threading.Timer(2, lambda: os.kill(os.getpid(), 2)).start()',
  '  gdb.execute("continue")',
].join('\n');
const linuxLacks = lacks ?? (typeof guests === 'string' ? guests : null);

describe.skipIf(linuxLacks !== null)(`gdb on Linux${linuxLacks === null ? '' : ` (${linuxLacks})`}`, () => {
  it('stops at its entry, steps, is interrupted on translated addresses, and reads physical memory', async () => {
    const [kernel = ''] = guests as readonly string[];
    const entry = '0x40200000';
    const { gdb, status } = await bootUnderGdb(
      ['--board', 'qemu-virt', '--smp', '2', '--kernel', kernel, '--append', 'console=ttyAMA0'],
      [
        `hbreak *${entry}`,
        'continue',
        'stepi',
        'stepi',
        'monitor phys 0x40200038 4',
        `python exec(${JSON.stringify(INTERRUPT_UNTIL_TRANSLATED)})`,
        'p/x $TTBR1_EL1 != 0',
        'x/i $pc',
        'maint packet Qqemu.PhyMemMode:1',
        'x/wx 0x40200038',
        'kill',
      ],
    );
    expect(gdb).toMatch(new RegExp(`Breakpoint 1, 0x0+${entry.slice(2)}`));
    expect(gdb).toMatch(/0x0040200038 {2}41 52 4d 64/);
    expect(gdb).toContain('received signal SIGINT');
    expect(gdb).toContain('$1 = 0x1');
    expect(gdb).toMatch(/=> 0xffff[0-9a-f]+:\t\w+/);
    expect(gdb).toMatch(/0x40200038:\t0x644d5241/);
    expect(status).toBe(3);
  });
});

/** A boot that waits for a debugger, and its port. */
async function waitingBoot(...options: readonly string[]) {
  const child = spawn(process.execPath, [...bootCommand(), '--board', 'qemu-virt', '--gdb', '0', ...options], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: commandEnvironment(),
  });
  const written = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (written.stdout += text));
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const port = await new Promise<number>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      written.stderr += text;
      const [, found] = /127\.0\.0\.1:(\d+)"\n/.exec(written.stderr) ?? [];
      if (found !== undefined) resolve(Number(found));
    });
  });
  return { child, port, ended, written };
}

/**
 * Connects, sends `text`, and collects the answer until `enough` or until the other side closes.
 */
function say(port: number, text: string, enough: (answer: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.setEncoding('latin1').on('data', (piece: string) => {
      answer += piece;
      if (enough(answer)) socket.destroy();
    });
    socket.on('error', () => {});
    socket.on('close', () => resolve(answer));
  });
}

describe('who may drive a machine that waits', () => {
  const CONTINUE = '$c#63';
  const HTTP = `POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n${CONTINUE}`;

  it('not an HTTP request, a damaged packet, or a connection that says nothing; then a debugger, and one only', async () => {
    const { child, port, ended, written } = await waitingBoot('--gdb-wait', '--quiet');
    const silent = connect(port, '127.0.0.1');
    silent.on('error', () => {});
    for (const text of [HTTP, 'GET / HTTP/1.1\r\n\r\n', `\n${CONTINUE}`, '$c#00', `$${'x'.repeat(9000)}`]) {
      expect(await say(port, text), text).toBe('');
    }
    await new Promise<void>((resolve) =>
      connect(port, '127.0.0.1')
        .once('connect', resolve)
        .on('error', () => {}),
    );
    // None of these connections started the machine: at the first packet it is before its first
    // instruction.
    const debuggers = await new Promise<string>((resolve) => {
      let answer = '';
      const socket = connect(port, '127.0.0.1', () => socket.write('+$?#3f'));
      socket.setEncoding('latin1').on('data', (piece: string) => {
        answer += piece;
        if (!/T05.*#../.test(answer)) return;
        socket.removeAllListeners('data');
        void say(port, '+$?#3f').then((second) => {
          socket.once('close', () => resolve(second)).resume();
          return socket.write('$k#6b');
        });
      });
    });
    expect(debuggers, 'a second one is turned away').toBe('');
    silent.destroy();
    expect(await ended).toBe(3);
    expect(written.stdout).toBe('');
    child.kill('SIGKILL');
  });

  it('Ctrl-C while it waits runs nothing', async () => {
    const { child, ended, written } = await waitingBoot('--gdb-wait');
    child.kill('SIGINT');
    expect(await ended).toBe(130);
    expect(written.stdout).toBe('');
    expect(written.stderr).toContain(' 0 instructions');
  });

  it('--wall-timeout ends the wait, and nothing has run', async () => {
    const { ended, written } = await waitingBoot('--gdb-wait', '--wall-timeout', '1s');
    expect(await ended).toBe(3);
    expect(written.stdout).toBe('');
  });
});

describe('--gdb', () => {
  it.each([
    [['--gdb', '70000'], /--gdb 70000: a port is a number from 0/],
    [['--gdb', 'tcp'], /--gdb tcp: a port is a number/],
  ])('%j is an input error', (options, message) => {
    const { status, stderr } = boot('--board', 'qemu-virt', ...options);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('on a port that is taken says so and what to do', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const { status, stderr } = boot('--board', 'qemu-virt', '--gdb', String(port));
    other.close();
    expect(status).toBe(2);
    expect(stderr).toContain(`--gdb ${port}: another program listens on this port; choose another`);
  });
});
