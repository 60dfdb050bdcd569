// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interrupt specifiers of a GIC in a device tree: three cells, or four where the controller's node
 * says so.
 *
 *     <type number flags [partition]>     type 0 SPI (INTID number + 32), 1 PPI (INTID number + 16)
 *                                         flags 3:0  1 or 2 edge, 4 or 8 level; 15:8 cores of a GICv2's PPI
 *
 * Not here: `interrupts-extended`, and interrupt maps of buses.
 *
 * Specification: Devicetree Specification v0.4, 2.4; Linux
 * Documentation/devicetree/bindings/interrupt-controller/arm,gic.yaml and arm,gic-v3.yaml.
 */

import { type DeviceNode, type Fdt, FdtError } from '#fdt/index.ts';
import { FIRST_PPI, FIRST_SPI, type Interrupt } from './interrupt-controller.ts';

const TYPE_SPI = 0;
const TYPE_PPI = 1;
const FLAGS_EDGE = 3;
const PPIS = 16;
const SPIS = 988;

/**
 * Interrupts of `node`, in the order of its `interrupts` property; empty when it has none, or when
 * they go to another controller than `controller`.
 * @throws FdtError `FDT_ERR_BADNCELLS` when the controller's #interrupt-cells is neither 3 nor 4;
 * `FDT_ERR_BADVALUE` for a specifier that names no interrupt of a GIC
 */
export function interruptsOf(node: DeviceNode, controller: DeviceNode, fdt: Fdt): Interrupt[] {
  const property = node.findProperty('interrupts');
  if (property === null || findInterruptParent(node, fdt) !== controller) return [];
  const width = controller.u32('#interrupt-cells') ?? 0;
  if (width !== 3 && width !== 4) {
    throw new FdtError(
      'FDT_ERR_BADNCELLS',
      controller.offset,
      `#interrupt-cells of ${controller.path} must be 3 or 4, not ${width}`,
    );
  }
  const cells = property.cells();
  if (cells.length % width !== 0) throw property.badValue(`a multiple of ${4 * width} is needed`);
  const interrupts: Interrupt[] = [];
  for (let at = 0; at < cells.length; at += width) {
    const [type = 0, number = 0, flags = 0] = cells.slice(at, at + 3);
    const isSpi = type === TYPE_SPI && number < SPIS;
    if (!isSpi && !(type === TYPE_PPI && number < PPIS)) {
      throw property.badValue(`<${type} ${number}> at cell ${at} is no interrupt of a GIC`);
    }
    interrupts.push({
      intid: number + (isSpi ? FIRST_SPI : FIRST_PPI),
      trigger: (flags & FLAGS_EDGE) === 0 ? 'level' : 'edge',
    });
  }
  return interrupts;
}

/**
 * Node named by the nearest `interrupt-parent`, of `node` or of an ancestor; null when there is
 * none.
 */
function findInterruptParent(node: DeviceNode, fdt: Fdt): DeviceNode | null {
  for (let at: DeviceNode | null = node; at !== null; at = at.parent) {
    const phandle = at.u32('interrupt-parent');
    if (phandle !== null) return fdt.findPhandle(phandle);
  }
  return null;
}
