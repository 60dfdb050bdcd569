// SPDX-License-Identifier: GPL-2.0-only
/** Paths in the project's pages and comments exist, also after files are moved. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readSources } from '#scripts/architecture/check-architecture.ts';
import { packageRoot } from '#workbench/package-root.ts';

const root = packageRoot();
const exists = (path: string): boolean => existsSync(join(root, path));

const PAGES = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

/** A file by its path from the package root. */
const NAMED =
  /(?<![\w/#.-])(?:common|fdt|emulator|kernel-ts|boards|firmware|workbench|scripts|tests|docs)\/[a-z0-9/.-]*\.(?:ts|mjs|S|inc|ld|md|sh|json)\b/g;

const missing = (text: string): string[] =>
  [...text.matchAll(NAMED)].map(([path]) => path).filter((path) => !exists(path));

describe('pages', () => {
  it.each(PAGES)('%s links to what there is', (page) => {
    const text = readFileSync(join(root, page), 'utf8');
    const links = [...text.matchAll(/\]\((?!https?:|#)([^)#\s]+)/g)].map(([, link = '']) => join(dirname(page), link));
    expect(links.filter((link) => !exists(link))).toEqual([]);
  });

  it('ARCHITECTURE.md and the decisions name files that exist', () => {
    const text = ['ARCHITECTURE.md', 'docs/decisions.md'].map((page) => readFileSync(join(root, page), 'utf8')).join();
    expect(text.match(NAMED)?.length).toBeGreaterThan(40);
    expect(missing(text)).toEqual([]);
  });
});

describe('comments', () => {
  it('name files that exist', () => {
    const wrong = [...readSources(root)].flatMap(([file, text]) => {
      const comments = text.split('\n').filter((line) => /^\s*(?:\/\*\*?|\*|\/\/)/.test(line));
      return missing(comments.join('\n')).map((path) => `${file}: ${path}`);
    });
    expect(wrong).toEqual([]);
  });
});
