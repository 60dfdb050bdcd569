// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian 12's Linux 6.1 on qemu-virt, as Debian built it: to a shell that answers, on both
 * interrupt controllers, on one core and four, with disks.
 */

import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, foreignGuests } from '#tests/support/foreign-guest.ts';
import { INTERRUPTED_COMMAND, type LinuxRun, runLinux } from '#tests/support/linux-guest.ts';

const guests = foreignGuests('linux-6.1', 'busybox');
const isMissing = typeof guests === 'string';
const [kernel = '', busybox = ''] = isMissing ? [] : guests;
const why = isMissing ? ` (${guests})` : '';

const KiB = 1024;
const MiB = 1024 * KiB;
const SECTOR = 512;

/** Runs the commands in the shell in this order; {@link INTERRUPTED_COMMAND} is the last. */
const boot = (gicVersion: number, cpus: number): LinuxRun =>
  runLinux(kernel, busybox, { board: 'qemu-virt', gicVersion, cpus, append: 'console=ttyAMA0' }, [
    'nproc',
    'uname -m',
    'grep -c ^processor /proc/cpuinfo',
    // Programs that sleep on the timer wake again, on every core.
    'for n in 1 2 3 4; do (sleep 0.2; echo woke) & done; wait',
    'grep MemTotal /proc/meminfo',
    `for n in $(seq 0 ${cpus - 1}); do taskset $((1 << n)) sh -c 'echo $((6 * 7))'; done`,
    'grep arch_timer /proc/interrupts',
    INTERRUPTED_COMMAND,
  ]);

/** By interrupt controller and cores, for comparing. */
const runs = new Map<string, LinuxRun>();

