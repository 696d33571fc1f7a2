// Socket.IO packets on an Engine.IO session of either transport.

import assert from 'node:assert/strict';
import { Polling } from './http.mjs';
import { subscribed } from './servers.mjs';
import { Websocket } from './websocket.mjs';

export const TRANSPORTS = { polling: Polling, websocket: Websocket };

/** rustecho takes a client of Socket.IO 3 or 4 that says nothing this long for a page that came back, and reminds it. */
const REMINDED_MS = 600;

/** A session in the default namespace, with its socket id and the time before which it was not open; on a busy machine not the first one, which may get a reminder. */
export async function joined(server, eio, transport = 'websocket', options = {}) {
  for (;;) {
    const opened = Date.now();
    const session = await TRANSPORTS[transport].open(server, eio, options);
    const begun = Date.now();
    if (eio === 4) await session.send('40');
    const answer = await session.next();
    if (eio === 3) {
      assert.equal(answer, '40');
      return Object.assign(session, { opened, socketId: session.sid });
    }
    await session.send('42["hello"]');
    if (Date.now() - begun < REMINDED_MS) return Object.assign(session, { opened, socketId: connected(answer).sid });
    await session.close();
  }
}

/** What a CONNECT packet of protocol 5 says. */
export function connected(packet) {
  assert.match(packet, /^40\{/);
  return JSON.parse(packet.slice(2));
}

/** Subscribes and waits until it holds. */
export async function subscribe(session, channel, count = 1) {
  await session.send(`42["subscribe",${JSON.stringify({ channel })}]`);
  await subscribed(session.server, channel, count);
}

/**
 * The next event without what a server may append for recovery: `{name, channel, data}`. The packet has to say it is one, and
 * announce exactly the attachments that follow, which take the places of their numbers.
 */
export async function event(session) {
  const packet = await session.next();
  const [, kind, count, json] = /^4(2|5)(?:(\d+)-)?(\[.*)$/s.exec(packet) ?? assert.fail(`not an event: ${packet}`);
  assert.equal(kind === '5', count !== undefined, packet);
  const [name, channel, data] = JSON.parse(json);
  const attachments = [];
  for (let number = 0; number < Number(count ?? 0); number += 1) attachments.push(await session.next());
  attachments.forEach((attachment) => assert.ok(Buffer.isBuffer(attachment), `not an attachment: ${attachment}`));
  return { name, channel, data: restore(data, attachments) };
}

function restore(value, attachments) {
  if (value?._placeholder === true) return attachments[value.num];
  if (Array.isArray(value)) return value.map((item) => restore(item, attachments));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, restore(field, attachments)]));
}

/** Shows that the session still works in both directions. */
export async function works(session, channel) {
  await subscribe(session, channel);
  await session.server.publish(channel, 'Works', { for: channel });
  assert.deepEqual(await event(session), { name: 'Works', channel, data: { for: channel } });
}

/** Shows that a session that has been on `channel` is gone for the server. */
export async function gone(session, channel) {
  await session.ended();
  if (channel) await subscribed(session.server, channel, 0);
}
