// A cluster of three nodes when one dies with many members, and when one is cut off for longer than its lease.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import WebSocket from 'ws';
import { combination, visitors } from '../support/echo.mjs';
import { startGranting } from '../support/granting.mjs';
import { startLink } from '../support/link.mjs';
import { freePort } from '../support/ports.mjs';
import { run } from '../support/process.mjs';
import { startRedis } from '../support/redis.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { unique } from '../support/stack.mjs';
import { EXTENSION, needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';

const LEASE_MS = 4_000;
const CROWD = 500;
/** A node that is cut off notices when Redis does not answer for so long. */
const ANSWER_MS = 5_000;
const NOTICED_MS = 20_000;

/** A member by hand: a crowd of Echos would cost more than the sidecar. */
function member(node, channel, user) {
  const socket = new WebSocket(`${node.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const wanted = { channel, auth: { headers: { Authorization: `Bearer ${user}` } } };
  return new Promise((done, fail) => {
    socket.on('error', () => fail(new Error(`member ${user} lost its connection`)));
    socket.on('close', () => {});
    socket.on('message', (data) => {
      const text = data.toString();
      if (text[0] === '0') socket.send('40');
      if (text.startsWith('40')) socket.send(`42${JSON.stringify(['subscribe', wanted])}`);
      if (text === '2') socket.send('3');
      if (text.includes('presence:subscribed')) { socket.removeAllListeners('error'); socket.on('error', () => {}); done(socket); }
    });
  });
}

describe('A cluster with faults', needs('sidecar', 'extension', 'php', 'redis-server', 'redis-cli'), () => {
  let folder, redis, laravel, link, nodes, admins;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    [redis, laravel] = await Promise.all([startRedis(folder), startGranting()]);
    link = await startLink(redis.port);
    admins = await Promise.all([freePort(), freePort(), freePort()]);
    nodes = await Promise.all([redis.port, redis.port, link.port].map((port, number) => {
      const own = path.join(folder, String(number));
      mkdirSync(own);
      const cluster = { redis: { host: '127.0.0.1', port }, leaseMs: LEASE_MS };
      const admin = admins[number];
      return Sidecar.start(own, { authHost: laravel.url, subscribers: { http: true, redis: false }, admin, cluster });
    }));
  });
  after(async () => {
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    await link?.stop();
    await redis?.stop();
    laravel?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const visit = (t, node, user) => visitors(t, { sidecar: nodes[node], combination: combination('echo2', 'sio4') })({
    options: { auth: { headers: { Authorization: `Bearer ${user}` } } },
  });
  const publish = (node, channel, number) => nodes[node].api('/events', {
    method: 'POST', body: JSON.stringify({ channel, name: 'Number', data: JSON.stringify({ number }) }),
  });
  const health = async (port) => (await fetch(`http://127.0.0.1:${port}/health`)).json();
  const users = async (node, channel) => (await nodes[node].api(`/channels/${channel}/users`)).body.users.map((user) => user.id).sort();
  const numbers = (visitor, name) => visitor.hear(name, '.Number').map((data) => data.number).sort((a, b) => a - b);

  test('a node that is cut off serves its own, its members leave elsewhere, and afterwards all lists are equal', async (t) => {
    const [name, events] = [unique('cut'), unique('numbers')];
    const channel = `presence-${name}`;
    const all = await Promise.all([0, 1, 2].map((node) => visit(t, node, node + 1)));
    for (const [number, visitor] of all.entries()) {
      visitor.join(name);
      visitor.listen(visitor.echo.channel(events), '.Number');
      await visitor.hears(channel, 'here');
      await until('everybody to know', async () => (await users(0, channel)).length === number + 1);
    }
    await until('three subscribers', async () => (await nodes[0].subscribers(events)) === 3);

    link.cut();
    const cutOff = await until('it to say so', async () => [await health(admins[2])].find(({ status }) => status === 'cut off from the other nodes'));
    assert.match(cutOff.reason, /cluster\.redis/);
    assert.equal(cutOff.cluster.connected, false);
    assert.equal((await health(admins[0])).status, 'ok');
    assert.deepEqual((await all[0].hears(channel, 'leaving')).map((who) => who.name), ['user 3']);
    assert.deepEqual((await all[1].hears(channel, 'leaving')).map((who) => who.name), ['user 3']);
    // who is cut off buries nobody: it cannot know
    assert.deepEqual(all[2].hear(channel, 'leaving'), []);
    for (let number = 0; number < 20; number += 1) await publish(number % 2 === 0 ? 2 : 0, events, number);
    await all[2].hears(events, '.Number', 10);
    await all[0].hears(events, '.Number', 10);
    const late = await visit(t, 2, 4);
    late.join(name);
    await late.hears(channel, 'here');

    link.heal();
    await until('it to be well again', async () => (await health(admins[2])).status === 'ok', NOTICED_MS);
    const everything = Array.from({ length: 20 }, (_, number) => number);
    for (const visitor of all) {
      await until('all events on both sides', () => visitor.hear(events, '.Number').length >= 20, NOTICED_MS);
      assert.deepEqual(numbers(visitor, events), everything);
    }
    for (const node of [0, 1, 2]) {
      await until(`node ${node} to have the whole list`, async () => (await users(node, channel)).join() === '1,2,3,4', NOTICED_MS);
    }
    const joined = (await all[0].hears(channel, 'joining', 4)).map((who) => who.name).sort();
    assert.deepEqual(joined, ['user 2', 'user 3', 'user 3', 'user 4']);
    assert.equal(all[0].hear(channel, 'leaving').length, 1);
    assert.deepEqual(all[2].hear(channel, 'leaving'), []);
  });

  test('what was spooled while a node stood still reaches the others, though it is stopped before it has found Redis again', async (t) => {
    const name = unique('still');
    const far = await visit(t, 0, 1);
    far.listen(far.echo.channel(name), '.Number');
    await until('a subscriber', async () => (await nodes[0].subscribers(name)) === 1);
    const code = `for ($n = 0; $n < 20; $n++) rustecho_publish(['${name}'], 'Number', json_encode(['number' => $n]));`;

    link.cut();
    nodes[2].process.child.kill('SIGSTOP');
    await pause(ANSWER_MS + 1_000); // when it goes on it finds that Redis has not answered, and does not hear itself
    link.heal();
    await run('php', ['-d', `extension=${EXTENSION}`, '-d', `rustecho.socket=${nodes[2].socket}`, '-r', code]);
    const stopping = nodes[2].stop();
    nodes[2].process.child.kill('SIGCONT');
    await stopping;
    await nodes[2].start();

    // the next process may have to drain it, and gives clients their time to come back
    await until('all of them', () => far.hear(name, '.Number').length >= 20, NOTICED_MS);
    assert.deepEqual(far.hear(name, '.Number').map(({ number }) => number), Array.from({ length: 20 }, (_, number) => number));
  });

  test(`${CROWD} members of a killed node leave within its lease, and nobody else`, async (t) => {
    const name = unique('crowd');
    const channel = `presence-${name}`;
    const [watching, stays] = [await visit(t, 0, 1), await visit(t, 1, 2)];
    watching.join(name);
    await watching.hears(channel, 'here');
    stays.join(name);
    for (let first = 0; first < CROWD; first += 50) {
      await Promise.all(Array.from({ length: 50 }, (_, number) => member(nodes[2], channel, 1_000 + first + number)));
    }
    await watching.hears(channel, 'joining', CROWD + 1);

    const killed = Date.now();
    await nodes[2].stop('SIGKILL');
    const left = await watching.hears(channel, 'leaving', CROWD);
    const took = Date.now() - killed;
    assert.ok(took <= LEASE_MS, `it took ${took} ms`);
    assert.equal(new Set(left.map((who) => who.name)).size, CROWD);
    assert.ok(left.every((who) => Number(who.name.split(' ')[1]) >= 1_000));
    assert.deepEqual(await users(1, channel), [1, 2]);
    assert.equal(watching.hear(channel, 'leaving').length, CROWD);
  });

  test('a node that Redis keeps waiting says that it is behind, and why, until it is not', async (t) => {
    const [own, admin] = [path.join(folder, 'behind'), await freePort()];
    mkdirSync(own);
    // It beats each fifth of its lease, and is cut off after half of it.
    const cluster = { redis: { host: '127.0.0.1', port: redis.port }, leaseMs: 10_000 };
    const node = await Sidecar.start(own, { subscribers: { http: true, redis: false }, admin, cluster });
    t.after(() => node.stop());
    assert.equal((await health(admin)).status, 'ok');
    await redis.cli('CLIENT', 'PAUSE', '3500', 'ALL');
    const behind = await until('it to say so', async () => [await health(admin)].find(({ status }) => status !== 'ok'));
    assert.equal(behind.status, 'behind the other nodes');
    assert.match(behind.reason, /^a message takes \d+ ms through Redis/);
    await until('it to be well again', async () => (await health(admin)).status === 'ok', NOTICED_MS);
  });
});
