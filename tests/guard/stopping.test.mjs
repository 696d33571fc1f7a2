// A sidecar that is told to stop while publishers never pause: what it accepts reaches every socket that it has not closed before.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import WebSocketClient from 'ws';
import { KIND, Publisher, idOf, publish } from '../support/frames.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { sidecarFor } from './support.mjs';

const [PAGES, PUBLISHERS, AT_ONCE] = [60, 4, 10];

/** A page by hand, of either generation: `got` are the numbers of the events it heard. */
async function page(t, sidecar, eio) {
  const socket = new WebSocketClient(`${sidecar.url.replace('http', 'ws')}/socket.io/?EIO=${eio}&transport=websocket`);
  t.after(() => socket.terminate());
  const self = { got: [], closed: false };
  socket.on('message', (message) => {
    const text = `${message}`;
    if (text.startsWith('0') && eio === 4) socket.send('40');
    else if (text.startsWith('40')) socket.send('42["subscribe",{"channel":"orders"}]');
    else if (text.startsWith('42["N"')) self.got.push(JSON.parse(text.slice(2))[2]);
  });
  socket.on('close', () => { self.closed = true; }).on('error', () => {});
  return self;
}

/** Publishes without a pause, several at once, until the connection ends; the numbers that were accepted. */
async function publishAlways(sidecar, lane) {
  const publisher = await Publisher.connect(sidecar.socket);
  const state = { accepted: [] };
  let number = lane * 10_000_000;
  const write = () => {
    number += 1;
    publisher.write(publish({ channels: ['orders'], event: 'N', json: String(number), id: idOf(number) }));
  };
  for (let count = 0; count < AT_ONCE; count += 1) write();
  publisher.socket.on('data', () => {
    while (publisher.read.length >= 8 && publisher.read.length >= 8 + publisher.read.readUInt32BE(4)) {
      const end = 8 + publisher.read.readUInt32BE(4);
      const [kind, body] = [publisher.read[3], publisher.read.subarray(8, end)];
      publisher.read = publisher.read.subarray(end);
      if (kind !== KIND.receipt) continue;
      state.accepted.push(body.readUInt32BE(12));
      write();
    }
  });
  state.closed = () => publisher.untilClosed();
  return state;
}

describe('A sidecar that stops', needs('sidecar'), () => {
  test('hands what it has accepted to every page before it closes the first of them', async (t) => {
    const sidecar = await sidecarFor(t, { graceMs: 3_000, spool: false, recovery: false });
    const pages = await Promise.all(Array.from({ length: PAGES }, (_, number) => page(t, sidecar, 3 + (number % 2))));
    await until('all subscribers', async () => await sidecar.subscribers('orders') === PAGES);
    const publishers = await Promise.all(Array.from({ length: PUBLISHERS }, (_, lane) => publishAlways(sidecar, lane + 1)));
    await until('the first events', () => publishers.every(({ accepted }) => accepted.length > 200));
    assert.deepEqual(await sidecar.stop(), { code: 0, signal: null });
    await Promise.all(publishers.map((one) => one.closed()));
    await until('all pages to be closed', () => pages.every(({ closed }) => closed));
    const accepted = publishers.flatMap((one) => one.accepted);
    for (const { got } of pages) {
      const heard = new Set(got);
      assert.deepEqual(accepted.filter((number) => !heard.has(number)), [], `${accepted.length} were accepted`);
      assert.equal(got.length, heard.size, 'none twice');
    }
  });
});
