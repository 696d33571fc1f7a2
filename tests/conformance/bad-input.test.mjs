// What clients send that is wrong, on purpose or broken on the way: it ends their own connection at most, and nobody else notices.

import assert from 'node:assert/strict';
import { until } from './support/wait.mjs';
import { BOTH, badInput, each, MAX, settles } from './support/bad.mjs';
import { join, joinOctets, orCut, Polling, request } from './support/http.mjs';
import { joined, subscribe, works } from './support/socketio.mjs';
import { subscribed } from './support/servers.mjs';
import { unique } from './support/suite.mjs';
import { frame, OP, WebSocket, Websocket, Wire } from './support/websocket.mjs';

/** Every kind of packet, with all its parts. */
const PACKETS = {
  3: [
    '0{"sid":"x"}', '1', '2probe', '3probe', '5', '6', '40', '40/nope?token=1,', '41', '41/nope,', '42["what",{"a":[1,"ä€𝄞",null]}]', '4212["what",true]', '42/nope,7["x"]', '433[1]', '44"error"',
    '452-["what",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]', '461-3[{"_placeholder":true,"num":0}]', 'b4AQIDBA==',
  ],
  4: [
    '0{"sid":"x"}', '1', '2', '2probe', '3', '3probe', '5', '6', '40{"token":"x"}', '40/nope,{"token":"x"}', '41', '41/nope,', '42["what",{"a":[1,"ä€𝄞",null]}]', '4212["what",true]', '42/nope,7["x"]', '433[1]',
    '44{"message":"x"}', '452-["what",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":1}]]', '461-3[{"_placeholder":true,"num":0}]', 'bAQIDBA==',
  ],
};

/** Every prefix of the bytes, the empty one and the whole included. */
const prefixes = (bytes) => Array.from({ length: bytes.length + 1 }, (_, length) => bytes.subarray(0, length));

const lean = { only: 'lean' };

