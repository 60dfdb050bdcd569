// SPDX-License-Identifier: GPL-2.0-only
import { afterEach, expect, it } from 'vitest';
import { hex } from '#common/address.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { PAGE_LIMITS } from './condense.ts';
import { STORY_TRACE } from './story-builder.ts';
import { StoryRecorder } from './story-recorder.ts';

let machine: LevitateMachine | null = null;
afterEach(() => machine?.close());

it.each([
  ['few', 10],
  ['more than a page holds', PAGE_LIMITS.operations + 10],
  ['so many that the story is shortened', 6 * PAGE_LIMITS.operations],
])('no operation is lost to whoever takes the changes: %s between two calls', (_, count) => {
  machine = new LevitateMachine({ board: 'qemu-virt', trace: STORY_TRACE });
  const recorder = new StoryRecorder(machine);
  const { events } = machine;
  recorder.takeChanges();
  const { operations } = recorder;
  let known = recorder.story.operations.length / 4;
  for (const pass of [1, 2]) {
    for (let n = 0; n < count; n++) {
      const op = n % 2 === 0 ? 'alloc' : 'free';
      events.emit('buddy', { op, base: hex(0x4000_0000 + pass * 4096), order: 0, owner: 'heap', ownerKind: 'heap' });
    }
    const changes = recorder.takeChanges();
    known = changes === null ? recorder.story.operations.length / 4 : known + changes.operations.length / 4;
    expect(known).toBe(recorder.story.operations.length / 4);
    expect(known).toBeGreaterThan(0);
  }
  expect(recorder.operations).toBe(operations + 2 * count);
});
