// docs/monitoring.md: the commands, health and metrics of a sidecar that serves a site, and its console in a browser.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { needsStack } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Reader } from './support/reader.mjs';
import { APP, haveApp, haveRustecho, haveSite, OFFLINE, person } from './support/site.mjs';

test('monitoring', needsStack('chromium', 'console'), async (t) => {
  await haveApp({ APP_URL: 'http://your-site.example' });
  const reader = new Reader({ app: APP, environment: OFFLINE });
  t.after(() => reader.leave());
  await haveSite();
  await haveRustecho(reader);
  const console_ = await (await person(t)).open('http://127.0.0.1:6002');
  await console_.tab.waitForSelector('#state.good');

  await reader.follow('docs/monitoring.md', { sections: ['Why did my event not arrive?', 'Health', 'Metrics'] });
  await until('the console to show the event', async () => (await console_.tab.innerText('body')).includes('OrderShipped'));
  // the page's channel is `orders.1`, and its tail looks at `private-orders.*`
  await until('tail to show an event of its channels, and no other', () => {
    reader.run("rustecho publish private-orders.1 OrderShipped '{\"id\": 1}'");
    return reader.terminals[0].output.text.includes('private-orders.1');
  });
  assert.doesNotMatch(reader.terminals[0].output.text, /  orders\.1/);
  assert.match(reader.run('rustecho doctor --channel private-orders.1 || true'), /nobody/);
  assert.deepEqual(console_.lines.filter((line) => line.startsWith('error')), []);
});
