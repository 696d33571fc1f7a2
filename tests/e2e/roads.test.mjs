// What the sources of events promise beyond "it arrives": the old documentation's example, prefixes, fallbacks, outages.

import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { COMBINATIONS, combination, visitors } from '../support/echo.mjs';
import { run } from '../support/process.mjs';
import { EVENT, EXTENSION_ROAD, ROADS } from '../support/roads.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { unique } from '../support/stack.mjs';
import { onStack, subscribed, visiting } from '../support/suite.mjs';
import { EXTENSION } from '../support/tools.mjs';

const NEWEST = combination('echo2', 'sio4');
const DOCUMENTED = '{"event":"BroadcastEvent","data":{"user_id":111,"name":"xu","socket":null},"socket":null}';

onStack('A source of events', {}, (stack) => {
  const subscriber = async (t, channel, event = 'Note', used = NEWEST) => {
    const visitor = await visiting(t, stack, used)();
    visitor.listen(visitor.echo.channel(channel), event);
    await subscribed(stack, channel);
    return visitor;
  };

  for (const used of COMBINATIONS) {
    test(`redis-cli publishes the example of the old documentation to ${used.name}`, async (t) => {
      const anna = await subscriber(t, 'test-channel', '.BroadcastEvent', used);
      assert.equal(await stack.redis.publish('test-channel', DOCUMENTED), 1);
      assert.deepEqual(await anna.hears('test-channel', '.BroadcastEvent'), [{ user_id: 111, name: 'xu', socket: null }]);
      anna.leave();
      await subscribed(stack, 'test-channel', 0);
    });
  }

  const PAYLOAD = { text: 'ü € 𝄞 "\\/\u2028', list: [1, 2.5, -0.1, 1e21, true, false, null, [], {}], nested: { a: { b: { c: 'd' } } }, '': 0 };
  for (const connection of ['rustecho', 'rustecho-php', 'redis']) {
    test(`the ${connection} connection carries the payload as PHP encoded it`, async (t) => {
      const channel = unique('open');
      const anna = await subscriber(t, channel, '.payload');
      await stack.laravel.publish('/broadcast', { connection, channels: [channel], event: 'payload', payload: PAYLOAD });
      // PHP has no empty object: what was {} is [] for it
      const expected = { ...PAYLOAD, list: [...PAYLOAD.list.slice(0, -1), []] };
      assert.deepEqual(await anna.hears(channel, '.payload'), [expected]);
    });
  }

  test('one event on three channels reaches each of them, by each PHP connection', async (t) => {
    for (const connection of ['rustecho', 'rustecho-php', 'redis']) {
      const channels = [unique('one'), unique('two'), unique('three')];
      const anna = await visiting(t, stack, NEWEST)();
      for (const channel of channels) anna.listen(anna.echo.channel(channel), 'Note');
      for (const channel of channels) await subscribed(stack, channel);
      await stack.laravel.publish('/event', { note: connection, channels, connection });
      for (const channel of channels) assert.equal((await anna.hears(channel, 'Note'))[0].note, connection);
    }
  });

  test('one event on more channels than a frame may have reaches the last of them', async (t) => {
    for (const connection of ['rustecho', 'rustecho-php']) {
      const channels = Array.from({ length: 101 }, () => unique('many'));
      const anna = await subscriber(t, channels.at(-1));
      await stack.laravel.publish('/event', { note: connection, channels, connection });
      assert.equal((await anna.hears(channels.at(-1), 'Note'))[0].note, connection);
    }
  });

  test('the extension is what php-fpm publishes with, and it keeps its connection', async () => {
    assert.deepEqual(await (await fetch(stack.laravel.url)).json(), { laravel: await laravelVersion(), extension: true });
    const receipt = await stack.laravel.publish('/extension', { channels: [unique('open')], event: 'x', json: '{}' });
    assert.ok(receipt, 'a publish returns its receipt');
  });

  test('artisan publishes through the extension on the command line', async (t) => {
    const channel = unique('open');
    const anna = await subscriber(t, channel);
    await artisan(['-d', `extension=${EXTENSION}`], 'rustecho', channel, 'from the command line');
    assert.equal((await anna.hears(channel, 'Note'))[0].note, 'from the command line');
  });

  test('artisan without the extension takes the pure-PHP client over, and says so in one line of the log', async (t) => {
    const channel = unique('open');
    const anna = await subscriber(t, channel);
    const lines = () => stack.laravel.log().split('\n').filter((line) => /rustecho/i.test(line) && /extension/i.test(line));
    const before = lines().length;
    await artisan([], 'rustecho-auto', channel, 'first', 'second');
    assert.deepEqual((await anna.hears(channel, 'Note', 2)).map((data) => data.note), ['first', 'second']);
    assert.equal(lines().length, before + 1, lines().join('\n'));
  });

  test("Laravel's Redis prefix is cut off, and what has another prefix is not heard", async (t) => {
    const folder = mkdtempSync(path.join(stack.folder, 'prefixed-'));
    const sidecar = await Sidecar.start(folder, {
      subscribers: { http: true, redis: true },
      databaseConfig: { redis: { host: '127.0.0.1', port: stack.redis.port, keyPrefix: 'shop_database_' } },
    });
    t.after(() => sidecar.stop());
    const anna = await visitors(t, { sidecar, combination: NEWEST })();
    const channel = unique('open');
    anna.listen(anna.echo.channel(channel), 'Note');
    await subscribed({ sidecar }, channel);

    for (const prefix of ['', 'blog_database_', 'shop_database_']) {
      await stack.redis.publish(prefix + channel, JSON.stringify({ event: EVENT, data: { note: `prefix "${prefix}"` } }));
    }

    assert.deepEqual((await anna.hears(channel, 'Note')).map((data) => data.note), ['prefix "shop_database_"']);
  });

  test('Redis may go away and come back: the other roads go on meanwhile, and Redis is heard again', async (t) => {
    const channel = unique('open');
    const anna = await subscriber(t, channel);
    await stack.redis.stop();
    await EXTENSION_ROAD.publish(stack, { channel, note: 'without Redis' });
    await anna.hears(channel, 'Note');

    await stack.redis.start();

    await stack.redis.listenedTo();
    const [byCli] = ROADS.filter((road) => road.name.startsWith('redis-cli'));
    await byCli.publish(stack, { channel, note: 'Redis again' });
    assert.deepEqual((await anna.hears(channel, 'Note', 2)).map((data) => data.note), ['without Redis', 'Redis again']);
  });

  async function artisan(flags, connection, channel, ...notes) {
    const env = { ...process.env, ...stack.environment };
    return run('php', [...flags, 'artisan', 'note', connection, channel, ...notes], { cwd: stack.app, env });
  }

  async function laravelVersion() {
    return (await run('php', ['artisan', '--version'], { cwd: stack.app })).match(/[\d.]+/)[0];
  }
});
