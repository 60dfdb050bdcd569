// SPDX-License-Identifier: GPL-2.0-only
/**
 * A debugger's session over a target made of a few arrays: replies to every command, states of the
 * session, and packets that must not make it fail.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hexOf } from './hexadecimal.ts';
import { encodePacket, fromLatin1, latin1, MOST_PACKET_BYTES, PacketReader } from './packets.ts';
import { REGISTERS } from './register-layout.ts';
import { GdbSession } from './session.ts';
import type { DebugPoint, DebugStop, DebugTarget } from './target.ts';

const MEMORY_BASE = 0x1000n;
const PHYSICAL_BYTE = 0x5a;

/** Two cores, 64 bytes of memory at 0x1000, another content by physical address. */
class ArrayTarget implements DebugTarget {
  currentCore = 0;
  goesBack = true;
  readonly memory = Uint8Array.from({ length: 64 }, (_, i) => i);
  readonly registers = [new Map<string, bigint>([['pc', 0x1000n]]), new Map<string, bigint>([['pc', 0x2000n]])];
  readonly points: DebugPoint[] = [];
  resumed = 0;
  stepped: number[] = [];

  threads = () => [
    { core: 0, description: 'first' },
    { core: 1, description: 'second' },
  ];
  readRegister = (core: number, name: string): bigint | null =>
    name === 'FAR_EL1' ? null : (this.registers[core]?.get(name) ?? 0n);
  writeRegister = (core: number, name: string, value: bigint): boolean => {
    if (name === 'CurrentEL') return false;
    this.registers[core]?.set(name, value);
    return true;
  };
  readMemory = (_core: number, address: bigint, length: number): Uint8Array =>
    address < MEMORY_BASE ? new Uint8Array() : this.memory.slice(Number(address - MEMORY_BASE)).slice(0, length);
  writeMemory = (_core: number, address: bigint, bytes: Uint8Array): boolean => {
    const at = Number(address - MEMORY_BASE);
    if (at < 0 || at + bytes.length > this.memory.length) return false;
    this.memory.set(bytes, at);
    return true;
  };
  readPhysical = (_address: bigint, length: number): Uint8Array => new Uint8Array(length).fill(PHYSICAL_BYTE);
  writePhysical = (): boolean => true;
  addPoint = (_core: number, point: DebugPoint): boolean => {
    if (point.kind === 'watchpoint' && point.address < MEMORY_BASE) return false;
    this.points.push(point);
    return true;
  };
  removePoint = (): void => {
    this.points.pop();
  };
  step = (core: number): DebugStop => {
    this.stepped.push(core);
    return { kind: 'step', core };
  };
  resume = (): void => {
    this.resumed++;
  };
  stepBack = (): DebugStop => ({ kind: 'step', core: 1 });
  resumeBack = (): DebugStop => ({ kind: 'beginning', core: 0 });
  monitor = (core: number, line: string): string => `${core}: ${line}\n`;
}

function begin() {
  const target = new ArrayTarget();
  const sent: string[] = [];
  const left: string[] = [];
  let interrupts = 0;
  const session = new GdbSession(
    target,
    {
      send: (bytes) => sent.push(fromLatin1(bytes)),
      interrupt: () => {
        interrupts++;
      },
      left: (how) => left.push(how),
    },
    { kind: 'step', core: 0 },
  );
  /** Sends a packet. Returns the payloads of the replies, unescaped. */
  const ask = (payload: string | Uint8Array): string[] => {
    sent.length = 0;
    session.receive(encodePacket(payload));
    return payloadsOf(sent);
  };
  return { target, session, sent, left, ask, interrupts: () => interrupts };
}

function payloadsOf(sent: readonly string[]): string[] {
  return new PacketReader()
    .receive(latin1(sent.join('')))
    .flatMap((item) => (item.kind === 'packet' ? [fromLatin1(item.payload)] : []));
}

