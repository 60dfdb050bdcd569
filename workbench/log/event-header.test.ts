// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { EventFormatError, eventHeaderLine, logHeader, parseHeaderLine } from './event-header.ts';

describe('eventHeaderLine', () => {
  it('names the format first, then what is known of the run', () => {
    const about = { board: 'pixel6', seed: null, trace: ['irq'], options: { memoryBytes: 4096 } };
    expect(eventHeaderLine(about)).toBe(
      '{"format":"levitate-events","version":1,"time":"simulated ns","board":"pixel6","seed":null,"trace":["irq"],"options":{"memoryBytes":4096}}\n',
    );
    expect(eventHeaderLine()).toBe('{"format":"levitate-events","version":1,"time":"simulated ns"}\n');
  });

  it('is read back', () => {
    const about = { board: 'pixel6', seed: '0x5', trace: [], options: { cpus: 2 }, masks: ['*.t'] };
    expect(parseHeaderLine(eventHeaderLine(about), 1)).toEqual(about);
    expect(parseHeaderLine(eventHeaderLine(), 1)).toEqual({
      board: null,
      seed: null,
      trace: null,
      options: {},
      masks: [],
    });
  });

  it('lets members pass that it does not know', () => {
    expect(parseHeaderLine('{"format":"levitate-events","version":1,"moon":"full"}', 1).board).toBeNull();
  });
});

describe('parseHeaderLine', () => {
  it.each([
    ['{"format":"levitate-events","version":2}', 'version 2, expected 1; a newer levitate-emulator wrote it'],
    ['{"format":"levitate-events"}', 'version undefined, expected 1'],
    ['{"format":"pcap","version":1}', 'not the header of a levitate-events file, which "boot --log FILE" writes'],
    ['\u007fELF\u0002\u0001', 'not JSON: "\u007fELF\\u0002\\u0001"'],
    ['[]', 'not a JSON object: "[]"'],
    ['x'.repeat(100), `not JSON: "${'x'.repeat(40)}"…`],
  ])('refuses %j', (line, problem) => {
    expect(() => parseHeaderLine(line, 3)).toThrow(EventFormatError);
    expect(() => parseHeaderLine(line, 3)).toThrow(`event log, line 3: ${problem}`);
  });
});

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
