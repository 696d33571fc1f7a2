// Client events: what one browser tells the others on a guarded channel, without Laravel.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXTENSION_ROAD } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onEveryCombination, subscribed, visiting } from '../support/suite.mjs';

onEveryCombination('A whisper', (stack, combination) => {
  const hear = (visitor, channel) => channel.listenForWhisper(
    'typing', (data) => visitor.heard.push({ channel: channel.name, event: 'typing', data }),
  );

  test('on a private channel reaches the other sockets and not its sender', async (t) => {
    const visit = visiting(t, stack, combination);
    const name = unique('orders.1.test');
    const channel = `private-${name}`;
    const [tab, otherTab] = [await visit({ user: 1 }), await visit({ user: 1 })];
    for (const visitor of [tab, otherTab]) hear(visitor, visitor.listen(visitor.echo.private(name), 'Note'));
    await subscribed(stack, channel, 2);

    tab.echo.private(name).whisper('typing', { text: 'grü' });

    assert.deepEqual(await otherTab.hears(channel, 'typing'), [{ text: 'grü' }]);
    await EXTENSION_ROAD.publish(stack, { channel, note: 'last' });
    await tab.hears(channel, 'Note');
    assert.deepEqual(tab.hear(channel, 'typing'), []);
  });

  test('on a presence channel reaches the other members', async (t) => {
    const visit = visiting(t, stack, combination);
    const name = unique('room.test');
    const [anna, berta] = [await visit({ user: 1 }), await visit({ user: 2 })];
    hear(berta, berta.join(name));
    anna.join(name);
    await subscribed(stack, `presence-${name}`, 2);

    anna.echo.join(name).whisper('typing', { name: 'user 1' });

    assert.deepEqual(await berta.hears(`presence-${name}`, 'typing'), [{ name: 'user 1' }]);
  });

  test('from a socket that is not on the channel, or on a public one, reaches nobody', async (t) => {
    const visit = visiting(t, stack, combination);
    const [name, open] = [unique('orders.1.test'), unique('open')];
    const [anna, stranger] = [await visit({ user: 1 }), await visit({ user: 2 })];
    hear(anna, anna.echo.private(name));
    hear(anna, anna.echo.channel(open));
    stranger.echo.channel(open);
    await subscribed(stack, `private-${name}`);
    await subscribed(stack, open, 2);

    for (const channel of [`private-${name}`, open]) {
      stranger.socket.emit('client event', { channel, event: 'client-typing', data: {} });
    }
    // an allowed whisper of the same socket shows that the others have been handled
    const shared = unique('orders.2.test');
    const berta = await visit({ user: 2 });
    hear(berta, berta.echo.private(shared));
    stranger.echo.private(shared);
    await subscribed(stack, `private-${shared}`, 2);
    stranger.echo.private(shared).whisper('typing', {});
    await berta.hears(`private-${shared}`, 'typing');
    anna.listen(anna.echo.channel(open), 'Note');
    await EXTENSION_ROAD.publish(stack, { channel: open, note: 'last' });
    await anna.hears(open, 'Note');
    assert.deepEqual(anna.heard.map((one) => one.event), ['Note']);
  });
});
