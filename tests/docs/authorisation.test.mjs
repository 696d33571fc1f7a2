// docs/authorisation.md: each of its ways, with Laravel's own machinery. The lines of Sanctum and of the packages for JWTs are the ones
// in support/guards.php: those packages cannot be installed without a network.

import { cpSync } from 'node:fs';
import path from 'node:path';
import { after, before, beforeEach, describe, test } from 'node:test';
import { run } from '../support/process.mjs';
import { needsStack, TESTS } from '../support/tools.mjs';
import { Reader } from './support/reader.mjs';
import { APP, haveApp, haveRustecho, haveSite, OFFLINE, person } from './support/site.mjs';

const PAGE = 'docs/authorisation.md';

describe('who may have a channel', needsStack('chromium', 'esbuild'), () => {
  let reader;
  let url;
  before(async () => {
    await haveApp({ APP_URL: 'http://your-site.example' });
    cpSync(path.join(TESTS, 'docs/support/guards.php'), path.join(APP, 'routes/api.php'));
    reader = new Reader({ app: APP, environment: OFFLINE });
    url = await haveSite();
    await haveRustecho(reader);
    reader.run('npm install laravel-echo socket.io-client');
    await reader.follow(PAGE, { sections: ['The channel and an event'] });
  });
  after(() => reader?.leave());
  beforeEach(() => run('sh', ['-c', `echo > ${APP}/resources/js/app.js && sed -i /RUSTECHO_AUTH_MIDDLEWARE/d ${APP}/.env`]));

  const ship = (order) => reader.run(`curl -sSf ${url}/ship/1/${order}`);
  /** Somebody whose browser holds this token. */
  const holder = async (t, token) => {
    const someone = await person(t);
    if (token) await someone.context.addInitScript((value) => localStorage.setItem('token', value), token);
    return someone;
  };

  test('with a session', async (t) => {
    await reader.follow(PAGE, { sections: ['With a session'] });
    const [one, nobody] = [await person(t), await person(t)];
    const page = await one.open(`${url}/login/1`);
    const stranger = await nobody.open(url);
    await stranger.says('refused: private-orders.1 403');
    await granted('private-orders.1');
    ship('A-42');
    await page.says('shipped: A-42');
  });

  test("with Sanctum's tokens", async (t) => {
    await reader.follow(PAGE, { sections: ["With Sanctum's tokens"] });
    const page = await (await holder(t, 'token-of-1')).open(url);
    await (await (await holder(t)).open(url)).says('refused: private-orders.1 401');
    await (await (await holder(t, 'token-of-2')).open(url)).says('refused: private-orders.1 403');
    await granted('private-orders.1');
    ship('A-42');
    await page.says('shipped: A-42');
    reader.environment.TOKEN = 'token-of-1';
    await reader.follow(PAGE, { sections: ['If not'] });
  });

  test('with a JWT that has expired', async (t) => {
    await reader.follow(PAGE, { sections: ['With a JWT'] });
    const page = await (await holder(t, 'expired')).open(url);
    await page.says('refused: private-orders.1 401');
    await granted('private-orders.1');
    ship('A-42');
    await page.says('shipped: A-42');
  });

  test('both at once', async (t) => {
    await reader.follow(PAGE, { sections: ["With Sanctum's tokens"] });
    await reader.follow(PAGE, { sections: ['Both at once'] });
    const byToken = await (await holder(t, 'token-of-1')).open(url);
    const bySession = await (await holder(t)).open(`${url}/login/1`);
    await granted('private-orders.1', 2);
    ship('A-43');
    await Promise.all([byToken.says('shipped: A-43'), bySession.says('shipped: A-43')]);
  });

  /** Waits until so many are subscribed. */
  const granted = (channel, count = 1) => reader.waits(`rustecho channels ${channel} --json`, (text) => {
    const found = JSON.parse(text).channels.find(([name]) => name === channel);
    return found?.[1] === count;
  });
});
