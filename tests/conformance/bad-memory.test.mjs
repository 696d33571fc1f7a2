// What clients send to make the sidecar keep much: memory stays bounded, and nobody else notices.
//
// One case at a time, for the process' memory is looked at before and after each.

import assert from 'node:assert/strict';
import { pause } from './support/wait.mjs';
import { BOTH, badInput, each, settles } from './support/bad.mjs';
import { Polling } from './support/http.mjs';
import { joined } from './support/socketio.mjs';
import { frame, OP } from './support/websocket.mjs';
import { memory } from './support/witness.mjs';

const lean = { only: 'lean' };

badInput('bad input that asks for memory', 1, (bad, edge) => {
  bad('a hundred thousand attachments', async (server) => {
    const before = memory(server);
    for (const eio of BOTH) {
      for (const count of ['100000', '99999999999999999999', '101', '0', '00', '-1', '1e5', '٣']) {
        const session = await joined(server, eio);
        await session.send(`45${count}-["client event",{"channel":"private-x"}]`);
        if (edge === 'lean') assert.equal((await session.raw.closed()).code, null, count);
        else await settles(session);
      }
      const placeholders = Array.from({ length: 2_500 }, (_, num) => `{"_placeholder":true,"num":${num}}`);
      const session = await joined(server, eio);
      await session.send(`45100000-["what",${placeholders}]`);
      await settles(session);
    }
    const more = memory(server) - before;
    assert.ok(more < 40, `${more} MB more`);
  });

  bad('attachments that never come cost what was sent, and no more', async (server) => {
    const before = memory(server);
    const sessions = [];
    for (let count = 0; count < 200; count += 1) {
      const session = await joined(server, 3 + (count % 2));
      await session.send('45100-["what",{"_placeholder":true,"num":0}]', Buffer.alloc(10_000));
      await settles(session);
      sessions.push(session);
    }
    const more = memory(server) - before;
    assert.ok(more < 30, `${more} MB more`);
    sessions.forEach(({ raw }) => raw.destroy());
  }, lean);

  bad('fragments without end', async (server) => {
    const before = memory(server);
    const sessions = await Promise.all(Array.from({ length: 50 }, async (_, index) => {
      const session = await joined(server, 3 + (index % 2));
      session.raw.write(frame(OP.text, 'x'.repeat(1_000), { fin: false }));
      for (let part = 0; part < 90; part += 1) session.raw.write(frame(OP.continuation, 'x'.repeat(1_000), { fin: false }));
      await settles(session);
      return session;
    }));
    const more = memory(server) - before;
    assert.ok(more < 50 * 0.1 * 3 + 15, `${more} MB more for 50 × 91 KB`);
    const [endless] = sessions;
    for (let part = 0; part < 20; part += 1) endless.raw.write(frame(OP.continuation, 'x'.repeat(1_000), { fin: false }));
    const { code } = await endless.raw.closed();
    if (edge === 'lean') assert.equal(code, 1009);
    sessions.forEach(({ raw }) => raw.destroy());
  });

  bad('a hundred thousand empty fragments', async (server) => {
    const before = memory(server);
    const session = await joined(server, 4);
    session.raw.write(frame(OP.text, '', { fin: false }));
    const empty = Buffer.concat(Array.from({ length: 1_000 }, () => frame(OP.continuation, '', { fin: false })));
    for (let part = 0; part < 100; part += 1) session.raw.write(empty);
    await settles(session);
    const more = memory(server) - before;
    assert.ok(more < 15, `${more} MB more`);
    session.raw.destroy();
  });

  bad('a hundred thousand pings whose pongs nobody reads', async (server) => {
    const before = memory(server);
    const session = await joined(server, 4);
    session.raw.wire.tcp.pause();
    const pings = Buffer.concat(Array.from({ length: 1_000 }, () => frame(OP.ping, 'x'.repeat(125))));
    for (let part = 0; part < 100; part += 1) session.raw.write(pings);
    await pause(2_000);
    const more = memory(server) - before;
    assert.ok(more < 40, `${more} MB more`);
    session.raw.destroy();
  });

  bad('ten thousand handshakes that never CONNECT', async (server, t) => {
    const before = memory(server);
    await each(Array(10_000), () => Polling.open(server, 4), 20);
    const perSession = ((memory(server) - before) * 1024) / 10_000;
    assert.ok(perSession < (edge === 'lean' ? 4 : 20), `${perSession} KB a session`);
    t.diagnostic(`${perSession.toFixed(1)} KB a session`);
    // Socket.IO gives a client 45 s, whether it answers heartbeats or not.
    const last = await Polling.open(server, 4);
    const begun = Date.now();
    await last.ended(60_000);
    const took = Date.now() - begun;
    assert.ok(took > 40_000 && took < 55_000, `closed after ${took} ms`);
  });
});
