import { it } from 'vitest';
import { bytesOf, foreignGuests } from '../support/foreign-guest.ts';
import { guestInitramfs } from '../../scripts/guests/initramfs-file.ts';
import { LevitateMachine } from '../../scripts/machine/levitate-machine.ts';
it('probe', () => {
  const [kernel = '', busybox = ''] = foreignGuests('linux-6.1', 'busybox') as string[];
  const m = new LevitateMachine({ board: 'qemu-virt', kernel: bytesOf(kernel), initrd: guestInitramfs(busybox), append: 'console=ttyAMA0' });
  let at = 0;
  m.serial.watch('/root # ', () => { at = 1; m.machine.stop(); });
  const clock = m.machine.clock;
  const show = (what: string) => console.log(what, clock.nowNs / 1e9, clock.instructions, JSON.stringify(m.serial.text.slice(-200)));
  const slices = (seconds: number, step = 20e6) => { const end = clock.nowNs + seconds * 1e9; while (clock.nowNs < end) { const o = m.runSlice(10_000_000, {}, step); if (o) { show('outcome ' + JSON.stringify(o)); break; } } };
  while (!at) m.runSlice(10_000_000, {}, 20e6);
  show('prompt');
  m.type('sleep 1000\n'); slices(2); show('sleeping');
  m.type('\x03'); slices(3); show('after ctrl-c');
  m.type('echo hi\n'); slices(3); show('after echo');
  m.close();
}, 60000);
