// SPDX-License-Identifier: GPL-2.0-only
/**
 * The hypervisor's registers of a GICv3: ICH_*_EL2. They remember what is written, so that a kernel
 * that enters at EL2 can set them up; the virtual CPU interface behind them is not modelled, and a
 * hypervisor that turns it on is reported.
 *
 *     CRm (op1 = 4, CRn = 12)   8: AP0R0   9: AP1R0   11: HCR=0 VTR=1 MISR=2 EISR=3 ELRSR=5 VMCR=7   12: LR0..LR3
 *
 *     VTR   31:29 PRIbits-1 = 4, 28:26 PREbits-1 = 4, 21 A3V, 20 nV4, 4:0 list registers - 1 = 3
 *
 * Specification: IHI 0069, 12.4.
 */

import { hex } from '#common/address.ts';
import type { DeviceContext } from '#emulator/bus/device.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import { registerKey } from './icc-registers.ts';

const AP0R0 = registerKey(4, 12, 8, 0);
const AP1R0 = registerKey(4, 12, 9, 0);
const HCR = registerKey(4, 12, 11, 0); // 0 En
const VTR = registerKey(4, 12, 11, 1);
const MISR = registerKey(4, 12, 11, 2);
const EISR = registerKey(4, 12, 11, 3);
const ELRSR = registerKey(4, 12, 11, 5);
const VMCR = registerKey(4, 12, 11, 7);
const LR0 = registerKey(4, 12, 12, 0);
const LIST_REGISTERS = 4;

const VTR_VALUE = (4n << 29n) | (4n << 26n) | (1n << 21n) | (1n << 20n) | BigInt(LIST_REGISTERS - 1);
const WORD_MASK = 0xffff_ffffn;
const LR_MASK = 0xf0ff_1fff_ffff_ffffn; // State, HW, Group; Priority; pINTID; vINTID
const LR_STATE_SHIFT = 62n;
const LR_HW = 1n << 61n;
const LR_EOI = 1n << 41n;

export class IchRegisters {
  private readonly context: DeviceContext;
  /** Per core, by register key, what was written. */
  private readonly values: readonly Map<number, bigint>[];
  private reported = false;

  constructor(cpus: number, context: DeviceContext) {
    this.context = context;
    this.values = Array.from({ length: cpus }, () => new Map<number, bigint>());
  }

  reset(cpu: number): void {
    this.values[cpu]!.clear();
  }

  saveState() {
    return {
      values: this.values.map((values) => Array.from(values, ([register, value]) => ({ register, value }))),
      reported: this.reported,
    };
  }

  restoreState({ values, reported }: ReturnType<IchRegisters['saveState']>): void {
    for (const [cpu, saved] of values.entries()) {
      this.values[cpu]?.clear();
      for (const { register, value } of saved) this.values[cpu]?.set(register, value);
    }
    this.reported = reported;
  }

  /** Undefined when there is no such register. */
  read(cpu: number, encoding: SystemRegisterEncoding): bigint | undefined {
    const key = keyOf(encoding);
    switch (key) {
      case VTR:
        return VTR_VALUE;
      case MISR:
        return 0n; // no maintenance interrupt without the virtual interface
      case EISR:
        return this.listRegisters(cpu, isEnded);
      case ELRSR:
        return this.listRegisters(cpu, isFree);
      default:
        return maskOf(key) === null ? undefined : (this.values[cpu]!.get(key) ?? 0n);
    }
  }

  /**
   * False when there is no such register or it is read-only. Emits `device` when the virtual
   * interface is first turned on.
   */
  write(cpu: number, encoding: SystemRegisterEncoding, value: bigint): boolean {
    const key = keyOf(encoding);
    const mask = maskOf(key);
    if (mask === null) {
      return false;
    }
    this.values[cpu]!.set(key, value & mask);
    if (key === HCR && (value & 1n) !== 0n && !this.reported) {
      this.reported = true;
      this.context.emit('device', {
        device: 'gic',
        register: 'ICH_HCR_EL2',
        value: hex(value),
        reason: 'the virtual CPU interface is not modelled',
      });
    }
    return true;
  }

  /** Bit n for each list register that `has` holds of. */
  private listRegisters(cpu: number, has: (value: bigint) => boolean): bigint {
    let bits = 0n;
    for (let n = 0; n < LIST_REGISTERS; n++) {
      bits |= has(this.values[cpu]!.get(LR0 + n) ?? 0n) ? 1n << BigInt(n) : 0n;
    }
    return bits;
  }
}

/** EISR: it holds no interrupt and asks for a maintenance interrupt. */
function isEnded(value: bigint): boolean {
  return value >> LR_STATE_SHIFT === 0n && (value & LR_HW) === 0n && (value & LR_EOI) !== 0n;
}

/** ELRSR: it holds no interrupt and asks for nothing. */
function isFree(value: bigint): boolean {
  return value >> LR_STATE_SHIFT === 0n && !isEnded(value);
}

function keyOf(encoding: SystemRegisterEncoding): number {
  const [op0, op1, crn, crm, op2] = encoding;
  return op0 === 3 ? registerKey(op1, crn, crm, op2) : 0;
}

/** The bits that a register keeps; null for what is read-only or not a register. */
function maskOf(key: number): bigint | null {
  if (key >= LR0 && key < LR0 + LIST_REGISTERS) {
    return LR_MASK;
  }
  return key === AP0R0 || key === AP1R0 || key === HCR || key === VMCR ? WORD_MASK : null;
}
