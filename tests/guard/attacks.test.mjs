// What somebody tries who wants more than is theirs: another's channel, another's name, another's time.

import assert from 'node:assert/strict';
import http from 'node:http';
import os from 'node:os';
import { describe, test } from 'node:test';
import { KIND, Publisher, idOf, publish } from '../support/frames.mjs';
import { freePort } from '../support/ports.mjs';
import { APP } from '../support/sidecar.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, sidecarFor, startLaravel } from './support.mjs';

const member = (channel, request) => JSON.stringify({ channel_data: { user_id: request.headers['x-csrf-token'], user_info: { name: 'as Laravel says' } } });

/** Publishes one event by the HTTP API. */
async function emit(sidecar, channel, name, data, more = {}) {
  const { status } = await sidecar.api('/events', { method: 'POST', body: JSON.stringify({ channel, name, data: JSON.stringify(data), ...more }) });
  assert.equal(status, 200);
}

/** Waits until everything that the client has sent so far is handled. */
async function handled(sidecar, client) {
  const channel = `mark-${Math.random()}`;
  client.subscribe(channel);
  await until('what the client has sent to be handled', async () => await sidecar.subscribers(channel) === 1);
}

/** A request with headers that `fetch` does not let one choose. */
function ask(port, path, headers = {}, method = 'GET', host = '127.0.0.1') {
  return new Promise((done, fail) => {
    const request = http.request({ host, port, path, method, headers }, async (response) => {
      let body = '';
      for await (const piece of response) body += piece;
      done({ status: response.statusCode, body });
    });
    request.once('error', fail).end();
  });
}

describe('A channel', needs('sidecar'), () => {
  test('is authorised by the very name that is joined, byte for byte', async (t) => {
    const laravel = await startLaravel(t);
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false, limits: { channelCharacters: 'any' } });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    const names = [
      'private-orders.1\n', 'private-orders.1 ', 'private-orders.1\u0000', 'private-orders.１', 'private-ORDERS.1', 'private-private-orders.1',
      'private-orders.1&channel_name=private-orders.2', 'private-orders.1%0A', 'private-caf\u00e9', 'private-cafe\u0301',
    ];
    for (const name of names) client.subscribe(name);
    await until('the questions', () => laravel.asked.length === names.length);
    assert.deepEqual(laravel.asked.map(({ channel }) => channel).sort(), [...names].sort());
    for (const name of names) await until(`the subscription to ${JSON.stringify(name)}`, async () => await sidecar.subscribers(name) === 1);
    await emit(sidecar, 'private-orders.1', 'E', 'for another channel');
    for (const name of names) await emit(sidecar, name, 'E', name);
    await until('the events', () => client.heard.length === names.length);
    assert.deepEqual(client.heard, names.map((name) => ['E', name, name]));
  });

  test('with control characters in its name does not exist by default, be it guarded or not', async (t) => {
    const laravel = await startLaravel(t);
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    for (const name of ['private-orders.1\n', 'open\r\n', 'presence-\u0000', 'private-\u0085']) {
      client.heard.length = 0;
      client.subscribe(name);
      assert.deepEqual((await client.hears('subscription_error')).slice(1, 4), [name, 400, 'over limits.channelCharacters (printable)']);
    }
    assert.equal(laravel.asked.length, 0);
  });

  test('that another socket\'s id names is a channel like any other: nothing of that socket\'s is heard there', async (t) => {
    const laravel = await startLaravel(t, { answer: member });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false });
    const [victim, spy] = [await Client.open(sidecar), await Client.open(sidecar)];
    t.after(() => [victim, spy].forEach((client) => client.close()));
    victim.subscribe('presence-room', { 'X-CSRF-TOKEN': '1' });
    await victim.hears('presence:subscribed');
    for (const name of [victim.id, `/#${victim.id}`, '', '/', '*', '#']) spy.subscribe(name);
    await handled(sidecar, spy);
    victim.subscribe('presence-other', { 'X-CSRF-TOKEN': '1' });
    await until('the second member list', () => victim.heard.filter(([name]) => name === 'presence:subscribed').length === 2);
    await emit(sidecar, 'presence-room', 'E', 1);
    await victim.hears('E');
    await handled(sidecar, spy);
    assert.deepEqual(spy.heard, []);
  });

  test('has the members that Laravel names and no others, whatever the client says of itself', async (t) => {
    const laravel = await startLaravel(t, { answer: member });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    const claims = { channel_data: '{"user_id":"admin"}', user_id: 'admin', user_info: { admin: true }, member: { user_id: 'admin' }, socketId: 'x', socket: 'x' };
    client.emit('subscribe', { channel: 'presence-room', auth: { headers: { 'X-CSRF-TOKEN': '7' }, ...claims }, ...claims });
    const [, , here] = await client.hears('presence:subscribed');
    assert.deepEqual(here.map(({ user_id: id, user_info: info }) => [id, info]), [['7', { name: 'as Laravel says' }]]);
    for (const name of ['presence:joining', 'presence:leaving', 'presence:subscribed']) {
      client.emit('client event', { channel: 'presence-room', event: name, data: claims });
      client.emit(name, 'presence-room', claims);
    }
    await handled(sidecar, client);
    const { body } = await sidecar.api('/channels/presence-room/users');
    assert.deepEqual(body.users.map(({ id }) => id), ['7']);
  });

  test('tells nobody the id by which a polling Socket.IO 2 client goes on with its session', async (t) => {
    const laravel = await startLaravel(t, { answer: member });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false });
    const join = (user) => ({ channel: 'presence-room', auth: { headers: { 'X-CSRF-TOKEN': user } } });
    const spy = await Client.open(sidecar);
    t.after(() => spy.close());
    spy.emit('subscribe', join('1'));
    await spy.hears('presence:subscribed');

    const polling = (sid) => `${sidecar.url}/socket.io/?EIO=3&transport=polling&sid=${sid}`;
    const opened = await (await fetch(`${sidecar.url}/socket.io/?EIO=3&transport=polling`)).text();
    const { sid } = JSON.parse(opened.match(/0(\{[^}]*\})/)[1]);
    const packet = `42${JSON.stringify(['subscribe', join('2')])}`;
    const sent = await fetch(polling(sid), { method: 'POST', headers: { 'content-type': 'text/plain' }, body: `${packet.length}:${packet}` });
    assert.equal(sent.status, 200);
    const [, , victim] = await spy.hears('presence:joining');
    assert.equal(victim.user_id, '2');
    assert.match(victim.socketId, /^[\w-]{20}$/);

    const late = await Client.open(sidecar);
    t.after(() => late.close());
    late.emit('subscribe', join('3'));
    const [, , here] = await late.hears('presence:subscribed');
    assert.ok(here.some(({ socketId }) => socketId === victim.socketId));
    assert.ok(!JSON.stringify([spy.heard, late.heard]).includes(sid), 'the id is told');
    assert.equal((await fetch(polling(victim.socketId))).status, 400);
    assert.equal((await fetch(polling(sid))).status, 200);
  });
});

