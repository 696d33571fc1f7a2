// Who loses its connection to a bound is told which, whatever it speaks and however it is connected; who cannot be told is counted.

import assert from 'node:assert/strict';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import tls from 'node:tls';
import WebSocketClient from 'ws';
import { KIND, Publisher, idOf, publish } from '../support/frames.mjs';
import { freePort } from '../support/ports.mjs';
import { run } from '../support/process.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { sidecarFor } from './support.mjs';

const EVENT = 50_000;

async function metric(port, name) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(text.split('\n').find((one) => one.startsWith(`${name} `))?.split(' ').at(-1) ?? 0);
}

let published = 0;

/** Publishes events of so many bytes on `orders` until told to stop, `most` of them. */
async function publishUntil(t, sidecar, { size = EVENT, most, isOver }) {
  const publisher = await Publisher.connect(sidecar.socket);
  t.after(() => publisher.end());
  for (let count = 0; count < most && !await isOver(); count += 1) {
    published += 1;
    publisher.write(publish({ channels: ['orders'], event: 'N', json: JSON.stringify('x'.repeat(size)), id: idOf(published) }));
    assert.equal((await publisher.next()).kind, KIND.receipt);
  }
  await until('it to be over its bound', isOver, 20_000);
}

/** A websocket on `orders`; `heard` has its events, `closed` the code and the reason of its end. */
async function listen(t, sidecar, eio) {
  const socket = new WebSocketClient(`${sidecar.url.replace('http', 'ws')}/socket.io/?EIO=${eio}&transport=websocket`);
  t.after(() => socket.terminate());
  const client = { socket, heard: [] };
  socket.on('message', (message) => {
    const text = `${message}`;
    if (text.startsWith('0') && eio === 4) socket.send('40');
    else if (text.startsWith('40')) socket.send('42["subscribe",{"channel":"orders"}]');
    else if (text.startsWith('42')) client.heard.push(JSON.parse(text.slice(2)));
  });
  socket.on('close', (code, reason) => { client.closed = `${code} ${reason}`; }).on('error', () => {});
  await until('a subscriber', async () => await sidecar.subscribers('orders') === 1);
  return client;
}

