// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FakeMemory } from '#kernel-ts/kernel/mm/testing/fake-memory.ts';
import { ByteQueue, QUEUE_BYTES, QUEUE_CAPACITY } from './byte-queue.ts';

const BASE = physToVirt(physAddr(0x4000_0000));

function queueAt(taken: number): { queue: ByteQueue; memory: FakeMemory } {
  const memory = new FakeMemory([{ base: 0x4000_0000, size: 4096 }], 0xa5);
  memory.fill(BASE, QUEUE_BYTES, 0);
  // As after `taken` bytes went through: both counters are about to pass 2^32 when it is near.
  memory.write32(BASE, taken);
  memory.write32(virtAddr(BASE + 4n), taken);
  return { queue: new ByteQueue(memory, BASE), memory };
}

it('gives back what was put in, in order, and refuses what does not fit, wherever its counters stand', () => {
  const operation = fc.oneof(
    fc.record({ put: fc.uint8Array({ maxLength: 700 }) }),
    fc.record({ take: fc.integer({ min: 0, max: 700 }) }),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(0, 1, 2 ** 32 - 5, 2 ** 31),
      fc.array(operation, { maxLength: 20 }),
      (taken, operations) => {
        const { queue, memory } = queueAt(taken);
        const model: number[] = [];
        for (const step of operations) {
          if ('put' in step) {
            for (const byte of step.put) {
              const fits = model.length < QUEUE_CAPACITY;
              expect(queue.put(byte)).toBe(fits);
              if (fits) model.push(byte);
            }
          } else {
            for (let n = 0; n < step.take; n++) expect(queue.get()).toBe(model.shift() ?? null);
          }
          expect(queue.length).toBe(model.length);
        }
        // Nothing beyond its bytes was touched.
        expect(memory.read8(virtAddr(BASE + BigInt(QUEUE_BYTES)))).toBe(0xa5);
      },
    ),
  );
});