describe('A whisper', needs('sidecar'), () => {
  test('is made anew of channel, event and data: nothing else of the sender\'s reaches anybody', async (t) => {
    const laravel = await startLaravel(t);
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false });
    const [speaker, listener] = [await Client.open(sidecar), await Client.open(sidecar)];
    t.after(() => [speaker, listener].forEach((client) => client.close()));
    for (const client of [speaker, listener]) client.subscribe('private-x');
    await until('two subscribers', async () => await sidecar.subscribers('private-x') === 2);
    speaker.emit('client event', { channel: 'private-x', event: 'client-x', data: { n: 1 }, user_id: 'admin', socket: listener.id, except: listener.id, room: 'open' });
    await listener.hears('client-x');
    assert.deepEqual(listener.heard, [['client-x', 'private-x', { n: 1 }]]);
  });

  test('needs a place on a guarded channel at that moment', async (t) => {
    const laravel = await startLaravel(t, { answer: (channel) => (channel === 'private-denied' ? 'false' : 'true') });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false });
    const [speaker, listener] = [await Client.open(sidecar), await Client.open(sidecar)];
    t.after(() => [speaker, listener].forEach((client) => client.close()));
    for (const channel of ['open', 'private-left', 'private-never', 'private-x']) listener.subscribe(channel);
    for (const channel of ['open', 'private-left', 'private-denied', 'private-x']) speaker.subscribe(channel);
    await until('the channels', async () => await sidecar.subscribers('private-x') === 2 && await sidecar.subscribers('private-left') === 2);
    await speaker.hears('subscription_error');
    speaker.emit('unsubscribe', { channel: 'private-left', auth: {} });
    for (const channel of ['open', 'private-left', 'private-never', 'private-denied', 'private-X', 'private-x ']) {
      speaker.emit('client event', { channel, event: 'client-x', data: 1 });
    }
    // Names that are Laravel's, or Socket.IO's own.
    for (const event of ['App\\Events\\Paid', 'presence:joining', 'connect', 'disconnect', 'error', '']) {
      speaker.emit('client event', { channel: 'private-x', event, data: 1 });
    }
    speaker.emit('client event', { channel: 'private-x', event: 'client-allowed', data: 1 });
    await listener.hears('client-allowed');
    assert.deepEqual(listener.heard, [['client-allowed', 'private-x', 1]]);
  });
});

