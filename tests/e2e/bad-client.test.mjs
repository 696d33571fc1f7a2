// Clients that send nonsense: answered or ignored, never fatal, and nobody else notices.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import WebSocketClient from 'ws';
import { combination } from '../support/echo.mjs';
import { EXTENSION_ROAD } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onStack, subscribed, visiting } from '../support/suite.mjs';
import { until } from '../support/wait.mjs';

const TEN_MEGABYTES = 'x'.repeat(10_000_000);
const deep = (levels) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

const PAYLOADS = {
  'nothing': [],
  'null': [null],
  'a number': [5],
  'true': [true],
  'a text': ['channel'],
  'an empty list': [[]],
  'a list': [['a', 'b']],
  'an empty object': [{}],
  'many arguments': [{}, {}, null, 1, 'x'],
  'the channel null': [{ channel: null }],
  'the channel 5': [{ channel: 5 }],
  'the channel -1e308': [{ channel: -1e308 }],
  'the channel false': [{ channel: false }],
  'a list as the channel': [{ channel: ['a', 'private-b'] }],
  'an object as the channel': [{ channel: { channel: 'a' } }],
  'an empty channel': [{ channel: '' }],
  'the channel __proto__': [{ channel: '__proto__' }],
  'the channel constructor': [{ channel: 'constructor' }],
  'the channel toString': [{ channel: 'toString' }],
  'a channel of 10,000 bytes': [{ channel: 'x'.repeat(10_000) }],
  'a guarded channel of 10,000 bytes': [{ channel: `private-${'x'.repeat(10_000)}` }],
  'a channel with NUL and line breaks': [{ channel: 'private-\0\r\nx: y' }],
  'half a surrogate as the channel': [{ channel: 'private-\ud800' }],
  'auth that is a text': [{ channel: 'private-x', auth: 'x' }],
  'auth.headers that is a text': [{ channel: 'private-x', auth: { headers: 'x' } }],
  'auth.headers with line breaks': [{ channel: 'private-x', auth: { headers: { 'X-A': 'a\r\nX-B: b', 'X\nY': 'z' } } }],
  'auth.headers with __proto__': [JSON.parse('{"channel":"private-x","auth":{"headers":{"__proto__":{"a":1}}}}')],
  'a thousand levels of lists': [deep(1_000)],
  'an event and data that are null': [{ channel: 'private-x', event: null, data: null }],
  'an event that is a list': [{ channel: 'private-x', event: ['client-x'], data: 1 }],
  'text that is half JSON': ['{"channel":"private-x","event":"client-'],
  'bytes': [Buffer.from([1, 2, 3])],
};

