// SPDX-License-Identifier: GPL-2.0-only
/**
 * Distributor of a GICv3: 64 KiB, for SPIs only. Affinity routing is always on, so the registers of
 * INTIDs 0..31 and those of the GICv2 programming model (ITARGETSR, SGIR) are zero here and ignore
 * writes; INTIDs 0..31 are in the redistributors.
 *
 *     0x0000 CTLR  TYPER  IIDR  TYPER2  STATUSR      0x6000 + 8 n  IROUTER<n>   (gicv3-routing.ts)
 *     0x0080..0x0cff (interrupt-registers.ts)        0xffd0 PIDR4..7, PIDR0..3, CIDR0..3
 *
 *     CTLR, single view:       6 DS = 1, 4 ARE = 1, 1 EnableGrp1, 0 EnableGrp0
 *     CTLR, non-secure view:             4 ARE_NS = 1, 1 EnableGrp1A
 *
 * Writes take effect at once: RWP is never set. No message-based SPIs, no extended SPIs, no LPIs.
 *
 * Specification: IHI 0069, 12.9.
 */

import type { AccessWidth, Device } from '#emulator/bus/device.ts';
import { PRIMECELL_ID } from '#emulator/devices/primecell.ts';
import type { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import type { GicV3Routing } from './gicv3-routing.ts';
import { InterruptRegisters, NOT_HERE, requireByteOrWord, requireWord } from './interrupt-registers.ts';
import type { InterruptState } from './interrupt-state.ts';
import type { SecurityView } from './security-view.ts';

const CTLR = 0x0000;
const CTLR_ENABLE_GRP0 = 1 << 0;
const CTLR_ENABLE_GRP1 = 1 << 1;
const CTLR_ARE = 1 << 4;
const CTLR_DS = 1 << 6;
// 4:0 ITLinesNumber, 10 SecurityExtn, 17 LPIS = 0, 23:19 IDbits, 24 A3V, 25 No1N.
const TYPER = 0x0004;
const TYPER_SECURITY_EXTN = 1 << 10;
const TYPER_ID_BITS = 15 << 19; // 16 bits, as ICC_CTLR_EL1.IDbits says
const TYPER_A3V = 1 << 24;
/**
 * QEMU's GIC has no 1-of-N interrupts; that of a Pixel 6, which has two Security states, has them.
 */
const TYPER_NO_1N = 1 << 25;
const IIDR = 0x0008;
const TYPER2 = 0x000c;
const STATUSR = 0x0010;
const IGROUPR_END = 0x0100;
const IGRPMODR = 0x0d00; // in both views zero for the accesses modelled here
const NSACR_END = 0x0f00;
const ITARGETSR = 0x0800; // these four only without affinity routing
const ITARGETSR_END = 0x0c00;
const SGIR = 0x0f00;
const CPENDSGIR = 0x0f10; // and SPENDSGIR after it
const SPENDSGIR_END = 0x0f30;
const IROUTER = 0x6000;
const IROUTER_END = 0x7fe0;
const IDENTIFICATION = 0xffd0;
const SIZE = 0x1_0000;

/** Implementer Arm; no product claimed. */
export const IIDR_VALUE = 0x0000_043b;

/**
 * PIDR4..7, PIDR0..3, CIDR0..3 for a part number; bits 7:4 of PIDR2 (0xffe8) give architecture 3.
 */
export function identificationOf(part: number): readonly number[] {
  return [0x44, 0, 0, 0, part, 0xb4, 0x3b, 0, ...PRIMECELL_ID];
}

const IDENTIFICATION_VALUES = identificationOf(0x92);

export interface GicV3DistributorOptions {
  readonly state: InterruptState;
  readonly view: SecurityView;
  readonly routing: GicV3Routing;
  /** Called after each write: interrupt lines may have changed. */
  readonly settle: () => void;
  readonly unknown: UnknownRegisters;
}

export class GicV3Distributor implements Device {
  readonly model = 'gicv3';
  private readonly state: InterruptState;
  private readonly view: SecurityView;
  private readonly routing: GicV3Routing;
  private readonly registers: InterruptRegisters;
  private readonly settle: () => void;
  private readonly unknown: UnknownRegisters;

  constructor(options: GicV3DistributorOptions) {
    this.state = options.state;
    this.view = options.view;
    this.routing = options.routing;
    this.settle = options.settle;
    this.unknown = options.unknown;
    this.registers = new InterruptRegisters({ state: options.state, view: options.view, writablePendingSgis: 0xffff });
  }

  /**
   * Resets the SPIs, their routes and the group enables; the redistributors reset the private
   * interrupts.
   */
  reset(): void {
    this.state.setGroupEnables(0);
    this.state.resetWords(this.state.cpus, this.state.words);
    this.routing.reset();
    this.settle();
  }

  saveState() {
    return {
      unknown: this.unknown.saveState(),
    };
  }

  restoreState(state: ReturnType<GicV3Distributor['saveState']>): void {
    this.unknown.restoreState(state.unknown);
  }

  /**
   * @throws BusAbort for a 16-bit access, and for an 8-bit one where the register does not allow it
   */
  read(offset: number, width: AccessWidth): number {
    const word = this.registers.intidWord(offset);
    if (word !== NOT_HERE) return word === 0 ? 0 : this.registers.read(0, offset, width);
    requireWidth(offset, width);
    if (offset >= IROUTER && offset < IROUTER_END) {
      return this.routing.read((offset - IROUTER) >>> 3, (offset & 4) === 0 ? 0 : 1);
    }
    if (offset >= IDENTIFICATION && offset < SIZE) {
      return IDENTIFICATION_VALUES[(offset - IDENTIFICATION) >>> 2]!;
    }
    switch (offset) {
      case CTLR:
        return this.state.groupEnables | CTLR_ARE | (this.view === 'single' ? CTLR_DS : 0);
      case TYPER:
        return (
          (this.state.words - this.state.cpus) |
          (this.view === 'single' ? TYPER_NO_1N : TYPER_SECURITY_EXTN) |
          TYPER_ID_BITS |
          TYPER_A3V
        );
      case IIDR:
        return IIDR_VALUE;
      default:
        if (!isReserved(offset)) this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  /** @throws BusAbort as `read` does */
  write(offset: number, width: AccessWidth, value: number): void {
    const word = this.registers.intidWord(offset);
    if (word !== NOT_HERE) {
      if (word > 0) {
        this.registers.write(0, offset, width, value);
        if (offset < IGROUPR_END) {
          this.routing.regroup(word); // the lowest of these registers
        }
        this.settle();
      }
      return;
    }
    requireWidth(offset, width);
    if (offset >= IROUTER && offset < IROUTER_END) {
      this.routing.write((offset - IROUTER) >>> 3, (offset & 4) === 0 ? 0 : 1, value);
      this.settle();
    } else if (offset === CTLR) {
      const writable = this.view === 'single' ? CTLR_ENABLE_GRP0 | CTLR_ENABLE_GRP1 : CTLR_ENABLE_GRP1;
      this.state.setGroupEnables(value & writable);
      this.settle();
    } else if (!isReserved(offset) && offset !== TYPER && offset !== IIDR && offset < IDENTIFICATION) {
      this.unknown.report('write', offset, width, value);
    }
  }
}

/**
 * Checks the width: byte registers of the GICv2 model also accept byte accesses. @throws BusAbort
 */
function requireWidth(offset: number, width: AccessWidth): void {
  const isBytes = (offset >= ITARGETSR && offset < ITARGETSR_END) || (offset >= CPENDSGIR && offset < SPENDSGIR_END);
  (isBytes ? requireByteOrWord : requireWord)(offset, width);
}

/** True for registers that are accessible but always zero in this configuration. */
function isReserved(offset: number): boolean {
  return (
    offset === TYPER2 ||
    offset === STATUSR ||
    (offset >= ITARGETSR && offset < ITARGETSR_END) ||
    (offset >= IGRPMODR && offset < NSACR_END) ||
    (offset >= SGIR && offset < SPENDSGIR_END)
  );
}
