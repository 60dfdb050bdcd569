// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian's UEFI for QEMU's virt machine, in the flash of qemu-virt: its shell answers commands, and
 * switches the machine off.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { bytesOf, converse, foreignGuests } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('uefi');
const isMissing = typeof guests === 'string';
const why = isMissing ? ` (${guests})` : '';
const [path = ''] = isMissing ? [] : guests;

/** The shell's text on its serial terminal, without the sequences that place and colour it. */
function plain(text: string): string {
  const pieces = text.replaceAll('\r', '').split('\u001b');
  return pieces.map((piece, index) => (index === 0 ? piece : piece.replace(/^\[[\d;=?]*[A-Za-z]/, ''))).join('');
}

/**
 * A vendor's name space of variables; the standard's own takes only names that the standard knows.
 */
const VARIABLE = 'Note -guid 12345678-1234-1234-1234-123456789abc';
const CONTINUE = 'or any other key to continue';

// Padded to the flash bank it starts GRUB, in uefi-grub.test.ts.
describe.skipIf(isMissing)(`UEFI from flash, as it is built${why}`, () => {
  let outcome: Outcome;
  let text = '';
  let size = 0;

  beforeAll(() => {
    const image = bytesOf(path);
    size = image.length;
    const machine = new LevitateMachine({ board: 'qemu-virt', bios: image });
    try {
      outcome = converse(machine, [
        { after: CONTINUE, type: '\r' },
        { after: 'Shell> ', type: 'ver\r' },
        { after: 'Shell> ', type: 'memmap -sfo\r' },
        { after: 'Shell> ', type: `setvar ${VARIABLE} -nv -bs =L"kept"\r` },
        { after: 'Shell> ', type: 'reset\r' },
        { after: CONTINUE, type: '\r' },
        { after: 'Shell> ', type: `setvar ${VARIABLE}\r` },
        { after: 'Shell> ', type: 'reset -s\r' },
      ]);
      text = plain(machine.serial.text);
    } finally {
      machine.close();
    }
  });

  it('comes to its shell', () => {
    expect(size).toBe(2 << 20);
    expect(text).toContain('UEFI Interactive Shell v2.2');
    expect(text).toContain('Shell> ');
  });

  it('answers commands: its version, and a map of all the memory', () => {
    expect(text).toMatch(/ver\nUEFI Interactive Shell v2\.2\nEDK II\nUEFI v2\.70 \(/);
    expect(text).toContain('MemoryMap,"Available","40000000"');
    expect(text).toMatch(/MemoryMapSummary,"1073741824"/);
  });

  it('keeps a variable in the second bank of flash when the machine is reset', () => {
    const boots = text.split('UEFI firmware (version');
    expect(boots).toHaveLength(3);
    // UTF-16, as the shell dumps it.
    expect(boots[2]).toContain('- Note - 0008 Bytes\n6B 00 65 00 70 00 74 00');
  });

  it('switches the machine off', () => {
    expect(outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  });
});
