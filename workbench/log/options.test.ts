// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { parseCommand } from '#workbench/cli/command.ts';
import { LOG, type LogRequest, logRequest } from './options.ts';

function parse(args: readonly string[]): LogRequest | null {
  const call = parseCommand(LOG, args);
  return call && logRequest(call.options, call.words);
}

describe('the options of npm run log', () => {
  it.each([
    [[], 'timeline'],
    [['--events'], 'events'],
    [['--kind', 'irq'], 'events'],
    [['--stats', '--kind', 'irq'], 'stats'],
    [['--follow'], 'follow'],
    [['--diff', 'b.log'], 'diff'],
    [['--golden', 'g.log'], 'golden'],
    [['--perfetto', 't.json', '--kind', 'irq'], 'perfetto'],
    [['--golden', 'g.log', '--update'], 'update'],
  ])('%j: %s', (options, action) => {
    expect(parse(['a.log', ...options])).toMatchObject({ action, file: 'a.log', json: false });
  });

  it('reads filters and masks', () => {
    const options =
      '--kind irq,mmio --kind serial --core 0,4 --from 0 --to 2.5ms --golden g --mask *.t --mask irq --grep a|b --json';
    expect(parse(['a.log', ...options.split(' ')])).toMatchObject({
      other: 'g',
      filter: { kinds: ['irq', 'mmio', 'serial'], cores: [0, 4], fromNs: 0, toNs: 2_500_000, grep: /a|b/u },
      masks: ['*.t', 'irq'],
      json: true,
    });
  });

  it.each([
    [[], 'which log?'],
    [['a', 'b'], 'too many arguments'],
    [['a', '--kind', 'iqr'], '--kind iqr: there is no kind "iqr"; there are boot, stage'],
    [['a', '--core', 'one'], '--core one: not a list of core numbers'],
    [['a', '--from', '3'], '--from 3: not a time; write 10s'],
    [['a', '--from', '3ms', '--to', '2ms'], '--from is later than --to'],
    [['a', '--grep', '('], '--grep (: Invalid regular expression'],
    [['a', '--diff', 'b', '--stats'], '--stats and --diff: one of them'],
    [['a', '--update'], '--update goes with --golden FILE'],
    [['a', '--mask', '*.t'], '--mask goes with --golden FILE'],
    [['a', '--sats'], "unknown option '--sats'"],
  ])('refuses %j: %s', (args, message) => {
    expect(() => parse(args)).toThrow(InputError);
    expect(() => parse(args)).toThrow(message);
  });
});
