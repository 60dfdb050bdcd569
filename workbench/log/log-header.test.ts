import { describe, expect, it } from 'vitest';
import { logHeader } from './log-header.ts';

describe('logHeader', () => {
  it('says what was asked of the machine, and files by length and hash', () => {
    const dtb = new TextEncoder().encode('abc');
    expect(
      logHeader({ board: 'pixel6', memoryBytes: 4096, cpus: undefined, seed: -1n, trace: ['serial', 'irq'], dtb }),
    ).toEqual({
      board: 'pixel6',
      seed: '0xffffffffffffffff',
      trace: ['irq'],
      // SHA-256 of "abc": FIPS 180-2, appendix B.1.
      options: { memoryBytes: 4096, dtb: { bytes: 3, sha256: 'ba7816bf8f01cfea' } },
    });
  });

  it('has JSON only', () => {
    const settings = { board: 'qemu-virt', drives: [{ path: 'disk.img', access: 1n }] };
    expect(() => JSON.stringify(logHeader(settings as never))).not.toThrow();
    expect(logHeader({ board: 'qemu-virt' })).toEqual({ board: 'qemu-virt', seed: null, trace: [], options: {} });
  });
});