describe('The HTTP API', needs('sidecar'), () => {
  test('tells whoever has no key nothing, not even which apps there are', async (t) => {
    const sidecar = await sidecarFor(t);
    const answers = new Set();
    for (const app of [APP.appId, 'nobody', 'constructor', '__proto__']) {
      for (const key of ['', 'x', APP.key.slice(0, -1), `${APP.key}x`, APP.key.toUpperCase(), ` ${APP.key} `.repeat(2), 'x'.repeat(30_000)]) {
        const { status, body } = await ask(sidecar.port, `/apps/${app}/channels`, { Authorization: `Bearer ${key}` });
        answers.add(`${status} ${body}`);
      }
    }
    assert.deepEqual([...answers], ['403 {"error":"Unauthorized"}']);
  });
});

describe('The admin listener', needs('sidecar'), () => {
  test('is on the loopback address alone, and not on the port of the visitors', async (t) => {
    const port = await freePort();
    const sidecar = await sidecarFor(t, { host: '0.0.0.0', admin: port });
    for (const path of ['/metrics', '/api/status', '/health', '/api/publish']) {
      assert.equal((await ask(sidecar.port, path)).status, 404, path);
    }
    assert.equal((await ask(port, '/metrics')).status, 200);
    const others = Object.values(os.networkInterfaces()).flat().filter(({ internal, family }) => !internal && family === 'IPv4');
    for (const { address } of others) {
      await assert.rejects(ask(port, '/metrics', {}, 'GET', address), { code: 'ECONNREFUSED' });
      assert.equal((await ask(sidecar.port, '/', {}, 'GET', address)).status, 200);
    }
  });

  test('answers no page of another site, by whatever name it was made to point here', async (t) => {
    const port = await freePort();
    await sidecarFor(t, { admin: port });
    for (const headers of [{ Host: 'evil.test' }, { Host: `evil.test:${port}` }, { Origin: 'https://evil.test' }, { Host: '127.0.0.1.evil.test' }]) {
      assert.equal((await ask(port, '/metrics', headers)).status, 403, JSON.stringify(headers));
      assert.equal((await ask(port, '/api/status', headers)).status, 403, JSON.stringify(headers));
    }
    assert.equal((await ask(port, '/api/publish', { 'Content-Type': 'application/json' }, 'POST')).status, 403, 'without a key nobody publishes from here');
  });

  test('with a key answers nobody without it, probes excepted', async (t) => {
    const [port, key] = [await freePort(), 'a-key-of-sixteen-or-more'];
    await sidecarFor(t, { admin: { port, key } });
    for (const shown of [undefined, 'Bearer ', 'Bearer wrong', key, `Bearer ${key}x`, `Basic ${key}`]) {
      assert.equal((await ask(port, '/metrics', shown === undefined ? {} : { Authorization: shown })).status, 401, shown);
    }
    assert.equal((await ask(port, `/metrics?key=${key}`)).status, 401);
    assert.equal((await ask(port, '/metrics', { Authorization: `Bearer ${key}` })).status, 200);
    assert.equal((await ask(port, '/health')).status, 200);
  });
});

describe('A flood', needs('sidecar'), () => {
  test('by one publisher does not keep another one waiting', async (t) => {
    const sidecar = await sidecarFor(t);
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    client.subscribe('orders');
    await until('the subscription', async () => await sidecar.subscribers('orders') === 1);
    const flooder = await Publisher.connect(sidecar.socket);
    t.after(() => flooder.end());
    // What it is answered is thrown away, so that it can go on.
    flooder.socket.removeAllListeners('data').resume();
    const frames = Buffer.concat(Array.from({ length: 500 }, (_, at) => publish({ channels: ['flooded'], event: 'E', json: JSON.stringify('x'.repeat(200)), id: idOf(1_000 + at) })));
    let on = true;
    const flood = () => { while (on && flooder.socket.write(frames)); };
    flooder.socket.on('drain', flood);
    flood();
    const other = await Publisher.connect(sidecar.socket);
    t.after(() => other.end());
    const times = [];
    for (let number = 1; number <= 50; number += 1) {
      const began = performance.now();
      other.write(publish({ channels: ['orders'], event: 'N', json: String(number), id: idOf(number) }));
      assert.equal((await other.next()).kind, KIND.receipt);
      times.push(performance.now() - began);
    }
    on = false;
    await until('the events', () => client.heard.length === 50);
    times.sort((a, b) => a - b);
    t.diagnostic(`receipts beside a flood: median ${times[25].toFixed(1)} ms, slowest ${times[49].toFixed(1)} ms`);
    // Each poll of `next` takes 20 ms; seconds would be a queue behind the flood.
    assert.ok(times[49] < 2_000, `one took ${times[49]} ms`);
  });
});
