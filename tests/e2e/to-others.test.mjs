// toOthers: the socket that caused an event does not get it back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROADS } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onEveryCombination, subscribed, visiting } from '../support/suite.mjs';

onEveryCombination('toOthers', (stack, combination) => {
  for (const road of ROADS) {
    test(`leaves out the socket that an event published by ${road.name} names`, async (t) => {
      const visit = visiting(t, stack, combination);
      const [anna, berta] = [await visit(), await visit()];
      const channel = unique('others');
      for (const visitor of [anna, berta]) visitor.listen(visitor.echo.channel(channel), 'Note');
      await subscribed(stack, channel, 2);

      await road.publish(stack, { channel, note: 'to others', socket: anna.echo.socketId() });
      await road.publish(stack, { channel, note: 'to all' });

      assert.deepEqual((await berta.hears(channel, 'Note', 2)).map((data) => data.note), ['to others', 'to all']);
      assert.deepEqual((await anna.hears(channel, 'Note')).map((data) => data.note), ['to all']);
    });
  }

  test('reaches everybody when the socket id is of nobody here', async (t) => {
    const anna = await visiting(t, stack, combination)();
    const channel = unique('others');
    anna.listen(anna.echo.channel(channel), 'Note');
    await subscribed(stack, channel);

    for (const road of ROADS) await road.publish(stack, { channel, note: road.name, socket: 'nobody-with-this-id' });

    const notes = (await anna.hears(channel, 'Note', ROADS.length)).map((data) => data.note);
    assert.deepEqual(notes.sort(), ROADS.map((road) => road.name).sort());
  });
});
