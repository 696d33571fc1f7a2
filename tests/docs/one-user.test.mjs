// An operator who finds that one user gets no events, and has docs/troubleshooting.md.

import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { needsStack } from '../support/tools.mjs';
import { APP, haveEverything, person } from './support/site.mjs';

const SYMPTOM = 'One user gets no events, others do';

/** What the page says under this symptom, with the command that it gives in between backticks. */
function advice(heading) {
  const page = readFileSync(new URL('../../docs/troubleshooting.md', import.meta.url), 'utf8');
  const section = page.split(`\n## ${SYMPTOM}\n`)[1].split('\n## ')[0];
  const text = heading === undefined ? section : section.split(`\n### ${heading}\n`)[1].split('\n### ')[0];
  return [...text.matchAll(/`([^`]+)`/g)].map(([, code]) => code);
}

test('one user gets no events', needsStack('chromium', 'esbuild'), async (t) => {
  const { reader, url } = await haveEverything(t);
  await reader.follow('docs/authorisation.md', { sections: ['The channel and an event', 'With a session'] });
  // the mistake: it works for the one it was tried with
  const channels = path.join(APP, 'routes/channels.php');
  const right = readFileSync(channels, 'utf8');
  writeFileSync(channels, right.replace('(int) $user->id === (int) $owner', "(string) $user->id === $owner && $owner !== '2'"));
  assert.notEqual(readFileSync(channels, 'utf8'), right);

  const watch = advice().find((code) => code.startsWith('rustecho tail'));
  reader.open(watch);
  await reader.shows('rustecho tail', '');
  const well = await (await person(t)).open(`${url}/login/1`);
  const ill = await person(t);
  await (await ill.open(`${url}/login/2`)).says('refused: private-orders.2 403');
  await reader.shows('rustecho tail', 'private-orders.2');
  await reader.shows('rustecho tail', '403');
  reader.run(`curl -sSf ${url}/ship/1/A-42 && curl -sSf ${url}/ship/2/A-43`);
  await well.says('shipped: A-42');
  await reader.shows('rustecho tail', 'nobody');

  const cookie = (await ill.context.cookies()).find(({ name }) => name === 'laravel_session').value;
  const look = advice('user-denied').find((code) => code.startsWith('php artisan rustecho:doctor'));
  const asked = look.replace('Cookie: …', `Cookie: laravel_session=${cookie}`).replace('private-orders.1', 'private-orders.2');
  assert.match(reader.run(`${asked} || true`), /\[auth-wrong-visitor\]/);

  writeFileSync(channels, right);
  // PHP's opcache looks at a file again after two seconds
  await reader.waits(`${asked} || true`, (text) => text.includes('answers 200 for a channel that is granted'));
  const cured = await ill.open(url);
  await reader.waits('rustecho channels private-orders.2 --json', (text) => JSON.parse(text).channels.length === 1);
  reader.run(`curl -sSf ${url}/ship/2/A-44`);
  await cured.says('shipped: A-44');

  // another mistake: the page connects to a host that the browser has no cookie for
  appendFileSync('/etc/hosts', '127.0.0.1 www.your-site.example\n');
  const script = path.join(APP, 'resources/js/app.js');
  writeFileSync(script, readFileSync(script, 'utf8').replace('host: window.location.origin', "host: 'http://www.your-site.example'"));
  reader.run('npm run build');
  await (await ill.open(url)).says('refused: private-orders.2 403');
  await reader.shows('rustecho tail', 'neither a cookie nor a token came');
});
