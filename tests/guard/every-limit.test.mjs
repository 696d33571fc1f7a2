// docs/limits.md, row by row: whoever goes over the bound is told its key and its value, it is counted under the name that the page
// gives, and it stands in the log. A row without a case here is a failure, and so is a case without a row.

import assert from 'node:assert/strict';
import net from 'node:net';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import WebSocketClient from 'ws';
import { KIND, Publisher, idOf, publish } from '../support/frames.mjs';
import { freePort } from '../support/ports.mjs';
import { PROJECT, needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, refused, sidecarFor, startLaravel } from './support.mjs';

/** The rows of the page: key, default, what it says of who is over it, metric. */
const ROWS = readFileSync(path.join(PROJECT, 'docs', 'limits.md'), 'utf8').split('\n')
  .map((line) => line.match(/^\| `([^`]+)` \| (.+) \| (.+) \| `([^`]+)` \|$/)).filter(Boolean)
  .map(([, key, value, told, metric]) => ({ key, value, told, metric }));

const asMember = (channel, { headers }) => JSON.stringify({ channel_data: { user_id: headers['x-csrf-token'], user_info: headers['x-csrf-token'] } });

/** What a raw connection is answered until it is closed. */
function raw(sidecar, text) {
  return new Promise((done) => {
    let answer = '';
    const socket = net.connect(sidecar.port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (bytes) => { answer += bytes; }).on('close', () => done(answer)).on('error', () => {});
  });
}

/** A client whose subscriptions to these channels, one after another, end in an error: its third argument. */
async function subscribing(sidecar, channels, token = '1') {
  const client = await Client.open(sidecar);
  for (const channel of channels) client.subscribe(channel, { 'X-CSRF-TOKEN': token });
  return (await client.hears('subscription_error'))[3];
}

async function whispering(sidecar, ...whispers) {
  const client = await Client.open(sidecar);
  client.subscribe('private-x');
  await until('a subscriber', async () => await sidecar.subscribers('private-x') === 1);
  for (const whisper of whispers) client.emit('client event', { channel: 'private-x', ...whisper });
  return (await client.hears('rustecho:error'))[1].message;
}

async function publishing(sidecar, event) {
  const { status, body } = await sidecar.api('/events', { method: 'POST', body: JSON.stringify({ channel: 'open', name: 'E', data: '1', ...event }) });
  assert.ok(status >= 400, `answered ${status}`);
  const publisher = await Publisher.connect(sidecar.socket);
  const { channels, channel = 'open', name = 'E', data = '1' } = event;
  const { kind, body: refusal } = await publisher.write(publish({ channels: channels ?? [channel], event: name, json: data })).next();
  publisher.end();
  assert.equal(kind, KIND.refusal);
  return [JSON.stringify(body), refusal.toString('latin1')];
}

