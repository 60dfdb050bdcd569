// SPDX-License-Identifier: GPL-2.0-only
/** Bus with a single device, for tests of accesses as the CPU makes them. */

import { Bus } from '#emulator/bus/bus.ts';
import type { Device } from '#emulator/bus/device.ts';

/** Bus with the device at address 0. */
export function onBus(device: Device): Bus {
  const bus = new Bus();
  bus.attach({ name: 'device', base: 0, size: 2 ** 28, device });
  return bus;
}
