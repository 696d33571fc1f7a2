// Pages of foreign origins: their visitor's cookie never reaches Laravel, by whatever transport they come.

import assert from 'node:assert/strict';
import os from 'node:os';
import { describe, test } from 'node:test';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, refused, sidecarFor, startLaravel } from './support.mjs';

const COOKIE = { Cookie: 'laravel_session=secret', Authorization: 'Basic c2VjcmV0' };
const EVIL = 'https://evil.test';
/** An address of this machine that is no loopback address: who comes by it has it, and is no proxy of this machine. */
const OUTSIDE = Object.values(os.networkInterfaces()).flat().find(({ family, internal }) => family === 'IPv4' && !internal)?.address;

/** What Laravel sees of a polling client with these headers that subscribes. */
async function poll(sidecar, laravel, headers, query = '') {
  const url = `${sidecar.url}/socket.io/?EIO=3&transport=polling${query}`;
  const opened = await fetch(url, { headers: { ...COOKIE, ...headers } });
  const text = await opened.text();
  if (opened.status !== 200) return { status: opened.status, body: text };
  const { sid } = JSON.parse(text.replaceAll('\\"', '"').match(/\{.*?\}/)[0]);
  const packet = `42${JSON.stringify(['subscribe', { channel: 'private-x', auth: {} }])}`;
  const body = `${packet.length}:${packet}`;
  const form = query.includes('j=') ? `d=${encodeURIComponent(body)}` : body;
  const before = laravel.asked.length;
  await fetch(`${url}&sid=${sid}`, { method: 'POST', body: form, headers: { 'content-type': query ? 'application/x-www-form-urlencoded' : 'text/plain' } });
  await until('the question to Laravel', () => laravel.asked.length > before);
  return laravel.asked.at(-1).headers;
}

