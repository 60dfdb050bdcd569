import { it } from 'vitest';
import { bootGuest } from './support/guest-machine.ts';
it('x', () => {
  const guest = bootGuest('wakes', { cpus: 2, gicVersion: 2, trace: ['irq','exception'] as never });
  const { machine } = guest;
  [2n, 100n, 50n].forEach((v, i) => machine.memory.write64(guest.base + 8 + 8 * i, v));
  machine.setGates({ owns: (i) => i === 0x200, enter: (_i, core) => { console.log(core.index, machine.clock.ticks, [0,1,2,3,4,21,25].map((i) => core.engine.getX(i).toString(16)).join(' '), core.interruptPending, (core as any).maskedLines); } });
  console.log(guest.run());
  console.log(machine.events.events);
});
