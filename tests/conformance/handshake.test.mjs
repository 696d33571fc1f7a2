// Opening a session: what is told, and what is refused with which number.

import assert from 'node:assert/strict';
import { Polling, request, split } from './support/http.mjs';
import { cases } from './support/suite.mjs';
import { Websocket, WebSocket } from './support/websocket.mjs';

const code = ({ status, text }) => ({ status, code: JSON.parse(text).code });
const SID = /^[\w-]{16,}$/;

cases('handshake', {}, (conforms) => {
  conforms('polling is answered with an open packet', async ({ server, eio }) => {
    const session = await Polling.open(server, eio);
    assert.match(session.sid, SID);
    const { upgrades, pingInterval, pingTimeout, maxPayload } = session.handshake;
    assert.deepEqual({ upgrades, pingInterval, pingTimeout }, { upgrades: ['websocket'], pingInterval: 25_000, pingTimeout: 20_000 });
    assert.equal(session.first.headers['content-type'].toLowerCase(), 'text/plain; charset=utf-8');
    if (eio === 4) assert.equal(maxPayload, 1_000_000);
  });

  conforms('a websocket gets the open packet as its first frame, and no upgrades', async ({ server, eio }) => {
    const session = await Websocket.open(server, eio);
    assert.equal(session.first[0], '0');
    assert.match(session.sid, SID);
    assert.deepEqual(session.handshake.upgrades, []);
    assert.equal(session.handshake.pingInterval, 25_000);
    assert.equal(session.handshake.pingTimeout, 20_000);
  });

  conforms('protocol 4 of Socket.IO is in the default namespace without asking, protocol 5 is not', async ({ server, eio }) => {
    const session = await Websocket.open(server, eio);
    if (eio === 3) assert.equal(await session.next(), '40');
    else {
      await session.send('3', '40');
      assert.match(await session.next(), /^40\{"sid":"[^"]+"/);
    }
  });

  conforms('no two sessions have one id', async ({ server, eio }) => {
    const sids = await Promise.all(Array.from({ length: 50 }, async () => (await Polling.open(server, eio)).sid));
    assert.equal(new Set(sids).size, 50);
  });

  conforms('a transport that is missing or unknown is refused with 0', async ({ server, eio }) => {
    for (const query of [`EIO=${eio}`, `EIO=${eio}&transport=`, `EIO=${eio}&transport=telepathy`, `EIO=${eio}&transport=Polling`]) {
      assert.deepEqual(code(await request(server, `/socket.io/?${query}`)), { status: 400, code: 0 }, query);
    }
  });

  conforms('a websocket with an unknown transport is refused', async ({ server, eio }) => {
    for (const query of [`EIO=${eio}`, `EIO=${eio}&transport=telepathy`]) {
      assert.equal((await WebSocket.connect(server, query)).status, 400, query);
    }
  });

  conforms('an unknown session id is refused with 1', async ({ server, eio }) => {
    const target = `/socket.io/?EIO=${eio}&transport=polling&sid=nobody`;
    for (const method of ['GET', 'POST']) {
      assert.deepEqual(code(await request(server, target, { method })), { status: 400, code: 1 }, method);
    }
    for (const sid of ['__proto__', 'constructor', '%00', '%ff', 'x'.repeat(10_000)]) {
      const answer = await request(server, `/socket.io/?EIO=${eio}&transport=polling&sid=${sid}`);
      assert.equal(answer.status, 400, sid);
    }
  });

  conforms('a websocket with an unknown session id is refused', async ({ server, eio }) => {
    assert.equal((await WebSocket.connect(server, `EIO=${eio}&transport=websocket&sid=nobody`)).status, 400);
  });

  conforms('a handshake is a GET: other methods are refused with 2', async ({ server, eio }) => {
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH']) {
      const answer = await request(server, `/socket.io/?EIO=${eio}&transport=polling`, { method });
      assert.deepEqual(code(answer), { status: 400, code: 2 }, method);
    }
  });

  conforms('transport=websocket without an upgrade is refused with 3', async ({ server, eio }) => {
    assert.deepEqual(code(await request(server, `/socket.io/?EIO=${eio}&transport=websocket`)), { status: 400, code: 3 });
  });

  conforms('a session of one transport is not served by the other', async ({ server, eio }) => {
    const session = await Websocket.open(server, eio);
    const answer = await request(server, `/socket.io/?EIO=${eio}&transport=polling&sid=${session.sid}`);
    assert.deepEqual(code(answer), { status: 400, code: 3 });
  });

  conforms('a session of one protocol is not served in the other', async ({ server, eio }) => {
    const session = await Polling.open(server, eio);
    const answer = await request(server, `/socket.io/?EIO=${7 - eio}&transport=polling&sid=${session.sid}`);
    assert.deepEqual(code(answer), { status: 400, code: 3 });
    await session.send('3');
  });

  conforms('without EIO it is protocol 3', async ({ server, eio }) => {
    const answer = await request(server, '/socket.io/?transport=polling');
    assert.equal(answer.status, 200);
    assert.equal(split(eio, answer)[0][0], '0');
    assert.equal((await WebSocket.connect(server, 'transport=websocket')).status, 101);
  }, { versions: [3] });

  conforms('more parameters, in any order and form, do not matter', async ({ server, eio }) => {
    for (const query of [`t=Pq1&transport=polling&token=a%20b%26c&EIO=${eio}`, `EIO=${eio}&transport=%70olling`, `&&EIO=${eio}&x&=&transport=polling&`]) {
      assert.equal((await request(server, `/socket.io/?${query}`)).status, 200, query);
    }
  });

  conforms('a method that a session does not know is refused', async ({ server, eio }) => {
    const session = await Polling.open(server, eio);
    for (const method of ['PUT', 'DELETE', 'PATCH']) {
      const { status } = await request(server, session.target, { method });
      assert.ok(status >= 400 && status < 600, `${method}: ${status}`);
    }
  });
});

cases('websocket handshake', {}, (conforms) => {
  conforms('a request that is not one for a websocket is refused', async ({ server, eio }) => {
    const wrong = {
      'no key': { 'Sec-WebSocket-Key': undefined },
      'a key that is too short': { 'Sec-WebSocket-Key': 'c2hvcnQ=' },
      'no version': { 'Sec-WebSocket-Version': undefined },
      'an unknown version': { 'Sec-WebSocket-Version': '99' },
      'another protocol': { Upgrade: 'h2c' },
    };
    for (const [what, headers] of Object.entries(wrong)) {
      const { status } = await WebSocket.connect(server, `EIO=${eio}&transport=websocket`, { headers });
      assert.ok(status === 'cut' || (status >= 400 && status < 500), `${what}: ${status}`);
    }
  });

  conforms('names of headers and their values are taken in any case', async ({ server, eio }) => {
    const headers = { Connection: 'keep-alive, uPgRaDe', Upgrade: 'WebSocket' };
    assert.equal((await WebSocket.connect(server, `EIO=${eio}&transport=websocket`, { headers })).status, 101);
  });

  conforms('no extension is agreed to that was not asked for', async ({ server, eio }) => {
    const raw = await WebSocket.connect(server, `EIO=${eio}&transport=websocket`);
    assert.equal(raw.headers['sec-websocket-extensions'], undefined);
  });

  conforms('permessage-deflate is declined', async ({ server, eio }) => {
    const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits' };
    const raw = await WebSocket.connect(server, `EIO=${eio}&transport=websocket`, { headers });
    assert.equal(raw.status, 101);
    assert.equal(raw.headers['sec-websocket-extensions'], undefined);
  }, { servers: ['lean', 'socketioxide', 'socket.io 4'] });
});
