// SPDX-License-Identifier: GPL-2.0-only
/** An event as a line for people, where the serial line says nothing of it. */

import type { Events, LogEvent } from '#workbench/machine/event-kinds.ts';

export function momentWords(event: LogEvent): string {
  switch (event.kind) {
    case 'boot': {
      const { board, dtbBytes, dtb, ...rest } = event.fields;
      const parts = Object.entries({
        ...rest,
        'device tree': dtb === undefined ? undefined : `${dtb} (${dtbBytes} bytes)`,
      });
      const places = parts.filter(([, at]) => at !== undefined).map(([what, at]) => `, ${what} at ${at}`);
      return `reset: ${board}${places.join('')}`;
    }
    case 'serial':
      return event.fields.text;
    case 'power': {
      const { action, core } = event.fields;
      return core === undefined ? `power: ${action}` : `core ${core} ${action.replace('core ', '')}`;
    }
    case 'stop':
      return `end of the run: ${event.fields.reason}`;
    case 'unmapped': {
      const { access, width, address, value, device, reason, pc } = event.fields;
      const what = `${access} of ${width} ${width === 1 ? 'byte' : 'bytes'}`;
      return `${what}${value === undefined ? '' : `, ${value},`} at ${address}: ${device}, ${reason}; PC ${pc}`;
    }
    case 'uart': {
      const { device, what, byte, lost, register, dataBits } = event.fields;
      const bits = dataBits === undefined ? '' : ` to ${dataBits} bits`;
      const which = byte === undefined ? '' : ` ${byte}`;
      const said =
        what === 'resumed' ? `takes characters again; ${lost ?? 0} were lost` : `character${which} ${what}${bits}`;
      return `${device}: ${said}${register === undefined ? '' : ` by ${register}`}`;
    }
    case 'process':
      return processWords(event.fields);
    default: {
      const words = Object.entries(event.fields).map(([name, value]) => `${name} ${String(value)}`);
      return `${event.kind}: ${words.join(', ')}`;
    }
  }
}

function processWords(fields: Events['process']): string {
  const who = `process ${fields.pid} (${fields.name})`;
  switch (fields.op) {
    case 'spawn':
      return `${who} is started by ${fields.parent === 0 ? 'the kernel' : `process ${fields.parent}`}`;
    case 'exec':
      return `${who} runs another program`;
    case 'switch':
      return `${who} runs`;
    case 'exit':
      return `${who} ${fields.cause === 'exited' ? 'has' : 'was'} ${fields.cause}, status ${fields.status}`;
    case 'fault':
      return `${who} faults at ${fields.elr}: ${fields.why}, ${fields.far}`;
  }
}
