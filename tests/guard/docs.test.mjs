// Each guarantee of docs/security.md has tests, and the tests it names are there.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { PROJECT } from '../support/tools.mjs';

const [HEADING, ITEM] = [/^### (.+)$/, /^- `([^`]+)`: (.+)$/];

/** The sections below "What is guaranteed": heading and lines. */
function guarantees() {
  const text = readFileSync(path.join(PROJECT, 'docs', 'security.md'), 'utf8');
  const [, chapter] = text.split(/^## What is guaranteed$/m);
  const sections = [];
  for (const line of chapter.split(/^## /m)[0].split('\n')) {
    const heading = line.match(HEADING);
    if (heading) sections.push({ title: heading[1], lines: [] });
    else sections.at(-1)?.lines.push(line);
  }
  return sections;
}

/** Whether a file of tests has the one with this name, or part of a name that is put together. */
function has(file, name) {
  const text = readFileSync(path.join(PROJECT, file), 'utf8').replaceAll("\\'", "'");
  return file.endsWith('.rs') ? new RegExp(`\\bfn ${name.replaceAll('`', '')}\\b|"${name}"`).test(text) : text.includes(name);
}

describe('docs/security.md', () => {
  const sections = guarantees();
  assert.ok(sections.length > 15, `${sections.length} guarantees`);
  for (const { title, lines } of sections) {
    test(`names tests for "${title}" that there are`, () => {
      const items = lines.filter((line) => line.startsWith('- ')).map((line) => line.match(ITEM) ?? assert.fail(`not a test: ${line}`));
      assert.ok(items.length > 0, 'no test');
      for (const [, file, name] of items) {
        assert.ok(existsSync(path.join(PROJECT, file)), `${file} is not there`);
        assert.ok(has(file, name), `${file} has no test "${name}"`);
      }
    });
  }
});
