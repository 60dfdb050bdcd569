// SPDX-License-Identifier: GPL-2.0-only
/**
 * The packet layer: what is sent is received again however it is broken up, and nothing that comes
 * over a socket stops a reader.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesOfHex, hexOf, hexOfValue, valueOfHex } from './hexadecimal.ts';
import { encodePacket, fromLatin1, latin1, MOST_PACKET_BYTES, PacketReader, type Received } from './packets.ts';

const packetsOf = (received: readonly Received[]): Uint8Array[] =>
  received.flatMap((item) => (item.kind === 'packet' ? [item.payload] : []));

describe('encodePacket', () => {
  it.each([
    ['', '$#00'],
    ['OK', '$OK#9a'],
    // The GDB manual's own example of a checksum is the sum of the characters modulo 256.
    ['g', '$g#67'],
    ['a#b$c}d*e', '$a}\x03b}\x04c}]d}\x0ae#'],
  ])('writes %j as the protocol has it', (payload, start) => {
    expect(fromLatin1(encodePacket(payload)).startsWith(start)).toBe(true);
  });

  it('escapes everything that would end a packet, begin one, or be taken for a repetition', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (payload) => {
        const body = fromLatin1(encodePacket(payload)).slice(1, -3);
        expect(body).not.toMatch(/[$#*]/);
      }),
    );
  });
});

describe('PacketReader', () => {
  it('gives back every payload, wherever the stream is cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 8 }),
        fc.integer({ min: 1, max: 9 }),
        (payloads, piece) => {
          const stream = payloads.flatMap((payload) => [...encodePacket(payload)]);
          const reader = new PacketReader();
          const found: Uint8Array[] = [];
          for (let at = 0; at < stream.length; at += piece) {
            found.push(...packetsOf(reader.receive(Uint8Array.from(stream.slice(at, at + piece)))));
          }
          expect(found).toEqual(payloads);
        },
      ),
    );
  });

  it('reads a packet that comes after any garbage, once the garbage can be told from it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (garbage) => {
        const reader = new PacketReader();
        reader.receive(garbage);
        // The first may be taken for the checksum of what came before.
        reader.receive(encodePacket('lost'));
        expect(packetsOf(reader.receive(encodePacket('qC'))).map(fromLatin1)).toContain('qC');
      }),
    );
  });

  it.each([
    ['a wrong checksum', '$qC#00'],
    ['a checksum that is no number', '$qC#zz'],
    ['too long a payload', `$${'a'.repeat(2 * MOST_PACKET_BYTES + 1)}#00`],
  ])('reports %s as damaged', (_what, text) => {
    expect(new PacketReader().receive(latin1(text))).toEqual([{ kind: 'damaged' }]);
  });

  it('tells acknowledgements and the interrupt from packets', () => {
    const stream = latin1('+-\x03$?#3f\x03');
    expect(new PacketReader().receive(stream).map(({ kind }) => kind)).toEqual([
      'ack',
      'nack',
      'interrupt',
      'packet',
      'interrupt',
    ]);
  });

  it('begins anew at a "$" in the middle of a packet', () => {
    expect(packetsOf(new PacketReader().receive(latin1('$lost$?#3f'))).map(fromLatin1)).toEqual(['?']);
  });
});

describe('hexadecimal', () => {
  it('writes and reads bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(bytesOfHex(hexOf(bytes))).toEqual(bytes);
      }),
    );
  });

  it('writes values with their least significant byte first', () => {
    expect(hexOfValue(0x1122_3344n, 64)).toBe('4433221100000000');
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n - 1n }), (value) => {
        expect(valueOfHex(hexOfValue(value, 128), 128)).toBe(value);
      }),
    );
  });

  it.each(['1', 'zz', '00112233445566', '0011223344556677889'])('takes %j for no 64-bit value', (text) => {
    expect(valueOfHex(text, 64)).toBeNull();
  });
});
