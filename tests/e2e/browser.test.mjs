// The same behaviour in Chromium, where cookies, origins and the CSRF token are the browser's business.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { openBrowser, openTab } from '../support/browser.mjs';
import { EXTENSION_ROAD } from '../support/roads.mjs';
import { unique } from '../support/stack.mjs';
import { onStack, subscribed } from '../support/suite.mjs';
import { until } from '../support/wait.mjs';

const PAGES = {
  'Echo 2.5 on socket.io-client 4.8, through nginx': ({ laravel }) => ({
    io: '/clients/sio4/dist/socket.io.min.js', echo: '/clients/echo2/dist/echo.iife.js', host: laravel.url,
  }),
  "Echo 1.19 on the sidecar's own /socket.io/socket.io.js, straight to the sidecar": ({ sidecar }) => ({
    io: `${sidecar.url}/socket.io/socket.io.js`, echo: '/clients/echo1/dist/echo.iife.js', host: sidecar.url,
  }),
};

onStack('In Chromium', { tools: ['chromium'] }, (stack) => {
  for (const [name, page] of Object.entries(PAGES)) {
    describe(name, () => {
      let anna, berta;
      before(async () => { [anna, berta] = [await openBrowser(), await openBrowser()]; });
      after(async () => { for (const browser of [anna, berta]) await browser?.stop(); });
      const open = async (t, browser, user) => {
        const tab = await openTab(browser, stack.laravel, { ...page(stack), user });
        t.after(() => tab.close());
        return tab;
      };

      test('a page hears a public event, once, and toOthers leaves its own socket out', async (t) => {
        const [mine, other] = [await open(t, anna), await open(t, berta)];
        const channel = unique('open');
        for (const tab of [mine, other]) await tab.run((name) => window.echo.channel(name).listen('Note', window.note('Note')), channel);
        await subscribed(stack, channel, 2);

        const socket = await mine.run(() => window.echo.socketId());
        await EXTENSION_ROAD.publish(stack, { channel, note: 'to others', socket });
        await EXTENSION_ROAD.publish(stack, { channel, note: 'to all' });

        assert.deepEqual((await other.hears('Note', 2)).map((data) => data.note), ['to others', 'to all']);
        assert.deepEqual((await mine.hears('Note')).map((data) => data.note), ['to all']);
        assert.deepEqual([...mine.faults, ...other.faults], []);
      });

      test("a private channel is granted or denied by the cookie and the page's CSRF token", async (t) => {
        const [mine, other] = [await open(t, anna, 1), await open(t, berta, 2)];
        const orders = unique('orders.1.test');
        for (const tab of [mine, other]) await tab.run((name) => { window.echo.private(name).listen('Note', window.note('Note')); }, orders);
        assert.deepEqual(await other.hears('subscription_error'), [{ channel: `private-${orders}`, status: 403 }]);
        await subscribed(stack, `private-${orders}`);

        await EXTENSION_ROAD.publish(stack, { channel: `private-${orders}`, note: 'shipped' });

        assert.equal((await mine.hears('Note'))[0].note, 'shipped');
      });

      test('two people see each other come, type and go', async (t) => {
        const [mine, other] = [await open(t, anna, 1), await open(t, berta, 2)];
        const room = unique('room.test');
        const join = (name) => {
          window.echo.join(name).here(window.note('here')).joining(window.note('joining')).leaving(window.note('leaving'))
            .listenForWhisper('typing', window.note('typing'));
        };
        await mine.run(join, room);
        assert.deepEqual(await mine.hears('here'), [[{ name: 'user 1' }]]);
        await other.run(join, room);
        assert.deepEqual((await other.hears('here'))[0].map((member) => member.name).sort(), ['user 1', 'user 2']);
        assert.deepEqual(await mine.hears('joining'), [{ name: 'user 2' }]);
        await other.run((name) => { window.echo.join(name).whisper('typing', { text: 'hm' }); }, room);
        assert.deepEqual(await mine.hears('typing'), [{ text: 'hm' }]);
        await other.close();
        assert.deepEqual(await mine.hears('leaving'), [{ name: 'user 2' }]);
      });

      test('a page hears again after the sidecar has been restarted', async (t) => {
        const tab = await open(t, anna);
        const channel = unique('open');
        await tab.run((name) => { window.echo.channel(name).listen('Note', window.note('Note')); }, channel);
        await subscribed(stack, channel);
        // engine.io-client that loses its websocket in the middle of the upgrade notices only by its ping timeout, 45 s later
        await until('the upgrade', () => tab.run(() => window.echo.connector.socket.io.engine.transport.name === 'websocket'));

        await stack.sidecar.restart();

        await subscribed(stack, channel);
        await EXTENSION_ROAD.publish(stack, { channel, note: 'again' });
        assert.deepEqual((await tab.hears('Note')).map((data) => data.note), ['again']);
      });
    });
  }
});