/** A session on `orders` that polls when it is asked to, each time on a connection of its own. */
async function poll(sidecar, eio) {
  const url = `${sidecar.url}/socket.io/?EIO=${eio}&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(url)).text()).match(/\{.*?\}/)[0]);
  const post = (packet) => fetch(`${url}&sid=${sid}`, { method: 'POST', body: eio === 4 ? packet : `${packet.length}:${packet}` });
  const get = async () => (await fetch(`${url}&sid=${sid}`)).text();
  if (eio === 4) {
    await post('40');
    await get();
  }
  await post('42["subscribe",{"channel":"orders"}]');
  await until('a subscriber', async () => await sidecar.subscribers('orders') === 1);
  return { get, path: `/socket.io/?EIO=${eio}&transport=polling&sid=${sid}` };
}

/** A poll whose answer nobody takes. */
function ask(t, sidecar, { path: query }) {
  const socket = net.connect(sidecar.port, '127.0.0.1', () => socket.write(`GET ${query} HTTP/1.1\r\nHost: x\r\n\r\n`)).on('error', () => {});
  socket.pause();
  t.after(() => socket.destroy());
}

const METRICS = { 'limits.queueBytesPerSocket': 'queue_full', 'limits.queueBytes': 'queues_full', 'limits.writeTimeoutMs': 'write_timeout' };
const closedFor = (key) => `rustecho_slow_clients_closed_total{reason="${METRICS[key]}"}`;

describe('Who takes too little', needs('sidecar'), () => {
  for (const [key, limits] of [
    ['limits.queueBytesPerSocket', { queueBytesPerSocket: 2 * EVENT }],
    ['limits.queueBytes', { queueBytes: 40 * EVENT }],
    ['limits.writeTimeoutMs', { writeTimeoutMs: 400 }],
  ]) {
    for (const eio of [3, 4]) {
      test(`on a websocket of Engine.IO ${eio} is told of ${key} by an event and by the close`, async (t) => {
        const admin = await freePort();
        const sidecar = await sidecarFor(t, { admin, limits, recovery: false });
        const client = await listen(t, sidecar, eio);
        client.socket.pause();
        await publishUntil(t, sidecar, { most: 300, isOver: async () => await metric(admin, closedFor(key)) === 1 });
        client.socket.resume();
        await until('the close', () => client.closed);
        const [name, value] = Object.entries(limits)[0];
        assert.equal(client.closed, `1008 over limits.${name} (${value})`);
        assert.deepEqual(client.heard.at(-1), ['rustecho:error', { message: `the connection was over limits.${name} (${value})` }]);
        assert.equal(await metric(admin, 'rustecho_queue_bytes'), 0);
      });
    }
  }

  for (const eio of [3, 4]) {
    test(`by polling of Engine.IO ${eio} is told by its next polls`, async (t) => {
      const admin = await freePort();
      const sidecar = await sidecarFor(t, { admin, limits: { queueBytesPerSocket: 2 * EVENT }, recovery: false });
      const session = await poll(sidecar, eio);
      await publishUntil(t, sidecar, { most: 3, isOver: async () => await metric(admin, closedFor('limits.queueBytesPerSocket')) === 1 });
      assert.match(await session.get(), /^(\d+:)?42\["rustecho:error",\{"message":"the connection was over limits\.queueBytesPerSocket \(100000\)"\}\]$/);
      assert.match(await session.get(), /^(1:)?1$/);
      assert.match(await session.get(), /Session ID unknown/);
    });

    test(`of an answer to a poll of Engine.IO ${eio} is cut off, and what it does not take counts until then`, async (t) => {
      const admin = await freePort();
      const limits = { writeTimeoutMs: 500, queueBytesPerSocket: 10_000_000 };
      const sidecar = await sidecarFor(t, { admin, limits, recovery: false });
      const session = await poll(sidecar, eio);
      const waiting = () => metric(admin, 'rustecho_queue_bytes');
      await publishUntil(t, sidecar, { size: 1_000_000, most: 8, isOver: async () => await waiting() > 8_000_000 });
      ask(t, sidecar, session);
      await until('the answer to be given up', async () => await metric(admin, closedFor('limits.writeTimeoutMs')) === 1);
      await until('its room to be given back', async () => await waiting() === 0);
      await until('the log to name the key', () => sidecar.process.output.includes('over limits.writeTimeoutMs (500)'));
    });

    test(`of an answer to a poll of Engine.IO ${eio} has no more beside it than its bound`, async (t) => {
      const admin = await freePort();
      const sidecar = await sidecarFor(t, { admin, limits: { queueBytesPerSocket: 9_000_000 }, recovery: false });
      const session = await poll(sidecar, eio);
      await publishUntil(t, sidecar, { size: 1_000_000, most: 8, isOver: async () => await metric(admin, 'rustecho_queue_bytes') > 8_000_000 });
      ask(t, sidecar, session);
      const isOver = async () => await metric(admin, closedFor('limits.queueBytesPerSocket')) === 1;
      await publishUntil(t, sidecar, { size: 1_000_000, most: 2, isOver });
    });
  }
});

describe('A TLS handshake', needs('sidecar', 'openssl'), () => {
  test('that is too slow ends in time, is counted, and is named in the log once', async (t) => {
    const admin = await freePort();
    const sidecar = await sidecarFor(t, { admin });
    await sidecar.stop();
    const [cert, key] = ['cert.pem', 'key.pem'].map((name) => path.join(sidecar.folder, name));
    await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-keyout', key, '-out', cert]);
    const slow = await sidecarFor(t, { admin, protocol: 'https', sslCertPath: cert, sslKeyPath: key, limits: { handshakeMs: 700 } });
    const begun = Date.now();
    const ended = (speak) => new Promise((done) => {
      const socket = net.connect(slow.port, '127.0.0.1', () => speak(socket)).on('error', () => {}).on('close', () => done(Date.now() - begun));
      socket.resume();
    });
    const trickle = (socket) => {
      const timer = setInterval(() => socket.write('\x16\x03\x01\x02\x00\x01'.charAt(socket.bytesWritten) || 'x'), 60);
      socket.on('close', () => clearInterval(timer));
    };
    const times = await Promise.all([...Array.from({ length: 20 }, () => ended(() => {})), ended(trickle)]);
    for (const time of times) assert.ok(time >= 600 && time < 8_000, `ended after ${time} ms`);
    assert.equal(await metric(admin, 'rustecho_over_limit_total{limit="limits.handshakeMs"}'), times.length);
    const told = slow.process.output.split('\n').filter((line) => line.includes('over limits.handshakeMs (700)'));
    assert.equal(told.length, 1, told.join('\n'));
    const prompt = tls.connect({ port: slow.port, host: '127.0.0.1', rejectUnauthorized: false }, () => prompt.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    const answer = await new Promise((done) => prompt.once('data', (bytes) => done(`${bytes}`)));
    assert.match(answer, /^HTTP\/1\.1 200/);
  });
});
