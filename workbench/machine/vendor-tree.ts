// SPDX-License-Identifier: GPL-2.0-only
/**
 * The device trees of an Android vendor_boot.img, one blob after the other. A boot loader picks the
 * one for its board: here the first whose root is compatible with it. Without one the board's own
 * tree is used, with a warning.
 *
 * Not here: overlays (dtbo.img), which a phone's boot loader applies.
 *
 * Source: source.android.com, "Vendor boot partitions" and "Use multiple DTs".
 */

import type { Board } from '#boards/types.ts';
import { Fdt, FdtError } from '#fdt/index.ts';

/** The parts of a vendor_boot that are used. */
export interface VendorTree {
  /** Null: the board's own tree is used. */
  readonly tree: Uint8Array | null;
  /** The reason why none of its trees is used, a sentence; null otherwise. */
  readonly unused: string | null;
}

/** No vendor_boot, or one without trees. */
export const NO_VENDOR_TREE: VendorTree = { tree: null, unused: null };

const MAGIC = 0xd00d_feed;
const HEADER_BYTES = 40;

/** The tree of `section` for `board`. O(bytes). */
export function chooseVendorTree(section: Uint8Array | null, board: Board): VendorTree {
  if (section === null) return NO_VENDOR_TREE;
  const kept = `the tree of ${board.name} is used`;
  const others: string[] = [];
  for (const blob of blobsIn(section)) {
    try {
      const { root } = Fdt.open(blob);
      const compatible = root.findProperty('compatible')?.stringList() ?? [];
      if (compatible.some((name) => board.compatible.includes(name))) return { tree: blob, unused: null };
      others.push(`"${compatible[0] ?? 'no compatible'}"`);
    } catch (error) {
      if (!(error instanceof FdtError)) throw error;
      others.push(`one that cannot be read (${error.message})`);
    }
  }
  if (others.length === 0) {
    return { tree: null, unused: `its ${section.length} bytes of device trees hold none; ${kept}` };
  }
  const wanted = board.compatible.map((name) => `"${name}"`).join(' or ');
  return { tree: null, unused: `its device trees are for ${others.join(', ')}, not for ${wanted}; ${kept}` };
}

/** Each blob, by its magic number and totalsize. There may be padding between two blobs. */
function* blobsIn(section: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(section.buffer, section.byteOffset, section.length);
  for (let at = 0; at + HEADER_BYTES <= section.length; ) {
    if (view.getUint32(at) !== MAGIC) {
      at++;
      continue;
    }
    const bytes = Math.max(view.getUint32(at + 4), HEADER_BYTES);
    yield section.slice(at, Math.min(at + bytes, section.length));
    at += bytes;
  }
}