describe('a command is answered', () => {
  it.each([
    ['?', /^T05.*20:0010000000000000;.*thread:1;$/],
    ['qC', /^QC1$/],
    ['qfThreadInfo', /^m1,2$/],
    ['qsThreadInfo', /^l$/],
    ['qThreadExtraInfo,2', new RegExp(`^${hexOf(latin1('second'))}$`)],
    ['qThreadExtraInfo,9', /^E22$/],
    ['T2', /^OK$/],
    ['T3', /^E22$/],
    ['Hg2', /^OK$/],
    ['Hg0', /^OK$/],
    ['Hc-1', /^OK$/],
    ['Hg7', /^E22$/],
    ['qAttached', /^1$/],
    ['qSupported:swbreak+;xmlRegisters=i386', /PacketSize=4000.*qXfer:features:read\+.*ReverseStep\+/],
    ['vCont?', /^vCont;c;C;s;S$/],
    ['vMustReplyEmpty', /^$/],
    ['m1000,4', /^00010203$/],
    ['m103e,10', /^3e3f$/],
    ['m0,4', /^E14$/],
    ['m1000', /^E22$/],
    ['mxyz,4', /^E22$/],
    ['x1030,3', /^b012$/],
    ['x0,0', /^$/],
    ['p20', /^0010000000000000$/],
    ['p4c', /^x{16}$/],
    ['pfff', /^E22$/],
    ['P0=1100000000000000', /^OK$/],
    ['P0=11', /^E22$/],
    ['P44=0000000000000000', /^E22$/],
    ['M1000,2:aabb', /^OK$/],
    ['M1000,3:aabb', /^E22$/],
    ['M0,1:aa', /^E14$/],
    ['Z0,1000,4', /^OK$/],
    ['Z1,1000,4;X3,220027', /^OK$/],
    ['Z2,1000,8', /^OK$/],
    ['Z3,0,8', /^E14$/],
    ['Z4,1000,0', /^E22$/],
    ['Z5,1000,4', /^$/],
    ['Z0,1000', /^E22$/],
    ['z0,1000,4', /^OK$/],
    ['qqemu.PhyMemMode', /^0$/],
    ['qHostInfo', /endian:little/],
    ['vCont;x', /^E22$/],
    ['vCont;s:9', /^E22$/],
    ['R00', /^$/],
    ['qXfer:features:read:other.xml:0,100', /^E00$/],
  ])('%s', (payload, answer) => {
    const [only, ...more] = begin().ask(payload);
    expect(more).toEqual([]);
    expect(only).toMatch(answer);
  });
});

describe('registers', () => {
  it('come back through "g" as they were written through "G", a byte order and a size for each', () => {
    const { ask, target } = begin();
    target.registers[0]
      ?.set('x1', 0x1122_3344_5566_7788n)
      .set('v31', (1n << 127n) | 5n)
      .set('cpsr', 0x3c5n);
    const [general = ''] = ask('g');
    expect(general.slice(16, 32)).toBe('8877665544332211');
    expect(general).toHaveLength(2 * (33 * 8 + 4 + 32 * 16 + 2 * 4));
    expect(ask(`G${general.replaceAll('88776655', '99776655')}`)).toEqual(['OK']);
    expect(target.registers[0]?.get('x1')).toBe(0x1122_3344_5566_7799n);
    expect(target.registers[0]?.get('v31')).toBe((1n << 127n) | 5n);
  });

  it('are those of the selected thread', () => {
    const { ask } = begin();
    ask('Hg2');
    expect(ask('p20')).toEqual(['0020000000000000']);
  });

  it('are described once each, numbered in the order of "g", in pieces that join to one document', () => {
    const { ask } = begin();
    let text = '';
    for (let piece = 'm'; piece.startsWith('m'); ) {
      piece = ask(`qXfer:features:read:target.xml:${text.length.toString(16)},3e8`)[0] ?? '';
      text += piece.slice(1);
    }
    const described = [...text.matchAll(/<reg name="(\w+)" bitsize="(\d+)".*?regnum="(\d+)"/g)];
    expect(described.map(([, name, bits]) => ({ name, bits: Number(bits) }))).toEqual(
      REGISTERS.map(({ name, bits }) => ({ name, bits })),
    );
    expect(described.map(([, , , number]) => Number(number))).toEqual(REGISTERS.map((_, i) => i));
    expect(text).toContain('org.gnu.gdb.aarch64.core');
    expect(text.endsWith('</target>')).toBe(true);
  });
});

