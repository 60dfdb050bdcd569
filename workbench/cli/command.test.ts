// SPDX-License-Identifier: GPL-2.0-only
/** Parsing of command lines. */

import { describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { parseCommand } from './command.ts';
import { flag, oneOf, repeated, text, value, valueOr } from './option-table.ts';
import { parseCount, parsePort, wholeNumber } from './quantities.ts';

const DEFINITION = {
  name: 'tried',
  summary: '',
  usage: '',
  operands: ['[word]', ''],
  options: {
    quiet: flag('says nothing'),
    logFile: text('<file>', 'a log'),
    cores: value('<n>', 'how many', parseCount),
    rate: valueOr('<n>', 3, 'how fast', wholeNumber(0, 9)),
    drive: repeated('<file>', 'disks', (_option, file) => file),
    port: { ...value('[port]', 'where', parsePort), bare: '1234' },
    kind: value('<kind>', 'which', oneOf(['a', 'b'])),
  },
  examples: [],
  statuses: {},
} as const;

describe('what is parsed', () => {
  it.each([
    ['', {}],
    ['--quiet --log-file a.log', { quiet: true, logFile: 'a.log' }],
    ['--cores 1_000 --rate 0', { cores: 1000, rate: 0 }],
    ['--drive a --drive b', { drive: ['a', 'b'] }],
    ['--port', { port: 1234 }],
    ['--port 80 --kind b', { port: 80, kind: 'b' }],
  ])('%s', (line, given) => {
    const call = parseCommand(DEFINITION, line === '' ? [] : line.split(' '));
    const absent = { quiet: false, rate: 3 };
    expect(call).toEqual({ words: [], options: expect.objectContaining({ ...absent, ...given }) });
  });

  it.each([
    ['--qiuet', "unknown option '--qiuet' (Did you mean --quiet?) (--help explains)"],
    ['--log-file', "option '--log-file <file>' argument missing (--help explains)"],
    ['a b', 'too many arguments. Expected 1 argument but got 2. (--help explains)'],
    ['--cores 0', '--cores 0: not a whole number above zero'],
    ['--rate 10', '--rate 10: not a whole number from 0 to 9'],
    ['--port x', '--port x: a port is a number from 0 (any that is free) to 65535'],
    ['--kind c', '--kind c: write a or b'],
  ])('%s is refused', (line, message) => {
    expect(() => parseCommand(DEFINITION, line.split(' '))).toThrow(new InputError(message));
  });
});
