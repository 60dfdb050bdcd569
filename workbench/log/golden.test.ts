// SPDX-License-Identifier: GPL-2.0-only
import { readFileSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { compareWithGolden, showGoldenDifference, updateGolden } from './golden.ts';
import { masker } from './golden.ts';
import { PLAIN } from '#workbench/cli/terminal-style.ts';
import { event, logFile, temporaryPath } from './testing/log-fixture.ts';

const boot = (t: number, free: number) => [
  event('stage', { number: 1 }, t),
  event('serial', { text: `[MEM] ${free} frames free` }, 2 * t),
  event('memory', { what: 'steady', freeFrames: free }, 3 * t),
];

describe('masker', () => {
  it.each([
    [['*.t'], { t: 0 }],
    [['memory.core'], { core: 0 }],
    [['memory.bytes'], { fields: { what: 'bank', bytes: '*' } }],
    [['*.what~a.'], { fields: { what: 'b*k', bytes: 17 } }],
    [['memory.bytes~[0-9]'], { fields: { what: 'bank', bytes: '**' } }],
    [['irq.what', 'memory.absent'], {}],
  ])('%j', (masks, change) => {
    const one = event('memory', { what: 'bank', bytes: 17 }, 5, 1);
    expect(masker(masks)(one)).toEqual({ ...one, ...change });
  });

  it('drops events of a kind', () => {
    expect(masker(['irq'])(event('irq'))).toBeNull();
    expect(masker(['irq'])(event('mmio-unknown'))).not.toBeNull();
  });

  it.each(['', '*', 'Memory', 'memory.', 'serial.text~(', 'serial.text~[0-9]*'])(
    'refuses "%s" and says why',
    (mask) => {
      expect(() => masker([mask])).toThrow(InputError);
      expect(() => masker([mask])).toThrow(`mask "${mask}": `);
    },
  );
});

describe('golden logs', () => {
  it('agree with the log that they were made of, for any masks', () => {
    const masks = fc.subarray(['*.t', 'stage', 'serial.text~[0-9]+', 'memory.freeFrames', '*.core']);
    fc.assert(
      fc.property(fc.nat(99), fc.nat(99), masks, (t, free, chosen) => {
        const [log, golden] = [logFile(boot(t, free)), temporaryPath()];
        updateGolden(log, golden, chosen);
        expect(compareWithGolden(log, golden)).toBeNull();
        updateGolden(log, golden);
        expect(compareWithGolden(log, golden)).toBeNull();
      }),
      { numRuns: 30 },
    );
  });

  it('hold while only what is masked varies, and do not change when made again', () => {
    const golden = temporaryPath();
    expect(updateGolden(logFile(boot(10, 500)), golden, ['*.t', 'serial.text~[0-9]+', 'memory.freeFrames'])).toBe(3);
    const before = readFileSync(golden, 'utf8');
    expect(before).toContain('"text":"[MEM] * frames free"');
    expect(compareWithGolden(logFile(boot(11, 400)), golden)).toBeNull();
    updateGolden(logFile(boot(11, 400)), golden);
    expect(readFileSync(golden, 'utf8')).toBe(before);
  });

  it('tell the first event that differs, with what came before and what to do', () => {
    const golden = logFile(boot(10, 500), { board: 'pixel6', masks: ['*.t'] });
    const difference = compareWithGolden(logFile(boot(11, 400), { board: 'qemu-virt' }), golden);
    expect(difference).toMatchObject({ fields: ['text'], expected: { line: 3 }, found: { line: 3 } });
    if (difference === null) throw new Error('no difference');
    const shown = showGoldenDifference(difference, 'g.log', PLAIN);
    expect(shown).toContain('differs from g.log: text of serial');
    expect(shown).toContain('board is qemu-virt, the golden log was made with pixel6');
    expect(shown).toMatch(/-\s+3 .*500 frames free\n\+\s+3 .*400 frames free\n/);
    expect(shown).toContain('--mask "serial.text"');
  });

  it('tell a log that ends early or late, and one that has another kind of event', () => {
    const [long, short] = [logFile(boot(1, 5)), logFile(boot(1, 5).slice(0, 2))];
    expect(compareWithGolden(short, long)).toMatchObject({ found: null, expected: { line: 4 } });
    expect(compareWithGolden(long, short)).toMatchObject({ expected: null, found: { line: 4 } });
    expect(compareWithGolden(logFile([event('irq')]), logFile([event('stage')]))).toMatchObject({ fields: [] });
  });

  it('are compared among the events that the filter chooses', () => {
    const [log, golden] = [logFile(boot(1, 5)), logFile(boot(1, 6))];
    expect(compareWithGolden(log, golden, [], { kinds: ['stage'] })).toBeNull();
    expect(compareWithGolden(log, golden)).not.toBeNull();
  });

  it('that do not exist are made with --update; a bad log leaves the old one alone', () => {
    const golden = temporaryPath();
    expect(() => compareWithGolden(logFile([]), golden)).toThrow(
      `${golden}: there is no golden log; make it with --update`,
    );
    writeFileSync(golden, readFileSync(logFile([event('irq')])));
    const before = readFileSync(golden, 'utf8');
    expect(() => updateGolden(temporaryPath(), golden)).toThrow(InputError);
    expect(readFileSync(golden, 'utf8')).toBe(before);
  });
});
