// Public channels: everybody who subscribes hears, nobody else does.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXTENSION_ROAD, ROADS } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onEveryCombination, subscribed, visiting } from '../support/suite.mjs';

onEveryCombination('A public channel', (stack, combination) => {
  for (const road of ROADS) {
    test(`carries an event published by ${road.name} to each of its subscribers`, async (t) => {
      const visit = visiting(t, stack, combination);
      const [anna, berta] = [await visit(), await visit()];
      const channel = unique('news');
      for (const visitor of [anna, berta]) visitor.listen(visitor.echo.channel(channel), 'Note');
      await subscribed(stack, channel, 2);

      await road.publish(stack, { channel, note: 'grüße' });

      for (const visitor of [anna, berta]) assert.equal((await visitor.hears(channel, 'Note'))[0].note, 'grüße');
    });
  }

  test('is quiet for a socket that has left it, and for one that is on another channel', async (t) => {
    const anna = await visiting(t, stack, combination)();
    const [left, other] = [unique('left'), unique('other')];
    anna.listen(anna.echo.channel(other), 'Note');
    anna.socket.on('App\\Events\\Note', (channel) => anna.heard.push({ channel, event: 'raw' }));
    anna.echo.channel(left);
    await subscribed(stack, left);
    anna.echo.leave(left);
    await subscribed(stack, left, 0);

    await EXTENSION_ROAD.publish(stack, { channel: left, note: 'to nobody' });
    await EXTENSION_ROAD.publish(stack, { channel: unique('elsewhere'), note: 'to nobody' });
    await EXTENSION_ROAD.publish(stack, { channel: other, note: 'last' });

    await anna.hears(other, 'Note');
    assert.deepEqual(anna.heard.map((one) => one.channel), [other, other]);
  });

  test('delivers the events of one publisher in the order in which they were published', async (t) => {
    const anna = await visiting(t, stack, combination)();
    const channel = unique('order');
    anna.listen(anna.echo.channel(channel), 'Note');
    await subscribed(stack, channel);
    const notes = Array.from({ length: 20 }, (_, index) => String(index));

    for (const note of notes) await EXTENSION_ROAD.publish(stack, { channel, note });

    assert.deepEqual((await anna.hears(channel, 'Note', notes.length)).map((data) => data.note), notes);
  });
});
