// What costs nobody anything to claim must not cost the sidecar much: lengths, headers, names, connections that are over.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { KIND, LARGEST_BODY, Publisher, frame, hello, publish } from '../support/frames.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { SIDECAR, needs } from '../support/tools.mjs';
import { pause, until, within } from '../support/wait.mjs';
import { Client, refused, sidecarFor, startLaravel } from './support.mjs';

const MB = 1_000_000;
const resident = (sidecar) => Number(readFileSync(`/proc/${sidecar.process.child.pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m)[1]) * 1_024;
const member = (channel, request) => JSON.stringify({ channel_data: { user_id: request.headers['x-csrf-token'], user_info: {} } });

describe('What is only claimed', needs('sidecar'), () => {
  test('takes no memory: a frame of 16 MiB of which nothing comes', async (t) => {
    const sidecar = await sidecarFor(t);
    const before = resident(sidecar);
    const publishers = await Promise.all(Array.from({ length: 100 }, () => Publisher.connect(sidecar.socket)));
    t.after(() => publishers.forEach(({ socket }) => socket.destroy()));
    for (const publisher of publishers) {
      publisher.write(hello());
      publisher.write(frame(KIND.publish, Buffer.alloc(100), { length: LARGEST_BODY }));
    }
    await pause(1_500);
    assert.ok(publishers.every(({ closed }) => !closed), 'they are waited for');
    const grown = resident(sidecar) - before;
    assert.ok(grown < 100 * MB, `${Math.round(grown / MB)} MB for 100 times nothing`);
    // Whoever does send it is served.
    const honest = await Publisher.connect(sidecar.socket);
    t.after(() => honest.socket.destroy());
    honest.write(hello());
    const data = JSON.stringify('x'.repeat(9 * MB));
    honest.write(publish({ channels: ['orders'], event: 'E', json: data }));
    await until('a receipt', () => honest.read.includes(Buffer.alloc(16, 7)), 10_000);
  });

  test('is not kept while Laravel thinks: a subscription with 900 kB beside its headers', async (t) => {
    const laravel = await startLaravel(t, { delayMs: 4_000 });
    const sidecar = await sidecarFor(t, { authHost: laravel.url });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    const before = resident(sidecar);
    for (let at = 0; at < 50; at += 1) {
      client.emit('subscribe', { channel: `private-${at}`, auth: { more: Array(450_000).fill(0), headers: { 'X-CSRF-TOKEN': 't' } } });
    }
    await until('the questions', () => laravel.asked.length === 50, 20_000);
    await pause(1_000);
    const grown = resident(sidecar) - before;
    assert.ok(grown < 150 * MB, `${Math.round(grown / MB)} MB for what nobody needs`);
    for (let at = 0; at < 50; at += 1) await until(`private-${at}`, async () => await sidecar.subscribers(`private-${at}`) === 1);
  });

  test('is kept once while questions wait: a cookie of 60 kB, of a page that asks for 500 channels', async (t) => {
    const laravel = await startLaravel(t, { delayMs: 5_000 });
    const limits = { authInFlight: 1, subscribesPerSecond: 10_000, authQueueMs: 600_000 };
    const sidecar = await sidecarFor(t, { authHost: laravel.url, limits });
    const cookie = `session=${'x'.repeat(60_000)}`;
    const pages = await Promise.all(Array.from({ length: 20 }, (_, at) => Client.open(sidecar, { Cookie: `page=${at}; ${cookie}` })));
    t.after(() => pages.forEach((page) => page.close()));
    const before = resident(sidecar);
    for (const page of pages) {
      for (let at = 0; at < 500; at += 1) page.subscribe(`private-${at}`);
      page.subscribe('orders');
    }
    await until('all to be asked', async () => await sidecar.subscribers('orders') === pages.length, 20_000);
    await pause(1_000);
    const grown = resident(sidecar) - before;
    t.diagnostic(`${Math.round(grown / MB)} MB for ${pages.length * 500} questions`);
    assert.ok(grown < 150 * MB, `${Math.round(grown / MB)} MB for ${pages.length} cookies`);
    assert.ok(laravel.asked[0].headers.cookie.endsWith(cookie), 'Laravel gets all of it');
    assert.ok(pages.every(({ heard, closed }) => !closed && heard.length === 0), 'and everybody waits');
  });

  test('by headers that are none is named by its beginning, in the log as well', async (t) => {
    const sidecar = await sidecarFor(t, { authHost: 'http://127.0.0.1:1' });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    client.subscribe('private-x', { ['a b'.repeat(5_000)]: '' });
    await client.hears('subscription_error');
    await until('the log', () => sidecar.process.output.includes('impossible name'));
    assert.ok(sidecar.process.output.length < 10_000);
  });
});

describe('A log', needs('sidecar'), () => {
  for (const [what, open] of [['on a full disk', () => openSync('/dev/full', 'w')], ['that nobody reads any more', null]]) {
    test(`${what} stops nothing`, async (t) => {
      const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-guard-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const sidecar = await Sidecar.configure(folder, { logLevel: 'debug' });
      const child = spawn(SIDECAR, ['start', `--config=${sidecar.file}`], { cwd: folder, stdio: ['ignore', 'pipe', open ? open() : 'pipe'] });
      t.after(() => child.kill('SIGKILL'));
      const ended = once(child, 'exit');
      child.stderr?.destroy();
      child.stdout.destroy();
      const client = await until('a page', () => Client.open(sidecar).catch(() => null));
      for (const signal of ['SIGHUP', 'SIGHUP']) {
        child.kill(signal);
        await pause(200);
      }
      client.subscribe('orders');
      await until('a subscription', async () => await sidecar.subscribers('orders') === 1);
      child.kill('SIGTERM');
      assert.deepEqual(await within('the end', ended, 15_000), [0, null]);
    });
  }
});

describe('A connection that is over', needs('sidecar'), () => {
  test('has its place as long as its last words wait for it', async (t) => {
    const sidecar = await sidecarFor(t, { limits: { connections: 3 } });
    const url = `${sidecar.url}/socket.io/?EIO=4&transport=polling`;
    const end = async () => {
      const text = await (await fetch(url)).text();
      const sid = text.startsWith('0') ? JSON.parse(text.slice(1)).sid : null;
      if (sid) assert.equal(await (await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '49nonsense' })).text(), 'ok');
      return sid;
    };
    const ended = [await end(), await end(), await end()];
    assert.ok(ended.every(Boolean));
    assert.equal((await refused(sidecar)).status, 503);
    assert.equal(await end(), null);
    // Who hears them gives it back.
    assert.equal(await (await fetch(`${url}&sid=${ended[0]}`)).text(), '1');
    const client = await until('a place', () => Client.open(sidecar).catch(() => null));
    client.close();
  });
});

describe('A page', needs('sidecar'), () => {
  test('that cuts a character in two goes on whispering', async (t) => {
    const laravel = await startLaravel(t);
    const sidecar = await sidecarFor(t, { authHost: laravel.url });
    const [writer, reader] = [await Client.open(sidecar), await Client.open(sidecar)];
    t.after(() => [writer, reader].forEach((client) => client.close()));
    for (const client of [writer, reader]) client.subscribe('private-chat');
    await until('both', async () => await sidecar.subscribers('private-chat') === 2);
    const text = 'nice 😀';
    for (const data of [{ text: text.slice(0, 6), list: ['\\ud83d', text] }, { text }]) {
      writer.emit('client event', { channel: 'private-chat', event: 'client-typing', data });
    }
    await until('both whispers', () => reader.heard.length === 2);
    assert.deepEqual(reader.heard.map(([, , data]) => data), [{ text: 'nice \ufffd', list: ['\\ud83d', text] }, { text }]);
    assert.ok(!writer.closed);
  });

  test('that becomes another user on a presence channel leaves as who it was', async (t) => {
    const laravel = await startLaravel(t, { answer: member });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, recovery: false, presenceGraceMs: 0 });
    const [witness, page] = [await Client.open(sidecar), await Client.open(sidecar)];
    t.after(() => witness.close());
    witness.subscribe('presence-room', { 'X-CSRF-TOKEN': 'witness' });
    await witness.hears('presence:subscribed');
    for (const user of ['ann', 'bob', 'cem']) {
      page.subscribe('presence-room', { 'X-CSRF-TOKEN': user });
      await until(user, () => witness.heard.some(([event, , who]) => event === 'presence:joining' && who.user_id === user));
    }
    page.close();
    await until('everybody to leave', () => witness.heard.some(([event, , who]) => event === 'presence:leaving' && who.user_id === 'cem'));
    const told = witness.heard.filter(([event]) => /joining|leaving/.test(event)).map(([event, , { user_id: user }]) => `${user} ${event.slice(9)}`);
    assert.deepEqual(told, ['ann joining', 'ann leaving', 'bob joining', 'bob leaving', 'cem joining', 'cem leaving']);
  });

  test('writes no line of its own into the log', async (t) => {
    const sidecar = await sidecarFor(t, { authHost: 'http://127.0.0.1:1', logFormat: 'text', devMode: true, limits: { channelCharacters: 'any' } });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    client.subscribe('private-\n2026-10-01T00:00:00Z ERROR rustecho: all is lost\r\u001b[2J', { 'X Y': '' });
    await client.hears('subscription_error');
    const lines = () => sidecar.process.output;
    await until('the log, and the lines of devMode', () => /WARN.*all is lost/.test(lines()) && /Error authenticating.*all is lost/.test(lines()));
    assert.doesNotMatch(lines(), /^2026-10-01/m);
    assert.doesNotMatch(lines(), /\r|\u001b\[2J/);
  });
});
