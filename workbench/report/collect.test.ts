// SPDX-License-Identifier: GPL-2.0-only
/** A report of a real boot agrees with the kernel's own memory, read from emulated RAM. */

import { describe, expect, it } from 'vitest';
import { makeReport } from './run-report.ts';
import { LevitateMachine, type MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { dtb } from '#workbench/testing.ts';
import { collectReport } from './collect.ts';
import { PAGE_LIMITS } from './condense.ts';
import { OWNER_FREE } from './memory-state.ts';
import type { ReportData } from './page-data.ts';
import { STORY_TRACE } from './story-builder.ts';
import { StoryRecorder } from './story-recorder.ts';
import { storyOf } from './testing/story-of.ts';

function bootedWith(settings: MachineSettings, commands = ''): { machine: LevitateMachine; data: ReportData } {
  const machine = new LevitateMachine(settings);
  const recorder = new StoryRecorder(machine);
  machine.type(commands);
  const outcome = machine.run({ timeoutNs: 10e9 });
  return {
    machine,
    data: collectReport(machine, outcome, makeReport(machine, outcome, outcome.exitStatus, 0), recorder),
  };
}

describe('collectReport', () => {
  it.each(['pixel6', 'qemu-virt'])(
    'of %s replays to the free lists in emulated RAM, after processes have come and gone',
    (board) => {
      const { machine, data } = bootedWith({ board, trace: [...STORY_TRACE] }, 'run hello\nrun hello\n');
      const { latest } = storyOf(data.banks, data.story);
      const { buddy } = machine.kernel.memory!;
      expect(latest.freeBlockCounts()).toEqual(buddy.buddyinfo());
      for (const { start, owner } of latest.runs) {
        const { kind } = buddy.frameState((start * 4096) as Parameters<typeof buddy.frameState>[0]);
        expect(kind.startsWith('free'), `frame ${start}: ${kind}`).toBe(owner === OWNER_FREE);
      }
      expect(data).toMatchObject({ board, exitStatus: 0, panic: null, notes: [] });
      expect(data.story.stages.map(({ number }) => number)).toEqual([1, 2, 3, 4, 5]);
      machine.close();
    },
  );

  it('stays exact when a run is too long for a page: what is left out changes nothing that is shown', () => {
    const { machine, data } = bootedWith({ board: 'qemu-virt', trace: [...STORY_TRACE] }, 'run spawns\n'.repeat(4));
    expect(data.notes).toHaveLength(1);
    expect(data.notes[0]).toMatch(/^This was a long run: [\d,]+ of [\d,]+ moments are left out, and of [\d,]+ changes/);
    expect(data.story.operations.length / 4).toBeLessThanOrEqual(PAGE_LIMITS.operations);
    expect(storyOf(data.banks, data.story).latest.freeBlockCounts()).toEqual(machine.kernel.memory?.buddy.buddyinfo());
    expect(data.story.moments.at(0)?.text).toContain('reset: qemu-virt, kernel at 0x');
    expect(data.story.moments.at(-1)?.text).toMatch(/^\[SPAWN\] pid \d+ \(spawns\) has ended, exit status 0$/);
    machine.close();
  });

  it('costs the guest nothing: neither time nor a byte of what it prints', () => {
    const plain = new LevitateMachine({ board: 'qemu-virt' });
    plain.run({ timeoutNs: 10e9 });
    const { machine } = bootedWith({ board: 'qemu-virt', trace: [...STORY_TRACE] });
    expect(machine.serial.text).toBe(plain.serial.text);
    expect(machine.machine.clock.nowNs).toBe(plain.machine.clock.nowNs);
    plain.close();
    machine.close();
  });

  it('draws reserved memory as that, whatever its nodes are called', () => {
    const names = ['rapid-cam', 'ozone-fw', 'heap', 'user-data'];
    let tree = dtb().from('qemu-virt').ram(0x4000_0000, '128M');
    for (const [index, name] of names.entries()) tree = tree.reserved(0x4400_0000 + index * 2 ** 20, '1M', { name });
    const { machine, data } = bootedWith({ board: 'qemu-virt', dtb: tree.build(), trace: [...STORY_TRACE] });
    const drawn = data.story.owners.filter(({ name }) => name.includes('@'));
    expect(drawn.map(({ name, class: drawnAs }) => [name.split('@')[0], drawnAs])).toEqual(
      names.map((name) => [name, 'reserved']),
    );
    machine.close();
  });

  it('says what it cannot know', () => {
    const { machine, data } = bootedWith({ board: 'qemu-virt' });
    expect(data.notes).toEqual(['The allocator was not traced in this run: the map shows reservations only.']);
    machine.close();
  });
});
