// Three nodes, each in a network namespace of its own with a real link to Redis, when one of those links is cut and mended.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { combination, visitors } from '../support/echo.mjs';
import { startGranting } from '../support/granting.mjs';
import { Place, insideOwnNamespace, prepareNetwork } from '../support/namespaces.mjs';
import { startRedis } from '../support/redis.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { unique } from '../support/stack.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';

const LEASE_MS = 2_000;
/** What a cut or a mended link may take to be noticed: TCP itself tries less and less often. */
const NOTICED_MS = 30_000;

const options = needs('sidecar', 'redis-server', 'redis-cli', 'namespaces');
if (!options.skip) await insideOwnNamespace();

describe('A network of three nodes and a Redis', options, () => {
  let folder, redis, laravel, places, nodes;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    await prepareNetwork();
    [redis, laravel] = await Promise.all([startRedis(folder, { bind: '0.0.0.0' }), startGranting({ host: '0.0.0.0' })]);
    places = await Promise.all([1, 2, 3].map((number) => Place.make(number)));
    nodes = await Promise.all(places.map(async (place, number) => {
      const own = path.join(folder, String(number));
      mkdirSync(own);
      const node = await Sidecar.configure(own, {
        host: '0.0.0.0',
        authHost: `http://${place.outside}:${laravel.port}`,
        subscribers: { http: true, redis: false },
        cluster: { redis: { host: place.redis, port: redis.port }, leaseMs: LEASE_MS },
      });
      return Object.assign(node, { enter: place.enter, url: `http://${place.address}:${node.port}` }).start();
    }));
  });
  after(async () => {
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    await Promise.all((places ?? []).map((place) => place.stop()));
    await redis?.stop();
    laravel?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const visit = (t, node, user) => visitors(t, { sidecar: nodes[node], combination: combination('echo2', 'sio4') })({
    options: { auth: { headers: { Authorization: `Bearer ${user}` } } },
  });
  const users = async (node, channel) => (await nodes[node].api(`/channels/${channel}/users`)).body.users.map(({ id }) => id).sort();
  const heard = (visitor, channel, what) => visitor.hear(channel, what).map(({ name }) => name).sort();

  test('whose link to Redis is cut for longer than the lease lists the same members at every node once it is mended', async (t) => {
    const name = unique('partition');
    const channel = `presence-${name}`;
    const join = async (node, user) => {
      const visitor = await visit(t, node, user);
      visitor.join(name);
      await visitor.hears(channel, 'here');
      for (const each of [0, 1, 2]) await until(`node ${each} to list user ${user}`, async () => (await users(each, channel)).includes(user));
      return visitor;
    };
    const [one, two, three] = [await join(0, 1), await join(1, 2), await join(2, 3)];
    // a second page of user 1, on the side that will be cut off
    const tab = await join(2, 1);
    assert.deepEqual(heard(one, channel, 'joining'), ['user 2', 'user 3']);

    await places[2].back.cut();
    for (const visitor of [one, two]) {
      await until('user 3 to have left', () => heard(visitor, channel, 'leaving').length > 0, NOTICED_MS);
      assert.deepEqual(heard(visitor, channel, 'leaving'), ['user 3'], 'the first page of user 1 is still here');
    }
    for (const visitor of [three, tab]) assert.deepEqual(heard(visitor, channel, 'leaving'), [], 'who is cut off cannot know who left');
    // each side goes on by itself: one comes here, one goes there
    const four = await visit(t, 2, 4);
    four.join(name);
    await four.hears(channel, 'here');
    two.socket.disconnect();
    await until('user 2 to have left', () => heard(one, channel, 'leaving').includes('user 2'), NOTICED_MS);
    assert.deepEqual(await users(0, channel), [1]);
    assert.deepEqual(await users(2, channel), [1, 2, 3, 4]);

    await places[2].back.heal();
    for (const node of [0, 1, 2]) {
      await until(`node ${node} to list who is there`, async () => (await users(node, channel)).join() === '1,3,4', NOTICED_MS);
    }
    // and the pages were told exactly that
    await until('user 4 to be announced', () => heard(one, channel, 'joining').includes('user 4'), NOTICED_MS);
    assert.deepEqual(heard(one, channel, 'joining'), ['user 2', 'user 3', 'user 3', 'user 4']);
    assert.deepEqual(heard(one, channel, 'leaving'), ['user 2', 'user 3']);
    for (const visitor of [three, tab, four]) {
      await until('user 2 to have left there, too', () => heard(visitor, channel, 'leaving').length > 0, NOTICED_MS);
      assert.deepEqual(heard(visitor, channel, 'leaving'), ['user 2']);
    }
    assert.deepEqual([heard(three, channel, 'joining'), heard(tab, channel, 'joining'), heard(four, channel, 'joining')], [['user 4'], ['user 4'], []]);
  });
});
