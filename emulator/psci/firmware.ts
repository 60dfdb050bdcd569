// SPDX-License-Identifier: GPL-2.0-only
/**
 * Secure firmware of the machine, as far as calls reach it: first the silicon vendor's calls, then
 * PSCI for single cores, then the rest of PSCI.
 *
 * Specification: Arm DEN 0028 (SMC Calling Convention 1.1): function in w0, arguments in x1 to x4,
 * result in x0.
 */

import { hex } from '#common/address.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Vcpu } from '#emulator/cpu/vcpu.ts';
import type { EventLog } from '#emulator/events/event-log.ts';
import { callForCores } from './core-calls.ts';
import { answerPsci, psciName } from './psci.ts';

/** x1 to x4 of a firmware call. */
export type FirmwareArguments = readonly [bigint, bigint, bigint, bigint];

export class Firmware {
  /**
   * Handler of calls outside PSCI. It returns null for calls that it does not know; PSCI then
   * refuses those that it does not know either.
   */
  vendorCall: (functionId: number, arguments_: FirmwareArguments) => bigint | null = () => null;
  private readonly vcpus: readonly Vcpu[];
  private readonly events: EventLog;
  private readonly power: (action: 'off' | 'reset') => void;
  private readonly guestLevel: 1 | 2;

  /**
   * @param power called to power off or to reset
   * @param guestLevel highest exception level of the guest
   */
  constructor(
    vcpus: readonly Vcpu[],
    events: EventLog,
    power: (action: 'off' | 'reset') => void,
    guestLevel: 1 | 2 = 1,
  ) {
    this.guestLevel = guestLevel;
    this.vcpus = vcpus;
    this.events = events;
    this.power = power;
  }

  /** Answers a call of core `current`; power calls take effect when the current slice ends. */
  call(current: number, functionId: number, arguments_: FirmwareArguments): bigint {
    const { events } = this;
    const result =
      this.vendorCall(functionId, arguments_) ??
      callForCores(
        this.vcpus,
        this.vcpus[current] as Vcpu,
        functionId,
        arguments_,
        (action, core) => events.emit('power', { action, core }),
        this.guestLevel,
      ) ??
      this.systemCall(functionId, arguments_[0]);
    if (events.enabled('psci')) {
      events.emit('psci', {
        function: psciName(functionId),
        argument: hex(arguments_[0]),
        result: result < 0n ? `-${hex(-result)}` : hex(result),
      });
    }
    return BigInt.asUintN(64, result);
  }

  /** Serves a call instruction that `core` executed. */
  serve(core: MachineCore): void {
    const { engine } = core;
    const functionId = Number(BigInt.asUintN(32, engine.getX(0)));
    const arguments_ = [engine.getX(1), engine.getX(2), engine.getX(3), engine.getX(4)] as const;
    engine.setX(0, this.call(core.index, functionId, arguments_));
  }

  private systemCall(functionId: number, argument: bigint): bigint {
    const answer = answerPsci(functionId, argument);
    if (answer.power !== undefined) this.power(answer.power);
    return answer.result;
  }
}
