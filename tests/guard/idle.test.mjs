// Sockets that hold a place and want nothing, with the clients that people run.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import io2 from 'sio2';
import { io as io4 } from 'sio4';
import { freePort } from '../support/ports.mjs';
import { needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';
import { sidecarFor, startLaravel } from './support.mjs';

const LONGEST_MS = 1_500;

/** A client that notes when it was closed, and does not come back. */
async function connect(t, io, sidecar, transport) {
  const socket = io(sidecar.url, { transports: [transport], reconnection: false, forceNew: true });
  const client = { socket, since: Date.now(), subscribe: (channel) => socket.emit('subscribe', { channel, auth: {} }), unsubscribe: (channel) => socket.emit('unsubscribe', { channel, auth: {} }) };
  socket.on('disconnect', () => { client.closed = Date.now(); });
  t.after(() => socket.close());
  await until('the client to be connected', () => socket.connected);
  return client;
}

describe('Sockets', needs('sidecar'), () => {
  test('that are on no channel are closed after limits.subscribeMs, and no other', async (t) => {
    const admin = await freePort();
    const laravel = await startLaravel(t, { answer: (channel) => JSON.stringify(channel !== 'private-denied') });
    const sidecar = await sidecarFor(t, { admin, authHost: laravel.url, limits: { subscribeMs: LONGEST_MS } });
    const kinds = [io2, io4].flatMap((io) => ['websocket', 'polling'].map((transport) => [io, transport]));
    const clients = () => Promise.all(kinds.map(([io, transport]) => connect(t, io, sidecar, transport)));
    const [idle, denied, staying, leaving] = [await clients(), await clients(), await clients(), await clients()];
    denied.forEach((client) => client.subscribe('private-denied'));
    [...staying, ...leaving].forEach((client) => client.subscribe('orders'));
    leaving.forEach((client) => client.subscribe('private-more'));
    await until('the subscriptions', async () => await sidecar.subscribers('orders') === 8 && await sidecar.subscribers('private-more') === 4);

    await until('those without a channel to be closed', () => [...idle, ...denied].every(({ closed }) => closed));
    for (const { closed, since } of idle) assert.ok(closed - since >= LONGEST_MS, `after ${closed - since} ms`);
    leaving.forEach((client) => client.unsubscribe('orders'));
    await pause(LONGEST_MS + 2_000); // two looks more than it takes
    assert.deepEqual([...staying, ...leaving].map(({ closed }) => closed), Array(8).fill(undefined), 'one channel is enough');

    const left = Date.now();
    leaving.forEach((client) => client.unsubscribe('private-more'));
    await until('those that left to be closed', () => leaving.every(({ closed }) => closed));
    for (const { closed } of leaving) assert.ok(closed - left >= LONGEST_MS, `after ${closed - left} ms`);
    assert.ok(staying.every(({ closed }) => !closed));

    const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
    assert.match(metrics, /^rustecho_over_limit_total\{limit="limits\.subscribeMs"\} 12$/m);
    assert.ok(sidecar.process.output.includes(`over limits.subscribeMs (${LONGEST_MS})`));
  });

  test('that are on no channel stay where nothing is set', async (t) => {
    const sidecar = await sidecarFor(t);
    const client = await connect(t, io4, sidecar, 'websocket');
    await pause(3_000);
    assert.ok(client.socket.connected);
  });
});
