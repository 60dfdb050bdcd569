// SPDX-License-Identifier: GPL-2.0-only
/**
 * Copy-on-write disk over another one: writes stay in memory, and the base is unchanged. Used for
 * `--drive FILE` without `,write`.
 *
 *     read   cluster in the overlay? ── yes ──► its bytes         runs of clusters that are not: one read of the base
 *     write  ──► cluster of 64 KiB in the overlay, filled from the base first unless the write covers it
 *
 * Invariant: a cluster in the overlay is complete; the base is never read for it again.
 */

import { type BlockBackend, SECTOR_BYTES } from './block-backend.ts';

const CLUSTER_SECTORS = 128;
const CLUSTER_BYTES = CLUSTER_SECTORS * SECTOR_BYTES;

/** Copy-on-write disk. Memory: 64 KiB for each cluster that was written to. */
export class OverlayBackend implements BlockBackend {
  readonly sectors: number;
  readonly readOnly = false;
  private readonly base: BlockBackend;
  private readonly clusters = new Map<number, Uint8Array>();

  constructor(base: BlockBackend) {
    this.base = base;
    this.sectors = base.sectors;
  }

  read(sector: number, target: Uint8Array): void {
    const end = sector + target.length / SECTOR_BYTES;
    for (let at = sector; at < end; ) {
      const run = this.sameSourceUntil(at, end);
      const piece = target.subarray((at - sector) * SECTOR_BYTES, (run - sector) * SECTOR_BYTES);
      const cluster = this.clusters.get(Math.floor(at / CLUSTER_SECTORS));
      if (cluster === undefined) this.base.read(at, piece);
      else piece.set(cluster.subarray(offsetInCluster(at), offsetInCluster(at) + piece.length));
      at = run;
    }
  }

  write(sector: number, source: Uint8Array): void {
    const end = sector + source.length / SECTOR_BYTES;
    for (let at = sector; at < end; ) {
      const next = Math.min(end, clusterEnd(at));
      const piece = source.subarray((at - sector) * SECTOR_BYTES, (next - sector) * SECTOR_BYTES);
      this.clusterForWrite(at, piece.length).set(piece, offsetInCluster(at));
      at = next;
    }
  }

  /** No effect: writes stay in memory. */
  flush(): void {}

  /** Clusters that were written to, in ascending order. */
  saveState() {
    const clusters = [...this.clusters].sort(([a], [b]) => a - b);
    return { clusters: clusters.map(([index, bytes]) => ({ index, bytes: bytes.slice() })) };
  }

  restoreState({ clusters }: ReturnType<OverlayBackend['saveState']>): void {
    this.clusters.clear();
    for (const { index, bytes } of clusters) this.clusters.set(index, bytes.slice());
  }

  /**
   * End of the run of sectors from `at` on with the same source: the end of the overlay's cluster,
   * or the next cluster that the overlay has.
   */
  private sameSourceUntil(at: number, end: number): number {
    let next = clusterEnd(at);
    if (!this.clusters.has(Math.floor(at / CLUSTER_SECTORS))) {
      while (next < end && !this.clusters.has(next / CLUSTER_SECTORS)) next += CLUSTER_SECTORS;
    }
    return Math.min(next, end);
  }

  private clusterForWrite(sector: number, bytes: number): Uint8Array {
    const index = Math.floor(sector / CLUSTER_SECTORS);
    const present = this.clusters.get(index);
    if (present !== undefined) return present;
    const cluster = new Uint8Array(CLUSTER_BYTES);
    if (bytes < CLUSTER_BYTES) {
      const start = index * CLUSTER_SECTORS;
      const sectors = Math.min(CLUSTER_SECTORS, this.sectors - start);
      this.base.read(start, cluster.subarray(0, sectors * SECTOR_BYTES));
    }
    this.clusters.set(index, cluster);
    return cluster;
  }
}

function clusterEnd(sector: number): number {
  return (Math.floor(sector / CLUSTER_SECTORS) + 1) * CLUSTER_SECTORS;
}

function offsetInCluster(sector: number): number {
  return (sector % CLUSTER_SECTORS) * SECTOR_BYTES;
}
