// SPDX-License-Identifier: GPL-2.0-only
/**
 * Packet layer of the GDB remote serial protocol: bytes in, packets out, and back. It knows no
 * command and no socket.
 *
 *     $ payload # checksum        '}' x: the byte x ^ 0x20;  c '*' n: c again, n - 29 times (replies only)
 *                                 checksum: sum of the bytes as sent, mod 256
 *     + -                         received well, send again
 *     0x03                        interrupt, outside of packets
 *
 * A reader recovers from any input: stray bytes are skipped, and a packet that is too long or has a
 * wrong checksum is reported as damaged.
 *
 * Specification: GDB manual, appendix "GDB Remote Serial Protocol", Overview.
 */

const DOLLAR = 0x24;
const HASH = 0x23;
const ESCAPE = 0x7d;
const REPEAT = 0x2a;
const PLUS = 0x2b;
const MINUS = 0x2d;
const INTERRUPT = 0x03;
const ESCAPE_XOR = 0x20;

/** Largest payload of a packet in either direction, in bytes; told to the client as PacketSize. */
export const MOST_PACKET_BYTES = 0x4000;

/** Item that a {@link PacketReader} has received. */
export type Received =
  | { readonly kind: 'packet'; readonly payload: Uint8Array }
  /** Packet with a wrong checksum, or longer than {@link MOST_PACKET_BYTES}. */
  | { readonly kind: 'damaged' }
  | { readonly kind: 'ack' }
  | { readonly kind: 'nack' }
  | { readonly kind: 'interrupt' };

/** Splits a stream of bytes into packets, wherever the stream is cut into pieces. */
export class PacketReader {
  private state: 'outside' | 'payload' | 'checksum' = 'outside';
  /** Payload as received, with its escapes. */
  private raw: number[] = [];
  private tooLong = false;
  private checksum = '';

  /** Packets that the next `bytes` of the stream complete, in order. */
  receive(bytes: Uint8Array): Received[] {
    const found: Received[] = [];
    for (const byte of bytes) {
      const item = this.take(byte);
      if (item !== null) found.push(item);
    }
    return found;
  }

  private take(byte: number): Received | null {
    switch (this.state) {
      case 'outside':
        return this.takeOutside(byte);
      case 'payload':
        // "$" is always escaped inside a packet, so the rest of the packet before was lost.
        if (byte === DOLLAR) this.begin();
        else if (byte === HASH) this.state = 'checksum';
        else if (this.raw.length < 2 * MOST_PACKET_BYTES) this.raw.push(byte);
        else this.tooLong = true;
        return null;
      case 'checksum':
        this.checksum += String.fromCharCode(byte);
        if (this.checksum.length < 2) return null;
        this.state = 'outside';
        return this.finish();
    }
  }

  private takeOutside(byte: number): Received | null {
    switch (byte) {
      case DOLLAR:
        this.begin();
        return null;
      case PLUS:
        return { kind: 'ack' };
      case MINUS:
        return { kind: 'nack' };
      case INTERRUPT:
        return { kind: 'interrupt' };
      default:
        return null;
    }
  }

  private begin(): void {
    this.state = 'payload';
    this.raw = [];
    this.tooLong = false;
    this.checksum = '';
  }

  private finish(): Received {
    const sum = /^[0-9a-fA-F]{2}$/.test(this.checksum) ? Number.parseInt(this.checksum, 16) : -1;
    const payload = unescaped(this.raw);
    if (this.tooLong || sum !== checksumOf(this.raw) || payload.length > MOST_PACKET_BYTES) return { kind: 'damaged' };
    return { kind: 'packet', payload };
  }
}

/** Encodes a packet with this payload. Text is Latin-1: one byte a character. */
export function encodePacket(payload: Uint8Array | string): Uint8Array {
  const bytes = typeof payload === 'string' ? latin1(payload) : payload;
  const body: number[] = [];
  for (const byte of bytes) {
    if (byte === DOLLAR || byte === HASH || byte === ESCAPE || byte === REPEAT) body.push(ESCAPE, byte ^ ESCAPE_XOR);
    else body.push(byte);
  }
  const checksum = checksumOf(body).toString(16).padStart(2, '0');
  return Uint8Array.from([DOLLAR, ...body, HASH, ...latin1(checksum)]);
}

/** Converts text to bytes, one a character; a character above 0xff becomes "?". */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    return code > 0xff ? 0x3f : code;
  });
}

/** Converts bytes to text, one character each. */
export function fromLatin1(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function checksumOf(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);
}

/** Resolves escapes. An escape at the very end has nothing to escape and is dropped. */
function unescaped(raw: readonly number[]): Uint8Array {
  const payload: number[] = [];
  for (let i = 0; i < raw.length; i++) {
    const byte = raw[i] as number;
    if (byte !== ESCAPE) payload.push(byte);
    else if (i + 1 < raw.length) payload.push((raw[++i] as number) ^ ESCAPE_XOR);
  }
  return Uint8Array.from(payload);
}
