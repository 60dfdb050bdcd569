// SPDX-License-Identifier: GPL-2.0-only
/** Options that npm takes for itself: by its environment variables, and under the real npm. */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { refuseTakenByNpm } from './npm-options.ts';
import { flag, text } from './option-table.ts';

const OPTIONS = {
  board: text('<name>', ''),
  gdb: text('[port]', ''),
  gdbWait: flag(''),
  timeout: text('<time>', ''),
  save: text('<file>', ''),
};
const RUN = { npm_lifecycle_event: 'boot' };

describe('refuseTakenByNpm', () => {
  it.each<[NodeJS.ProcessEnv, string[], string]>([
    [{ npm_config_board: 'true' }, ['pixel6'], 'npm took --board for itself; .*: npm run boot -- --board pixel6$'],
    [{ npm_config_board: 'pixel6' }, [], ': npm run boot -- --board pixel6$'],
    [{ npm_config_gdb_wait: 'true' }, ['--board', 'pixel6'], ': npm run boot -- --gdb-wait --board pixel6$'],
    [{ npm_config_timeout: '5s' }, ['--board', 'x'], ': npm run boot -- --timeout 5s --board x$'],
    [
      { npm_config_board: 'true', npm_config_timeout: '5s' },
      ['pixel6'],
      'npm took --board and --timeout for itself; .*: npm run boot -- --board … --timeout …$',
    ],
  ])('%j with the words %j', (environment, args, message) => {
    expect(() => refuseTakenByNpm('boot', OPTIONS, args, { ...RUN, ...environment })).toThrow(new RegExp(message));
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['options after --', RUN],
    ['npm\u2019s own options', { ...RUN, npm_config_save: 'true', npm_config_loglevel: 'silent' }],
    ['an option that is off', { ...RUN, npm_config_board: '' }],
    ['another script of npm\u2019s', { npm_lifecycle_event: 'test', npm_config_board: 'true' }],
    ['no npm at all', {}],
  ])('has nothing against %s', (_what, environment) => {
    expect(() => refuseTakenByNpm('boot', OPTIONS, ['--board', 'pixel6'], environment)).not.toThrow();
  });

  it('explains "npm run boot --board pixel6"', () => {
    const { status, stderr } = spawnSync('npm', ['run', 'boot', '--board', 'pixel6'], {
      cwd: packageRoot(),
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    expect(status).toBe(2);
    expect(stderr).toContain(
      'boot: npm took --board for itself; options of the command go after "--": npm run boot -- --board pixel6\n',
    );
  });
});
