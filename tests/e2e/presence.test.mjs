// Presence channels: who is here, who comes, who goes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXTENSION_ROAD, ROADS } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onEveryCombination, subscribed, visiting } from '../support/suite.mjs';

const names = (members) => members.map((member) => member.name).sort();

onEveryCombination('A presence channel', (stack, combination) => {
  for (const road of ROADS) {
    test(`carries an event published by ${road.name} to its members`, async (t) => {
      const anna = await visiting(t, stack, combination)({ user: 1 });
      const name = unique('room.test');
      anna.listen(anna.join(name), 'Note');
      await anna.hears(`presence-${name}`, 'here');

      await road.publish(stack, { channel: `presence-${name}`, note: 'hello' });

      assert.equal((await anna.hears(`presence-${name}`, 'Note'))[0].note, 'hello');
    });
  }

  test('tells a newcomer who is here and the others who is joining and leaving', async (t) => {
    const visit = visiting(t, stack, combination);
    const name = unique('room.test');
    const channel = `presence-${name}`;
    const [anna, berta] = [await visit({ user: 1 }), await visit({ user: 2 })];

    anna.join(name);
    assert.deepEqual(names((await anna.hears(channel, 'here'))[0]), ['user 1']);
    berta.join(name);
    assert.deepEqual(names((await berta.hears(channel, 'here'))[0]), ['user 1', 'user 2']);
    assert.deepEqual(names(await anna.hears(channel, 'joining')), ['user 2']);
    berta.echo.leave(name);
    assert.deepEqual(names(await anna.hears(channel, 'leaving')), ['user 2']);
    assert.deepEqual(berta.hear(channel, 'joining'), []);
  });

  test('tells that a member is leaving when the connection is gone', async (t) => {
    const visit = visiting(t, stack, combination);
    const name = unique('room.test');
    const [anna, berta] = [await visit({ user: 1 }), await visit({ user: 2 })];
    anna.join(name);
    await anna.hears(`presence-${name}`, 'here');
    berta.join(name);
    await anna.hears(`presence-${name}`, 'joining');

    berta.leave();

    assert.deepEqual(names(await anna.hears(`presence-${name}`, 'leaving')), ['user 2']);
  });

  test('counts a user with two tabs once, and tells of leaving when the last tab is closed', async (t) => {
    const visit = visiting(t, stack, combination);
    const name = unique('room.test');
    const channel = `presence-${name}`;
    const [berta, tab, secondTab] = [await visit({ user: 2 }), await visit({ user: 1 }), await visit({ user: 1 })];
    berta.listen(berta.join(name), 'Note');
    await berta.hears(channel, 'here');
    const settled = async (note) => {
      // what was emitted to Berta before this event is there when the event is
      const seen = berta.hear(channel, 'Note').length;
      await EXTENSION_ROAD.publish(stack, { channel, note });
      await berta.hears(channel, 'Note', seen + 1);
    };

    tab.join(name);
    assert.deepEqual(names(await berta.hears(channel, 'joining')), ['user 1']);
    secondTab.join(name);
    assert.deepEqual(names((await secondTab.hears(channel, 'here'))[0]), ['user 1', 'user 2']);
    await settled('both tabs are open');
    assert.equal(berta.hear(channel, 'joining').length, 1);

    secondTab.leave();
    await subscribed(stack, channel, 2);
    await settled('one tab is closed');
    assert.deepEqual(berta.hear(channel, 'leaving'), []);

    tab.leave();
    assert.deepEqual(names(await berta.hears(channel, 'leaving')), ['user 1']);
  });

  test('answers a visitor who is not logged in with subscription_error 403, and tells nobody', async (t) => {
    const visit = visiting(t, stack, combination);
    const name = unique('room.test');
    const channel = `presence-${name}`;
    const anna = await visit({ user: 1 });
    anna.listen(anna.join(name), 'Note');
    await anna.hears(channel, 'here');
    const stranger = await visit({ session: await stack.laravel.visit() });

    stranger.join(name);

    assert.equal(await stranger.refused(channel), 403);
    await EXTENSION_ROAD.publish(stack, { channel, note: 'last' });
    await anna.hears(channel, 'Note');
    assert.deepEqual(anna.hear(channel, 'joining'), []);
    assert.deepEqual(stranger.heard, []);
  });
});
