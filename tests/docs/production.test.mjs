// docs/production.md, as root on a server with nginx, php-fpm and https.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '../support/process.mjs';
import { needsStack } from '../support/tools.mjs';
import { Reader } from './support/reader.mjs';
import { APP, haveApp, haveSite, includeInSite, OFFLINE, person } from './support/site.mjs';

test('production', needsStack('chromium', 'esbuild', 'openssl'), async (t) => {
  await haveApp({ APP_URL: 'https://your-site.example', APP_ENV: 'production', APP_DEBUG: 'false', BROADCAST_DRIVER: 'redis',
    SESSION_SECURE_COOKIE: 'true' });
  const url = await haveSite({ https: true });
  // The page puts a line into the server block by hand; here that is done beforehand, for a file that the page copies.
  await run('touch', ['/etc/nginx/snippets/rustecho.conf']);
  await includeInSite('include /etc/nginx/snippets/rustecho.conf;');
  const reader = new Reader({ app: APP, environment: OFFLINE });
  t.after(() => reader.leave());
  await reader.follow('docs/production.md', { passedOver: {
    'apt-get install php-dev libclang-dev': 'no network; scripts/setup.sh has installed them',
  } });

  writeFileSync(path.join(APP, 'resources/js/app.js'), '');
  reader.run('npm install laravel-echo socket.io-client');
  await reader.follow('docs/authorisation.md', { sections: ['The channel and an event', 'With a session'] });
  await reader.follow('docs/production.md', { sections: ['With each deploy'] });
  const page = await (await person(t)).open(`${url}/login/1`);
  await page.tab.waitForFunction(() => window.Echo.socketId());
  assert.deepEqual(page.lines, [], 'nothing is refused');
  await reader.waits('rustecho channels private-orders.1 --json', (text) => JSON.parse(text).channels.length === 1);
  reader.run('curl -sSf https://your-site.example/ship/1/A-42');
  await page.says('shipped: A-42');
});
