// docs/recovery.md: a restart of the sidecar that a page does not notice.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { needsStack } from '../support/tools.mjs';
import { steps } from './support/page.mjs';
import { Reader } from './support/reader.mjs';
import { APP, haveApp, haveRustecho, haveSite, OFFLINE, person } from './support/site.mjs';

const PAGE = 'docs/recovery.md';
const sections = ['See it'];

test('recovery', needsStack('chromium', 'esbuild'), async (t) => {
  await haveApp({ APP_URL: 'http://your-site.example' });
  const reader = new Reader({ app: APP, environment: OFFLINE });
  t.after(() => reader.leave());
  const url = await haveSite();
  await haveRustecho(reader);
  writeFileSync(path.join(APP, 'resources/js/app.js'), `import Echo from 'laravel-echo';
import { io } from 'socket.io-client';
window.Echo = new Echo({ broadcaster: 'socket.io', client: io, host: window.location.origin });
window.Echo.channel('news').listen('.Hello', (event) => console.log('news:', event.title));
`);
  reader.run('npm install laravel-echo socket.io-client && npm run build');
  const page = await (await person(t)).open(url);
  // the offset to go on from comes with the first event
  await reader.waits("rustecho publish news Hello '{\"title\": \"first\"}'", () => page.lines.includes('news: first'));
  const id = await page.tab.evaluate(() => window.Echo.socketId());

  await page.tab.evaluate(steps(PAGE, sections).find(({ kind }) => kind === 'shown').code);
  await reader.follow(PAGE, { sections });
  await page.says('recovered: true');
  await page.says('news: while you were away');
  assert.equal(await page.tab.evaluate(() => window.Echo.socketId()), id);
});
