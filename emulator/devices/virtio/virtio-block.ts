// SPDX-License-Identifier: GPL-2.0-only
/**
 * Virtio block device: executes a driver's requests on a disk.
 *
 *     readable:  | type 32 | 0 | sector 64 | data to write … |       writable:  | … data read | status 8 |
 *
 * Modelled: read, write, flush, and the identifier that Linux shows as the disk's serial number.
 * Discard and write-zeroes are not offered. Requests are executed in the order in which they were
 * offered, each completely before the next.
 *
 * A request outside the disk, of a partial sector, or for a write to a read-only disk gets an I/O
 * error in its status. A request without room for header or status cannot report one and breaks the
 * queue.
 *
 * Specification: VIRTIO 1.2, 5.2 "Block Device".
 */

import type { SavedState } from '#emulator/bus/saved-state.ts';
import { type BlockBackend, BlockBackendError, SECTOR_BYTES } from './block-backend.ts';
import type { DescriptorChain } from './descriptor-chain.ts';
import type { VirtioLink, VirtioModel } from './virtio-model.ts';
import { type Virtqueue, VirtqueueError } from './virtqueue.ts';

/** Feature bits. */
export const BLOCK_FEATURE = { SEG_MAX: 2, RO: 5, BLK_SIZE: 6, FLUSH: 9 } as const;

const TYPE_IN = 0;
const TYPE_OUT = 1;
const TYPE_FLUSH = 4;
const TYPE_GET_ID = 8;

const STATUS_OK = 0;
const STATUS_IO_ERROR = 1;
const STATUS_UNSUPPORTED = 2;

const HEADER_BYTES = 16;
const ID_BYTES = 20;
const QUEUE_SIZE = 256;
/** Most data descriptors of a request: the queue's entries without header and status. */
const SEGMENTS_MAX = QUEUE_SIZE - 2;
/** Size of the pieces in which a large request is transferred, to limit buffer size. */
const PIECE_BYTES = 256 * 1024;

/** Virtio block device. */
export class VirtioBlock implements VirtioModel {
  readonly deviceId = 2;
  readonly features: readonly number[];
  readonly queueSizes = [QUEUE_SIZE];
  readonly config: Uint8Array;
  private readonly backend: BlockBackend;
  private readonly serial: Uint8Array;
  private readonly piece = new Uint8Array(PIECE_BYTES);
  private link: VirtioLink | null = null;

  /** @param options.serial at most 20 ASCII characters; the rest is cut off */
  constructor(backend: BlockBackend, options: { readonly serial?: string } = {}) {
    this.backend = backend;
    this.serial = new TextEncoder().encode(options.serial ?? '').subarray(0, ID_BYTES);
    const { SEG_MAX, RO, BLK_SIZE, FLUSH } = BLOCK_FEATURE;
    this.features = [SEG_MAX, ...(backend.readOnly ? [RO] : []), BLK_SIZE, FLUSH];
    this.config = new Uint8Array(0x3c);
    const view = new DataView(this.config.buffer);
    view.setBigUint64(0x00, BigInt(backend.sectors), true);
    view.setUint32(0x0c, SEGMENTS_MAX, true);
    view.setUint32(0x14, SECTOR_BYTES, true);
  }

  attach(link: VirtioLink): void {
    this.link = link;
  }

  handle(_index: number, queue: Virtqueue): void {
    let served = 0;
    for (let chain = queue.popAvailable(); chain !== null; chain = queue.popAvailable()) {
      this.serve(chain);
      queue.pushUsed(chain.head, chain.writable.length);
      served++;
    }
    if (served > 0) this.link?.notifyUsed(queue);
  }

  reset(): void {}

  /** State of the disk; a request is served at once, so none is ever in progress. */
  saveState(): SavedState {
    return this.backend.saveState();
  }

  restoreState(state: SavedState): void {
    this.backend.restoreState(state);
  }

  private serve(chain: DescriptorChain): void {
    const { readable, writable } = chain;
    if (readable.length < HEADER_BYTES || writable.length < 1) {
      throw new VirtqueueError(`a block request of ${readable.length} bytes to read and ${writable.length} to write`);
    }
    const header = readable.read(0, HEADER_BYTES);
    const view = new DataView(header.buffer, header.byteOffset);
    const status = this.carryOut(chain, view.getUint32(0, true), Number(view.getBigUint64(8, true)));
    writable.write(writable.length - 1, Uint8Array.of(status));
  }

  private carryOut(chain: DescriptorChain, type: number, sector: number): number {
    try {
      switch (type) {
        case TYPE_IN:
          return this.read(chain, sector);
        case TYPE_OUT:
          return this.write(chain, sector);
        case TYPE_FLUSH:
          this.backend.flush();
          return STATUS_OK;
        case TYPE_GET_ID:
          return this.identify(chain);
        default:
          return STATUS_UNSUPPORTED;
      }
    } catch (error) {
      if (!(error instanceof BlockBackendError)) throw error;
      this.link?.report(error.message);
      return STATUS_IO_ERROR;
    }
  }

  private read({ writable }: DescriptorChain, sector: number): number {
    const bytes = writable.length - 1;
    if (!this.isOnDisk(sector, bytes)) return STATUS_IO_ERROR;
    for (let done = 0; done < bytes; done += PIECE_BYTES) {
      const piece = this.piece.subarray(0, Math.min(PIECE_BYTES, bytes - done));
      this.backend.read(sector + done / SECTOR_BYTES, piece);
      writable.write(done, piece);
    }
    return STATUS_OK;
  }

  private write({ readable }: DescriptorChain, sector: number): number {
    const bytes = readable.length - HEADER_BYTES;
    if (this.backend.readOnly || !this.isOnDisk(sector, bytes)) return STATUS_IO_ERROR;
    for (let done = 0; done < bytes; done += PIECE_BYTES) {
      const piece = readable.read(HEADER_BYTES + done, Math.min(PIECE_BYTES, bytes - done));
      this.backend.write(sector + done / SECTOR_BYTES, piece);
    }
    return STATUS_OK;
  }

  private identify({ writable }: DescriptorChain): number {
    const id = new Uint8Array(ID_BYTES);
    id.set(this.serial);
    writable.write(0, id.subarray(0, writable.length - 1));
    return STATUS_OK;
  }

  private isOnDisk(sector: number, bytes: number): boolean {
    return bytes % SECTOR_BYTES === 0 && sector + bytes / SECTOR_BYTES <= this.backend.sectors;
  }
}
