// Engine.IO on websockets, the change from polling to a websocket, heartbeats, and the ways a session ends.

import assert from 'node:assert/strict';
import { join, orCut, Polling, split } from './support/http.mjs';
import { event, joined, subscribe, TRANSPORTS, works } from './support/socketio.mjs';
import { EDGES, subscribed } from './support/servers.mjs';
import { cases, unique } from './support/suite.mjs';
import { frame, OP, WebSocket, Websocket } from './support/websocket.mjs';
import { pause } from './support/wait.mjs';

cases('websocket', {}, (conforms) => {
  conforms('messages go both ways, in their order', async ({ server, eio }) => {
    const session = await joined(server, eio);
    const channel = unique('open');
    await subscribe(session, channel);
    for (let note = 0; note < 20; note += 1) await server.publish(channel, 'Note', { note, text: 'ä€𝄞' });
    for (let note = 0; note < 20; note += 1) assert.deepEqual((await event(session)).data, { note, text: 'ä€𝄞' });
  });

  conforms('attachments go both ways as binary frames', async ({ server, eio }) => {
    const [from, to] = [await joined(server, eio), await joined(server, eio)];
    await attached(server, from, to);
  });

  conforms('with b64=1 attachments come as text', async ({ server, eio }) => {
    const [from, to] = [await joined(server, eio), await joined(server, eio, 'websocket', { more: '&b64=1' })];
    const channel = unique('private-text');
    await subscribe(from, channel);
    await subscribe(to, channel, 2);
    await from.send(`451-["client event",{"channel":"${channel}","event":"client-b","data":{"_placeholder":true,"num":0}}]`, Buffer.from([1, 2, 3, 4]));
    assert.match((await to.raw.frame()).payload.toString(), /^451-\["client-b"/);
    const second = await to.raw.frame();
    assert.deepEqual([second.opcode, second.payload.toString()], [OP.text, 'b4AQIDBA==']);
  }, { versions: [3] });

  for (const packet of ['', 'abc', '7', '9', '-1', 'é']) {
    conforms(`the packet ${JSON.stringify(packet)} ends the session`, async ({ server, eio }) => {
      const [session, channel] = [await joined(server, eio), unique('bad')];
      await subscribe(session, channel);
      await session.send(packet);
      await session.ended();
      await subscribed(server, channel, 0);
    });
  }

  conforms('a noop and an open packet from a client do nothing', async ({ server, eio }) => {
    const session = await joined(server, eio);
    await session.send('6', '0{}');
    await works(session, unique('noop'));
  });

  conforms('a close frame is answered, and the socket is gone', async ({ server, eio }) => {
    const [session, channel] = [await joined(server, eio), unique('close')];
    await subscribe(session, channel);
    session.raw.write(frame(OP.close, Buffer.from([0x03, 0xe8])));
    const { code } = await session.raw.closed();
    assert.ok([1000, 1005, null].includes(code), `closed with ${code}`);
    await subscribed(server, channel, 0);
  });

  conforms('a connection that breaks off takes its socket along', async ({ server, eio }) => {
    const [session, channel] = [await joined(server, eio), unique('broken')];
    await subscribe(session, channel);
    session.raw.wire.tcp.resetAndDestroy();
    await subscribed(server, channel, 0);
  });

  conforms('a close packet ends the session', async ({ server, eio }) => {
    const [session, channel] = [await joined(server, eio), unique('close')];
    await subscribe(session, channel);
    await session.send('1');
    await session.ended();
    await subscribed(server, channel, 0);
  }, { versions: [4] });

  conforms('clients of both protocols and both transports hear each other', async ({ server, eio }) => {
    const [from, to] = [await joined(server, eio), await joined(server, 7 - eio, 'polling', { more: '&b64=1' })];
    await attached(server, from, to);
    await attached(server, to, from);
  }, { servers: ['lean', 'socketioxide', 'socket.io 4'] });
});

async function attached(server, from, to) {
  const channel = unique('private-attached');
  await subscribe(from, channel);
  await subscribe(to, channel, 2);
  const data = [{ _placeholder: true, num: 1 }, { deep: { _placeholder: true, num: 0 } }, 'text'];
  const sent = [Buffer.from([4, 0, 255]), Buffer.alloc(1_000, 0xc3)];
  await from.send(`452-["client event",${JSON.stringify({ channel, event: 'client-a', data })}]`, ...sent);
  assert.deepEqual((await event(to)).data, [sent[1], { deep: sent[0] }, 'text']);
}

cases('upgrade', {}, (conforms) => {
  /** A polling session with a websocket that has been probed. */
  const probed = async (server, eio) => {
    const polling = await joined(server, eio, 'polling');
    const websocket = await Websocket.upgrade(polling);
    await websocket.send('2probe');
    assert.equal((await websocket.raw.frame()).payload.toString(), '3probe');
    return { polling, websocket };
  };

  conforms('a probe is answered, and after 5 packets go by the websocket', async ({ server, eio }) => {
    const { polling, websocket } = await probed(server, eio);
    await websocket.send('5');
    await works(websocket, unique('upgraded'));
    assert.equal((await polling.get()).status, 400);
    await works(websocket, unique('upgraded'));
  });

  conforms('a waiting GET is let go with a noop', async ({ server, eio }) => {
    const polling = await joined(server, eio, 'polling');
    const waiting = polling.get();
    await pause(50);
    const websocket = await Websocket.upgrade(polling);
    await websocket.send('2probe');
    assert.deepEqual(split(eio, await waiting), ['6']);
    await websocket.send('5');
  });

  conforms('what is emitted during the change comes once and in its order', async ({ server, eio }) => {
    const { polling, websocket } = await probed(server, eio);
    const channel = unique('during');
    await subscribe(polling, channel);
    for (let note = 0; note < 10; note += 1) await server.publish(channel, 'Note', note);
    await websocket.send('5');
    for (let note = 10; note < 20; note += 1) await server.publish(channel, 'Note', note);
    for (let note = 0; note < 20; note += 1) assert.equal((await event(websocket)).data, note);
  });

  conforms('polling goes on while a websocket is probed', async ({ server, eio }) => {
    const { polling } = await probed(server, eio);
    await works(polling, unique('still'));
  });

  conforms('packets right behind the 5 are not lost', async ({ server, eio }) => {
    const { websocket } = await probed(server, eio);
    const channel = unique('behind');
    websocket.raw.write(Buffer.concat([frame(OP.text, '5'), frame(OP.text, `42["subscribe",{"channel":"${channel}"}]`)]));
    await subscribed(server, channel);
  });

  for (const wrong of ['4', '2', '3', '6', '42["x"]', 'abc', '']) {
    conforms(`a websocket that says ${JSON.stringify(wrong)} in place of a probe is closed, and polling goes on`, async ({ server, eio }) => {
      const polling = await joined(server, eio, 'polling');
      const websocket = await Websocket.upgrade(polling);
      await websocket.send(wrong);
      await websocket.ended();
      await works(polling, unique('on'));
    });
  }

  conforms('a websocket that breaks off in the middle of the change leaves polling alone', async ({ server, eio }) => {
    const { polling, websocket } = await probed(server, eio);
    websocket.raw.destroy();
    await works(polling, unique('on'));
    const again = await Websocket.upgrade(polling);
    await again.send('2probe');
    assert.equal((await again.raw.frame()).payload.toString(), '3probe');
    await again.send('5');
    await works(again, unique('again'));
  });

  conforms('a second websocket of a session is closed, and the first goes on', async ({ server, eio }) => {
    const { polling, websocket } = await probed(server, eio);
    await websocket.send('5');
    await works(websocket, unique('first'));
    const second = await WebSocket.connect(server, `EIO=${eio}&transport=websocket&sid=${polling.sid}`);
    if (second.status === 101) await second.closed();
    else assert.equal(second.status, 400);
    await works(websocket, unique('first'));
  });

  conforms('a session that began as a websocket takes no other', async ({ server, eio }) => {
    const session = await joined(server, eio);
    const second = await WebSocket.connect(server, `EIO=${eio}&transport=websocket&sid=${session.sid}`);
    if (second.status === 101) await second.closed();
    else assert.equal(second.status, 400);
    await works(session, unique('only'));
  }, { servers: EDGES });

  conforms('two websockets that probe one session at a time: one at most gets it', async ({ server, eio }) => {
    const { polling, websocket } = await probed(server, eio);
    const second = await WebSocket.connect(server, `EIO=${eio}&transport=websocket&sid=${polling.sid}`);
    if (second.status === 101) await second.closed();
    await websocket.send('5');
    await works(websocket, unique('one'));
  });
});

const INTERVAL = 500;
const TIMEOUT = 1_000;

cases('heartbeat', { pingInterval: INTERVAL, pingTimeout: TIMEOUT }, (conforms) => {
  /** Packets as they come, for `ms`. */
  const watch = async (session, ms, answer) => {
    const seen = [];
    const end = Date.now() + ms;
    while (Date.now() < end) {
      const next = await session.raw.frame(end - Date.now() + 1).catch(() => undefined);
      if (next === undefined) break;
      seen.push(next.opcode === OP.close ? 'close' : next.payload.toString());
      if (next.opcode === OP.close) break;
      await answer?.(next.payload.toString());
    }
    return seen;
  };

  conforms('the server pings every interval, and who answers stays', async ({ server }) => {
    const session = await joined(server, 4);
    const seen = await watch(session, INTERVAL * 5, (packet) => packet === '2' && session.send('3'));
    const pings = seen.filter((packet) => packet === '2').length;
    assert.ok(pings >= 3 && pings <= 6, `${pings} pings in 5 intervals: ${seen}`);
    await works(session, unique('stays'));
  }, { versions: [4] });

  conforms('the server never pings, and who pings stays', async ({ server }) => {
    const session = await joined(server, 3);
    const pinging = setInterval(() => session.send('2'), INTERVAL / 2);
    const seen = await watch(session, INTERVAL * 5);
    clearInterval(pinging);
    assert.ok(seen.length >= 5 && seen.every((packet) => packet === '3'), `${seen}`);
    await works(session, unique('stays'));
  }, { versions: [3] });

  for (const transport of Object.keys(TRANSPORTS)) {
    conforms(`who is silent on ${transport} is closed after interval and timeout, not before`, async ({ server, eio }) => {
      const session = await joined(server, eio, transport);
      const channel = unique('silent');
      await subscribe(session, channel);
      const begun = Date.now();
      if (transport === 'websocket') await watch(session, 15_000);
      else {
        let answer = await orCut(session.get());
        while (answer.status === 200 && !split(eio, answer).includes('1')) answer = await orCut(session.get());
      }
      await subscribed(server, channel, 0);
      const [lived, took] = [Date.now() - session.opened, Date.now() - begun];
      assert.ok(lived >= (INTERVAL + TIMEOUT) * 0.9 && took < (INTERVAL + TIMEOUT) * 4, `closed ${lived} ms after it was opened, ${took} ms after it fell silent`);
    });
  }

  conforms('a polling client that answers stays', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const end = Date.now() + INTERVAL * 4;
    while (Date.now() < end) {
      if (eio === 3) await session.send('2');
      const answer = await session.get();
      assert.equal(answer.status, 200, answer.text);
      if (eio === 4 && split(4, answer).includes('2')) await session.send('3');
      await pause(50);
    }
    await works(session, unique('polls'));
  });

  conforms('a ping of a client is not the protocol', async ({ server }) => {
    const session = await joined(server, 4);
    const channel = unique('pinged');
    await subscribe(session, channel);
    await session.send('2');
    await session.raw.closed();
    await subscribed(server, channel, 0);
  }, { versions: [4] });
});

cases('end', {}, (conforms) => {
  conforms('what is queued is not lost when the client closes by a POST', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const channel = unique('end');
    await subscribe(session, channel);
    await session.post(join(eio, [`42["unsubscribe",{"channel":"${channel}"}]`, '1']));
    await subscribed(server, channel, 0);
  });

  conforms('the session id of an ended session is unknown', async ({ server, eio }) => {
    const session = await Polling.open(server, eio);
    await session.send('1');
    const { status, text } = await session.get();
    assert.equal(status, 400);
    assert.match(text, /"code":"?1"?/);
  });
});
