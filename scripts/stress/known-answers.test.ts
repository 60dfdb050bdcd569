// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { knownAnswer } from './known-answers.ts';

describe('knownAnswer', () => {
  // The answers are those of Debian's openssl and coreutils under QEMU.
  it('is what a real guest gives', () => {
    expect(knownAnswer('digests', 1, 1, 1)).toMatch(
      /^md5 50958c9487fb709c3c3ad143b1fa2e4e sha1 cef563b14cdd959c10073f7deabe4ac8 .* chacha20 755294fce7f850a00fd41752a0588b18 /,
    );
    expect(knownAnswer('disk', 1, 1, 1)).toBe('same 8debf443db63700aec3f227099b98b07');
  });

  it('depends on the round, the seed and the scale', () => {
    const answers = [knownAnswer('disk', 1, 1, 1), knownAnswer('disk', 2, 1, 1), knownAnswer('disk', 1, 7, 1)];
    expect(new Set([...answers, knownAnswer('disk', 1, 1, 2)]).size).toBe(4);
  });

  it('is null for what only another machine can tell', () => {
    expect(knownAnswer('python', 1, 1, 1)).toBeNull();
  });
});
