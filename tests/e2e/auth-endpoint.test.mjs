// An auth endpoint that is down, slow or odd: the subscription is refused within a bounded time, and others are served.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { startAuthEndpoint } from '../support/auth-endpoint.mjs';
import { combination, visitors } from '../support/echo.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { subscribed } from '../support/suite.mjs';
import { needs } from '../support/tools.mjs';

const TIMEOUT_MS = 1_000;
const BOUND_MS = TIMEOUT_MS + 2_000;

// what the client is told: Laravel's status, and 0 where there was no answer that makes sense
const STATUS = {
  never: 0, drip: 0, redirect: 302, circle: 307, garbage: 0, bytes: 0, empty: 0, huge: 0, brackets: 0, broken: 500, reset: 0, half: 0,
};

describe('An auth endpoint', needs('sidecar'), () => {
  let folder, endpoint, sidecar;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    endpoint = await startAuthEndpoint();
    sidecar = await Sidecar.start(folder, { authHost: endpoint.url, authTimeoutMs: TIMEOUT_MS });
  });
  after(async () => {
    await sidecar?.stop();
    await endpoint?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const used of [combination('echo1', 'sio2'), combination('echo2', 'sio4')]) {
    const visit = (t) => visitors(t, { sidecar, combination: used })();

    for (const [behaviour, status] of Object.entries(STATUS)) {
      for (const kind of ['private', 'presence']) {
        test(`whose answer is "${behaviour}" gives ${used.name} subscription_error ${status} on a ${kind} channel in time`, async (t) => {
          const visitor = await visit(t);
          const began = Date.now();
          visitor.echo[kind === 'private' ? 'private' : 'join'](behaviour);
          assert.equal(await visitor.refused(`${kind}-${behaviour}`), status);
          assert.ok(Date.now() - began < BOUND_MS, `it took ${Date.now() - began} ms`);
          assert.equal(await sidecar.subscribers(`${kind}-${behaviour}`), 0);
        });
      }
    }

    test(`that keeps some subscriptions waiting does not keep the others of ${used.name}`, async (t) => {
      const visitor = await visit(t);
      for (let count = 0; count < 30; count += 1) visitor.echo.private(`never-${count}`);
      visitor.echo.private(`fine-${used.client}`);
      visitor.echo.channel(`open-${used.client}`);
      await subscribed({ sidecar }, `private-fine-${used.client}`);
      await subscribed({ sidecar }, `open-${used.client}`);
    });
  }

  test('is sent the channel, the cookie and what the client gave for it', async (t) => {
    const visitor = await visitors(t, {
      sidecar,
      combination: combination('echo2', 'sio4'),
      options: { extraHeaders: { Cookie: 'session=anna' }, auth: { headers: { Authorization: 'Bearer token' } } },
    })();
    visitor.echo.private('fine-ü & 1');
    await subscribed({ sidecar }, 'private-fine-ü & 1');
    const { url, headers } = endpoint.asked.find(({ channel }) => channel === 'private-fine-ü & 1');
    assert.equal(url, '/broadcasting/auth');
    assert.equal(headers.cookie, 'session=anna');
    assert.equal(headers.authorization, 'Bearer token');
    assert.equal(headers['x-requested-with'], 'XMLHttpRequest');
  });

  test('that is down gives subscription_error 0, and the sidecar goes on', async (t) => {
    const visitor = await visitors(t, { sidecar, combination: combination('echo2', 'sio4') })();
    await endpoint.stop();
    endpoint = undefined;
    const began = Date.now();
    visitor.echo.private('down');
    assert.equal(await visitor.refused('private-down'), 0);
    assert.ok(Date.now() - began < BOUND_MS);
    visitor.echo.channel('open');
    await subscribed({ sidecar }, 'open');
  });
});
