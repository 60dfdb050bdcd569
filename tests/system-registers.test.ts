// SPDX-License-Identifier: GPL-2.0-only
/**
 * System registers that a guest does not have: an access is undefined, and one line in the log says
 * why (firmware/guests/registers.S).
 */

import { afterEach, describe, expect, it } from 'vitest';
import { bootGuest, type Guest } from './support/guest-machine.ts';

const GATE = 0x200;
/** ESR of an undefined instruction: class 0, IL. */
const UNDEFINED = 0x0200_0000n;

let open: Guest | null = null;
afterEach(() => {
  open?.machine.close();
});

/** Runs the guest; x2, x25 and x26 at each hand-over. */
function run() {
  const guest = bootGuest('registers');
  open = guest;
  const seen: { frequency: bigint; exceptions: bigint; esr: bigint }[] = [];
  guest.machine.setGates({
    owns: (immediate) => immediate === GATE,
    enter: (_immediate, { engine }) => {
      seen.push({ frequency: engine.getX(2), exceptions: engine.getX(25), esr: engine.getX(26) });
    },
  });
  expect(guest.run()).toEqual({ kind: 'power off' });
  return { guest, seen };
}

describe('CNTFRQ_EL0', () => {
  it('is written at EL3, and below it the write is undefined', () => {
    const { seen } = run();
    expect(seen[0]?.frequency).toBe(0x1234n);
    expect(seen[1]).toEqual({ frequency: 0x1234n, exceptions: 1n, esr: UNDEFINED });
  });
});

describe('PMCCNTR_EL0', () => {
  it("counts simulated cycles, from where it was set to: the engine counts the host's", () => {
    const { seen } = run();
    // Between two reads: the first and twenty NOPs. After PMCNTENSET_EL0.C: one instruction. After
    // 1000 was written: one.
    expect(seen[3]).toEqual({ exceptions: 21n, esr: 1n, frequency: 1001n });
  });
});

describe('a register that there is not', () => {
  it('is undefined each time, and in the log once for reads and once for writes, by its name where it has one', () => {
    const { guest, seen } = run();
    expect(seen[2]).toMatchObject({ exceptions: 1n + 3n * 4n, esr: UNDEFINED });
    const events = guest.machine.events.get('sysreg-unknown').map(({ fields }) => [fields.register, fields.access]);
    expect(events).toEqual([
      ['S3_0_C15_C2_0', 'read'],
      ['S3_0_C15_C2_0', 'write'],
      ['S3_3_C11_C15_7', 'read'],
      ['APIAKeyLo_EL1', 'read'],
    ]);
  });
});
