// Private channels: Laravel decides who hears.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXTENSION_ROAD, ROADS } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onEveryCombination, subscribed, visiting } from '../support/suite.mjs';

onEveryCombination('A private channel', (stack, combination) => {
  for (const road of ROADS) {
    test(`carries an event published by ${road.name} to the user whom Laravel lets in`, async (t) => {
      const anna = await visiting(t, stack, combination)({ user: 1 });
      const name = unique('orders.1.test');
      const channel = `private-${name}`;
      anna.listen(anna.echo.private(name), 'Note');
      await subscribed(stack, channel);

      await road.publish(stack, { channel, note: 'shipped' });

      assert.equal((await anna.hears(channel, 'Note'))[0].note, 'shipped');
      assert.deepEqual(anna.errors, []);
    });
  }

  test('lets in a client that sends its cookie in auth.headers', async (t) => {
    const anna = await visiting(t, stack, combination)({ user: 1, cookieBy: 'auth.headers' });
    const name = unique('orders.1.test');
    anna.listen(anna.echo.private(name), 'Note');
    await subscribed(stack, `private-${name}`);

    await EXTENSION_ROAD.publish(stack, { channel: `private-${name}`, note: 'shipped' });

    await anna.hears(`private-${name}`, 'Note');
  });

  test('answers a user who may not have it with subscription_error 403, and stays quiet', async (t) => {
    const visit = visiting(t, stack, combination);
    await expectRefusal(await visit({ user: 2 }), unique('orders.1.test'));
  });

  test('answers a visitor who is not logged in with subscription_error 403, and stays quiet', async (t) => {
    const visitor = await visiting(t, stack, combination)({ session: await stack.laravel.visit() });
    await expectRefusal(visitor, unique('orders.1.test'));
  });

  async function expectRefusal(visitor, name) {
    const [channel, open] = [`private-${name}`, unique('open')];
    visitor.listen(visitor.echo.private(name), 'Note');
    visitor.listen(visitor.echo.channel(open), 'Note');
    assert.equal(await visitor.refused(channel), 403);
    await subscribed(stack, open);
    assert.equal(await stack.sidecar.subscribers(channel), 0);

    await EXTENSION_ROAD.publish(stack, { channel, note: 'secret' });
    await EXTENSION_ROAD.publish(stack, { channel: open, note: 'last' });

    await visitor.hears(open, 'Note');
    assert.deepEqual(visitor.hear(channel, 'Note'), []);
  }
});
