// Publishes that cannot be accepted: PHP is told what is wrong and the limit; on Redis and HTTP nothing else is disturbed.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { combination } from '../support/echo.mjs';
import { EXTENSION_ROAD, ROADS } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onStack, subscribed, visiting } from '../support/suite.mjs';
import { until } from '../support/wait.mjs';

const NEWEST = combination('echo2', 'sio4');
const OLDEST = combination('echo1', 'sio2');
const TOO_LONG = 'x'.repeat(513);
const TOO_LARGE = JSON.stringify('x'.repeat(10 * 1024 * 1024));
const LIMIT_OF_DATA = /10[,_]?485[,_]?760|10 MiB/;

onStack('A publish that cannot be accepted', {}, (stack) => {
  const stillServes = async (t) => {
    const channel = unique('open');
    for (const used of [NEWEST, OLDEST]) {
      const visitor = await visiting(t, stack, used)();
      visitor.listen(visitor.echo.channel(channel), 'Note');
      await subscribed(stack, channel);
      for (const [index, road] of ROADS.entries()) {
        await road.publish(stack, { channel, note: road.name });
        assert.equal((await visitor.hears(channel, 'Note', index + 1)).at(-1).note, road.name);
      }
      visitor.leave();
      await subscribed(stack, channel, 0);
    }
  };

  describe('by rustecho_publish() throws what is wrong and the limit:', () => {
    const good = { channels: ['open'], event: 'event', json: '{}' };
    for (const [what, wrong, ...said] of [
      ['data that is no JSON', { json: '{"a":' }, /JSON/],
      ['data that is empty', { json: '' }, /JSON/],
      ['no channel', { channels: [] }, /channel/],
      ['an empty channel name', { channels: [''] }, /channel/, /empty/],
      ['a channel name of 513 bytes', { channels: [TOO_LONG] }, /channel/, /\b512\b/],
      ['101 channels', { channels: Array.from({ length: 101 }, (_, index) => `c${index}`) }, /channel/, /\b100\b/],
      ['an empty event name', { event: '' }, /event/, /empty/],
      ['an event name of 513 bytes', { event: TOO_LONG }, /event/, /\b512\b/],
      ['data over 10 MiB', { json: TOO_LARGE }, /data/, LIMIT_OF_DATA],
    ]) {
      test(what, async () => {
        const { status, body } = await stack.laravel.post('/extension', { ...good, ...wrong });
        assert.equal(status, 500, JSON.stringify(body));
        const [thrown] = body.thrown;
        assert.match(thrown.class, /^Rustecho\\/);
        for (const word of said) assert.match(thrown.message, word);
        assert.ok(thrown.message.length < 1_000, 'the message repeats what it was given');
      });
    }

    test('and the publishes after it are served', stillServes);
  });

  for (const connection of ['rustecho', 'rustecho-php']) {
    describe(`by the ${connection} connection throws a BroadcastException with what is wrong and the limit:`, () => {
      const good = { connection, channels: ['open'], event: 'event' };
      for (const [what, wrong, ...said] of [
        ['an empty channel name', { channels: [''] }, /channel/, /empty/],
        ['a channel name of 513 bytes', { channels: [TOO_LONG] }, /channel/, /\b512\b/],
        ['an event name of 513 bytes', { event: TOO_LONG }, /event/, /\b512\b/],
        ['data over 10 MiB', { payload: { x: TOO_LARGE } }, /data/, LIMIT_OF_DATA],
      ]) {
        test(what, async () => {
          const { status, body } = await stack.laravel.post('/broadcast', { ...good, ...wrong });
          assert.equal(status, 500, JSON.stringify(body));
          const [thrown, cause] = body.thrown;
          assert.equal(thrown.class, 'Illuminate\\Broadcasting\\BroadcastException');
          assert.match(cause.class, /^Rustecho\\/);
          for (const word of said) assert.match(thrown.message, word);
          assert.ok(thrown.message.length < 2_000, 'the message repeats what it was given');
        });
      }

      test('and the publishes after it are served', stillServes);
    });
  }

  describe('by Redis', () => {
    const channel = unique('quiet');
    const MESSAGES = {
      'no JSON': 'oops',
      'nothing': '',
      'null': 'null',
      'a number': '5',
      'a list': '[]',
      'an object without an event': '{"data":{}}',
      'an event name that is null': '{"event":null,"data":{}}',
      'an event name that is a number': '{"event":5,"data":{}}',
      'an event name of 513 bytes': JSON.stringify({ event: TOO_LONG, data: {} }),
      'an event name that Socket.IO has for itself': '{"event":"connect","data":{}}',
      'a hundred thousand brackets': '['.repeat(100_000),
      'half of an escape': '{"event":"x","data":"\\ud8"}',
    };
    for (const [what, message] of Object.entries(MESSAGES)) {
      test(`that is ${what} is ignored`, async (t) => {
        const anna = await visiting(t, stack, NEWEST)();
        const heard = [];
        anna.socket.onAny((...event) => heard.push(event));
        anna.listen(anna.echo.channel(channel), 'Note');
        await subscribed(stack, channel);

        assert.equal(await stack.redis.publish(channel, message), 1);
        await ROADS.find((road) => road.name === 'redis-cli PUBLISH').publish(stack, { channel, note: 'last' });

        await anna.hears(channel, 'Note');
        assert.equal(heard.length, 1, JSON.stringify(heard));
        anna.leave();
        await subscribed(stack, channel, 0);
      });
    }

    test('on a channel whose name is too long, or in bytes that are no text, is ignored', async () => {
      assert.equal(await stack.redis.publish(TOO_LONG, '{"event":"x","data":{}}'), 1);
      await stack.redis.cli('EVAL', "return redis.call('PUBLISH', '\\255\\254', '{\"event\":\"x\",\"data\":{}}')", '0');
      await stack.redis.cli('EVAL', "return redis.call('PUBLISH', 'x', '\\255\\254')", '0');
      await stack.redis.cli('EVAL', "return redis.call('PUBLISH', 'x', '{\"event\":\"x\",\"data\":\"' .. string.rep('x', 11000000) .. '\"}')", '0');
    });

    test('is logged once with its channel', async () => {
      const noisy = unique('noisy');
      for (let count = 0; count < 5; count += 1) await stack.redis.publish(noisy, 'oops');
      const lines = () => stack.sidecar.process.output.split('\n').filter((line) => line.includes(noisy));
      await until('a line of the log', () => lines().length > 0);
      await stillServes({ after: () => {} });
      assert.equal(lines().length, 1, lines().join('\n'));
    });

    test('leaves everything else as it was', stillServes);
  });

  describe('by HTTP', () => {
    const MISSING = 'Event must include channel, event name and data';
    for (const [what, body] of Object.entries({
      'no JSON': 'oops',
      'nothing': '',
      'null': 'null',
      'a list': '[]',
      'an object without a channel': '{"name":"x","data":"{}"}',
      'an object without a name': '{"channel":"x","data":"{}"}',
      'channels that are no list': '{"name":"x","channels":"x","data":"{}"}',
      'an empty channel name': '{"name":"x","channels":[""],"data":"{}"}',
      'a channel name of 513 bytes': JSON.stringify({ name: 'x', channel: TOO_LONG, data: '{}' }),
      'an event name of 513 bytes': JSON.stringify({ name: TOO_LONG, channel: 'x', data: '{}' }),
      'a hundred thousand brackets': '['.repeat(100_000),
    })) {
      test(`that is ${what} is answered with 400 and a reason`, async () => {
        const answer = await stack.sidecar.api('/events', { method: 'POST', body });
        assert.equal(answer.status, 400, JSON.stringify(answer));
        assert.equal(typeof answer.body.error, 'string', JSON.stringify(answer));
        if (what.startsWith('an object')) assert.equal(answer.body.error, MISSING);
      });
    }

    test('that is over the size limit is answered with 400 or 413', async () => {
      const body = JSON.stringify({ name: 'x', channel: 'x', data: TOO_LARGE });
      const answer = await stack.sidecar.api('/events', { method: 'POST', body });
      assert.ok([400, 413].includes(answer.status), JSON.stringify(answer));
    });

    test('and has no key, or a wrong one, is answered with 403', async () => {
      for (const authorization of ['', 'Bearer wrong', 'Bearer ']) {
        const answer = await stack.sidecar.api('/events', { method: 'POST', body: 'oops', headers: { authorization } });
        assert.deepEqual(answer, { status: 403, body: { error: 'Unauthorized' } });
      }
    });

    test('leaves everything else as it was', stillServes);
  });

  test('by the extension while the sidecar is away is spooled or throws in time, and works again afterwards', async (t) => {
    await stack.sidecar.stop();
    for (const [connection, wanted] of [['rustecho', 200], ['rustecho-php', 200], ['rustecho-throw', 500]]) {
      const began = Date.now();
      const { status, body } = await stack.laravel.post('/event', { note: 'x', channels: ['open'], connection });
      const took = Date.now() - began;
      assert.equal(status, wanted, JSON.stringify(body));
      assert.equal(body.thrown?.[0].class, wanted === 500 ? 'Illuminate\\Broadcasting\\BroadcastException' : undefined);
      assert.ok(took < 3_000, `it took ${took} ms`);
    }
    await stack.sidecar.start();
    await until('the extension to publish again', () => EXTENSION_ROAD.publish(stack, { channel: 'open', note: 'x' }));
    await stillServes(t);
  });
});
