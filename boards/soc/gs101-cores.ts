// SPDX-License-Identifier: GPL-2.0-only
/**
 * Cores of Google Tensor (gs101): four Cortex-A55, two Cortex-A76, two Cortex-X1, in three clusters
 * of one DynamIQ unit.
 *
 *   MPIDR affinity   0x000 0x100 0x200 0x300 | 0x400 0x500 | 0x600 0x700
 *   cluster                   0  A55         |   1  A76    |   2  X1
 *
 * Source: Linux arch/arm64/boot/dts/exynos/google/gs101.dtsi (affinity, compatible); boot log of a
 * Pixel 6 (MIDR).
 */

import { CPU_TYPES } from '#boards/cpu-types.ts';
import { type NodeSource, cells, interrupts, ref, text } from '#boards/tree-source.ts';
import { cpuLabel } from '#boards/tree-sections.ts';
import type { Cpu } from '#boards/types.ts';

const CLUSTERS = [
  { core: CPU_TYPES['cortex-a55'], cores: 4 },
  { core: CPU_TYPES['cortex-a76'], cores: 2 },
  { core: CPU_TYPES['cortex-x1'], cores: 2 },
] as const;

/**
 * Fixed bits of MPIDR_EL1: bit 31 is RES1, and bit 24 (MT) means that the lowest affinity field
 * numbers threads (Arm ARM DDI 0487, D23.2.101).
 */
const MPIDR_FIXED_BITS = 0x8100_0000;

/** All eight cores, in the order of their numbers. */
export const gs101Cpus: readonly Cpu[] = CLUSTERS.flatMap(({ core: { name, midr }, cores }, cluster) =>
  Array.from({ length: cores }, () => ({ compatible: `arm,${name}`, midr, cluster })),
).map((cpu, n) => ({ ...cpu, mpidr: n * 0x100, mpidrEl1: MPIDR_FIXED_BITS + n * 0x100 }));

/** Clusters with a core among the first `count`. */
function populatedClusters(count: number): number[] {
  return [...new Set(gs101Cpus.slice(0, count).map((cpu) => cpu.cluster))];
}

/** Children of `ppi-partitions`: the cores of each cluster, for PPIs that clusters share. */
export function ppiPartitions(count: number): NodeSource[] {
  return populatedClusters(count).map((cluster) => ({
    name: `interrupt-partition-${cluster}`,
    label: partitionLabel(cluster),
    properties: {
      affinity: cells(
        ...gs101Cpus
          .slice(0, count)
          .filter((cpu) => cpu.cluster === cluster)
          .map((cpu) => ref(cpuLabel(cpu))),
      ),
    },
  }));
}

/** Performance monitors: one node for each core type, all on PPI 7. */
export function corePmus(count: number): NodeSource[] {
  return populatedClusters(count).map((cluster) => ({
    name: `pmu-${cluster}`,
    properties: {
      compatible: text(`arm,${CLUSTERS[cluster]?.core.name}-pmu`),
      interrupts: interrupts({ type: 'ppi', number: 7, trigger: 'level-high', partition: partitionLabel(cluster) }),
    },
  }));
}

function partitionLabel(cluster: number): string {
  return `ppi_cluster${cluster}`;
}
