// Connection state recovery: whatever breaks between a page and the sidecar, the page hears every event once and in order, under
// its old socket id, and nobody sees it leave a presence channel. laravel-echo and socket.io-client are as they come from npm.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openBrowser, openTab } from '../support/browser.mjs';
import { combination, visitors } from '../support/echo.mjs';
import { startProxy, ProxyProcess } from '../support/proxy.mjs';
import { unique } from '../support/stack.mjs';
import { Process } from '../support/process.mjs';
import { onStack, subscribed } from '../support/suite.mjs';
import { EXTENSION, FAKETIME, needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';

const NUMBERED = fileURLToPath(new URL('../support/numbered.php', import.meta.url));

const ECHOES = ['echo1', 'echo20', 'echo2'];
const TRANSPORTS = [['websocket'], ['polling', 'websocket'], ['polling']];
/** Each page is a user of its own; the application knows nine, and one is the witness. */
const PAGES = ECHOES.flatMap((echo) => TRANSPORTS.map((transports) => ({ echo, transports }))).slice(0, 8);
const EVENTS = 300;
const PAUSE_US = 10_000;
/** When something breaks: after so many events. */
const BREAKS = [30, 80, 130];
// a client that is cut while it changes over to a websocket notices by its heartbeat
const HEARTBEAT = { pingInterval: 500, pingTimeout: 1000 };
const ARRIVE_MS = 20_000;

/** What can break, for pages of this sidecar: `url` is where they connect, `strike` breaks it and sees to it that it comes back. */
const FAULTS = {
  'a cut transport': async ({ sidecar }) => {
    const proxy = await startProxy(sidecar.port);
    return { url: proxy.url, strike: async () => proxy.cut(), stop: () => proxy.stop() };
  },
  'a killed proxy in between': async ({ sidecar }) => {
    const proxy = await ProxyProcess.start(sidecar.port);
    const strike = async () => { await proxy.kill(); await pause(300); await proxy.start(); };
    return { url: proxy.url, strike, stop: () => proxy.stop() };
  },
  'a restarted sidecar': async ({ sidecar }) => ({ url: sidecar.url, strike: () => sidecar.restart(), stop: () => {} }),
  'a sidecar restarted while the clock is set': async ({ sidecar }) => {
    // further than sessions are kept (two minutes), less than spooled events are (an hour)
    const seconds = ['+1000', '-1000', '+3000'];
    const strike = async () => {
      await sidecar.stop();
      sidecar.enter = ['env', `LD_PRELOAD=${FAKETIME}`, `FAKETIME=${seconds.shift()}s`, 'DONT_FAKE_MONOTONIC=1', 'FAKETIME_DONT_FAKE_MONOTONIC=1'];
      await sidecar.start();
    };
    const stop = async () => { delete sidecar.enter; await sidecar.restart(); };
    return { url: sidecar.url, strike, stop };
  },
};
const NEEDS = { 'a sidecar restarted while the clock is set': needs('faketime') };

/** One process of PHP that publishes numbered notes by turns on each group of channels. */
function startPublisher({ sidecar }, groups, { pauseUs = PAUSE_US, padding = 0 } = {}) {
  const ini = ['-d', `extension=${EXTENSION}`, '-d', `rustecho.socket=${sidecar.socket}`];
  return new Process('publisher', 'php', [...ini, NUMBERED, EVENTS, pauseUs, JSON.stringify(groups), padding].map(String));
}

/** Publishes while things break. */
async function publishWhile(stack, groups, strike) {
  const publisher = startPublisher(stack, groups);
  const published = () => publisher.output.trim().split('\n').length;
  for (const number of BREAKS) {
    await until(`the publisher to publish ${number} events`, () => published() >= number, ARRIVE_MS);
    await strike();
  }
  assert.deepEqual(await publisher.exit, { code: 0, signal: null }, publisher.output);
}

const ALL = [...Array(EVENTS).keys()].map(String);
const changes = (heard) => heard.filter(({ event }) => event === 'joining' || event === 'leaving');

onStack('Recovery', { config: { socketio: HEARTBEAT } }, (stack) => {
  for (const [fault, prepare] of Object.entries(FAULTS)) {
    test(`after ${fault}, pages in node have lost, repeated and reordered nothing`, NEEDS[fault] ?? {}, async (t) => {
      const { url, strike, stop } = await prepare(stack);
      t.after(stop);
      const [open, room, orders] = [unique('open'), unique('room.test'), unique('test')];
      const page = async (echo, transports, user) => {
        const visit = visitors(t, { sidecar: stack.sidecar, combination: combination(echo, 'sio4'), url });
        const visitor = await visit({ session: await stack.laravel.login(user), options: { transports } });
        visitor.user = user;
        visitor.breaks = 0;
        visitor.socket.on('disconnect', () => { visitor.breaks += 1; });
        return visitor;
      };
      const pages = [];
      for (const { echo, transports } of PAGES) pages.push(await page(echo, transports, pages.length + 2));
      const witness = await page('echo2', ['websocket'], 1);
      for (const [at, visitor] of [...pages, witness].entries()) {
        const { echo, user } = visitor;
        const note = (channel) => (data) => visitor.heard.push({ channel, event: 'Note', note: data.note });
        echo.channel(open).listen('Note', note('open'));
        echo.private(`orders.${user}.${orders}`).listen('Note', note('private'));
        const member = (event) => (data) => visitor.heard.push({ event, data });
        echo.join(room).joining(member('joining')).leaving(member('leaving')).listen('Note', note('presence'));
        await subscribed(stack, `private-orders.${user}.${orders}`);
        // one after the other, so that each hears of all after it
        await subscribed(stack, `presence-${room}`, at + 1);
      }
      // a page by polling hears of those after it a little later than others
      const knowsAll = ({ heard }, at) => changes(heard).length === pages.length - at;
      await until('everybody to know who is there', () => pages.every(knowsAll));
      for (const visitor of [...pages, witness]) visitor.heard.length = 0;
      const ids = pages.map(({ socket }) => socket.id);

      const secret = [...pages, witness].map(({ user }) => `private-orders.${user}.${orders}`);
      await publishWhile(stack, [[open], secret, [`presence-${room}`]], strike);

      for (const [at, visitor] of [...pages, witness].entries()) {
        const notes = () => visitor.heard.filter(({ event }) => event === 'Note').map(({ note }) => note);
        await until(`page ${at} to hear the last event`, () => notes().at(-1) === ALL.at(-1), ARRIVE_MS).catch(() => {});
        assert.equal(notes().join(' '), ALL.join(' '), `page ${at}: ${JSON.stringify(visitor.echo.options.transports)}`);
        assert.deepEqual(changes(visitor.heard), [], `page ${at} saw nobody come and go`);
      }
      assert.deepEqual(pages.map(({ socket }) => socket.id), ids);
      // a page by polling may have had no request on its way at any of the cuts
      assert.ok(pages.every(({ socket, breaks }) => socket.recovered || breaks === 0));
      assert.ok(pages.some(({ breaks }) => breaks > 0));
    });
  }
});

onStack('Recovery of slow clients', { config: { limits: { queueBytesPerSocket: 200_000 } } }, (stack) => {
  for (const transports of [['websocket'], ['polling']]) {
    test(`a page by ${transports[0]} that is disconnected because it takes nothing gets the rest when it is back`, async (t) => {
      const proxy = await startProxy(stack.sidecar.port);
      t.after(() => proxy.stop());
      const visit = visitors(t, { sidecar: stack.sidecar, combination: combination('echo1', 'sio4'), url: proxy.url });
      const visitor = await visit({ options: { transports } });
      const open = unique('open');
      visitor.echo.channel(open).listen('Note', ({ note }) => visitor.heard.push(note));
      await subscribed(stack, open);
      const { id } = visitor.socket;
      const slow = () => stack.sidecar.process.output.split('closing a slow client').length;
      const before = slow();

      proxy.hold();
      // many times what a socket's queue may hold, and the kernel's buffers
      const publisher = startPublisher(stack, [[open]], { pauseUs: 0, padding: 20_000 });
      assert.deepEqual(await publisher.exit, { code: 0, signal: null }, publisher.output);
      await until('the sidecar to close a slow client', () => slow() > before);
      proxy.cut();

      await until('the last event', () => visitor.heard.at(-1) === ALL.at(-1), ARRIVE_MS).catch(() => {});
      assert.equal(visitor.heard.join(' '), ALL.join(' '));
      assert.equal(visitor.socket.id, id);
    });
  }
});

onStack('Recovery in Chromium', { tools: ['chromium'], config: { socketio: HEARTBEAT } }, (stack) => {
  let browser;
  before(async () => { browser = await openBrowser(); });
  after(() => browser?.stop());
  for (const [fault, prepare] of Object.entries(FAULTS)) {
    test(`after ${fault}, pages have lost, repeated and reordered nothing`, async (t) => {
      const { url, strike, stop } = await prepare(stack);
      t.after(stop);
      const [open, room, orders] = [unique('open'), unique('room.test'), unique('orders.1.test')];
      const channels = [open, `private-${orders}`, `presence-${room}`];
      const tabs = [];
      for (const echo of ECHOES) {
        const tab = await openTab(browser, stack.laravel, {
          user: 1, io: '/clients/sio4/dist/socket.io.min.js', echo: `/clients/${echo}/dist/echo.iife.js`, host: url,
          options: { withCredentials: true, reconnectionDelay: 50, reconnectionDelayMax: 200 },
        });
        t.after(() => tab.close());
        await tab.run(({ open, orders, room }) => {
          window.echo.channel(open).listen('Note', window.note('Note'));
          window.echo.private(orders).listen('Note', window.note('Note'));
          window.echo.join(room).joining(window.note('joining')).leaving(window.note('leaving')).listen('Note', window.note('Note'));
        }, { open, orders, room });
        tabs.push(tab);
        // before the next login: it ends the session of the browser that this tab's token belongs to
        for (const channel of channels) await subscribed(stack, channel, tabs.length);
      }
      const ids = await Promise.all(tabs.map((tab) => tab.run(() => window.echo.socketId())));

      await publishWhile(stack, channels.map((channel) => [channel]), strike);

      for (const tab of tabs) {
        const notes = () => tab.run(() => window.heard.filter(({ event }) => event === 'Note').map(({ data }) => data.note));
        await until('the page to hear the last event', async () => (await notes()).at(-1) === ALL.at(-1), ARRIVE_MS).catch(() => {});
        assert.equal((await notes()).join(' '), ALL.join(' '));
        assert.deepEqual(await tab.run(() => window.heard.filter(({ event }) => event !== 'Note')), []);
        assert.deepEqual(tab.faults, []);
      }
      assert.deepEqual(await Promise.all(tabs.map((tab) => tab.run(() => window.echo.socketId()))), ids);
    });
  }
});
