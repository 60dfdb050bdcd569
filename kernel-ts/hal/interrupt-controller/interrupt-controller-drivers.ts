// SPDX-License-Identifier: GPL-2.0-only
/**
 * The table of interrupt controller drivers, by the device tree's `compatible` strings, with the
 * register windows that each needs.
 *
 * Specification: Linux Documentation/devicetree/bindings/interrupt-controller/arm,gic.yaml (reg:
 * distributor, CPU interface) and arm,gic-v3.yaml (reg: distributor, then #redistributor-regions
 * regions of redistributors).
 */

import { hex, type PhysAddr, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import { cpuReg, type DeviceNode, type Fdt, FdtError } from '#fdt/index.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import { GicV2 } from './gicv2.ts';
import { GicV3 } from './gicv3.ts';
import { type InterruptController, InterruptControllerError } from './interrupt-controller.ts';

const GICV2 = [
  'arm,gic-400',
  'arm,cortex-a15-gic',
  'arm,cortex-a9-gic',
  'arm,cortex-a7-gic',
  'arm,eb11mp-gic',
  'qcom,msm-qgic2',
];
const GICV3 = ['arm,gic-v3'];

/**
 * Sizes of the used registers in bytes: distributor of either version, CPU interface of a GICv2
 * without DIR.
 */
const DISTRIBUTOR_BYTES = 0x1_0000;
const GICV2_DISTRIBUTOR_BYTES = 0x1000;
const GICV2_CPU_INTERFACE_BYTES = 0x1000;

/** Maps device registers; null when that is impossible. */
export type MapRegisters = (base: PhysAddr, bytes: number) => VirtAddr | null;

/** Interrupt controller, with its device tree node. */
export interface FoundController {
  readonly node: DeviceNode;
  readonly controller: InterruptController;
  /** Base of the distributor's registers. */
  readonly base: PhysAddr;
}

/**
 * First available interrupt controller of the tree that has a driver, not initialised; null when
 * there is none.
 * @throws FdtError `FDT_ERR_NOTFOUND`, `FDT_ERR_BADVALUE` when its `reg` does not name the windows
 * that it needs; InterruptControllerError when they cannot be mapped
 */
export function findInterruptController(
  fdt: Fdt,
  ports: Pick<Ports, 'mmio' | 'probe' | 'registers'>,
  map: MapRegisters,
): FoundController | null {
  const node = fdt.findCompatible(...GICV3, ...GICV2).find(({ available }) => available);
  if (node === undefined) return null;
  const [distributor, second, ...more] = registerWindows(node);
  if (distributor === undefined || second === undefined) {
    throw node.getProperty('reg').badValue('two register windows are needed');
  }
  const reach = (base: PhysAddr, bytes: number): VirtAddr => {
    const va = map(base, bytes);
    if (va !== null) return va;
    throw new InterruptControllerError(`${node.path}: registers at ${hex(base)} cannot be mapped as a device`);
  };
  if (!GICV3.some((name) => node.isCompatible(name))) {
    const base = reach(distributor.base, GICV2_DISTRIBUTOR_BYTES);
    const controller = new GicV2(ports, base, reach(second.base, GICV2_CPU_INTERFACE_BYTES));
    return { node, controller, base: distributor.base };
  }
  const base = reach(distributor.base, DISTRIBUTOR_BYTES);
  const offset = base - BigInt(distributor.base);
  // The frames of other cores stay unmapped, because a region may be megabytes long.
  const controller = new GicV3(ports, base, {
    regions: [second, ...more]
      .slice(0, node.u32('#redistributor-regions') ?? 1)
      .map((region) => ({ base: virtAddr(BigInt(region.base) + offset), bytes: region.bytes })),
    reach: (at, bytes) => map(physAddr(Number(at - offset)), bytes) !== null,
  });
  return { node, controller, base: distributor.base };
}

/**
 * The node's register windows as physical ranges.
 * @throws FdtError where it has none, or one that the CPU cannot reach
 */
function registerWindows(node: DeviceNode): { base: PhysAddr; bytes: number }[] {
  const property = node.getProperty('reg');
  const windows = cpuReg(node);
  if (windows === null) throw property.badValue('its addresses do not translate to the CPU’s');
  return windows.map(({ address, size }) => {
    if (address + size > 1n << 48n) {
      throw new FdtError('FDT_ERR_BADVALUE', property.offset, `reg of ${node.path} lies beyond 48 bits`);
    }
    return { base: physAddr(Number(address)), bytes: Number(size) };
  });
}
