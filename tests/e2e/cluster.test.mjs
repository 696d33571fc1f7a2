// Three nodes that serve as one, on a real Redis: events, whispers, presence and counts, and what happens when one of them dies.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { combination, visitors } from '../support/echo.mjs';
import { startGranting } from '../support/granting.mjs';
import { startRedis } from '../support/redis.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { unique } from '../support/stack.mjs';
import { needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';

const LEASE_MS = 4_000;
const NEW = combination('echo2', 'sio4');
const OLD = combination('echo1', 'sio2');

/** `XADD key * m bytes`, which redis-cli cannot say of any bytes. */
async function appendTo(redis, key, bytes) {
  const socket = net.connect(redis.port, '127.0.0.1');
  const words = ['XADD', key, '*', 'm', bytes].map((word) => Buffer.from(word));
  const parts = words.flatMap((word) => [Buffer.from(`$${word.length}\r\n`), word, Buffer.from('\r\n')]);
  socket.write(Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...parts]));
  const [answer] = await once(socket, 'data');
  socket.destroy();
  assert.equal(answer.toString()[0], '$', answer.toString());
}

const ids = (members) => members.map((member) => member.name).sort();

describe('A cluster of three nodes', needs('sidecar', 'redis-server', 'redis-cli'), () => {
  let folder, redis, laravel, nodes;
  const startNode = (name) => {
    const own = path.join(folder, name);
    mkdirSync(own, { recursive: true });
    return Sidecar.start(own, {
      authHost: laravel.url,
      subscribers: { http: true, redis: true },
      databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } },
      cluster: { redis: true, secret: 'a secret of the three nodes', leaseMs: LEASE_MS },
    });
  };
  /** A visitor of one node. */
  const visit = (t, node, user, used = NEW) =>
    visitors(t, { sidecar: nodes[node], combination: used })({ options: { auth: { headers: { Authorization: `Bearer ${user}` } } } });
  const publish = async (node, event) => {
    const { status, body } = await nodes[node].api('/events', { method: 'POST', body: JSON.stringify(event) });
    assert.equal(status, 200, JSON.stringify(body));
  };
  const subscribers = (count, channel) => until(`${count} subscribers of ${channel} at every node`, async () => {
    const counts = await Promise.all(nodes.map((node) => node.subscribers(channel)));
    if (counts.every((one) => one === count)) return true;
    throw new Error(`counted ${counts}`);
  });

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    [redis, laravel] = await Promise.all([startRedis(folder), startGranting()]);
    nodes = await Promise.all(['a', 'b', 'c'].map(startNode));
  });
  after(async () => {
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    await redis?.stop();
    laravel?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('takes an event to the subscribers of every node once, in its publisher\'s order', async (t) => {
    const name = unique('orders');
    const all = [await visit(t, 0, 1), await visit(t, 1, 2, OLD), await visit(t, 2, 3)];
    all.forEach((visitor) => visitor.listen(visitor.echo.channel(name), '.Shipped'));
    await subscribers(3, name);
    for (let number = 0; number < 200; number += 1) {
      await publish(1, { channel: name, name: 'Shipped', data: JSON.stringify({ number }) });
    }
    for (const visitor of all) {
      const heard = (await visitor.hears(name, '.Shipped', 200)).map((data) => data.number);
      assert.deepEqual(heard, Array.from({ length: 200 }, (_, number) => number));
    }
  });

  test('gets an event from Redis once, and does not relay it', async (t) => {
    const name = unique('legacy');
    const all = await Promise.all([0, 1, 2].map((node) => visit(t, node, node)));
    all.forEach((visitor) => visitor.listen(visitor.echo.channel(name), '.Legacy', '.Last'));
    await subscribers(3, name);
    await redis.publish(name, JSON.stringify({ event: 'Legacy', data: {} }));
    await publish(0, { channel: name, name: 'Last', data: '{}' });
    for (const visitor of all) {
      await visitor.hears(name, '.Last');
      assert.equal((await visitor.hears(name, '.Legacy')).length, 1);
    }
  });

  test('keeps an event from the socket that caused it, whichever node that is on', async (t) => {
    const name = unique('others');
    const [sender, other] = [await visit(t, 0, 1), await visit(t, 2, 2, OLD)];
    for (const visitor of [sender, other]) visitor.listen(visitor.echo.channel(name), '.Edited', '.Last');
    await subscribers(2, name);
    await publish(1, { channel: name, name: 'Edited', data: '{}', socket_id: sender.echo.socketId() });
    await publish(1, { channel: name, name: 'Last', data: '{}' });
    await other.hears(name, '.Edited');
    await sender.hears(name, '.Last');
    assert.deepEqual(sender.hear(name, '.Edited'), []);
  });

  test('takes whispers to the other nodes', async (t) => {
    const name = unique('chat');
    const [anna, berta] = [await visit(t, 0, 1), await visit(t, 1, 2, OLD)];
    const channels = [anna, berta].map((visitor) => visitor.echo.private(name));
    const heard = [];
    channels[1].listenForWhisper('typing', (data) => heard.push(data));
    await subscribers(2, `private-${name}`);
    channels[0].whisper('typing', { name: 'Anna' });
    await until('the whisper', () => heard.length > 0);
    assert.deepEqual(heard, [{ name: 'Anna' }]);
  });

  test('has one list of members, and tells joining and leaving once for a user with tabs at two nodes', async (t) => {
    const name = unique('room');
    const channel = `presence-${name}`;
    const berta = await visit(t, 1, 2);
    berta.join(name);
    await berta.hears(channel, 'here');
    const tabs = [await visit(t, 0, 1), await visit(t, 2, 1, OLD)];
    tabs[0].join(name);
    assert.deepEqual(ids(await berta.hears(channel, 'joining')), ['user 1']);
    assert.deepEqual(ids((await tabs[0].hears(channel, 'here'))[0]), ['user 1', 'user 2']);
    tabs[1].join(name);
    assert.deepEqual(ids((await tabs[1].hears(channel, 'here'))[0]), ['user 1', 'user 2']);
    await subscribers(3, channel);
    for (const node of nodes) {
      const { body } = await node.api(`/channels/${channel}/users`);
      assert.deepEqual(body.users.map((user) => user.id).sort(), [1, 2]);
    }
    tabs[0].echo.leave(name);
    await subscribers(2, channel);
    tabs[1].echo.leave(name);
    assert.deepEqual(ids(await berta.hears(channel, 'leaving')), ['user 1']);
    assert.equal(berta.hear(channel, 'joining').length, 1);
  });

  test('sees exactly the members of a killed node leave within its lease, and catches up with one that starts', async (t) => {
    const name = unique('lease');
    const channel = `presence-${name}`;
    const watching = await visit(t, 0, 1);
    watching.join(name);
    await watching.hears(channel, 'here');
    const [stays, ...goes] = [await visit(t, 1, 2), await visit(t, 2, 3), await visit(t, 2, 4)];
    [stays, ...goes].forEach((visitor) => visitor.join(name));
    await watching.hears(channel, 'joining', 3);
    goes.forEach((visitor) => visitor.socket.io.reconnection(false));

    const killed = Date.now();
    await nodes[2].stop('SIGKILL');
    assert.deepEqual(ids(await watching.hears(channel, 'leaving', 2)), ['user 3', 'user 4']);
    const took = Date.now() - killed;
    assert.ok(took <= LEASE_MS, `it took ${took} ms`);

    await nodes[2].start();
    const late = await visit(t, 2, 5);
    late.join(name);
    assert.deepEqual(ids((await late.hears(channel, 'here'))[0]), ['user 1', 'user 2', 'user 5']);
    assert.deepEqual(ids(await watching.hears(channel, 'leaving', 2)), ['user 3', 'user 4']);
  });

  test('names all members to the first client of a node that starts, also those of a node that is slow to answer', async (t) => {
    const name = unique('slow');
    const channel = `presence-${name}`;
    const [slow, goes] = [await visit(t, 0, 1), await visit(t, 2, 3)];
    slow.join(name);
    await slow.hears(channel, 'here');
    goes.join(name);
    await slow.hears(channel, 'joining');
    goes.socket.io.reconnection(false);
    await nodes[2].stop('SIGKILL');
    await slow.hears(channel, 'leaving');

    nodes[0].process.child.kill('SIGSTOP');
    const started = nodes[2].start();
    await pause(500);
    nodes[0].process.child.kill('SIGCONT');
    await started;
    const first = await visit(t, 2, 2);
    first.join(name);
    assert.deepEqual(ids((await first.hears(channel, 'here'))[0]), ['user 1', 'user 2']);
  });

  test('serves its own clients while Redis is away, and catches up without loss or repetition', async (t) => {
    const name = unique('away');
    const all = await Promise.all([0, 1, 2].map((node) => visit(t, node, node)));
    all.forEach((visitor) => visitor.listen(visitor.echo.channel(name), '.Number'));
    await subscribers(3, name);
    await redis.stop();
    for (let number = 0; number < 50; number += 1) {
      await publish(0, { channel: name, name: 'Number', data: JSON.stringify({ number }) });
    }
    await all[0].hears(name, '.Number', 50);
    assert.deepEqual(all[1].hear(name, '.Number'), []);
    await redis.start();
    for (const visitor of all) {
      const heard = (await visitor.hears(name, '.Number', 50)).map((data) => data.number);
      assert.deepEqual(heard, Array.from({ length: 50 }, (_, number) => number));
    }
  });

  test('takes nothing from a stranger who writes to the same Redis', async (t) => {
    const name = unique('forged');
    const anna = await visit(t, 0, 1);
    anna.listen(anna.echo.channel(name), '.Forged', '.Last');
    await subscribers(1, name);
    const body = { node: 1, seq: 1, body: { event: { channels: [name], event: 'Forged', data: {} } } };
    const forged = Buffer.concat([Buffer.from([3]), Buffer.alloc(32), Buffer.from(JSON.stringify(body))]);
    await appendTo(redis, 'rustecho:cluster', forged);
    await redis.cli('XADD', 'rustecho:cluster', '*', 'other', 'field');
    await publish(1, { channel: name, name: 'Last', data: '{}' });
    await anna.hears(name, '.Last');
    assert.deepEqual(anna.hear(name, '.Forged'), []);
  });
});
