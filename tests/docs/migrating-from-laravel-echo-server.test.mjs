// docs/migrating-from-laravel-echo-server.md, with the real laravel-echo-server: by hand, back again, and under supervisord.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { Process, run } from '../support/process.mjs';
import { needsStack, TESTS } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { missing } from '../parity/support/programs.mjs';
import { Reader } from './support/reader.mjs';
import { APP, command, haveApp, haveSite, legacyBroadcasting, OFFLINE, person } from './support/site.mjs';

const PAGE = 'docs/migrating-from-laravel-echo-server.md';
const OLD = `#!/bin/sh\nexec node ${TESTS}/parity/node_modules/laravel-echo-server/bin/server.js "$@"\n`;
/** As the old server's `init` makes it; the client is called as the page calls it. */
const SETTINGS = {
  authHost: 'http://your-site.example', authEndpoint: '/broadcasting/auth', clients: [{ appId: 'APP_ID', key: 'KEY' }], database: 'redis',
  databaseConfig: { redis: { host: '127.0.0.1', port: '6379', keyPrefix: 'laravel_database_' }, sqlite: { databasePath: '/database/laravel-echo-server.sqlite' } },
  devMode: false, host: null, port: '6001', protocol: 'http', socketio: {}, secureOptions: 67108864, sslCertPath: '', sslKeyPath: '',
  sslCertChainPath: '', sslPassphrase: '', subscribers: { http: true, redis: true },
  apiOriginAllow: { allowCors: false, allowOrigin: '', allowMethods: '', allowHeaders: '' },
};

test('from laravel-echo-server', able(), async (t) => {
  await haveApp({ BROADCAST_DRIVER: 'redis', APP_URL: 'http://your-site.example' });
  legacyBroadcasting();
  const redis = new Process('redis', 'redis-server', ['--save', '']);
  await redis.ready('to answer', async () => (await run('redis-cli', ['ping'])).includes('PONG'));
  const url = await haveSite();
  command('laravel-echo-server', OLD);
  writeFileSync(path.join(APP, 'laravel-echo-server.json'), JSON.stringify(SETTINGS, null, '\t'));
  const reader = new Reader({ app: APP, environment: OFFLINE });
  t.after(() => reader.leave());
  await reader.open('laravel-echo-server start').shows('Server ready!');

  writeFileSync(path.join(APP, 'resources/js/app.js'), `import Echo from 'laravel-echo';
import io from 'socket.io-client';
window.Echo = new Echo({ broadcaster: 'socket.io', client: io, host: 'http://your-site.example:6001' });
window.Echo.channel('news').listen('NewsPublished', (event) => console.log('news:', event.title));
window.Echo.private('App.Models.User.1').listen('.letter', (event) => console.log('letter:', event.text));
`);
  reader.run('npm install laravel-echo socket.io-client@2 && npm run build');
  const page = await (await person(t)).open(`${url}/login/1`);
  let turn = 0;
  /** What the page is subscribed to arrives, from Laravel and by the HTTP API. */
  const works = async () => {
    turn += 1;
    const channels = () => reader.run('curl -sS "http://127.0.0.1:6001/apps/APP_ID/channels?auth_key=KEY" || true');
    await until('the page to be on both channels', () => ['news', 'private-App.Models.User.1'].every((name) => channels().includes(`"${name}"`)), 30_000);
    reader.run('php artisan news');
    await page.says('news: from Laravel', turn);
    reader.run(`curl -sSf -H 'content-type: application/json' -d '{"channel":"private-App.Models.User.1","name":"letter","data":"{\\"text\\":\\"${turn}\\"}"}' \
      "http://127.0.0.1:6001/apps/APP_ID/events?auth_key=KEY"`);
    await page.says(`letter: ${turn}`);
  };
  await works();

  await run('/opt/rustecho/deploy/install.sh', []);
  await reader.follow(PAGE, { sections: ['1. Look before you leap', '2. Change over by hand'] });
  await works();
  await reader.shows('rustecho start', 'Channel: laravel_database_news');
  await reader.follow(PAGE, { sections: ['3. See that it works', 'Going back'] });
  await works();

  await reader.follow(PAGE, { sections: ['2. Change over to the service', '3. See that it works'] });
  await works();
  assert.match(await run('sh', ['-c', 'readlink /proc/$(cat /run/rustecho.pid)/exe']), /rustecho/);
  reader.run('systemctl disable --now rustecho');

  writeFileSync('/etc/supervisor/conf.d/laravel-echo-server.conf', `[program:laravel-echo-server]
command=laravel-echo-server start
directory=${APP}
`);
  const supervisor = new Process('supervisord', 'supervisord', ['--nodaemon', '--configuration', '/etc/supervisor/supervisord.conf']);
  await supervisor.ready('to run the old server', async () => (await run('supervisorctl', ['status'])).includes('RUNNING'));
  await works();
  await reader.follow(PAGE, { sections: ['2. Change over under supervisord', '3. See that it works'] });
  await works();
  // for its first second supervisord says STARTING
  await reader.waits('supervisorctl status || true', (text) => /laravel-echo-server +RUNNING/.test(text));
  assert.match(await run('sh', ['-c', 'readlink /proc/$(supervisorctl pid laravel-echo-server)/exe']), /rustecho/);
  assert.equal(page.lines.filter((line) => line.startsWith('error')).length, 0, page.lines.join('\n'));
});

function able() {
  const lack = missing();
  if (!lack) return needsStack('chromium', 'esbuild', 'supervisord');
  if (process.env.CI === 'true') throw new Error(`CI may skip nothing, but ${lack}`);
  return { skip: `skipped: ${lack}` };
}
