// Socket.IO packets, on both transports.

import assert from 'node:assert/strict';
import { connected, event, joined, subscribe, TRANSPORTS, works } from './support/socketio.mjs';
import { subscribed } from './support/servers.mjs';
import { cases, unique } from './support/suite.mjs';

for (const transport of Object.keys(TRANSPORTS)) {
  cases(`Socket.IO by ${transport}`, {}, (conforms) => {
    const open = (server, eio) => TRANSPORTS[transport].open(server, eio);
    const join = (server, eio, options) => joined(server, eio, transport, options);

    conforms('CONNECT is answered with a socket id, which is not the session id', async ({ server }) => {
      const session = await open(server, 4);
      await session.send('40');
      const { sid } = connected(await session.next());
      assert.match(sid, /^[\w-]{16,}$/);
      assert.notEqual(sid, session.sid);
      await works(session, unique('connected'));
    }, { versions: [4] });

    conforms('CONNECT comes by itself, and the socket id is the session id', async ({ server }) => {
      const session = await open(server, 3);
      assert.equal(await session.next(), '40');
      await works(session, unique('connected'));
    }, { versions: [3] });

    for (const auth of ['{"token":"abc"}', '{}', '{"a":{"b":[1,null]}}']) {
      conforms(`CONNECT takes ${auth}`, async ({ server }) => {
        const session = await open(server, 4);
        await session.send(`40${auth}`);
        connected(await session.next());
        await works(session, unique('auth'));
      }, { versions: [4] });
    }

    for (const auth of ['"text"', '[]', '{', '{}{}', 'x']) {
      conforms(`CONNECT with ${auth} ends the connection`, async ({ server }) => {
        const session = await open(server, 4);
        await session.send(`40${auth}`);
        await session.ended();
      }, { versions: [4] });
    }

    for (const [namespace, versions] of Object.entries({ '/nope': [3, 4], '/admin/deep': [3, 4], '/nope?token=1': [3] })) {
      conforms(`CONNECT to ${namespace}, which there is not, is answered with an error`, async ({ server, eio }) => {
        const session = await join(server, eio);
        const [name] = namespace.split('?');
        await session.send(`40${namespace},`);
        const answer = await session.next();
        assert.ok(answer.startsWith(`44${name},`), answer);
        assert.deepEqual(JSON.parse(answer.slice(3 + name.length)), eio === 3 ? 'Invalid namespace' : { message: 'Invalid namespace' });
        await works(session, unique('other'));
      }, { versions });
    }

    conforms('an error of another namespace does not keep a client out of the default one', async ({ server }) => {
      const session = await open(server, 4);
      await session.send('40/nope,{"a":1}');
      assert.match(await session.next(), /^44\/nope,/);
      await session.send('40');
      connected(await session.next());
      await works(session, unique('default'));
    }, { versions: [4] });

    for (const packet of ['42["x"]', '41', '43[1]', '42/nope,["x"]']) {
      conforms(`${packet} before CONNECT ends the connection`, async ({ server }) => {
        const session = await open(server, 4);
        await session.send(packet);
        await session.ended();
      }, { versions: [4] });
    }

    conforms('a second CONNECT ends the connection', async ({ server }) => {
      const session = await join(server, 4);
      await session.send('40');
      await session.ended();
    }, { versions: [4] });

    conforms('a second CONNECT does nothing', async ({ server }) => {
      const session = await join(server, 3);
      await session.send('40', '40/');
      await works(session, unique('twice'));
    }, { versions: [3] });

    conforms('DISCONNECT leaves the channels, and the connection stays', async ({ server, eio }) => {
      const session = await join(server, eio);
      const channel = unique('left');
      await subscribe(session, channel);
      await session.send('41');
      await subscribed(server, channel, 0);
      if (eio === 3) return;
      await session.send('40');
      const { sid } = connected(await session.next());
      assert.notEqual(sid, session.socketId);
      await works(session, unique('back'));
    });

    conforms('an event of any JSON arrives as it was published', async ({ server, eio }) => {
      const session = await join(server, eio);
      const channel = unique('json');
      await subscribe(session, channel);
      const data = [null, true, -1.5e-7, 'ä\u0000"\\', [], {}, { a: { b: [{ c: '\u2028' }] } }, '_placeholder'];
      for (const one of data) await server.publish(channel, 'App\\Events\\Note', one);
      for (const one of data) assert.deepEqual(await event(session), { name: 'App\\Events\\Note', channel, data: one });
    });

    conforms('unknown events, with and without arguments, are ignored', async ({ server, eio }) => {
      const session = await join(server, eio);
      await session.send('42["what"]', '42["what",1,null,"x",[],{}]', '42[""]');
      await works(session, unique('unknown'));
    });

    conforms('an event that asks for an acknowledgement is taken; none is sent that the server does not give', async ({ server, eio }) => {
      const session = await join(server, eio);
      const channel = unique('ack');
      for (const id of ['0', '1', '12', '4294967296']) await session.send(`42${id}["subscribe",{"channel":"${channel}"}]`);
      await subscribed(server, channel);
      await server.publish(channel, 'Note', 1);
      assert.equal((await event(session)).name, 'Note');
    });

    conforms('acknowledgements that nobody waits for are ignored', async ({ server, eio }) => {
      const session = await join(server, eio);
      await session.send('430[]', '4312["x",1]', '461-0[{"_placeholder":true,"num":0}]', Buffer.from([1]));
      await works(session, unique('acked'));
    });

    conforms('an event for the default namespace by its name', async ({ server, eio }) => {
      const session = await join(server, eio);
      const channel = unique('named');
      await session.send(`42/,["subscribe",{"channel":"${channel}"}]`);
      await subscribed(server, channel);
    });

    conforms('an event for a namespace that was not joined', async ({ server, eio }) => {
      const session = await join(server, eio);
      const channel = unique('elsewhere');
      await session.send(`42/nope,["subscribe",{"channel":"${channel}"}]`);
      if (eio === 4) await session.ended();
      else await works(session, unique('here'));
      assert.equal(await server.subscribers(channel), 0);
    });

    conforms('who whispers does not hear himself, all others do', async ({ server, eio }) => {
      const [from, to] = [await join(server, eio), await join(server, eio)];
      const channel = unique('private-whisper');
      await subscribe(from, channel);
      await subscribe(to, channel, 2);
      await from.send(`42["client event",{"channel":"${channel}","event":"client-typing","data":{"fast":true}}]`);
      assert.deepEqual(await event(to), { name: 'client-typing', channel, data: { fast: true } });
      await server.publish(channel, 'Note', 1);
      assert.equal((await event(from)).name, 'Note');
    });

    conforms('many attachments keep their numbers', async ({ server, eio }) => {
      const [from, to] = [await join(server, eio), await join(server, eio)];
      const channel = unique('private-many');
      await subscribe(from, channel);
      await subscribe(to, channel, 2);
      const sent = Array.from({ length: 10 }, (_, number) => Buffer.alloc(number, number));
      const data = Object.fromEntries(sent.map((_, num) => [`n${num}`, { _placeholder: true, num }]));
      await from.send(`4510-["client event",${JSON.stringify({ channel, event: 'client-many', data })}]`, ...sent);
      assert.deepEqual((await event(to)).data, Object.fromEntries(sent.map((bytes, number) => [`n${number}`, bytes])));
    });

    const both = [
      '4', '42x', '42{}', '42"x"', '42[', '42["x"', '42[]', '42[null]', '42[{}]', '42[["x"]]', '42[true]', '45["x"]', '45-["x"]', '45x-["x"]',
      '451["x"]', '45-1-["x"]',
    ];
    const wrong = { 3: both, 4: [...both, '4x', '47', '49', '44', '44{}', '41{}', '42["connect"]', '42["disconnect"]', '42abc["x"]'] };
    for (const eio of [3, 4]) {
      for (const packet of wrong[eio]) {
        conforms(`${packet} ends the connection`, async ({ server }) => {
          const [session, channel] = [await join(server, eio), unique('wrong')];
          await subscribe(session, channel);
          await session.send(packet).catch(() => {});
          await session.ended();
          await subscribed(server, channel, 0);
        }, { versions: [eio] });
      }
    }

    conforms('text in place of an attachment ends the connection', async ({ server, eio }) => {
      const session = await join(server, eio);
      await session.send('451-["x",{"_placeholder":true,"num":0}]', '42["x"]').catch(() => {});
      await session.ended();
    });

    conforms('an attachment that was not announced ends the connection', async ({ server, eio }) => {
      const session = await join(server, eio);
      await session.send(Buffer.from([1, 2, 3])).catch(() => {});
      await session.ended();
    });
  });
}