// One core with a GICv3 is the machine of the disks below, with a GICv2 that of linux-stops.
describe.skipIf(isMissing).each([
  { gicVersion: 2, cpus: 4 },
  { gicVersion: 3, cpus: 4 },
])(`Linux 6.1 on qemu-virt, GICv$gicVersion, cores: $cpus${why}`, ({ gicVersion, cpus }) => {
  let run: LinuxRun;
  beforeAll(() => {
    run = boot(gicVersion, cpus);
    runs.set(`${gicVersion} ${cpus}`, run);
  });

  it('reaches /init and a shell that answers on every core', () => {
    expect(run.reachedInit).toBe(true);
    const [nproc, machine, processors, woken, memory, products, timers] = run.answers;
    expect({ nproc, machine, processors }).toEqual({
      nproc: String(cpus),
      machine: 'aarch64',
      processors: String(cpus),
    });
    expect(woken?.match(/woke/g)).toHaveLength(4);
    const kilobytes = Number(memory?.match(/\d+/)?.[0]);
    expect(kilobytes).toBeGreaterThan(900 * KiB);
    expect(kilobytes).toBeLessThan(1024 * KiB);
    expect(products?.split('\n')).toEqual(Array.from({ length: cpus }, () => '42'));
    // Each core's own timer has ticked.
    const counts = timers?.match(/(?<=[: ])\d+(?= )/g)?.slice(0, cpus) ?? [];
    expect(counts).toHaveLength(cpus);
    for (const count of counts) expect(Number(count)).toBeGreaterThan(0);
  });

  it('lets Ctrl-C interrupt what runs on the console', () => {
    expect(run.answers.at(-1)).toMatch(/ready-now\n\^C\s*interrupted\nstatus 3$/);
  });

  it('says nothing of trouble', () => {
    expect(run.trouble).toEqual([]);
  });

  it('powers off with exit status 0', () => {
    expect(run.outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
    expect(run.serial.trimEnd()).toMatch(/reboot: Power down$/);
  });
});

describe.skipIf(isMissing)(`Linux 6.1 on qemu-virt, twice${why}`, () => {
  // The richest machine: interrupts between cores, timers and the cores' turns must all repeat.
  it('is the same to the byte and to the instruction', () => {
    expect(boot(3, 4)).toEqual(runs.get('3 4') ?? boot(3, 4));
  });
});

describe.skipIf(isMissing)(`disks under Linux 6.1${why}`, () => {
  /** Distinct sizes tell the disks apart inside the guest. */
  const DISKS = { overlay: MiB, readonly: 2 * MiB, write: 3 * MiB, filesystem: 4 * MiB } as const;
  type Disk = keyof typeof DISKS;
  const NAMES = Object.keys(DISKS) as readonly Disk[];
  const folder = mkdtempSync(join(tmpdir(), 'levitate-disks-'));
  const fileOf = (disk: Disk) => join(folder, `${disk}.img`);
  const TEXT = 'written by the guest';
  const SECTOR_WRITTEN = 5;
  const SECTOR_LAST = DISKS.write / SECTOR - 1;
  const before = new Map<Disk, Uint8Array>();
  let run: LinuxRun;
  let answer: ReadonlyMap<string, string>;

  beforeAll(() => {
    for (const disk of NAMES) {
      const content = Buffer.alloc(DISKS[disk], `${disk} as the test made it; `);
      before.set(disk, content);
      writeFileSync(fileOf(disk), content);
    }
    const write = (disk: Disk, sector: number) =>
      `echo "${TEXT}" | dd of=$${disk} bs=${SECTOR} seek=${sector} conv=sync,notrunc,fsync 2>&1 | tail -n 1 | cut -d, -f1`;
    const read = (disk: Disk, sector: number) =>
      `dd if=$${disk} bs=${SECTOR} skip=${sector} count=1 2>/dev/null | head -n 1`;
    const forget = 'sync; echo 3 > /proc/sys/vm/drop_caches';
    const commands = {
      names: `for disk in /sys/block/vd*; do case $(cat $disk/size) in ${NAMES.map(
        (disk) => `${DISKS[disk] / SECTOR}) ${disk}=/dev/\${disk##*/};;`,
      ).join(' ')} esac; done; echo $overlay $readonly $write $filesystem | wc -w`,
      digests: `md5sum ${NAMES.map((disk) => `$${disk}`).join(' ')} | cut -d' ' -f1`,
      writeOverlay: write('overlay', SECTOR_WRITTEN),
      writeFile: write('write', SECTOR_LAST),
      writeReadonly: `echo 1 > $readonly`,
      readOverlay: `${forget}; ${read('overlay', SECTOR_WRITTEN)}`,
      readFile: read('write', SECTOR_LAST),
      make: 'mke2fs $filesystem > /dev/null && mkdir /mnt && mount -t ext4 $filesystem /mnt && echo mounted',
      fill: 'cp /bin/busybox /mnt/copy && echo kept > /mnt/note && umount /mnt && echo unmounted',
      again: `${forget}; mount -t ext4 -o ro $filesystem /mnt && cat /mnt/note && cmp /bin/busybox /mnt/copy && echo same; umount /mnt`,
    };
    run = runLinux(
      kernel,
      busybox,
      {
        board: 'qemu-virt',
        gicVersion: 3,
        append: 'console=ttyAMA0',
        // mke2fs needs random numbers. With the tree's seed the kernel has them at once; without
        // it, it gathers them for seconds.
        seed: 1,
        drives: NAMES.map((disk) => ({ file: fileOf(disk), mode: disk === 'filesystem' ? 'write' : disk })),
      },
      Object.values(commands),
    );
    answer = new Map(Object.keys(commands).map((name, index) => [name, run.answers[index] ?? '']));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('are there, each with the bytes of its file', () => {
    expect(answer.get('names')).toBe('4');
    const digest = (disk: Disk) =>
      createHash('md5')
        .update(before.get(disk) ?? '')
        .digest('hex');
    expect(answer.get('digests')?.split('\n')).toEqual(NAMES.map(digest));
  });

  it('give back what the guest has written', () => {
    for (const name of ['readOverlay', 'readFile']) expect(answer.get(name)).toBe(TEXT);
  });

  it('keep writes from the file unless it is opened for them', () => {
    for (const disk of ['overlay', 'readonly'] as const) {
      expect(Buffer.compare(bytesOf(fileOf(disk)), before.get(disk) ?? Buffer.of()), disk).toBe(0);
    }
    expect(answer.get('writeReadonly')).toMatch(/can't create|not permitted|read-only/i);
  });

  it('write to a file that is opened for it, where the guest said and nowhere else', () => {
    const expected = Buffer.from(before.get('write') ?? '');
    expected.fill(0, SECTOR_LAST * SECTOR).write(`${TEXT}\n`, SECTOR_LAST * SECTOR);
    expect(Buffer.compare(bytesOf(fileOf('write')), expected)).toBe(0);
  });

  it('hold a file system that the guest makes, fills and mounts again', () => {
    expect(answer.get('make')).toContain('mounted');
    expect(answer.get('fill')).toContain('unmounted');
    expect(answer.get('again')).toMatch(/kept\nsame$/m);
    const image = readFileSync(fileOf('filesystem'));
    // The superblock's magic number, and a file's content, are in the file on the host.
    expect(image.readUInt16LE(1024 + 56)).toBe(0xef53);
    expect(image.includes('kept\n')).toBe(true);
  });

  it('say nothing of trouble, and the machine powers off', () => {
    expect(run.trouble).toEqual([]);
    expect(run.outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  });
});
