// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { node, openTree } from './testing/blob-builder.ts';
import { cpus, psci } from './cpus.ts';
import { cells, type FdtNode, stringListValue, stringValue } from './tree.ts';

const CPU = { device_type: stringValue('cpu') };

function read(addressCells: number, ...children: FdtNode[]) {
  return cpus(
    openTree(
      node('', {}, [node('cpus', { '#address-cells': cells(addressCells), '#size-cells': cells(0) }, children)]),
    ),
  );
}

describe('cpus', () => {
  it('reads the cores and nothing else', () => {
    const cores = read(
      1,
      node('cpu-map'),
      node('cpu@0', {
        ...CPU,
        reg: cells(0),
        compatible: stringListValue('arm,cortex-a55', 'arm,armv8'),
        'enable-method': stringValue('psci'),
      }),
      node('cpu@400', { reg: cells(0x400), status: stringValue('disabled') }),
      node('core7', { ...CPU, reg: cells(0x700) }),
      node('idle-states'),
    );
    expect(
      cores.map(({ path, mpidr, compatible, enableMethod, available }) => [
        path,
        mpidr,
        compatible,
        enableMethod,
        available,
      ]),
    ).toEqual([
      ['/cpus/cpu@0', 0n, ['arm,cortex-a55', 'arm,armv8'], 'psci', true],
      ['/cpus/cpu@400', 0x400n, [], null, false],
      ['/cpus/core7', 0x700n, [], null, true],
    ]);
  });

  it('reads ids of two cells', () => {
    expect(read(2, node('cpu@100000000', { ...CPU, reg: cells(1, 0x100) }))[0]?.mpidr).toBe(0x1_0000_0100n);
  });

  it('is empty without /cpus', () => {
    expect(cpus(openTree(node('')))).toEqual([]);
  });

  it.each([
    ['no reg', {}, 'FDT_ERR_NOTFOUND'],
    ['an empty reg', { reg: cells() }, 'FDT_ERR_BADVALUE'],
    ['two ids', { reg: cells(0, 1) }, 'FDT_ERR_BADVALUE'],
    ['half an id', { reg: Uint8Array.of(0, 0) }, 'FDT_ERR_BADVALUE'],
  ])('refuses a core with %s', (_, properties, code) => {
    expect(() => read(1, node('cpu@0', properties as Record<string, Uint8Array>))).toThrow(code);
  });
});

describe('psci', () => {
  const readPsci = (properties: Record<string, Uint8Array>) => psci(openTree(node('', {}, [node('psci', properties)])));

  it.each([
    [['arm,psci-1.0', 'arm,psci-0.2', 'arm,psci'], 'hvc', '1.0'],
    [['arm,psci-0.2'], 'smc', '0.2'],
    [['arm,psci'], 'smc', '0.1'],
  ])('%o by %s is version %s', (compatible, method, version) => {
    const found = readPsci({
      compatible: stringListValue(...compatible),
      method: stringValue(method),
      cpu_on: cells(0xc400_0003),
    });
    expect(found).toMatchObject({ method, version, functionIds: { cpu_on: 0xc400_0003 } });
    expect(found?.node.path).toBe('/psci');
  });

  it('is null where absent or switched off', () => {
    expect(psci(openTree(node('')))).toBeNull();
    expect(
      readPsci({ compatible: stringValue('arm,psci'), method: stringValue('smc'), status: stringValue('disabled') }),
    ).toBeNull();
  });

  it.each([
    ['no method', {}, 'FDT_ERR_NOTFOUND'],
    ['another method', { method: stringValue('svc') }, 'FDT_ERR_BADVALUE'],
    ['a long function number', { method: stringValue('hvc'), cpu_off: cells(0, 1) }, 'FDT_ERR_BADVALUE'],
  ])('refuses %s', (_, properties, code) => {
    expect(() =>
      readPsci({ compatible: stringValue('arm,psci'), ...(properties as Record<string, Uint8Array>) }),
    ).toThrow(code);
  });
});
