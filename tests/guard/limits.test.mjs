// Each bound, exceeded from outside: who is over it is told its key, it is counted, and others are served.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { describe, test } from 'node:test';
import { KIND, Publisher, hello, publish } from '../support/frames.mjs';
import { freePort } from '../support/ports.mjs';
import { needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';
import { Client, refused, sidecarFor, startLaravel } from './support.mjs';

const member = (channel, request) => JSON.stringify({ channel_data: { user_id: request.headers['x-csrf-token'], user_info: request.headers['x-csrf-token'] } });

/** A raw connection: what it is answered until it is closed. */
function raw(sidecar, text) {
  return new Promise((done) => {
    let answer = '';
    const socket = net.connect(sidecar.port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (bytes) => { answer += bytes; }).on('close', () => done(answer)).on('error', () => {});
  });
}

const logs = (sidecar, key) => until(`the log to name ${key}`, () => sidecar.process.output.includes(key));

describe('The bound', needs('sidecar'), () => {
  test('limits.connections: one more is 503, by both transports; a place that is left is free', async (t) => {
    const sidecar = await sidecarFor(t, { limits: { connections: 2 } });
    const [one, two] = [await Client.open(sidecar), await Client.open(sidecar)];
    t.after(() => two.close());
    const error = await refused(sidecar);
    assert.equal(error.status, 503);
    assert.match(error.body, /over limits\.connections \(2\)/);
    const polled = await fetch(`${sidecar.url}/socket.io/?EIO=4&transport=polling`);
    assert.equal(polled.status, 503);
    assert.match(await polled.text(), /limits\.connections/);
    await logs(sidecar, 'limits.connections');
    one.close();
    const again = await until('a place', () => Client.open(sidecar).catch(() => false));
    again.close();
  });

  test('limits.connectionsPerIp: who says to come from elsewhere is believed only behind a proxy of ours', async (t) => {
    const direct = await sidecarFor(t, { limits: { connectionsPerIp: 1 } });
    const first = await Client.open(direct);
    t.after(() => first.close());
    assert.match((await refused(direct, { 'X-Forwarded-For': '198.51.100.7' })).body, /limits\.connectionsPerIp/);
    const behind = await sidecarFor(t, { limits: { connectionsPerIp: 1 }, trustedProxies: ['127.0.0.1'] });
    const [one, other] = [await Client.open(behind, { 'X-Forwarded-For': '198.51.100.7' }), await Client.open(behind, { 'X-Forwarded-For': '198.51.100.8' })];
    t.after(() => [one, other].forEach((client) => client.close()));
    assert.equal((await refused(behind, { 'X-Forwarded-For': '6.6.6.6, 198.51.100.7' })).status, 503);
  });

  test('limits.memoryBytes: nobody new comes in, the API answers', async (t) => {
    const sidecar = await sidecarFor(t, { limits: { memoryBytes: 1_000_000 } });
    const error = await until('memory to be looked at', () => refused(sidecar).then((refusal) => refusal.status && refusal, () => false));
    assert.match(error.body, /over limits\.memoryBytes \(1000000\)/);
    assert.equal((await sidecar.api('/status')).status, 200);
  });

  test('limits.memoryBytes: who is in stays while memory is short, some are closed above that, and then places come back', async (t) => {
    const admin = await freePort();
    const sidecar = await sidecarFor(t, { admin });
    const clients = await Promise.all(Array.from({ length: 60 }, () => Client.open(sidecar)));
    t.after(() => clients.forEach((client) => client.close()));
    const open = () => clients.filter((client) => !client.closed).length;
    const ready = async () => (await fetch(`http://127.0.0.1:${admin}/ready`)).json();
    const resident = () => Number(readFileSync(`/proc/${sidecar.process.child.pid}/status`, 'utf8').match(/^VmRSS:\s+(\d+) kB$/m)[1]) * 1_024;
    const mark = (memoryBytes) => {
      writeFileSync(sidecar.file, JSON.stringify({ ...JSON.parse(readFileSync(sidecar.file, 'utf8')), limits: { memoryBytes } }));
      sidecar.process.child.kill('SIGHUP');
    };
    const isRefused = () => refused(sidecar).then(({ status }) => status === 503, () => false);

    mark(Math.round(resident() * 0.97)); // short from here, critical a tenth above it
    await until('nobody new to come in', isRefused);
    assert.match((await ready()).reasons.join(), /limits\.memoryBytes/);
    await pause(2_500); // two looks at least
    assert.equal(open(), 60, 'who was in was closed');
    assert.ok(await isRefused());

    mark(Math.round(resident() / 2));
    await until('some to be closed', () => open() < 60);
    assert.ok(open() > 40, `${open()} of 60 are left: all at once`);

    mark(resident() * 2);
    await until('a place', () => Client.open(sidecar).then((client) => [client.close(), true], () => false));
    assert.deepEqual(await ready(), { ready: true, reasons: [] });
    const left = open();
    await pause(1_500);
    assert.equal(open(), left, 'they are closed no longer');
  });

  test('limits.handshakeMs and limits.headerBytes: slow and large heads end', async (t) => {
    const sidecar = await sidecarFor(t, { limits: { handshakeMs: 300, headerBytes: 8_192 } });
    const began = Date.now();
    await raw(sidecar, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ');
    assert.ok(Date.now() - began < 3_000);
    await logs(sidecar, 'limits.handshakeMs');
    assert.match(await raw(sidecar, `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`), /^HTTP\/1.1 431/);
    await logs(sidecar, 'limits.headerBytes');
  });

  test('limits of subscriptions, their rate and their names: subscription_error names the key', async (t) => {
    const laravel = await startLaravel(t, { answer: member });
    const sidecar = await sidecarFor(t, {
      authHost: laravel.url,
      limits: { subscriptionsPerSocket: 2, channelNameBytes: 20, channelCharacters: 'pusher', presenceMembers: 1, userInfoBytes: 60 },
    });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    const over = async (channel, csrf = '1') => {
      client.heard.length = 0;
      client.subscribe(channel, { 'X-CSRF-TOKEN': csrf });
      const [, named, status, sentence] = await client.hears('subscription_error');
      assert.equal(named, channel);
      return `${status} ${sentence}`;
    };
    assert.equal(await over('x'.repeat(21)), '414 over limits.channelNameBytes (20)');
    assert.equal(await over('a b'), '400 over limits.channelCharacters (pusher)');
    assert.equal(await over('presence-large', 'x'.repeat(60)), '413 over limits.userInfoBytes (60)');
    for (const channel of ['presence-full', 'open']) client.subscribe(channel, { 'X-CSRF-TOKEN': '1' });
    await client.hears('presence:subscribed');
    assert.equal(await over('more'), '429 over limits.subscriptionsPerSocket (2)');
    const second = await Client.open(sidecar);
    t.after(() => second.close());
    second.subscribe('presence-full', { 'X-CSRF-TOKEN': '2' });
    assert.deepEqual((await second.hears('subscription_error')).slice(2, 4), [429, 'over limits.presenceMembers (1)']);
    const fast = await sidecarFor(t, { limits: { subscribesPerSecond: 3 } });
    const hasty = await Client.open(fast);
    t.after(() => hasty.close());
    for (let at = 0; at < 50; at += 1) hasty.subscribe(`open-${at}`);
    assert.deepEqual((await hasty.hears('subscription_error')).slice(2, 4), [429, 'over limits.subscribesPerSecond (3)']);
    assert.ok(Object.keys((await fast.api('/channels')).body.channels).length < 10);
  });

  test('limits of whispers: rustecho:error names the key, once a second', async (t) => {
    const laravel = await startLaravel(t);
    for (const [key, limits, whispers] of [
      ['limits.whisperBytes', { whisperBytes: 10 }, [{ event: 'client-x', data: 'x'.repeat(10) }]],
      ['limits.whispersPerSecond', { whispersPerSecond: 2 }, Array(30).fill({ event: 'client-x', data: 1 })],
      ['limits.eventNameBytes', { eventNameBytes: 20 }, [{ event: `client-${'x'.repeat(20)}`, data: 1 }]],
    ]) {
      const sidecar = await sidecarFor(t, { authHost: laravel.url, limits });
      const [speaker, listener] = [await Client.open(sidecar), await Client.open(sidecar)];
      t.after(() => [speaker, listener].forEach((client) => client.close()));
      for (const client of [speaker, listener]) client.subscribe('private-x');
      await until('two subscribers', async () => await sidecar.subscribers('private-x') === 2);
      for (const whisper of whispers) speaker.emit('client event', { channel: 'private-x', ...whisper });
      const [, { message }] = await speaker.hears('rustecho:error');
      assert.match(message, new RegExp(key.replace('.', '\\.')));
      speaker.subscribe('open');
      await until('what was said last to be read', async () => await sidecar.subscribers('open') === 1);
      assert.equal(speaker.heard.filter(([name]) => name === 'rustecho:error').length, 1);
      assert.ok(listener.heard.length <= 2, `${listener.heard.length} whispers came through`);
    }
  });

  test('limits of the questions to Laravel and of events are counted where they are not told', async (t) => {
    const admin = await freePort();
    const laravel = await startLaravel(t, { delayMs: 100, answer: (channel) => JSON.stringify(channel === 'private-large' ? 'x'.repeat(200) : true) });
    const sidecar = await sidecarFor(t, { authHost: laravel.url, admin, limits: { authInFlight: 1, authResponseBytes: 100, dataBytes: 10 } });
    const client = await Client.open(sidecar);
    t.after(() => client.close());
    for (const channel of ['private-large', 'private-1', 'private-2']) client.subscribe(channel);
    assert.deepEqual((await client.hears('subscription_error')).slice(1, 3), ['private-large', 0]);
    for (const channel of ['private-1', 'private-2']) await until(channel, async () => await sidecar.subscribers(channel) === 1);
    await logs(sidecar, 'limits.authResponseBytes');
    assert.equal(laravel.most, 1);
    assert.equal((await sidecar.api('/events', { method: 'POST', body: JSON.stringify({ channel: 'open', name: 'E', data: '"0123456789"' }) })).status, 413);
    const metrics = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
    for (const [key, count] of [['authInFlight', 2], ['authResponseBytes', 1], ['dataBytes', 1], ['connections', 0]]) {
      assert.match(metrics, new RegExp(`^rustecho_over_limit_total\\{limit="limits.${key}"\\} ${count}$`, 'm'));
    }
  });

  test('limits of publishes: the refusal names the key', async (t) => {
    const sidecar = await sidecarFor(t, { limits: { channelNameBytes: 20, eventNameBytes: 20, dataBytes: 20, channelsPerEvent: 2, publishers: 1 } });
    const publisher = await Publisher.connect(sidecar.socket);
    t.after(() => publisher.end());
    const refusal = async (event) => {
      publisher.write(publish({ channels: ['a'], event: 'E', json: '1', ...event }));
      const { kind, body } = await publisher.next();
      assert.equal(kind, KIND.refusal);
      return body.toString('latin1');
    };
    assert.match(await refusal({ channels: ['x'.repeat(21)] }), /limits\.channelNameBytes/);
    assert.match(await refusal({ channels: ['a\n'] }), /limits\.channelCharacters/);
    assert.match(await refusal({ event: 'x'.repeat(21) }), /limits\.eventNameBytes/);
    assert.match(await refusal({ json: `"${'x'.repeat(20)}"` }), /limits\.dataBytes/);
    assert.match(await refusal({ channels: ['a', 'b', 'c'] }), /limits\.channelsPerEvent/);
    const second = await Publisher.connect(sidecar.socket);
    await second.untilClosed();
    await logs(sidecar, 'limits.publishers');
    publisher.write(hello());
    assert.equal((await publisher.next()).kind, KIND.welcome);
  });
});