describe('A page', needs('sidecar'), () => {
  test('of a foreign origin is served, but its visitor\'s cookie stays in the sidecar', async (t) => {
    const laravel = await startLaravel(t);
    const sidecar = await sidecarFor(t, { authHost: laravel.url });
    for (const origin of [EVIL, 'null', `http://127.0.0.1.evil.test`]) {
      const page = await Client.open(sidecar, { Origin: origin, ...COOKIE });
      t.after(() => page.close());
      const before = laravel.asked.length;
      page.subscribe('private-x', { 'X-CSRF-TOKEN': 'known to the page' });
      await until('the question to Laravel', () => laravel.asked.length > before);
      const { headers } = laravel.asked.at(-1);
      assert.equal(headers.cookie, undefined, origin);
      assert.equal(headers.authorization, undefined, origin);
      assert.equal(headers['x-csrf-token'], 'known to the page');
      page.subscribe('open');
      await until('the open channel', async () => await sidecar.subscribers('open') > 0);
    }
    assert.equal((await poll(sidecar, laravel, { Origin: EVIL })).cookie, undefined);
    assert.equal((await poll(sidecar, laravel, { Referer: `${EVIL}/page` })).cookie, undefined);
    assert.equal((await poll(sidecar, laravel, {}, '&j=0')).cookie, undefined, 'a script tag tells no origin');
    assert.match(sidecar.process.output, /trustedOrigins/);
  });

  test('of a foreign origin cannot say by headers of its own that it is at home: the preflight does not let it', async (t) => {
    const sidecar = await sidecarFor(t, { trustedProxies: ['127.0.0.1'] });
    const asked = 'authorization, X-Forwarded-Host, x-forwarded-for,forwarded, X_Forwarded_Host, x-own';
    const { status, headers } = await fetch(`${sidecar.url}/socket.io/?EIO=4&transport=polling`, {
      method: 'OPTIONS', headers: { Origin: EVIL, 'Access-Control-Request-Method': 'GET', 'Access-Control-Request-Headers': asked },
    });
    assert.equal(status, 204);
    assert.equal(headers.get('access-control-allow-headers'), 'authorization, x-own');
  });

  test('of the own host, of authHost or of the list sends its visitor\'s cookie along', async (t) => {
    const laravel = await startLaravel(t);
    const sidecar = await sidecarFor(t, { authHost: laravel.url.replace('127.0.0.1', 'localhost'), trustedOrigins: ['*.partner.test'] });
    for (const origin of ['http://127.0.0.1:8000', 'https://localhost', 'https://a.partner.test']) {
      const page = await Client.open(sidecar, { Origin: origin, ...COOKIE });
      t.after(() => page.close());
      const before = laravel.asked.length;
      page.subscribe('private-x');
      await until('the question to Laravel', () => laravel.asked.length > before);
      assert.equal(laravel.asked.at(-1).headers.cookie, COOKIE.Cookie, origin);
    }
    assert.equal((await poll(sidecar, laravel, {})).cookie, COOKIE.Cookie, 'not a browser');
    assert.equal((await poll(sidecar, laravel, { Referer: 'http://127.0.0.1/page' }, '&j=0')).cookie, COOKIE.Cookie);
  });

  test('of a foreign origin is refused with 403 when the policy is strict', async (t) => {
    const sidecar = await sidecarFor(t, { originPolicy: 'strict' });
    const error = await refused(sidecar, { Origin: EVIL });
    assert.equal(error.status, 403);
    assert.match(error.body, /trustedOrigins/);
    const polled = await fetch(`${sidecar.url}/socket.io/?EIO=4&transport=polling`, { headers: { Origin: EVIL } });
    assert.equal(polled.status, 403);
    assert.equal(polled.headers.get('access-control-allow-origin'), null);
    (await Client.open(sidecar, { Origin: 'http://127.0.0.1' })).close();
  });

  test('chooses no header but those that Laravel is to read, and no host', async (t) => {
    const [laravel, elsewhere] = [await startLaravel(t), await startLaravel(t)];
    const sidecar = await sidecarFor(t, { authHost: laravel.url });
    const page = await Client.open(sidecar, { Referer: `${elsewhere.url}/`, Origin: elsewhere.url, Host: elsewhere.url.slice(7) });
    t.after(() => page.close());
    page.subscribe('private-x', { 'X-Admin': '1', Host: 'evil', 'X-Forwarded-For': '6.6.6.6', 'X-HTTP-Method-Override': 'DELETE', Authorization: 'Bearer t' });
    await until('the question to Laravel', () => laravel.asked.length > 0);
    const { headers } = laravel.asked[0];
    assert.equal(headers['x-admin'], undefined);
    assert.equal(headers['x-http-method-override'], undefined);
    assert.equal(headers.host, laravel.url.slice(7));
    assert.equal(headers.authorization, 'Bearer t');
    assert.ok(!String(headers['x-forwarded-for']).includes('6.6.6.6'));
    assert.equal(elsewhere.asked.length, 0);
    assert.match(sidecar.process.output, /authHeaders/);
  });

  test('cannot say by a header of its request from which address it comes, unless a proxy of ours says so', async (t) => {
    if (!OUTSIDE) return t.skip('this machine has loopback addresses alone');
    const laravel = await startLaravel(t);
    for (const [trustedProxies, chain] of [[[], OUTSIDE], [[OUTSIDE], `6.6.6.6, ${OUTSIDE}`]]) {
      const sidecar = await sidecarFor(t, { host: '0.0.0.0', authHost: laravel.url, trustedProxies });
      const reached = { url: `http://${OUTSIDE}:${sidecar.port}` };
      const before = laravel.asked.length;
      const page = await Client.open(reached, { 'X-Forwarded-For': '6.6.6.6' });
      t.after(() => page.close());
      page.subscribe('private-x');
      await until('the question to Laravel', () => laravel.asked.length > before);
      assert.equal(laravel.asked.at(-1).headers['x-forwarded-for'], chain, `trustedProxies: ${trustedProxies}`);
      assert.equal((await poll(reached, laravel, { 'X-Forwarded-For': '6.6.6.6' }))['x-forwarded-for'], chain);
    }
  });
});
