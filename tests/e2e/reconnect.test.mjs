// A restart of the sidecar: pages come back by themselves and hear again what they heard before.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { COMBINATIONS, combination } from '../support/echo.mjs';
import { EXTENSION_ROAD, ROADS } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onStack, subscribed, visiting } from '../support/suite.mjs';
import { until } from '../support/wait.mjs';

// Echo up to 2.1.5 listens for an event `reconnect` that socket.io-client 3 and 4 no longer give it: there the sidecar does
const OLD_ECHO_2 = combination('echo21', 'sio4');

onStack('After a restart of the sidecar', {}, (stack) => {
  for (const used of [...COMBINATIONS, OLD_ECHO_2]) {
    describe(used.name, () => {
      test('a page is on its channels again, and hears each event once', async (t) => {
        const anna = await visiting(t, stack, used)({ user: 1 });
        const [open, orders, room] = [unique('open'), unique('orders.1.test'), unique('room.test')];
        const channels = [open, `private-${orders}`, `presence-${room}`];
        [anna.echo.channel(open), anna.echo.private(orders), anna.join(room)].forEach((channel) => anna.listen(channel, 'Note'));
        for (const channel of channels) await subscribed(stack, channel);
        let gone = false;
        anna.socket.on('disconnect', () => { gone = true; });

        await stack.sidecar.restart();

        await until('the page to notice', () => gone);
        for (const channel of channels) await subscribed(stack, channel);
        for (const channel of channels) await EXTENSION_ROAD.publish(stack, { channel, note: 'again' });
        for (const channel of channels) await anna.hears(channel, 'Note');
        await EXTENSION_ROAD.publish(stack, { channel: open, note: 'last' });
        await anna.hears(open, 'Note', 2);
        for (const channel of channels.slice(1)) assert.deepEqual(anna.hear(channel, 'Note').map((data) => data.note), ['again']);
      });
    });
  }

  for (const road of ROADS) {
    test(`the first event published by ${road.name} arrives`, async (t) => {
      const channel = unique('open');
      // the publisher has a connection of the sidecar that is about to stop
      await road.publish(stack, { channel, note: 'before' });
      await stack.sidecar.restart();
      const anna = await visiting(t, stack, COMBINATIONS[0])();
      anna.listen(anna.echo.channel(channel), 'Note');
      await subscribed(stack, channel);

      await road.publish(stack, { channel, note: 'after' });

      assert.equal((await anna.hears(channel, 'Note'))[0].note, 'after');
    });
  }
});
