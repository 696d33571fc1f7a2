// Transports: polling, polling with an upgrade, websocket; for both generations of Engine.IO.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { combination, TRANSPORTS } from '../support/echo.mjs';
import { EXTENSION_ROAD } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onStack, subscribed, visiting } from '../support/suite.mjs';
import { until } from '../support/wait.mjs';

const LARGE = 'ü€𝄞'.repeat(50_000);

onStack('A client', {}, (stack) => {
  for (const client of ['sio2', 'sio3', 'sio4']) {
    const used = combination('echo2', client);
    for (const [how, options] of Object.entries(TRANSPORTS)) {
      describe(`${used.name} ${how}`, () => {
        const expected = options.transports.at(-1);
        const page = async (t, user) => {
          const visitor = await visiting(t, stack, used)({ user, options });
          visitor.onTransport = () => until(`the transport ${expected}`, () => visitor.socket.io.engine.transport.name === expected);
          return visitor;
        };

        test('hears every event once and in order, those during the upgrade too', async (t) => {
          const anna = await page(t);
          const channel = unique('open');
          anna.listen(anna.echo.channel(channel), 'Note');
          await subscribed(stack, channel);
          const notes = Array.from({ length: 30 }, (_, index) => String(index));

          for (const note of notes) await EXTENSION_ROAD.publish(stack, { channel, note });

          assert.deepEqual((await anna.hears(channel, 'Note', notes.length)).map((data) => data.note), notes);
          await anna.onTransport();
        });

        test('has private channels, presence and whispers', async (t) => {
          const [anna, berta] = [await page(t, 1), await page(t, 2)];
          const [name, orders] = [unique('room.test'), unique('orders.1.test')];
          await anna.onTransport();
          anna.listen(anna.echo.private(orders), 'Note');
          await subscribed(stack, `private-${orders}`);
          await EXTENSION_ROAD.publish(stack, { channel: `private-${orders}`, note: 'private' });
          await anna.hears(`private-${orders}`, 'Note');

          const room = anna.join(name);
          room.listenForWhisper('typing', (data) => anna.heard.push({ channel: room.name, event: 'typing', data }));
          await anna.hears(room.name, 'here');
          berta.join(name);
          await anna.hears(room.name, 'joining');
          berta.echo.join(name).whisper('typing', { fast: true });
          assert.deepEqual(await anna.hears(room.name, 'typing'), [{ fast: true }]);
          berta.leave();
          await anna.hears(room.name, 'leaving');
        });

        test('gets an event of half a megabyte whole', async (t) => {
          const anna = await page(t);
          const channel = unique('open');
          anna.listen(anna.echo.channel(channel), 'Note');
          await subscribed(stack, channel);

          await EXTENSION_ROAD.publish(stack, { channel, note: LARGE });

          assert.ok((await anna.hears(channel, 'Note'))[0].note === LARGE, 'the text is not the one that was published');
        });
      });
    }
  }
});
