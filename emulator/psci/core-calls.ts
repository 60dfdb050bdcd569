// SPDX-License-Identifier: GPL-2.0-only
/**
 * PSCI functions for single cores: CPU_ON, CPU_OFF, CPU_SUSPEND, AFFINITY_INFO.
 *
 * Specification: Arm DEN 0022 F (PSCI 1.1), 5.1.3 to 5.1.6, 5.4 (CPU_SUSPEND).
 */

import { type Vcpu, turnOn } from '#emulator/cpu/vcpu.ts';
import { base32, hasFunction, PSCI, PSCI_RESULT } from './psci.ts';

/** Mask of the affinity fields of MPIDR_EL1. */
const AFFINITY = 0xff_00ff_ffffn;

/** Reports that a core goes on or off. */
export type ReportPower = (action: 'core on' | 'core off', core: number) => void;

/**
 * Executes a call of the core `current`; null for other functions.
 * @param functionId in its 32-bit or 64-bit form @param guestLevel exception level at which cores
 * start
 */
export function callForCores(
  vcpus: readonly Vcpu[],
  current: Vcpu,
  functionId: number,
  [target, entry, context]: readonly [bigint, bigint, bigint, ...bigint[]],
  report: ReportPower,
  guestLevel: 1 | 2,
): bigint | null {
  const addressed = () => vcpus.find(({ mpidr }) => (BigInt(mpidr) & AFFINITY) === target);
  if (!hasFunction(functionId)) return null;
  switch (base32(functionId)) {
    case PSCI.CPU_ON: {
      const vcpu = addressed();
      if (vcpu === undefined) return PSCI_RESULT.INVALID_PARAMETERS;
      if (vcpu.state !== 'off') return PSCI_RESULT.ALREADY_ON;
      turnOn(vcpu, { entry, context, level: current.core?.level === 2 ? 2 : guestLevel }, current.core);
      report('core on', vcpu.index);
      return PSCI_RESULT.SUCCESS;
    }
    case PSCI.CPU_OFF:
      current.state = 'off';
      report('core off', current.index);
      current.core?.stop();
      return PSCI_RESULT.SUCCESS;
    case PSCI.AFFINITY_INFO: {
      const vcpu = addressed();
      return vcpu === undefined ? PSCI_RESULT.INVALID_PARAMETERS : vcpu.state === 'off' ? 1n : 0n;
    }
    case PSCI.CPU_SUSPEND:
      // For any requested depth, the core waits as in WFI and its registers survive: a wake-up
      // before power was cut.
      current.state = 'sleeping';
      current.core?.stop();
      return PSCI_RESULT.SUCCESS;
    default:
      return null;
  }
}
