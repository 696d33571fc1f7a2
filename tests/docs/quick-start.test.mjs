// docs/quick-start.md, followed word by word by somebody who is not root.

import { test } from 'node:test';
import { run } from '../support/process.mjs';
import { needs } from '../support/tools.mjs';
import { Reader } from './support/reader.mjs';
import { APP, haveApp, OFFLINE, person } from './support/site.mjs';

test('quick start', needs('sidecar', 'esbuild', 'laravel', 'php', 'composer', 'chromium'), async (t) => {
  await haveApp();
  await run('useradd', ['--create-home', 'reader']);
  await run('chown', ['-R', 'reader:', APP]);
  const reader = new Reader({ app: APP, as: 'reader', environment: { ...OFFLINE, HOME: '/home/reader' } });
  t.after(() => reader.leave());
  await reader.follow('docs/quick-start.md');

  const browser = await person(t);
  const page = await browser.open('http://127.0.0.1:8000');
  // the event is for those who are there: the sidecar's terminal tells when the page is
  await page.tab.waitForFunction(() => window.Echo.socketId());
  await reader.shows('php artisan rustecho:start', 'joined channel: news');
  await browser.open('http://127.0.0.1:8000/publish/hello');
  await page.says('news: hello');
  await reader.shows('php artisan rustecho:start', 'Channel: news');
});