describe('memory', () => {
  it('is written as escaped bytes too', () => {
    const { ask, target } = begin();
    expect(ask(Uint8Array.from([...latin1('X1000,4:'), 0x23, 0x24, 0x7d, 0x2a]))).toEqual(['OK']);
    expect([...target.memory.subarray(0, 4)]).toEqual([0x23, 0x24, 0x7d, 0x2a]);
  });

  it('is physical while the client asks for that', () => {
    const { ask } = begin();
    ask('Qqemu.PhyMemMode:1');
    expect(ask('m0,2')).toEqual(['5a5a']);
    expect(ask('qqemu.PhyMemMode')).toEqual(['1']);
    ask('Qqemu.PhyMemMode:0');
    expect(ask('m0,2')).toEqual(['E14']);
  });

  it('is given in part where a whole reply would not fit a packet', () => {
    const { ask } = begin();
    ask('Qqemu.PhyMemMode:1');
    const [reply = ''] = ask('m0,fffffff');
    expect(reply.length).toBeGreaterThan(1000);
    expect(reply.length).toBeLessThanOrEqual(MOST_PACKET_BYTES);
  });
});

describe('running', () => {
  it('is answered by the stop that ends it, with its reason', () => {
    const { ask, session, sent, target } = begin();
    ask('qSupported:swbreak+;hwbreak+');
    expect(ask('vCont;c')).toEqual([]);
    expect(target.resumed).toBe(1);
    expect(session.running).toBe(true);
    session.stopped({ kind: 'breakpoint', core: 1, hardware: false });
    expect(payloadsOf(sent)).toEqual([expect.stringMatching(/^T05.*swbreak:;thread:2;$/)]);
    expect(session.running).toBe(false);
    expect(ask('qC')).toEqual(['QC2']);
  });

  it.each<readonly [stop: DebugStop, reply: RegExp]>([
    [{ kind: 'watchpoint', core: 0, watch: 'write', address: 0xffff_8000n }, /^T05.*;watch:ffff8000;thread:1;$/],
    [{ kind: 'watchpoint', core: 0, watch: 'read', address: 0x10n }, /^T05.*;rwatch:10;/],
    [{ kind: 'watchpoint', core: 0, watch: 'access', address: 0x10n }, /^T05.*;awatch:10;/],
    [{ kind: 'interrupt', core: 0 }, /^T02/],
    [{ kind: 'beginning', core: 0 }, /^T05.*replaylog:begin;/],
  ])('%o', (stop, reply) => {
    const { session, sent } = begin();
    session.stopped(stop);
    expect(payloadsOf(sent)).toEqual([expect.stringMatching(reply)]);
  });

  it('says why the machine rests or has ended', () => {
    const { session, sent } = begin();
    session.stopped({ kind: 'rest', core: 0, failed: true, reason: 'panicked' });
    session.stopped({ kind: 'end', exitStatus: 3, reason: 'hit the limit of time' });
    expect(payloadsOf(sent)).toEqual([
      `O${hexOf(latin1('The machine panicked.\n'))}`,
      expect.stringMatching(/^T06/),
      `O${hexOf(latin1('The machine hit the limit of time.\n'))}`,
      'W03',
    ]);
  });

  it('gives a machine at rest a reason besides no signal, or LLDB would let it go on by itself', () => {
    const { session, sent } = begin();
    session.stopped({ kind: 'rest', core: 0, failed: false, reason: 'reached its steady state' });
    const words = hexOf(latin1('the machine reached its steady state'));
    expect(payloadsOf(sent).at(-1)).toMatch(new RegExp(`^T00.*;reason:exception;description:${words};thread:1;$`));
  });

  it('can be interrupted, and is deaf to everything else but a farewell', () => {
    const { ask, session, interrupts, left } = begin();
    session.receive(Uint8Array.of(3));
    expect(interrupts()).toBe(0);
    ask('c');
    session.receive(Uint8Array.of(3));
    expect(interrupts()).toBe(1);
    expect(ask('g')).toEqual([]);
    expect(ask('D')).toEqual(['OK']);
    expect(left).toEqual(['detach']);
  });

  it.each([
    ['s', [0]],
    ['vCont;s:2', [1]],
    ['vCont;s:2;c', [1]],
    ['vCont;S05:1;c:2', [0]],
  ])('%s is one instruction of one core', (payload, stepped) => {
    const { ask, target } = begin();
    expect(ask(payload)[0]).toMatch(/^T05/);
    expect(target.stepped).toEqual(stepped);
  });

  it('goes back where the target can', () => {
    const { ask, target } = begin();
    expect(ask('bs')[0]).toMatch(/^T05.*thread:2;$/);
    expect(ask('bc')[0]).toMatch(/replaylog:begin;/);
    target.goesBack = false;
    expect(ask('bc')).toEqual(['']);
    expect(ask('qSupported')[0]).not.toContain('Reverse');
  });
});

