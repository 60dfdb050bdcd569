// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { LONGEST_STEP, parseCommand } from './protocol.ts';

describe('parseCommand', () => {
  it.each([
    { action: 'run' },
    { action: 'pause' },
    { action: 'restart' },
    { action: 'step', instructions: 1 },
    { action: 'step', instructions: LONGEST_STEP },
    { action: 'back', instructions: 7 },
    { action: 'go', ns: 0 },
  ])('takes %j', (command) => {
    expect(parseCommand(command)).toEqual(command);
  });

  it.each([
    null,
    'run',
    [],
    {},
    { action: 'stop' },
    { action: 'step' },
    { action: 'step', instructions: 0 },
    { action: 'step', instructions: 1.5 },
    { action: 'step', instructions: '7' },
    { action: 'back' },
    { action: 'go' },
    { action: 'go', ns: -1 },
    { action: 'go', ns: '1ms' },
    { action: 'step', instructions: LONGEST_STEP + 1 },
  ])('refuses %j', (value) => {
    expect(parseCommand(value)).toBeNull();
  });
});
