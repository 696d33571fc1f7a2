// The real laravel-echo-server 1.6.3 and rustecho, side by side. PARITY_ONLY=<regular expression> picks scenarios by name.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { after, describe, test } from 'node:test';
import { needs } from '../support/tools.mjs';
import { compatibility } from './support/compatibility.mjs';
import { missing } from './support/programs.mjs';
import { GRADES, Stack, judge } from './support/runner.mjs';

const SCENARIOS = new URL('scenarios/', import.meta.url);
const GROUPS_AT_ONCE = 3;
// Some start a dozen servers; this is to end what hangs, on a busy machine too.
const LONGEST_MS = 240_000;

const files = readdirSync(SCENARIOS).filter((file) => file.endsWith('.mjs')).sort();
const groups = await Promise.all(files.map(async (file) => (await import(new URL(file, SCENARIOS))).default));
const all = groups.flatMap((group) => group.scenarios);
const wanted = new RegExp(process.env.PARITY_ONLY ?? '');
const doc = compatibility();

describe('laravel-echo-server and rustecho', { concurrency: GROUPS_AT_ONCE, ...able() }, () => {
  for (const { title, scenarios } of groups) {
    const picked = scenarios.filter(({ name }) => wanted.test(name));
    if (picked.length > 0) describe(title, { concurrency: 1 }, () => group(picked));
  }
});

function group(scenarios) {
  let stacks;
  after(async () => Promise.all((await stacks ?? []).map((stack) => stack.stop())));
  for (const scenario of scenarios) {
    test(`${scenario.name} [${scenario.grade}] ${scenario.title}`, { timeout: LONGEST_MS }, async () => {
      stacks ??= Promise.all([Stack.start('old'), Stack.start('new')]);
      await judge(scenario, await stacks, doc);
    });
  }
}

/** Nothing special where the parts are there; otherwise a skip that says what is missing, or, in CI, an error. */
function able() {
  const lack = missing();
  if (!lack) return needs('redis-server', 'openssl');
  if (process.env.CI === 'true') throw new Error(`CI may skip nothing, but ${lack}`);
  return { skip: `skipped: ${lack}` };
}

describe('docs/compatibility.md', () => {
  test('every scenario has a name of its own and a grade', () => {
    assert.deepEqual(all.map(({ name }) => name).filter((name, index, names) => names.indexOf(name) !== index), []);
    assert.deepEqual(all.filter(({ grade }) => !GRADES.includes(grade)), []);
    assert.deepEqual(all.filter(({ grade, fault }) => (grade === 'bug') !== Boolean(fault)).map(({ name }) => name), []);
  });

  test('every entry belongs to a scenario that can differ', () => {
    const quirks = all.filter(({ grade }) => grade === 'quirk').map(({ name }) => name);
    assert.deepEqual([...doc.diffs.keys()].filter((name) => !quirks.includes(name)), []);
  });

  test('every row of what is fixed belongs to a scenario that proves it', () => {
    const bugs = all.filter(({ grade }) => grade === 'bug').map(({ name }) => name).sort();
    assert.deepEqual([...doc.fixed].sort(), bugs);
  });
});
