// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run explain` as a user sees it: streams, exit statuses, errors that say what to do, JSON for
 * programs.
 */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { commandEnvironment } from './support/command.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

function explain(...args: readonly string[]) {
  const command = [join(packageRoot(), 'scripts', 'launch.mjs'), 'explain', ...args];
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: commandEnvironment(),
    timeout: HANG_GUARD_MS,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('npm run explain', () => {
  it('answers on stdout and says on stderr when it asked; what the guest printed is not shown', () => {
    const { status, stdout, stderr } = explain('--board', 'pixel6', 'frame', '0x94000123');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^frame 0x94000000\n/);
    expect(stdout).toContain('/reserved-memory/aoc@94000000, no-map');
    expect(stdout).toContain('flags RESERVED, order 0, refcount 0');
    expect(stdout).not.toContain('\u001b');
    expect(stderr).toMatch(/^pixel6 reached its steady state: asked at [\d.]+ ms, [\d,]+ instructions\n$/);
  });

  it('shows what the guest printed when asked to', () => {
    const { status, stderr } = explain('--board', 'qemu-virt', '--show-serial', '--at', 'stage3', 'buddy');
    expect(status).toBe(0);
    expect(stderr).toContain('[BOOT] Stage 2: Memory & MMU (PEI)\n');
    expect(stderr).toContain('qemu-virt is on its way: asked at');
  });

  it('draws the map of memory', () => {
    const { status, stdout } = explain('--board', 'pixel6', 'memory');
    expect(status).toBe(0);
    expect(stdout).toContain('hole   0x0100000000..0x0880000000  30 GiB\n');
    expect(stdout).toMatch(/^0x0080000000 {2}[A-Z.]{64}$/m);
    expect(stdout).toContain('. free');
  });

  it('gives JSON with addresses in hexadecimal', () => {
    const { status, stdout, stderr } = explain('--board', 'pixel6', '--json', 'va', '0xffff800080080000');
    expect([status, stderr]).toEqual([0, '']);
    expect(JSON.parse(stdout)).toMatchObject({
      board: 'pixel6',
      question: 'va 0xffff800080080000',
      outcome: 'steady',
      panic: null,
      answer: {
        va: '0xffff800080080000',
        register: 'TTBR1_EL1',
        pa: '0x80080000',
        bytes: 4096,
        target: 'RAM',
        instruction: { word: '14000012', text: 'b 0xffff800080080048' },
        fault: null,
        walk: [{ level: 0, kind: 'table' }, { level: 1 }, { level: 2 }, { level: 3, kind: 'page' }],
        accesses: expect.arrayContaining([
          expect.objectContaining({ level: 1, access: 'fetch', fault: null, esr: null }),
          // A write: permission fault at level 3, WnR.
          expect.objectContaining({ level: 1, access: 'write', esr: '0x9600004f' }),
        ]),
      },
    });
  });

  it('explains a fault with its status code and why', () => {
    const { stdout } = explain('--board', 'qemu-virt', 'va', '0x1000000000000');
    expect(stdout).toContain('translation fault, level 0 (fault status code 0x04): ');
  });

  it('teaches with --help: every question, and examples', () => {
    const { status, stdout } = explain('--help');
    expect(status).toBe(0);
    for (const word of ['frame PA', 'va ADDRESS', 'mem_map', 'memory', 'buddy', 'tables', '--at', '--json', '--dtb']) {
      expect(stdout).toContain(word);
    }
    expect(stdout).toContain('npm run explain -- --board pixel6 frame 0x94000000');
  });

  it('says of a frame of registers whose they are and where they are mapped', () => {
    const { status, stdout } = explain('--board', 'pixel6', 'frame', '0x10a00000');
    expect(status).toBe(0);
    expect(stdout).toContain('RAM          none: uart0 answers there\n');
    expect(stdout).toContain('mapped at    0xffff800010a00000  EL1 rw- EL0 ---');
  });

  it('does not boot a guest of which it could not answer anyway', () => {
    const guest = join(packageRoot(), 'firmware', 'images', 'guests', 'speed.bin');
    const { status, stdout, stderr } = explain('--board', 'qemu-virt', '--bios', guest, 'buddy');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^not known: the guest is not the modelled kernel/);
    expect(stderr).toBe('qemu-virt has not begun to run: asked at 0 ns, 0 instructions\n');
  });

  it.each([
    [['--board', 'pixel6'], 'explain: what is to be explained? questions: frame PA, '],
    [['--board', 'pixel6', 'heap'], 'explain: heap: there is no such question; questions: '],
    [['--board', 'pixel6', 'frame', 'abc'], 'explain: frame abc: not an address; did you mean 0xabc?'],
    [['--board', 'pixel7', 'memory'], 'pixel7'],
    [['memory'], 'explain: --board is missing; known boards: '],
    [['--board', 'pixel6', '--at', 'stage7', 'memory'], 'explain: --at stage7: the boot entered no such stage'],
    [['--board', 'pixel6', '--dtb', 'no-such.dtb', 'memory'], 'explain: --dtb no-such.dtb: there is no such file'],
  ])('%j is refused with status 2', (args, message) => {
    const { status, stdout, stderr } = explain(...args);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });
});