describe('acknowledgements', () => {
  it('are sent until both sides agree to do without', () => {
    const { ask, sent } = begin();
    ask('qC');
    expect(sent[0]).toBe('+');
    expect(ask('QStartNoAckMode')).toEqual(['OK']);
    ask('qC');
    expect(sent.join('')).toBe('$QC1#c5');
  });

  it('have what was damaged sent again, in both directions', () => {
    const { ask, session, sent } = begin();
    ask('qC');
    sent.length = 0;
    session.receive(latin1('-'));
    session.receive(latin1('$qC#00'));
    expect(sent).toEqual(['$QC1#c5', '-']);
  });
});

it('passes a monitor command on and gives its output in pieces that fit', () => {
  const { ask, target } = begin();
  expect(ask(`qRcmd,${hexOf(latin1('info'))}`)).toEqual([`O${hexOf(latin1('0: info\n'))}`, 'OK']);
  target.monitor = () => 'x'.repeat(MOST_PACKET_BYTES);
  const pieces = ask(`qRcmd,${hexOf(latin1('info'))}`);
  expect(pieces.length).toBeGreaterThan(3);
  expect(pieces.every((piece) => piece.length <= MOST_PACKET_BYTES)).toBe(true);
  expect(ask('qRcmd,xyz')).toEqual(['E22']);
});

it('survives whatever it is sent', () => {
  const letters = fc.constantFrom(...'?gGpPmxMXzZHTcCsSbDkvqQ$#+-'.split(''));
  const rest = fc.string({ unit: fc.constantFrom(...'0123456789abcdefx,;:=-+qRcmdCont'.split('')), maxLength: 24 });
  const packet = fc.tuple(letters, rest).map(([letter, more]) => encodePacket(letter + more));
  fc.assert(
    fc.property(fc.array(fc.oneof(packet, fc.uint8Array({ maxLength: 40 })), { maxLength: 20 }), (pieces) => {
      const { session, ask, target } = begin();
      for (const piece of pieces) session.receive(piece);
      if (session.running) session.stopped({ kind: 'interrupt', core: 0 });
      ask('lost');
      expect(ask('qAttached').at(-1)).toBe('1');
      expect(target.threads()).toHaveLength(2);
    }),
  );
});
