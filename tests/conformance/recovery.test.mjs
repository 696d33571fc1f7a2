// Connection state recovery as Socket.IO 4.6 put it on the wire. Of the edges, the default one has it.

import assert from 'node:assert/strict';
import { connected, subscribe } from './support/socketio.mjs';
import { subscribed } from './support/servers.mjs';
import { cases, unique } from './support/suite.mjs';
import { Websocket } from './support/websocket.mjs';

/** A session that says `claim` in its CONNECT; `me` is what it was answered. */
async function connect(server, claim) {
  const session = await Websocket.open(server, 4);
  await session.send(claim ? `40${JSON.stringify(claim)}` : '40');
  return { session, me: connected(await session.next()) };
}

const packet = async (session) => JSON.parse((await session.next()).slice(2));

cases('Recovery', {}, (conforms) => {
  const only = { versions: [4], servers: ['lean'] };

  conforms('CONNECT is answered with a private id, and each event ends in an offset', async ({ server }) => {
    const [{ session, me }, other] = [await connect(server), await connect(server)];
    assert.match(me.pid, /^[\w-]{24}$/);
    assert.notEqual(me.pid, other.me.pid);
    const channel = unique('offsets');
    await subscribe(session, channel);
    await server.publish(channel, 'E', { a: 1 });
    await server.publish(channel, 'E', 'text');
    const [first, second] = [await packet(session), await packet(session)];
    assert.deepEqual([first.slice(0, 3), second.slice(0, 3)], [['E', channel, { a: 1 }], ['E', channel, 'text']]);
    assert.ok([first, second].every((event) => event.length === 4 && typeof event[3] === 'string'));
    assert.notEqual(first[3], second[3]);
  }, only);

  conforms('protocol 4 knows nothing of it', async ({ server }) => {
    const session = await Websocket.open(server, 3);
    assert.equal(await session.next(), '40');
    const channel = unique('old');
    await subscribe(session, channel);
    await server.publish(channel, 'E', 1);
    assert.equal(await session.next(), `42["E","${channel}",1]`);
  }, { versions: [3], servers: ['lean'] });

  conforms('a client that says both has its session again, and what it missed after the answer', async ({ server }) => {
    const { session, me } = await connect(server);
    const channel = unique('missed');
    await subscribe(session, channel);
    await server.publish(channel, 'E', 1);
    const offset = (await packet(session))[3];
    await session.close();
    await subscribed(server, channel, 0);
    await server.publish(channel, 'E', 2);
    await server.publish(channel, 'E', 3);
    const back = await connect(server, { pid: me.pid, offset, token: 'of the page' });
    assert.deepEqual(back.me, me);
    assert.deepEqual([(await packet(back.session))[2], (await packet(back.session))[2]], [2, 3]);
    await server.publish(channel, 'E', 4);
    assert.equal((await packet(back.session))[2], 4);
  }, only);

  conforms('the old connection ends when its client is back, and not for others', async ({ server }) => {
    const { session, me } = await connect(server);
    const channel = unique('twice');
    await subscribe(session, channel);
    const back = await connect(server, { pid: me.pid });
    assert.deepEqual(back.me, me);
    await session.ended();
    await subscribed(server, channel, 1);
    await server.publish(channel, 'E', 1);
    assert.equal((await packet(back.session))[2], 1);
  }, only);

  for (const [what, claim] of Object.entries({
    'an unknown private id': () => ({ pid: 'A'.repeat(24), offset: 'AAAAAAAA1' }),
    'an offset that is none': ({ pid }) => ({ pid, offset: 'nonsense' }),
    'a private id of another type': () => ({ pid: { $ne: '' }, offset: 'AAAAAAAA1' }),
    'a private id of 100 KB': () => ({ pid: 'x'.repeat(100_000), offset: 'AAAAAAAA1' }),
  })) {
    conforms(`${what} gets a new session`, async ({ server }) => {
      const { session, me } = await connect(server);
      await session.close();
      const back = await connect(server, claim(me));
      assert.notEqual(back.me.sid, me.sid);
      assert.notEqual(back.me.pid, me.pid);
    }, only);
  }

  conforms('who has said DISCONNECT does not come back', async ({ server }) => {
    const { session, me } = await connect(server);
    const channel = unique('left');
    await subscribe(session, channel);
    await session.send('41');
    await subscribed(server, channel, 0);
    const back = await connect(server, { pid: me.pid });
    assert.notEqual(back.me.sid, me.sid);
  }, only);
});