badInput('bad input', 6, (bad, edge) => {
  // those that wait, first
  bad('a POST whose body never ends', async (server) => {
    await Promise.all(BOTH.map(async (eio) => {
      const session = await joined(server, eio, 'polling');
      const channel = unique('endless');
      await subscribe(session, channel);
      const wire = await Wire.connect(server);
      wire.write(`POST ${session.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      const dripping = setInterval(() => wire.write('1\r\n4\r\n'), 500);
      await wire.take('the end', () => undefined, 40_000).finally(() => clearInterval(dripping));
      await subscribed(server, channel, 0);
    }));
  }, lean);

  bad('an upgrade whose probe is never finished', async (server) => {
    await Promise.all(BOTH.map(async (eio) => {
      const [polling, silent] = [await joined(server, eio, 'polling'), await joined(server, eio, 'polling')];
      const websocket = await Websocket.upgrade(polling);
      await websocket.send('2probe');
      const mute = await Websocket.upgrade(silent);
      const begun = Date.now();
      for (const session of [websocket, mute]) assert.equal((await session.raw.closed(15_000)).code, null);
      assert.ok(Date.now() - begun > 7_000, `given up after ${Date.now() - begun} ms`);
      for (const session of [polling, silent]) await works(session, unique('after'));
    }));
  }, lean);

  bad('every packet, cut at every byte, by websocket', async (server) => {
    for (const eio of BOTH) {
      for (const packet of PACKETS[eio]) {
        await each(prefixes(Buffer.from(packet)), async (prefix) => {
          const session = await joined(server, eio);
          session.raw.write(frame(OP.text, prefix));
          await settles(session);
          session.raw.destroy();
        });
      }
    }
  });

  bad('every packet, cut at every byte, before CONNECT', async (server) => {
    for (const packet of PACKETS[4]) {
      await each(prefixes(Buffer.from(packet)), async (prefix) => {
        const session = await Websocket.open(server, 4);
        session.raw.write(frame(OP.text, prefix));
        await settles(session);
        session.raw.destroy();
      });
    }
  }, lean);

  bad('every packet, cut at every byte, by polling', async (server) => {
    for (const eio of BOTH) {
      const bodies = [...PACKETS[eio].map((packet) => Buffer.from(join(eio, [packet]))), Buffer.from(join(eio, ['6', '42["what"]', '6']))];
      if (eio === 3) bodies.push(joinOctets(['451-["what",{"_placeholder":true,"num":0}]', Buffer.from([1, 2])]));
      await each(bodies.flatMap(prefixes), async (body) => {
        const session = await Polling.open(server, eio);
        const headers = body[0] <= 1 ? { 'content-type': 'application/octet-stream' } : undefined;
        const { status } = await orCut(session.post(body, headers));
        assert.ok(status === 'cut' || (status >= 200 && status < 500), `${body.toString('hex')}: ${status}`);
        session.close();
      });
    }
  });

  bad('a websocket frame, cut at every byte, and then the end of the stream', async (server) => {
    const frames = [frame(OP.text, '42["what"]'), frame(OP.binary, Buffer.alloc(200)), frame(OP.ping, 'ping'), frame(OP.close, Buffer.from([3, 232]))];
    for (const eio of BOTH) {
      await each(frames.flatMap(prefixes), async (prefix) => {
        const session = await joined(server, eio);
        session.raw.write(prefix);
        session.raw.wire.tcp.end();
        await session.raw.closed();
      });
    }
  });

  bad('a request for a websocket, cut at every byte', async (server) => {
    const request = Buffer.from([
      'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1', 'Host: x', 'Connection: Upgrade', 'Upgrade: websocket',
      'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '',
    ].join('\r\n'));
    await each(prefixes(request).slice(0, -1), async (prefix) => {
      const wire = await Wire.connect(server);
      server.connections.add(wire.tcp);
      wire.write(prefix);
      wire.tcp.end();
      await wire.take('the end', () => undefined);
    });
  });

  bad('lengths that lie', async (server) => {
    for (const body of ['0:', '1:', '3:4', '2:42[', '5:42["x"]', '00000000000000000002:42', '4294967296:4', '18446744073709551617:4', '-1:4', '1.5:4', '0x1:4', '٣:4']) {
      const session = await joined(server, 3, 'polling');
      const { status } = await orCut(session.post(body));
      assert.ok(status === 'cut' || status < 500, `${body}: ${status}`);
    }
    for (const digits of [[], [0], [9], [9, 9, 9, 9, 9, 9, 9, 9, 9, 9], Array(400).fill(9), [255], [10], [1, 200]]) {
      const session = await joined(server, 3, 'polling');
      const { status } = await orCut(session.post(Buffer.from([0, ...digits, 255, 0x34]), { 'content-type': 'application/octet-stream' }));
      assert.ok(status === 'cut' || status < 500, `${digits}: ${status}`);
    }
    for (const lie of [{ length: 126, form: 7 }, { length: 5, form: 64 }, { length: 5, form: 16 }]) {
      const session = await joined(server, 4);
      session.raw.write(frame(OP.text, '42["x"', lie));
      session.raw.wire.tcp.end();
      await session.raw.closed();
    }
  });

  bad('a Content-Length that lies', async (server) => {
    for (const eio of BOTH) {
      const session = await joined(server, eio, 'polling');
      const channel = unique('lies');
      await subscribe(session, channel);
      const wire = await Wire.connect(server);
      wire.write(`POST ${session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n4`);
      wire.tcp.end();
      await wire.take('the end', () => undefined);
      await subscribed(server, channel, 0);
      for (const length of ['-1', '1e3', '99999999999999999999999', '5, 6']) {
        const liar = await Wire.connect(server);
        liar.write(`POST ${session.target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n4`);
        assert.equal((await liar.head()).status, 400, length);
      }
    }
  });

  bad('placeholders that number no attachment', async (server) => {
    for (const eio of BOTH) {
      for (const number of ['1', '-1', '99999', '1.5', '1e99', '"0"', 'null', '[]', '{}', '18446744073709551616']) {
        const session = await joined(server, eio);
        await session.send(`451-["client event",{"channel":"private-x","event":"client-x","data":{"_placeholder":true,"num":${number}}}]`);
        assert.equal((await session.raw.closed()).code, null, number);
      }
      const session = await joined(server, eio);
      await session.send('451-["what",{"_placeholder":true}]');
      assert.equal((await session.raw.closed()).code, null);
    }
  }, lean);

  bad('one attachment in two places, and a placeholder that is none', async (server) => {
    for (const eio of BOTH) {
      const [session, other] = [await joined(server, eio), await joined(server, eio)];
      const channel = unique('private-twice');
      await subscribe(session, channel);
      await subscribe(other, channel, 2);
      const data = '[{"_placeholder":true,"num":0},{"_placeholder":true,"num":0},{"_placeholder":"true","num":7}]';
      await session.send(`451-["client event",{"channel":"${channel}","event":"client-x","data":${data}}]`, Buffer.from([1]));
      await until('an answer or the end', async () => {
        session.raw.write(frame(OP.ping, 'x'));
        return (await settles(other)) === 'open';
      });
    }
  }, lean);

  bad('attachments that together are over the bound', async (server) => {
    for (const eio of BOTH) {
      const session = await joined(server, eio);
      await session.send('45100-["what",{"_placeholder":true,"num":0}]');
      for (let count = 0; count < 3; count += 1) await session.send(Buffer.alloc(MAX / 2));
      assert.equal((await session.raw.closed()).code, 1009); // as one packet over the bound is
    }
  }, lean);

  bad('depth bombs', async (server) => {
    const levels = 30_000;
    const bombs = [
      `42${'['.repeat(levels)}${']'.repeat(levels)}`, `42${'['.repeat(levels)}`, `42["x",${'{"a":'.repeat(levels / 2)}1${'}'.repeat(levels / 2)}]`, `40${'{"a":'.repeat(levels / 2)}`,
      `42["client event",{"channel":"private-x","event":"client-x","data":${'['.repeat(levels)}${']'.repeat(levels)}}]`, `43${'['.repeat(levels)}`,
      `451-["x",${'['.repeat(levels)}{"_placeholder":true,"num":0}${']'.repeat(levels)}]`,
      `42["client event",${JSON.stringify(`{"channel":"private-x","event":"client-x","data":${'['.repeat(levels)}${']'.repeat(levels)}}`)}]`,
    ];
    for (const eio of BOTH) {
      for (const bomb of bombs) {
        const session = await joined(server, eio);
        await session.send(bomb);
        await settles(session);
        const polling = await Polling.open(server, eio);
        await orCut(polling.post(join(eio, [bomb])));
      }
    }
  });

  bad('bytes that are not UTF-8, in every place that takes text', async (server) => {
    const ff = Buffer.from([0xff, 0xfe, 0xc0, 0x80]);
    for (const eio of BOTH) {
      const session = await joined(server, eio);
      session.raw.write(frame(OP.text, Buffer.concat([Buffer.from('42["x","'), ff, Buffer.from('"]')])));
      const { code } = await session.raw.closed();
      if (edge === 'lean') assert.equal(code, 1007);
      const polling = await joined(server, eio, 'polling');
      const { status } = await orCut(polling.post(Buffer.concat([Buffer.from(eio === 3 ? '8:42["' : '42["'), ff, Buffer.from('"]')])));
      assert.ok(status === 'cut' || status < 500, `answered ${status}`);
      for (const target of [`/socket.io/?EIO=${eio}&transport=polling&sid=%ff%fe`, `/socket.io/?EIO=${eio}&transport=%c0%80`, '/socket.io/?%ff=%ff&%']) {
        assert.equal((await request(server, target)).status, 400, target);
      }
      const wire = await Wire.connect(server);
      wire.write(Buffer.concat([Buffer.from('GET /socket.io/?EIO=4&transport='), ff, Buffer.from(' HTTP/1.1\r\nHost: x\r\nOrigin: '), ff, Buffer.from('\r\n\r\n')]));
      assert.equal((await wire.head()).status, 400);
    }
  });

  bad('many websockets for one session', async (server) => {
    for (const eio of BOTH) {
      const polling = await joined(server, eio, 'polling');
      const raws = await Promise.all(Array.from({ length: 30 }, () => WebSocket.connect(server, `EIO=${eio}&transport=websocket&sid=${polling.sid}`)));
      const open = raws.filter(({ status }) => status === 101).map((raw) => Object.assign(new Websocket(), { server, eio, raw, sid: polling.sid }));
      await Promise.all(open.map((one) => one.send('2probe', '5')));
      const left = [];
      for (const one of open) if ((await settles(one)) === 'open') left.push(one);
      assert.equal(left.length, 1);
      await works(left[0], unique('one'));
    }
  }, lean);

  bad('many GETs and POSTs of one session at once', async (server) => {
    for (const eio of BOTH) {
      const session = await joined(server, eio, 'polling');
      const channel = unique('overlap');
      await subscribe(session, channel);
      const requests = Array.from({ length: 40 }, (_, index) => orCut(index % 4 === 0 ? session.post(join(eio, ['6'])) : session.get()));
      const answers = await Promise.all(requests);
      assert.ok(answers.some(({ status }) => status === 'cut' || status >= 400), 'all were answered');
      await subscribed(server, channel, 0);
      assert.equal((await session.get()).status, 400);
    }
  });

  bad('a POST whose chunks go over the bound', async (server) => {
    for (const eio of BOTH) {
      const session = await joined(server, eio, 'polling');
      const wire = await Wire.connect(server);
      wire.write(`POST ${session.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`);
      for (let part = 0; part < 12; part += 1) wire.write(`2710\r\n${'4'.repeat(10_000)}\r\n`);
      const { status } = await wire.head();
      assert.ok(['cut', 400, 413].includes(status), `answered ${status}`);
      assert.equal((await orCut(session.get())).status, 400);
    }
  }, lean);

  bad('a chunk whose length lies', async (server) => {
    const session = await joined(server, 4, 'polling');
    for (const chunk of ['ffffffffffffffffff\r\n4', 'zz\r\n4', '-1\r\n4', '5\r\n4\r\n0\r\n\r\n']) {
      const wire = await Wire.connect(server);
      wire.write(`POST ${session.target} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunk}`);
      wire.tcp.end();
      await wire.take('the end', () => undefined);
    }
  });

  bad('requests that are none', async (server) => {
    for (const garbage of ['\0\0\0\0', 'GET\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', `GET /${'x'.repeat(200_000)} HTTP/1.1\r\n\r\n`, `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(5_000)}\r\n`, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03']) {
      const wire = await Wire.connect(server);
      wire.write(Buffer.from(garbage, 'latin1'));
      const { status } = await wire.head();
      assert.ok(status === 'cut' || (status >= 400 && status < 500), `answered ${status}`);
      wire.destroy();
    }
  });
});
