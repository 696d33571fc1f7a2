// docs/redis-publishers.md: an application that keeps the driver `redis` and has never heard of rustecho.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Process, run } from '../support/process.mjs';
import { needsStack } from '../support/tools.mjs';
import { steps } from './support/page.mjs';
import { Reader } from './support/reader.mjs';
import { APP, haveApp, haveSite, includeInSite, legacyBroadcasting, OFFLINE, person } from './support/site.mjs';

test('publishing through Redis', needsStack('chromium', 'esbuild'), async (t) => {
  await haveApp({ BROADCAST_DRIVER: 'redis', APP_URL: 'http://your-site.example' });
  legacyBroadcasting();
  const redis = new Process('redis', 'redis-server', ['--save', '']);
  await redis.ready('to answer', async () => (await run('redis-cli', ['ping'])).includes('PONG'));
  const url = await haveSite();
  await run('/opt/rustecho/deploy/install.sh', []);
  await run('cp', ['/opt/rustecho/deploy/nginx/rustecho.conf', '/etc/nginx/snippets/']);
  await includeInSite('include /etc/nginx/snippets/rustecho.conf;');
  await run('systemctl', ['reload', 'nginx']);

  const reader = new Reader({ app: APP, environment: OFFLINE });
  t.after(() => reader.leave());
  await reader.follow('docs/redis-publishers.md');

  const listens = steps('docs/redis-publishers.md').find(({ kind, code }) => kind === 'shown' && code.includes('window.Echo.channel')).code;
  writeFileSync(path.join(APP, 'resources/js/app.js'), `import Echo from 'laravel-echo';
import { io } from 'socket.io-client';
window.Echo = new Echo({ broadcaster: 'socket.io', client: io, host: window.location.origin });
${listens}
window.Echo.private('App.Models.User.1');
`);
  reader.run('npm install laravel-echo socket.io-client && npm run build');
  const page = await (await person(t)).open(`${url}/login/1`);
  await reader.shows('rustecho start', 'joined channel: news');
  await reader.shows('rustecho start', 'joined channel: private-App.Models.User.1');

  const byHand = steps('docs/redis-publishers.md').find(({ code }) => code.startsWith('redis-cli PUBLISH')).code;
  reader.run(byHand);
  await page.says('news: hello');
  reader.run('php artisan news');
  await page.says('news: from Laravel');
  await reader.shows('rustecho start', 'Channel: laravel_database_news');
  assert.equal(page.lines.filter((line) => line.startsWith('error')).length, 0, page.lines.join('\n'));
});
