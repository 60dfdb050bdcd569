/**
 * `npm run stress`: runs Debian's user space hard, on this machine and on QEMU, and stops at the
 * first difference.
 *
 * Exit status 0: none within the guest time asked for; 1: a difference, with its round and part; 2:
 * usage, or a guest that cannot be had; 130: interrupted before the time was used up.
 */

import { spawnSync } from 'node:child_process';
import { parseArgs } from 'node:util';
import { GuestFetchError } from './guests/guest-fetch-error.ts';
import { QEMU } from './stress/machines.ts';
import { runStress } from './stress/run-stress.ts';

const USAGE = `usage: npm run stress [-- options]
  Boots Debian 12 (fetched once, 90 MB) and runs rounds of parts in its user space, here and on QEMU at the same time, until the guest time is used
  up; compares every result. The first difference ends it.
  --minutes N    guest time; 30 without it
  --smp N        cores, 1 to 8; 1 without it
  --seed N       what the parts work on, and the guest's random seed; 1 without it
  --scale N      how much each part does; 1 without it
  --rest N       seconds of each round in which the guest mostly waits; 60 without it
  --rounds N     stop after so many rounds
  --parts LIST   only these, comma-separated: shell digests perl python gcc tree disk threads signals memory code arithmetic forks
                 speed together timers; threads and what follows need gcc before them
  --no-qemu      without QEMU: only what the host knows and what the guest checks by itself
`;

const STATUS_FAULT = 1;
const STATUS_INTERRUPTED = 130;

const NUMBERS = { minutes: 30, smp: 1, seed: 1, scale: 1, rest: 60, rounds: 0 } as const;
type NumberName = keyof typeof NUMBERS;

/** Progress and the verdict go to stderr; returns the exit status. */
export async function main(args: readonly string[]): Promise<number> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  let values: Partial<Record<NumberName | 'parts', string>> & { 'no-qemu'?: boolean; help?: boolean };
  try {
    const text = { type: 'string' } as const;
    const flag = { type: 'boolean' } as const;
    const names = Object.keys(NUMBERS) as NumberName[];
    const options = {
      ...Object.fromEntries(names.map((name) => [name, text])),
      parts: text,
      'no-qemu': flag,
      help: flag,
    };
    values = parseArgs({ args: [...args], options }).values;
  } catch (error) {
    say(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (values.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  const numbers: Record<NumberName, number> = { ...NUMBERS };
  for (const name of Object.keys(NUMBERS) as NumberName[]) {
    const given = values[name];
    if (given === undefined) continue;
    const least = name === 'rounds' ? 0 : 1;
    const most = name === 'smp' ? 8 : 1_000_000;
    numbers[name] = Number(given);
    if (!/^\d+$/.test(given) || numbers[name] < least || numbers[name] > most) {
      say(`--${name} ${given}: not a whole number from ${least} to ${most}\n${USAGE}`);
      return 2;
    }
  }
  const withQemu = values['no-qemu'] !== true;
  if (withQemu && spawnSync(QEMU, ['--version']).status !== 0) {
    say(`${QEMU} is not installed: install it (Debian: qemu-system-arm), or say --no-qemu`);
    return 2;
  }
  const interrupt = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => interrupt.abort());
  try {
    const { fault, lines, guestSeconds, idleShare } = await runStress({
      signal: interrupt.signal,
      cpus: numbers.smp,
      seed: numbers.seed,
      scale: numbers.scale,
      restSeconds: numbers.rest,
      rounds: numbers.rounds,
      guestSeconds: numbers.minutes * 60,
      parts: values.parts === undefined ? [] : values.parts.split(',').filter((part) => part !== ''),
      withQemu,
      say,
    });
    const idle = `${(idleShare * 100).toFixed(0)} % of it idle`;
    const what = `${lines.length} results in ${guestSeconds.toFixed(0)} s of guest time, ${idle}, seed ${numbers.seed}`;
    if (fault !== null) {
      say(`FAULT after ${what}:\n${fault}`);
      return STATUS_FAULT;
    }
    say(`${interrupt.signal.aborted ? 'interrupted; no difference until then' : 'no difference'}: ${what}`);
    return interrupt.signal.aborted ? STATUS_INTERRUPTED : 0;
  } catch (error) {
    if (!(error instanceof GuestFetchError)) throw error;
    say(error.message);
    return 2;
  }
}
