/** A question that this machine cannot answer, and why: not an error, an answer. */

import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

/** Why there is no answer. */
export interface Unknown {
  readonly known: false;
  readonly reason: string;
}

/** No answer, with the reason: one clause. */
export function unknown(reason: string): Unknown {
  return { known: false, reason };
}

/** Why the modelled kernel's `what` cannot be told at this moment. */
export function notThere(machine: LevitateMachine, what: string): Unknown {
  if (machine.findKernel() === null) {
    return unknown(`the guest is not the modelled kernel: where and how it keeps its ${what} is not known here`);
  }
  const panic = machine.events.get('panic')[0];
  return unknown(
    panic === undefined
      ? `the kernel has no ${what} yet at this moment of the boot`
      : `the kernel panicked before it had its ${what}: ${panic.fields.reason}`,
  );
}
