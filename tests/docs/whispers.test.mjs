// docs/whispers.md.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsStack } from '../support/tools.mjs';
import { haveEverything, person } from './support/site.mjs';

test('whispers', needsStack('chromium', 'esbuild'), async (t) => {
  const { reader, url } = await haveEverything(t);
  await reader.follow('docs/whispers.md');

  const one = await (await person(t)).open(`${url}/login/1`);
  const two = await (await person(t)).open(`${url}/login/2`);
  await reader.waits('rustecho channels private-chat --json', (text) => JSON.parse(text).channels[0]?.[1] === 2);
  await one.tab.keyboard.press('x');
  await two.says('typing: user 1');
  await two.tab.keyboard.press('x');
  await one.says('typing: user 2');
  assert.deepEqual([one.lines, two.lines], [['typing: user 2'], ['typing: user 1']], 'a whisper goes to the others only');
});
