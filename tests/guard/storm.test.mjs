// Everybody comes back at once: Laravel is asked for no more at a time than it can bear, and for nothing twice.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, sidecarFor, startLaravel } from './support.mjs';

const [USERS, TABS, CHANNELS, IN_FLIGHT] = [400, 5, 5, 32];

describe('Auth requests', needs('sidecar'), () => {
  test(`of ${USERS * TABS} sockets with ${CHANNELS} channels each reach Laravel ${IN_FLIGHT} at a time, each question once at a time`, async (t) => {
    const laravel = await startLaravel(t, { delayMs: 5 });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, limits: { authInFlight: IN_FLIGHT } });
    const clients = [];
    t.after(() => clients.forEach((client) => client.close()));
    for (let user = 0; user < USERS; user += 20) {
      const some = Array.from({ length: 20 * TABS }, (_, at) => Client.open(sidecar, { Cookie: `user=${user + Math.floor(at / TABS)}` }));
      clients.push(...await Promise.all(some));
    }
    const began = Date.now();
    for (const client of clients) for (let at = 0; at < CHANNELS; at += 1) client.subscribe(`private-${at}`);
    for (let at = 0; at < CHANNELS; at += 1) {
      await until(`everybody on private-${at}`, async () => await sidecar.subscribers(`private-${at}`) === clients.length, 40_000);
    }
    t.diagnostic(`${clients.length * CHANNELS} subscriptions, ${laravel.asked.length} questions, at most ${laravel.most} at once, ${Date.now() - began} ms`);
    assert.ok(laravel.most <= IN_FLIGHT, `${laravel.most} at once`);
    assert.ok(laravel.asked.length >= USERS * CHANNELS, 'nobody gets the answer of another');
    assert.ok(laravel.asked.length <= clients.length * CHANNELS / 2, `${laravel.asked.length} questions: the same were not shared`);
  });

  test('are shared by the same question only, and what nobody waits for is not asked', async (t) => {
    const laravel = await startLaravel(t, { delayMs: 300, answer: (channel, request) => (request.headers.cookie === 'user=1' ? 'true' : 'false') });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, limits: { authInFlight: 1 } });
    const open = (cookie) => Client.open(sidecar, { Cookie: cookie });
    const [first, second, other, gone] = await Promise.all([open('user=1'), open('user=1'), open('user=2'), open('user=3')]);
    t.after(() => [first, second, other, gone].forEach((client) => client.close()));
    for (const client of [first, second, other, gone]) client.subscribe('private-x');
    gone.close();
    assert.equal((await other.hears('subscription_error'))[1], 'private-x');
    await until('the two that share an answer', async () => await sidecar.subscribers('private-x') === 2);
    first.subscribe('private-later');
    await until('the next question', () => laravel.asked.some(({ channel }) => channel === 'private-later'));
    const questions = laravel.asked.filter(({ channel }) => channel === 'private-x').map(({ headers }) => headers.cookie);
    // Whose question came first is asked at once, even if that is the one who left.
    assert.deepEqual(questions.filter((cookie) => cookie !== 'user=3').sort(), ['user=1', 'user=2']);
  });

  test('of a socket that asks for a thousand channels do not keep another visitor waiting, nor fill the queue', async (t) => {
    const laravel = await startLaravel(t, { delayMs: 20 });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, limits: { authInFlight: 2, authQueued: 500, subscribesPerSecond: 10_000 } });
    const floods = await Promise.all(Array.from({ length: 3 }, (_, at) => Client.open(sidecar, { Cookie: `flood=${at}` })));
    const good = await Client.open(sidecar, { Cookie: 'good=1' });
    t.after(() => [...floods, good].forEach((client) => client.close()));
    for (const [at, flood] of floods.entries()) for (let n = 0; n < 1_000; n += 1) flood.subscribe(`private-flood-${at}-${n}`);
    await until('the flood to be refused something', () => floods.some((flood) => flood.heard.some(([event]) => event === 'subscription_error')));
    const began = laravel.asked.length;
    good.subscribe('private-good');
    await until('the other visitor', async () => await sidecar.subscribers('private-good') === 1);
    const before = laravel.asked.length - began;
    t.diagnostic(`${before} questions were asked meanwhile`);
    assert.ok(before < 20, `${before} questions of others went before`);
    assert.equal(good.heard.filter(([event]) => event === 'subscription_error').length, 0);
  });

  test('over the queue\'s bounds are refused with its name, and nobody is let in', async (t) => {
    const laravel = await startLaravel(t, { delayMs: 1_500 });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, limits: { authInFlight: 1, authQueued: 2, authQueueMs: 300 } });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    for (let at = 0; at < 5; at += 1) client.subscribe(`private-${at}`);
    await until('four refusals', () => client.heard.filter(([event]) => event === 'subscription_error').length === 4);
    const sentences = client.heard.map(([, , status, sentence]) => `${status} ${sentence}`).sort();
    assert.deepEqual(sentences, ['503 over limits.authQueueMs (300)', '503 over limits.authQueueMs (300)', '503 over limits.authQueued (2)', '503 over limits.authQueued (2)']);
  });
});
