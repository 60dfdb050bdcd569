// SPDX-License-Identifier: GPL-2.0-only
/**
 * Slab caches of a booted pixel6, over emulated RAM through the live translation, beside a free
 * list in a plain array. All times are host nanoseconds; a pair is one alloc and its free.
 */

import type { VirtAddr } from '#common/address.ts';
import { boot } from './booted.ts';
import { time, xorshift } from './buddy-scenarios.ts';
import type { Section } from './section.ts';
import { inTurns } from './statistics.ts';

const PAIR_BAR_NS = 250;

/** Bytes of an object: a record of a process or a file. */
const OBJECT_BYTES = 256;
/** Objects in use while a pair is measured, and at most while lifetimes are random. */
const OBJECTS = 1000;
const SEED = 0x6c65_7669;

/** The interface that is compared: the cache and {@link PlainFreeList} both have it. */
interface ObjectCache {
  alloc(): VirtAddr | null;
  free(object: VirtAddr): void;
}

export const slab: Section = {
  name: 'slab',
  run: ({ short, report }) => {
    const section = slab.name;
    const { machine, memory } = boot('pixel6');
    const cache = memory.slab.createCache('bench', OBJECT_BYTES);
    if (cache === null) throw new Error('no room for a slab cache');
    const plain = new PlainFreeList(2 * OBJECTS);
    memory.slab.shrink();
    const before = memory.buddy.buddyinfo().join();
    const count = short ? 100_000 : 500_000;
    for (const { what, scenario, bar } of [
      { what: `${OBJECT_BYTES} bytes, alloc + free`, scenario: pairNs, bar: PAIR_BAR_NS },
      { what: `${OBJECT_BYTES} bytes, random lifetimes, one operation`, scenario: mixedNs, bar: null },
    ]) {
      const [samples = [], limit = []] = inTurns(short ? 5 : 15, 2, [
        () => scenario(cache, count),
        () => scenario(plain, count),
      ]);
      report({ section, what, unit: 'ns', samples, bar, limit });
    }
    const valid = memory.slab.validate().length === 0;
    memory.slab.shrink();
    report({
      section,
      what: 'valid, and every frame back',
      holds: valid && memory.buddy.buddyinfo().join() === before,
    });
    machine.close();
  },
};

/**
 * One alloc + free pair beside {@link OBJECTS} objects in use: the slab it comes from is partial
 * before and after.
 */
function pairNs(cache: ObjectCache, pairs: number): number {
  const live = Array.from({ length: OBJECTS }, () => take(cache));
  const elapsed = time(() => {
    for (let i = 0; i < pairs; i++) cache.free(take(cache));
  });
  for (const object of live) cache.free(object);
  return elapsed / pairs;
}

/**
 * One alloc or free where objects come and go at random, half of {@link OBJECTS} in use on average:
 * slabs fill, empty, come and go.
 */
function mixedNs(cache: ObjectCache, operations: number): number {
  const slots: (VirtAddr | null)[] = new Array<VirtAddr | null>(OBJECTS).fill(null);
  const random = xorshift(SEED);
  const elapsed = time(() => {
    for (let i = 0; i < operations; i++) {
      const slot = random() % OBJECTS;
      const object = slots[slot] ?? null;
      if (object === null) {
        slots[slot] = take(cache);
      } else {
        cache.free(object);
        slots[slot] = null;
      }
    }
  });
  for (const object of slots) if (object !== null) cache.free(object);
  return elapsed / operations;
}

/** The limit: addresses in an array, no check, no emulated RAM. */
class PlainFreeList implements ObjectCache {
  private readonly list: VirtAddr[];

  constructor(objects: number) {
    this.list = Array.from({ length: objects }, (_, index) => BigInt(index * OBJECT_BYTES) as VirtAddr);
  }

  alloc(): VirtAddr | null {
    return this.list.pop() ?? null;
  }

  free(object: VirtAddr): void {
    this.list.push(object);
  }
}

function take(cache: ObjectCache): VirtAddr {
  const object = cache.alloc();
  if (object === null) throw new Error('the bench ran out of objects');
  return object;
}
