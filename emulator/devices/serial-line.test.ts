// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SerialLine } from './serial-line.ts';

const utf8 = (text: string) => new TextEncoder().encode(text);

function send(line: SerialLine, bytes: Iterable<number>): void {
  for (const byte of bytes) {
    line.transmit(byte);
  }
}

describe('SerialLine', () => {
  it('gives bytes, text and lines; line ends may be LF or CR LF', () => {
    const line = new SerialLine();
    const heard: string[] = [];
    line.onLine((text) => heard.push(text));
    send(line, utf8('PANIC: All RAM is reserved — no free memory\r\nx\n\n> '));
    expect(line.lines).toEqual(['PANIC: All RAM is reserved — no free memory', 'x', '']);
    expect(heard).toEqual(line.lines);
    expect(line.text).toBe('PANIC: All RAM is reserved — no free memory\r\nx\n\n> ');
    line.finish();
    expect(heard.at(-1)).toBe('> ');
    expect(line.bytes).toEqual(Uint8Array.from(utf8('PANIC: All RAM is reserved — no free memory\r\nx\n\n> ')));
  });

  it('decodes any bytes as the whole would be, at every moment, and delivers each once', () => {
    const bytes = fc.array(fc.oneof(fc.nat(255), fc.constantFrom(0x0a, 0x0d, 0xe2, 0x80, 0x94, 0xef, 0xbb, 0xbf)), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(bytes, fc.nat(80), (sent, pause) => {
        const line = new SerialLine();
        const chunks: number[] = [];
        line.onBytes((chunk) => chunks.push(...chunk));
        for (const [index, byte] of sent.entries()) {
          line.transmit(byte);
          if (index === pause) {
            line.flush();
          }
          const whole = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(sent.slice(0, index + 1)));
          expect(line.text).toBe(whole);
        }
        line.finish();
        expect(chunks).toEqual(sent);
        expect([...line.bytes]).toEqual(sent);
      }),
      { numRuns: 300 },
    );
  });

  it('delivers chunks at line ends, at 4 KiB, and at flush', () => {
    const line = new SerialLine();
    const sizes: number[] = [];
    const leave = line.onBytes((chunk) => sizes.push(chunk.length));
    send(line, utf8('ab\ncd'));
    line.flush();
    line.flush();
    send(line, new Uint8Array(5000).fill(0x2e));
    expect(sizes).toEqual([3, 2, 4096]);
    leave();
    line.finish();
    expect(sizes).toHaveLength(3);
    expect(line.byteLength).toBe(5005);
  });
});

describe('SerialLine.watch', () => {
  it('from an offset finds what comes after it, also when the offset is asked for by who has just seen a text', () => {
    const line = new SerialLine();
    const seen: number[] = [];
    const again = (): void => {
      seen.push(line.byteLength);
      if (seen.length < 4) line.watch('aa', again, line.byteLength);
    };
    line.watch('aa', again);
    for (const byte of new TextEncoder().encode('aaaaaxaa')) line.transmit(byte);
    expect(seen).toEqual([2, 4, 8]);
  });

  it('finds a text at the byte that completes it, where indexOf finds it, also in what came before', () => {
    const letter = fc.constantFrom('a', 'b', 'ab', '—');
    const text = fc.array(letter, { maxLength: 60 }).map((parts) => parts.join(''));
    const pattern = fc.array(letter, { minLength: 1, maxLength: 5 }).map((parts) => parts.join(''));
    fc.assert(
      fc.property(text, pattern, fc.nat(60), (sent, wanted, watchFrom) => {
        const bytes = utf8(sent);
        const line = new SerialLine();
        const expected = Buffer.from(bytes).indexOf(Buffer.from(utf8(wanted)));
        const end = expected < 0 ? Number.POSITIVE_INFINITY : expected + utf8(wanted).length;
        send(line, bytes.slice(0, watchFrom));
        let calls = 0;
        const watch = line.watch(wanted, () => calls++);
        for (let index = watchFrom; index < bytes.length; index++) {
          expect(watch.seen).toBe(end <= index);
          line.transmit(bytes[index] as number);
        }
        expect(watch.at).toBe(expected < 0 ? null : expected);
        expect(calls).toBe(expected < 0 ? 0 : 1);
      }),
      { numRuns: 500 },
    );
  });

  it('serves several watches and forgets a cancelled one', () => {
    const line = new SerialLine();
    const seen: string[] = [];
    line.watch('login:', () => seen.push('login'));
    line.watch('PANIC: ', () => seen.push('panic')).cancel();
    const steady = line.watch('n: ', () => seen.push('n'));
    send(line, utf8('PANIC: x\nlogin: '));
    expect(seen).toEqual(['login', 'n']);
    expect([steady.text, steady.at]).toEqual(['n: ', 13]);
  });

  it('refuses an empty text', () => {
    expect(() => new SerialLine().watch('')).toThrow(RangeError);
  });
});
