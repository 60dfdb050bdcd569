// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import type { SiteRequest } from '#workbench/site/protocol.ts';
import { siteSettings } from './settings.ts';

const request = (wanted: Partial<SiteRequest>): SiteRequest => ({ options: {}, files: {}, dts: null, ...wanted });

describe('siteSettings', () => {
  it('reads files, and faults on purpose', async () => {
    const kernel = new Blob([Uint8Array.of(1, 2, 3)]);
    const options = { board: 'pixel6', failAlloc: 'order=9,nth=3 all', oomAt: '97%', poisonFreed: 'yes' };
    const settings = await siteSettings(request({ options, files: { kernel } }));
    expect(settings.kernel).toEqual(Uint8Array.of(1, 2, 3));
    expect(settings.faults?.failAlloc).toHaveLength(2);
    expect(settings.faults).toMatchObject({ poisonFreed: true });
  });

  it.each<[Partial<SiteRequest>, RegExp]>([
    [{ options: { failAlloc: 'nonsense' } }, /^Refuse allocations nonsense: write order=9/],
    [{ options: { flipBit: 'foo' } }, /^Flip bits foo: write ADDRESS\.BIT@TIME/],
    [{ options: { memory: '12Q' } }, /^Memory 12Q: not a size/],
    [{ dts: '/dts-v1/;\n/ { a = <1 2 };' }, /^Device tree source, line 2, column 14: expected a number/],
    [
      { files: { kernel: { arrayBuffer: () => Promise.reject(new Error('gone')) } as unknown as Blob } },
      /^the file for kernel can no longer be read \(gone\); choose it again$/,
    ],
  ])('says what cannot be: %#', async (wanted, message) => {
    await expect(siteSettings(request(wanted))).rejects.toThrow(message);
  });
});
