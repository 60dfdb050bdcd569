// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { GenericTimer } from '#emulator/timer/generic-timer.ts';
import { vcpuThatIsOff } from '#emulator/cpu/vcpu.ts';
import { Sleepers } from './sleepers.ts';

/** One core that is off the engine: what it says of itself can be set. */
function machine() {
  const core = {
    interruptTakeable: false,
    interruptPending: false,
    inClosedLoop: false,
    recurrence: () => null,
    wakeFromWfe: () => {},
  };
  const vcpu = vcpuThatIsOff(0, 0, { nextStreamTick: Infinity } as GenericTimer);
  vcpu.core = core as unknown as MachineCore;
  vcpu.state = 'running';
  const world = { ticks: 1000, nextTick: Infinity, pending: false };
  const sleepers = new Sleepers({
    vcpus: [vcpu],
    clock: world,
    eventQueue: world,
    turns: { othersRun: () => false },
    interrupts: () => ({ pendingFor: () => world.pending }),
  });
  return { core, vcpu, world, sleepers };
}

describe('a core in WFI', () => {
  it('is woken by an interrupt, masked or not', () => {
    const { vcpu, world, sleepers } = machine();
    sleepers.sleep(vcpu);
    sleepers.wakeInterrupted();
    expect([vcpu.state, sleepers.nextWake()]).toEqual(['sleeping', Infinity]);
    world.pending = true;
    sleepers.wakeInterrupted();
    expect(vcpu.state).toBe('running');
  });

  it('is let wait with a masked one where it would only go round', () => {
    const { core, vcpu, world, sleepers } = machine();
    Object.assign(world, { pending: true, nextTick: 9000 });
    core.inClosedLoop = true;
    sleepers.sleep(vcpu);
    sleepers.wakeInterrupted();
    expect([vcpu.state, sleepers.nextWake()]).toEqual(['sleeping', 9000]);
    world.ticks = 9000;
    sleepers.wakeInterrupted();
    expect(vcpu.state).toBe('running');
  });

  it('is woken by the next masked one when another had ended such a wait', () => {
    const { core, vcpu, world, sleepers } = machine();
    world.pending = true;
    core.inClosedLoop = true;
    sleepers.sleep(vcpu);
    core.interruptTakeable = true;
    sleepers.wakeInterrupted();
    expect(vcpu.state).toBe('running');
    Object.assign(core, { interruptTakeable: false, inClosedLoop: false });
    world.pending = false;
    sleepers.sleep(vcpu);
    world.pending = true;
    expect(sleepers.nextWake()).toBe(world.ticks);
    sleepers.wakeInterrupted();
    expect(vcpu.state).toBe('running');
  });
});

describe('a machine with one core', () => {
  it.each([
    ['sleeps with nothing due', 'sleeping', {}, {}, true],
    ['goes round', 'running', { inClosedLoop: true }, {}, true],
    ['goes on', 'running', {}, {}, false],
    ['is off', 'off', {}, {}, true],
    ['sleeps with an interrupt that is masked', 'sleeping', {}, { pending: true }, false],
    ['goes round with one that it takes', 'running', { inClosedLoop: true, interruptTakeable: true }, {}, false],
    ['goes round until something is due', 'running', { inClosedLoop: true }, { nextTick: 5000 }, false],
  ] as const)('that %s', (_what, state, ofCore, ofWorld, isStill) => {
    const { core, vcpu, world, sleepers } = machine();
    vcpu.state = state;
    Object.assign(core, ofCore);
    Object.assign(world, ofWorld);
    expect(sleepers.standStill).toBe(isStill);
  });
});