/** A client that takes nothing until it is closed for it, and then comes back: what it is told. */
async function deaf(sidecar) {
  const connect = (claim) => new Promise((done, fail) => {
    const socket = new WebSocketClient(`${sidecar.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    const client = { socket, heard: [] };
    socket.on('error', fail).on('message', (message) => {
      const text = `${message}`;
      if (text.startsWith('0')) socket.send(`40${claim ? JSON.stringify(claim) : ''}`);
      else if (text.startsWith('40')) done(Object.assign(client, JSON.parse(text.slice(2))));
      else if (text.startsWith('42')) client.heard.push(JSON.parse(text.slice(2)));
    });
  });
  const first = await connect();
  first.socket.removeAllListeners('error').on('error', () => {});
  first.socket.send('42["subscribe",{"channel":"orders"}]');
  await until('a subscriber', async () => await sidecar.subscribers('orders') === 1);
  const publisher = await Publisher.connect(sidecar.socket);
  const event = async (number, json) => {
    publisher.write(publish({ channels: ['orders'], event: 'N', json, id: idOf(number) }));
    assert.equal((await publisher.next()).kind, KIND.receipt);
  };
  await event(1, '1');
  const offset = (await until('an offset', () => first.heard[0])).at(-1);
  first.socket.pause();
  let number = 1;
  for (; number < 40; number += 1) await event(number + 1, JSON.stringify('x'.repeat(100_000)));
  await until('it to be closed', () => sidecar.process.output.includes('refused: over'), 20_000);
  first.socket.terminate();
  publisher.end();
  const again = await connect({ pid: first.pid, offset });
  again.socket.removeAllListeners('error').on('error', () => {});
  const told = await until('to be told', () => again.heard.find(([name]) => name === 'rustecho:error'));
  await until('what was missed', () => again.heard.filter(([name]) => name === 'N').length === number - 1);
  again.socket.terminate();
  return told[1].message;
}

/** Attachments of one event that are over the bound only together, by websocket and by polling: what their senders are told. */
async function attaching(sidecar) {
  const event = '452-["client event",{"channel":"private-x","event":"client-x","data":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]}]';
  const half = Buffer.alloc(600);
  const client = await Client.open(sidecar);
  const closed = new Promise((done) => { client.socket.on('close', (code, reason) => done(`${code} ${reason}`)); });
  for (const part of [event, half, half]) client.socket.send(part);
  assert.match(await closed, /^1009 /);
  const url = `${sidecar.url}/socket.io/?EIO=4&transport=polling`;
  const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
  const post = (body) => fetch(`${url}&sid=${sid}`, { method: 'POST', body });
  for (const part of ['40', event, `b${half.toString('base64')}`]) assert.equal((await post(part)).status, 200);
  const polled = await post(`b${half.toString('base64')}`);
  assert.equal(polled.status, 413);
  return [await closed, await polled.text()];
}

/** A body in which no event with allowed data could be. */
async function posting(sidecar) {
  const { status, body } = await sidecar.api('/events', { method: 'POST', body: ' '.repeat(300_000) });
  assert.equal(status, 413);
  return JSON.stringify(body);
}

/** A second publisher where there may be one. */
async function surplus(sidecar) {
  const first = await Publisher.connect(sidecar.socket);
  const second = await Publisher.connect(sidecar.socket);
  const { kind, body } = await second.write(publish({ channels: ['a'], event: 'E', json: '1' })).next();
  assert.equal(kind, KIND.refusal);
  await second.untilClosed();
  first.end();
  return body.toString('latin1');
}

/**
 * Of each bound: the settings it is met with, and how. What comes back are the texts that name it, or nothing where none can. Last,
 * how often it was met at least.
 */
const CASES = {
  'limits.connections': [{ connections: 1 }, async (sidecar) => [await Client.open(sidecar), (await refused(sidecar)).body][1]],
  'limits.connectionsPerIp': [{ connectionsPerIp: 1 }, async (sidecar) => [await Client.open(sidecar), (await refused(sidecar)).body][1]],
  'limits.memoryBytes': [{ memoryBytes: 1_000_000 }, async (sidecar) => (await until('memory to be looked at', () => refused(sidecar).then((refusal) => refusal.status && refusal, () => false))).body],
  'limits.handshakeMs': [{ handshakeMs: 300 }, (sidecar) => raw(sidecar, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ')],
  'limits.connectMs': [{ connectMs: 300 }, async (sidecar) => {
    const socket = new WebSocketClient(`${sidecar.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    const closed = await new Promise((done) => { socket.on('close', (code, reason) => done(`${code} ${reason}`)); });
    assert.match(closed, /^1008 /);
    const url = `${sidecar.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    assert.equal(await (await fetch(`${url}&sid=${sid}`)).text(), '1');
    return closed;
  }, {}, 2],
  'limits.subscribeMs': [{ subscribeMs: 300 }, async (sidecar) => {
    const client = await Client.open(sidecar);
    const closed = await new Promise((done) => { client.socket.on('close', (code, reason) => done(`${code} ${reason}`)); });
    assert.match(closed, /^1008 /);
    const url = `${sidecar.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40' });
    await until('the close packet', async () => (await (await fetch(`${url}&sid=${sid}`)).text()).endsWith('1'));
    return closed;
  }, {}, 2],
  'limits.headerBytes': [{ headerBytes: 8_192 }, async (sidecar) => [
    await raw(sidecar, `GET / HTTP/1.1\r\nHost: x\r\nX-Large: ${'x'.repeat(20_000)}\r\n\r\n`),
    // Much more than is read of it, and on a connection that was served before.
    await raw(sidecar, `GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /${'x'.repeat(500_000)} HTTP/1.1\r\nHost: x\r\n\r\n`),
  ]],
  'socketio.maxHttpBufferSize': [{}, async (sidecar) => {
    const client = await Client.open(sidecar);
    const closed = new Promise((done) => { client.socket.on('close', (code, reason) => done(`${code} ${reason}`)); });
    client.emit('subscribe', { channel: 'x'.repeat(2_000) });
    const url = `${sidecar.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const polled = await fetch(`${url}&sid=${sid}`, { method: 'POST', body: `4${'x'.repeat(2_000)}` });
    assert.equal(polled.status, 413);
    assert.match(await closed, /^1009 /);
    return [await closed, await polled.text(), ...await attaching(sidecar)];
  }, { socketio: { maxHttpBufferSize: 1_000 } }, 4],
  'limits.subscriptionsPerSocket': [{ subscriptionsPerSocket: 1 }, (sidecar) => subscribing(sidecar, ['a', 'b'])],
  'limits.subscribesPerSecond': [{ subscribesPerSecond: 1 }, (sidecar) => subscribing(sidecar, ['a', 'b', 'c', 'd'])],
  'limits.subscribesPerSecondPerIp': [{ subscribesPerSecondPerIp: 1 }, async (sidecar) => [
    await subscribing(sidecar, Array.from({ length: 70 }, (_, at) => `a-${at}`)),
    await subscribing(sidecar, Array.from({ length: 10 }, (_, at) => `b-${at}`)), // another socket of the same address
  ], {}, 2],
  'limits.channelNameBytes': [{ channelNameBytes: 20 }, async (sidecar) => [await subscribing(sidecar, ['x'.repeat(21)]), ...await publishing(sidecar, { channel: 'x'.repeat(21) })]],
  'limits.channelCharacters': [{ channelCharacters: 'pusher' }, async (sidecar) => [await subscribing(sidecar, ['a b']), ...await publishing(sidecar, { channel: 'a b' })]],
  'limits.eventNameBytes': [{ eventNameBytes: 20 }, async (sidecar) => [await whispering(sidecar, { event: `client-${'x'.repeat(20)}`, data: 1 }), ...await publishing(sidecar, { name: 'x'.repeat(21) })]],
  'limits.dataBytes': [{ dataBytes: 20 }, async (sidecar) => [...await publishing(sidecar, { data: JSON.stringify('x'.repeat(20)) }), await posting(sidecar)], {}, 3],
  'limits.channelsPerEvent': [{ channelsPerEvent: 2 }, (sidecar) => publishing(sidecar, { channel: undefined, channels: ['a', 'b', 'c'] })],
  'limits.whispers': [{ whispers: ['presence'] }, (sidecar) => whispering(sidecar, { event: 'client-x', data: 1 })],
  'limits.whisperBytes': [{ whisperBytes: 10 }, (sidecar) => whispering(sidecar, { event: 'client-x', data: 'x'.repeat(10) })],
  'limits.whispersPerSecond': [{ whispersPerSecond: 2 }, (sidecar) => whispering(sidecar, ...Array(30).fill({ event: 'client-x', data: 1 }))],
  'limits.presenceMembers': [{ presenceMembers: 1 }, async (sidecar) => {
    (await Client.open(sidecar)).subscribe('presence-x', { 'X-CSRF-TOKEN': '1' });
    await until('a member', async () => await sidecar.subscribers('presence-x') === 1);
    return subscribing(sidecar, ['presence-x'], '2');
  }],
  'limits.userInfoBytes': [{ userInfoBytes: 60 }, (sidecar) => subscribing(sidecar, ['presence-x'], 'x'.repeat(60))],
  'limits.queueBytesPerSocket': [{ queueBytesPerSocket: 100_000 }, deaf],
  'limits.queueBytes': [{ queueBytes: 12_000_000 }, deaf],
  'limits.writeTimeoutMs': [{ writeTimeoutMs: 500 }, deaf],
  'limits.authInFlight': [{ authInFlight: 1 }, async (sidecar) => {
    const client = await Client.open(sidecar);
    for (const channel of ['private-a', 'private-b', 'private-c']) client.subscribe(channel);
    for (const channel of ['private-a', 'private-b', 'private-c']) await until(channel, async () => await sidecar.subscribers(channel) === 1);
  }],
  'limits.authQueued': [{ authInFlight: 1, authQueued: 1 }, (sidecar) => subscribing(sidecar, ['private-a', 'private-b', 'private-c', 'private-d'])],
  'limits.authQueueMs': [{ authInFlight: 1, authQueueMs: 50 }, (sidecar) => subscribing(sidecar, ['private-a', 'private-b'])],
  'limits.authHeaderBytes': [{ authHeaderBytes: 10 }, (sidecar) => subscribing(sidecar, ['private-x'])],
  'limits.authResponseBytes': [{ authResponseBytes: 10 }, (sidecar) => subscribing(sidecar, ['presence-x'], 'x'.repeat(20))],
  'limits.publishers': [{ publishers: 1 }, surplus],
  'limits.publishersPerUser': [{ publishersPerUser: 1 }, surplus],
};

async function metric(port, name) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? assert.fail(`${name} is not among the metrics`) : Number(line.split(' ').at(-1));
}

describe('docs/limits.md', needs('sidecar'), () => {
  test('has a row for each bound that is tried here, each with a default', () => {
    assert.deepEqual(ROWS.map(({ key }) => key).sort(), Object.keys(CASES).sort());
    for (const { key, value } of ROWS) assert.ok(value.trim() !== '', key);
  });

  for (const { key, told, metric: name } of ROWS) {
    test(`is true of ${key}`, async (t) => {
      const [limits, exceed, config = {}, times = 1] = CASES[key];
      const admin = await freePort();
      const laravel = await startLaravel(t, { delayMs: 200, answer: asMember });
      const sidecar = await sidecarFor(t, { admin, authHost: laravel.url, limits, ...config });
      assert.equal(await metric(admin, name), 0);
      const texts = [await exceed(sidecar)].flat().filter((text) => text !== undefined);
      for (const text of texts) assert.ok(text.includes(key), `"${text}" does not name ${key}`);
      assert.equal(texts.length === 0, /waits for its turn/.test(told), told);
      assert.ok(await metric(admin, name) >= times, `${name} ${await metric(admin, name)}`);
      if (texts.length > 0) await until('the log to name the key', () => sidecar.process.output.includes(key));
    });
  }
});
