// docs/presence.md.

import { test } from 'node:test';
import { needsStack } from '../support/tools.mjs';
import { haveEverything, person } from './support/site.mjs';

test('presence', needsStack('chromium', 'esbuild'), async (t) => {
  const { reader, url } = await haveEverything(t);
  await reader.follow('docs/presence.md', { sections: ['1. Who may come in, and what others see', '2. The page', '3. An event for the room'] });

  const [ada, grace] = [await person(t), await person(t)];
  const one = await ada.open(`${url}/login/1`);
  await one.says('here: user 1');
  const two = await grace.open(`${url}/login/2`);
  await two.says('here: user 1, user 2');
  await one.says('joining: user 2');
  reader.run(`curl -sSf ${url}/say/hello`);
  await Promise.all([one.says('message: hello'), two.says('message: hello')]);
  await reader.follow('docs/presence.md', { sections: ['4. See it'] });
  await two.tab.close();
  await one.says('leaving: user 2');
});