onStack('A client that sends', {}, (stack) => {
  for (const used of ['sio2', 'sio4'].map((client) => combination('echo2', client))) {
    describe(`by ${used.name}`, () => {
      for (const event of ['subscribe', 'unsubscribe', 'client event']) {
        for (const [what, payload] of Object.entries(PAYLOADS)) {
          test(`${event} with ${what} does no harm to itself or others`, async (t) => {
            const visit = visiting(t, stack, used);
            const [bad, bystander] = [await visit({ user: 1 }), await visit()];
            const channel = unique('open');
            bystander.listen(bystander.echo.channel(channel), 'Note');

            bad.socket.emit(event, ...payload);
            bad.listen(bad.echo.channel(channel), 'Note');

            await subscribed(stack, channel, 2);
            await EXTENSION_ROAD.publish(stack, { channel, note: 'still here' });
            for (const visitor of [bad, bystander]) await visitor.hears(channel, 'Note');
          });
        }

        test(`${event} with 10 MB is closed or ignored, and others do not notice`, async (t) => {
          const visit = visiting(t, stack, used);
          const [bad, bystander] = [await visit({ user: 1, options: { reconnection: false } }), await visit()];
          const channel = unique('open');
          bystander.listen(bystander.echo.channel(channel), 'Note');
          await subscribed(stack, channel);

          bad.socket.emit(event, { channel: TEN_MEGABYTES, event: 'client-x', data: TEN_MEGABYTES });

          await until('the socket that sent it to be closed', () => !bad.socket.connected);
          await EXTENSION_ROAD.publish(stack, { channel, note: 'still here' });
          await bystander.hears(channel, 'Note');
          assert.equal(stack.sidecar.process.ended, undefined);
        });
      }

      test('events that nobody knows, with and without an acknowledgement, is ignored', async (t) => {
        const bad = await visiting(t, stack, used)();
        const channel = unique('open');
        for (const event of ['x', '', 'presence:joining', 'subscription_error', 'message', '__proto__']) {
          bad.socket.emit(event, { channel });
          bad.socket.emit(event, { channel }, () => {});
        }
        bad.listen(bad.echo.channel(channel), 'Note');
        await subscribed(stack, channel);
        await EXTENSION_ROAD.publish(stack, { channel, note: 'still here' });
        await bad.hears(channel, 'Note');
      });
    });
  }

  describe('no Socket.IO but', () => {
    const raw = (route, options) => fetch(`${stack.sidecar.url}${route}`, { signal: AbortSignal.timeout(5_000), ...options });

    test('odd requests to /socket.io/ is answered with a status, not with a crash', async () => {
      for (const route of [
        '/socket.io/', '/socket.io/?EIO=3', '/socket.io/?EIO=99&transport=polling', '/socket.io/?EIO=4&transport=telepathy',
        '/socket.io/?EIO=4&transport=polling&sid=nobody', '/socket.io/?EIO=3&transport=polling&sid=%00%ff', '/socket.io/?%zz',
      ]) {
        const response = await raw(route);
        assert.ok(response.status < 600 && response.status >= 200, `${route}: ${response.status}`);
        await response.arrayBuffer();
      }
      for (const method of ['PUT', 'DELETE', 'OPTIONS']) await (await raw('/socket.io/?EIO=4&transport=polling', { method })).arrayBuffer();
    });

    test('garbage in a polling request ends that session at most', async (t) => {
      for (const version of [3, 4]) {
        for (const body of ['', 'oops', '9:', '99999999999:4x', '-1:4x', '4', '42', '42[', '42[]', '42["subscribe"', '45-["x"]', '51-[]', 'b4AAA', '\u001e\u001e']) {
          const open = await (await raw(`/socket.io/?EIO=${version}&transport=polling`)).text();
          const { sid } = JSON.parse(open.match(/\{.*?\}/)[0]);
          const response = await raw(`/socket.io/?EIO=${version}&transport=polling&sid=${sid}`, { method: 'POST', body });
          await response.arrayBuffer();
        }
      }
      const visitor = await visiting(t, stack, combination('echo1', 'sio2'))();
      const channel = unique('open');
      visitor.listen(visitor.echo.channel(channel), 'Note');
      await subscribed(stack, channel);
      await EXTENSION_ROAD.publish(stack, { channel, note: 'still here' });
      await visitor.hears(channel, 'Note');
    });

    test('garbage in websocket frames ends that connection at most', async (t) => {
      for (const version of [3, 4]) {
        for (const message of ['', 'oops', '4', '42', '42[', '42[]', '42[null]', '42[5]', '9', '45-["x"]', '40/nobody,', '5', '2probe', Buffer.alloc(10)]) {
          const socket = new WebSocketClient(`${stack.sidecar.url.replace('http', 'ws')}/socket.io/?EIO=${version}&transport=websocket`);
          const done = new Promise((end) => socket.once('close', end).once('error', end));
          socket.on('open', () => { socket.send(message); socket.close(); });
          await done;
        }
      }
      const visitor = await visiting(t, stack, combination('echo2', 'sio4'))();
      const channel = unique('open');
      visitor.listen(visitor.echo.channel(channel), 'Note');
      await subscribed(stack, channel);
      await EXTENSION_ROAD.publish(stack, { channel, note: 'still here' });
      await visitor.hears(channel, 'Note');
    });
  });
});
