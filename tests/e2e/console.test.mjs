// The console in Chromium. With SCREENSHOTS=folder it also writes what it looks like there, for somebody to look at.

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { KEY, startConsole } from '../support/console.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';

const MANY = 10_000;
const HTML = '<img src=x onerror="window.owned=1"><script>window.owned=1</script>';

describe('The console', needs('sidecar', 'console', 'chromium'), () => {
  let stack;
  before(async () => { stack = await startConsole(); });
  after(() => stack?.stop());

  const shoot = async (tab, name) => {
    if (!process.env.SCREENSHOTS) return;
    mkdirSync(process.env.SCREENSHOTS, { recursive: true });
    await tab.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`) });
  };
  const text = (tab, selector) => tab.textContent(selector);
  const fact = (tab, name) => tab.locator('.fact', { hasText: name }).first();

  test('asks for the key, says when it is wrong, and asks nobody but the sidecar for anything', async () => {
    const answer = await fetch(stack.url);
    assert.match(answer.headers.get('content-security-policy'), /default-src 'none'/);
    const tab = await stack.open();
    assert.deepEqual([...new Set(tab.asked)], [new URL(stack.url).origin]);
    await tab.evaluate(() => sessionStorage.clear());
    await tab.reload();
    await tab.fill('#key', 'not-the-key-of-anything');
    await tab.click('#locked button');
    await until('the error', async () => (await text(tab, '#lock-error')).includes('not the key'));
    await tab.fill('#key', KEY);
    await tab.click('#locked button');
    await tab.waitForSelector('#state.good');
    assert.deepEqual(tab.faults, []);
    await tab.close();
  });

  test('shows the road of an event that nobody gets, and of one that somebody gets', async () => {
    const tab = await stack.open();
    await stack.publish('orders.7', 'App\\Events\\OrderShipped', { id: 7 });
    await fact(tab, 'OrderShipped').click();
    assert.match(await text(tab, '#detail .verdict'), /Nobody got it: no one was subscribed/);
    await until('why', async () => /Echo\.channel\('orders\.7'\)|nobody is connected/.test(await text(tab, '#detail .why')));
    await stack.visitor('orders.7');
    await until('a subscriber', async () => await stack.sidecar.subscribers('orders.7') === 1);
    await stack.publish('orders.7', 'App\\Events\\OrderPaid', { id: 7, lines: [{ sku: 'A-1', price: 12.5 }], paid: true });
    await fact(tab, 'OrderPaid').click();
    assert.match(await text(tab, '#detail .verdict'), /^1 socket got it/);
    assert.match(await text(tab, '#detail .road'), /Accepted\+ \d.*Emitted to 1 socket\+ \d/);
    assert.match(await text(tab, '#detail pre:not(.echo)'), /\n {2}"lines": \[\n/);
    assert.match(await text(tab, '#detail pre.echo'), /^Echo\.channel\('orders\.7'\)\.listen\('OrderPaid', /);
    assert.deepEqual(tab.faults, []);
    await tab.close();
  });

  test('says of an event that nobody gets who listens to something like it, and who was refused', async () => {
    const tab = await stack.open();
    await stack.visitor('private-fine', 'private-fine-orders', 'private-broken');
    await until('the visitor', async () => await stack.sidecar.subscribers('private-fine-orders') === 1 && await stack.sidecar.subscribers('private-fine') === 1);
    await stack.publish('fine', 'order.shipped', 1);
    await fact(tab, 'order.shipped').click();
    await until('the other name', async () => (await text(tab, '#detail .why')).includes("private-fine 1 subscriber: the same name, but the pages listen on a private channel"));
    assert.match(await text(tab, '#detail pre.echo'), /^Echo\.channel\('fine'\)\.listen\('\.order\.shipped', /);
    await shoot(tab, 'why');
    await stack.publish('private-broken', 'Refused', 1);
    await fact(tab, 'Refused').click();
    await until('the refusal', async () => /refused:.*500.*Laravel failed/.test(await text(tab, '#detail .why')));
    await tab.goto(`${stack.url}#channels`);
    await tab.fill('#channel-search', 'private-fine-ordres');
    await until('a name that is spelled alike', async () => (await text(tab, '#channels')).includes('private-fine-orders 1 subscriber: is spelled nearly the same'));
    assert.deepEqual(tab.faults, []);
    await tab.close();
  });

  test('lets a row be chosen while others come', async () => {
    const tab = await stack.open();
    await stack.publish('busy', 'Chosen', 1);
    await fact(tab, 'Chosen').hover();
    await tab.mouse.down();
    for (let more = 1; more <= 3; more += 1) await stack.publish('busy', 'Later', more);
    await until('the others', async () => await text(tab, '#count-event') === '4');
    await tab.mouse.up();
    assert.equal(await text(tab, '#detail .title'), 'Chosen');
    await until('them to be shown', async () => await tab.locator('.fact').count() === 4);
    await tab.close();
  });

  test('shows authorisations with status and reason', async () => {
    const tab = await stack.open();
    await tab.click('[data-tail=auth]');
    await stack.visitor('private-fine', 'private-broken', 'private-redirect');
    await fact(tab, 'private-broken').click();
    assert.match(await text(tab, '#detail .verdict'), /Laravel failed: its log says why/);
    assert.match(await text(tab, '#detail'), /channel_name=private-broken/);
    await fact(tab, 'private-redirect').click();
    assert.match(await text(tab, '#detail .verdict'), /neither a cookie nor a token came/);
    assert.match(await text(tab, '#tail'), /200 granted/);
    await shoot(tab, 'authorisations');
    await tab.close();
  });

  test('filters by channel, event name and trouble', async () => {
    const tab = await stack.open();
    for (const [channel, name] of [['orders.7', 'Kept'], ['other', 'Kept'], ['orders.7', 'Dropped']]) await stack.publish(channel, name, 1);
    const shown = () => tab.locator('.fact').count();
    await until('three events', async () => await shown() === 3);
    await tab.fill('#filter-channel', 'orders.*');
    await until('two of them', async () => await shown() === 2);
    await tab.fill('#filter-event', 'Kep');
    await until('one of them', async () => await shown() === 1);
    await tab.fill('#filter-channel', '');
    await tab.check('#filter-trouble');
    await until('the one in trouble', async () => await shown() === 1 && (await text(tab, '.fact .where')) === 'other');
    await tab.close();
  });

  test('sends a test event, and says who got it', async () => {
    const tab = await stack.open({ view: '#send' });
    const socket = await stack.visitor('tests');
    const heard = new Promise((done) => { socket.on('Ping', (...args) => done(args)); });
    await until('a subscriber', async () => await stack.sidecar.subscribers('tests') === 1);
    await tab.fill('[name=channel]', 'tests');
    await tab.fill('[name=event]', 'Ping');
    await tab.fill('[name=data]', '{"n": 1');
    await tab.click('#send button');
    await until('the fault', async () => (await text(tab, '#sent')).includes('not JSON'));
    await tab.fill('[name=data]', '{"n": 1}');
    await tab.click('#send button');
    // what comes after is the offset, for recovery
    assert.deepEqual((await heard).slice(0, 2), ['tests', { n: 1 }]);
    await until('the answer', async () => (await text(tab, '#sent')).includes('1 socket got it'));
    await shoot(tab, 'send');
    await tab.close();
  });

  test('takes nothing from outside for markup', async () => {
    const tab = await stack.open();
    await stack.visitor(`presence-fine-${HTML}`, HTML);
    await stack.publish(HTML, HTML, { [HTML]: HTML });
    await fact(tab, '<img').click();
    assert.match(await text(tab, '#detail .title'), /<img src=x/);
    await tab.goto(`${stack.url}#channels`);
    await tab.locator('.channel', { hasText: '<img' }).first().click();
    await until('its sockets', async () => /<img/.test(await text(tab, '#channel .title')));
    assert.equal(await tab.evaluate(() => window.owned), undefined);
    assert.deepEqual(tab.faults, []);
    await tab.close();
  });

  test('is quick with ten thousand channels, of which only those in sight are in the page', async () => {
    for (let first = 0; first < MANY; first += 1000) {
      await stack.visitor(...Array.from({ length: 1000 }, (_, at) => `many.${String(first + at).padStart(5, '0')}`));
    }
    await until('all channels', async () => await stack.sidecar.subscribers('many.09999') === 1, 30_000);
    const tab = await stack.open({ view: '#channels' });
    await until('the number', async () => /10,0\d\d channels/.test(await text(tab, '#channel-total')));
    assert.ok(await tab.locator('.channel').count() < 60);
    await tab.fill('#channel-search', 'many.09999');
    await until('the one', async () => await tab.locator('.channel').count() === 1);
    await tab.fill('#channel-search', '');
    await tab.evaluate(() => { const box = document.querySelector('#channels'); box.scrollTop = box.scrollHeight / 2; });
    await until('the middle', async () => (await text(tab, '#channels')).includes('many.0'));
    // The first five are above what is in sight; scrolling there makes others.
    await tab.locator('.channel', { hasText: 'many.0' }).nth(10).click();
    await until('the channel', async () => (await text(tab, '#channel')).includes('public channel'));
    await shoot(tab, 'channels');
    assert.deepEqual(tab.faults, []);
    await tab.close();
  });

  for (const [name, size] of Object.entries({ desktop: { width: 1360, height: 940 }, phone: { width: 390, height: 844 } })) {
    for (const dark of [false, true]) {
      test(`fits on a ${name}, ${dark ? 'dark' : 'light'}`, async () => {
        const tab = await stack.open({ ...size, dark });
        for (let count = 0; count < 12; count += 1) {
          await stack.publish(['orders.7', 'tests', 'news', 'private-fine'][count % 4], ['App\\Events\\OrderShipped', 'Typing', 'App\\Events\\ArticlePublished'][count % 3], { id: count, customer: { name: 'Ada', city: 'London' }, total: 129.9, paid: true });
        }
        await fact(tab, 'OrderShipped').click();
        const overflow = await tab.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(overflow, 0, 'nothing sticks out to the side');
        await until('the plots', async () => await tab.locator('.plot canvas').count() === 2);
        await until('the top', () => tab.evaluate(() => { scrollTo({ top: 0, behavior: 'instant' }); return scrollY === 0; }));
        await shoot(tab, `${name}-${dark ? 'dark' : 'light'}`);
        if (name === 'phone') {
          await tab.locator('#detail').scrollIntoViewIfNeeded();
          await tab.evaluate(() => document.querySelector('#detail').scrollIntoView());
          await shoot(tab, `${name}-${dark ? 'dark' : 'light'}-detail`);
        }
        assert.deepEqual(tab.faults, []);
        await tab.close();
      });
    }
  }
});
