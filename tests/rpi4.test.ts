// SPDX-License-Identifier: GPL-2.0-only
/**
 * The Raspberry Pi 4: its generated tree against upstream's, and its special parts: the boot stub
 * in RAM and the spin table.
 */

import { describe, expect, it } from 'vitest';
import { buildDeviceTree } from '#boards/device-tree.ts';
import { findBoard } from '#boards/registry.ts';
import { Fdt, type FdtNode, readTree } from '#fdt/index.ts';
import { bootBoard, createMachine } from '#workbench/index.ts';
import { bytesOf, foreignGuests } from './support/foreign-guest.ts';

const guests = foreignGuests('rpi4-dtb');
const isMissing = typeof guests === 'string';
const upstream = isMissing ? new Uint8Array(0) : bytesOf(guests[0] ?? '');

/** Nodes by path. */
function nodesOf(root: FdtNode): Map<string, FdtNode> {
  const found = new Map<string, FdtNode>();
  const visit = (node: FdtNode, path: string): void => {
    found.set(path, node);
    for (const child of node.children) visit(child, `${path}/${child.name}`);
  };
  visit(root, '');
  return found;
}

const valueOf = (node: FdtNode, name: string): string | null => {
  const property = node.properties.find((candidate) => candidate.name === name);
  return property === undefined ? null : Buffer.from(property.value).toString('hex');
};

describe.skipIf(isMissing)(`the tree of rpi4${isMissing ? ` (${guests})` : ''}`, () => {
  const own = nodesOf(buildDeviceTree(findBoard('rpi4').create()));
  const theirs = isMissing ? own : nodesOf(readTree(Fdt.open(upstream)).root);
  /** Made by the boot loader, or another way to say the same. */
  const OWN_NODES = /^\/(memory@|cpus\/cpu-map)/;

  it('has only nodes that upstream has', () => {
    expect([...own.keys()].filter((path) => !theirs.has(path) && !OWN_NODES.test(path))).toEqual([]);
  });

  // Each tree has its own phandles, so properties with phandles are not compared.
  it.each([
    'compatible',
    'reg',
    'reg-names',
    'ranges',
    'dma-ranges',
    'interrupts',
    'interrupt-names',
    'clock-names',
    'clock-frequency',
    'enable-method',
    'cpu-release-addr',
    'alloc-ranges',
    '#address-cells',
    '#size-cells',
    '#interrupt-cells',
    '#clock-cells',
  ])('says what upstream says in %s', (property) => {
    const both = [...own].filter(([path]) => theirs.has(path) && !OWN_NODES.test(path));
    expect(both.length).toBeGreaterThan(30);
    for (const [path, node] of both) {
      const value = valueOf(node, property);
      if (value !== null) expect(value, path).toBe(valueOf(theirs.get(path) as FdtNode, property));
    }
  });

  it('boots the modelled kernel as upstream wrote it, with what the boot loader adds', () => {
    const { outcome, machine } = bootBoard('rpi4', { dtb: upstream, fixups: 'loader' });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.text).toContain('0x0000000000..0x0000001000  4 KiB  reservation block');
    // Its stdout-path is the mini UART.
    expect(machine.serial.text).toContain('console: serial1: no driver for it, staying on the early one');
    const bluetooth = nodesOf(readTree(Fdt.open(machine.deviceTree)).root).get('/soc/serial@7e201000/bluetooth');
    expect(valueOf(bluetooth as FdtNode, 'status')).toBe(Buffer.from('disabled\0').toString('hex'));
    machine.close();
  });
});

describe('the boot stub', () => {
  /** Instructions at EL1: Arm ARM DDI 0487 K.a, C6.2. */
  const SEV = 0xd503_209f;
  const WFI = 0xd503_207f;
  const MRS_X1_MPIDR = 0xd538_00a1;
  const STR_X1_X0_0X800 = 0xf904_0001;
  const ADRP_SELF = 0x9000_0000;
  const ENTRY = 0x20_0000;
  const CORE_2 = 0x40_0000;
  const RELEASE_2 = 0xe8;

  it('lies in RAM, where a reset finds it whatever the guest did to it', () => {
    const machine = createMachine({ board: 'rpi4' });
    const stub = machine.memory.readBytes(0, 0x200);
    machine.run({ timeoutNs: 1e9 });
    machine.memory.fill(0, 0x200, 0xff);
    machine.machine.requestPower('reset');
    machine.run({ timeoutNs: 3e9 });
    expect(machine.memory.readBytes(0, 0x200)).toEqual(stub);
    expect(machine.serial.text.split('[FW] rpi4')).toHaveLength(3);
    machine.close();
  });

  it.each([
    ['goes on where its word says when an event comes', CORE_2, 'sleeping', 2n],
    ['stays when its word is zero', 0, 'off', 0n],
  ])('a core in the spin table %s', (_what, word, state, stored) => {
    const kernel = new Uint8Array(0x100);
    new DataView(kernel.buffer).setUint32(0, SEV, true);
    new DataView(kernel.buffer).setUint32(4, WFI, true);
    const machine = createMachine({ board: 'rpi4', kernel });
    machine.memory.write64(RELEASE_2, BigInt(word));
    for (const [i, instruction] of [ADRP_SELF, MRS_X1_MPIDR, STR_X1_X0_0X800, WFI].entries()) {
      machine.memory.write32(CORE_2 + 4 * i, instruction);
    }
    expect(machine.findImage('kernel')?.base).toBe(ENTRY);
    machine.run({ timeoutNs: 1e9 });
    expect([1, 2, 3].map((core) => machine.machine.coreState(core))).toEqual(['off', state, 'off']);
    expect(machine.memory.read64(CORE_2 + 0x800) & 0xffn).toBe(stored);
    machine.close();
  });

  // adr x1, 0x104; mov x0, #0
  // 1: ldr w3, [x1]; add x4, x4, x3; add x0, x0, #1; tbz x0, #13, 1b; wfi
  const COUNT = [0x1000_0801, 0xd280_0000, 0xb940_0023, 0x8b03_0084, 0x9100_0400, 0x366f_ffa0, WFI];
  // adr x1, the same; 1: ldr w3, [x1]; add w3, w3, #1; str w3, [x1]; b 1b
  const STORE = (back: number) => [
    (0x1000_0001 | (((back >> 2) & 0x7_ffff) << 5)) >>> 0,
    0xb940_0023,
    0x1100_0463,
    0xb900_0023,
    0x17ff_fffd,
  ];

  it('a core that is released shares the time at once, however the run is cut', () => {
    const code = new Uint8Array(0x200);
    const words = new DataView(code.buffer);
    for (const [i, word] of [SEV, ...COUNT].entries()) words.setUint32(4 * i, word, true);
    const other = 0x180;
    for (const [i, word] of STORE(0x104 - other).entries()) words.setUint32(other + 4 * i, word, true);
    const ends = [Infinity, 100_000, 777, 50].map((step) => {
      const machine = createMachine({ board: 'rpi4', kernel: code });
      machine.memory.write64(RELEASE_2, BigInt(ENTRY + other));
      const { clock } = machine.machine;
      const END = 200_000;
      while (clock.instructions < END) machine.run({ maxInstructions: Math.min(END, clock.instructions + step) });
      const end = {
        seen: machine.cpu.engine.getX(4),
        stored: machine.memory.read32(ENTRY + 0x104),
        ticks: clock.ticks,
      };
      machine.close();
      return end;
    });
    expect(ends[0]?.seen).toBeGreaterThan(0n);
    expect(ends).toEqual(ends.map(() => ends[0]));
  });
});
