// Engine.IO 3, less travelled: upgrades that go wrong, overlapping requests, binary by polling, other paths.

import { request as start } from 'node:http';
import { brief } from '../support/http.mjs';
import { Client } from '../support/client.mjs';

const seen = (answer) => brief(answer, 'set-cookie', 'access-control-allow-origin');

async function opened(s, label = 'P') {
  const polling = s.polling();
  await polling.open();
  s.name(polling.sid, `<${label}>`);
  return polling;
}

const taker = (s, polling, label = 'U') => s.client(label, { marked: false, query: `&sid=${polling.sid}`, takesOver: true });

/** A poll that is let wait for a while only. */
const glance = async (polling) => {
  const answer = await polling.poll({ deadlineMs: 500 });
  return answer.error ? 'waits' : seen(answer);
};

export default {
  title: 'Engine.IO, less travelled',
  scenarios: [
    {
      name: 'eio-polling-ping', grade: 'must', title: 'heartbeats by polling',
      async run(s) {
        const polling = await opened(s);
        await polling.post(['2']);
        s.note('pong', seen(await polling.poll()));
        await polling.post(['2probe', '2']);
        s.note('two', seen(await polling.poll()));
      },
    },
    {
      name: 'eio-upgrade-without-probe', grade: 'must', title: 'a websocket that says something else than the probe',
      async run(s) {
        for (const frame of ['5', '2', '2other', '42["subscribe",{"channel":"x"}]', '']) {
          const polling = await opened(s, `P${frame}`);
          const client = await taker(s, polling, `U${frame}`);
          client.send(frame);
          await s.settle();
          s.note(`${frame || 'nothing'}: websocket`, { frames: client.takeFrames(), closed: client.closed });
          s.note(`${frame || 'nothing'}: polling`, await glance(polling));
          client.socket.terminate();
        }
      },
    },
    {
      name: 'eio-upgrade-given-up', grade: 'must', title: 'the websocket goes away after the probe: polling goes on',
      async run(s) {
        const polling = await opened(s);
        const client = await taker(s, polling);
        client.send('2probe');
        await client.until('3probe', () => client.frames.length > 0);
        await client.vanish();
        await polling.post(['42["subscribe",{"channel":"on"}]']);
        await s.publish('on', { event: 'E', data: 1 });
        s.note('packets', await polling.pollUntil((packet) => packet.startsWith('42')));
      },
    },
    {
      name: 'eio-upgrade-twice', grade: 'must', title: 'two websockets for one session',
      async run(s) {
        const polling = await opened(s);
        const [first, second] = [await taker(s, polling, 'U1'), await taker(s, polling, 'U2')];
        await s.settle();
        s.note('second', { frames: second.takeFrames(), closed: second.closed !== null });
        first.send('2probe');
        await s.settle();
        s.note('first', first.takeFrames());
      },
    },
    {
      name: 'eio-two-posts', grade: 'must', title: 'a second POST while the first is still being sent',
      async run(s) {
        const polling = await opened(s);
        const url = new URL(polling.url);
        const first = start({ host: url.hostname, port: url.port, path: url.pathname + url.search, method: 'POST', headers: { 'content-type': 'text/plain' } });
        first.on('error', () => {});
        first.write('1:2');
        await s.settle();
        s.note('second', (await polling.post(['2'])).status);
        first.destroy();
        await s.settle();
        s.note('the session', await glance(polling));
      },
    },
    {
      name: 'eio-post-cut-off', grade: 'must', title: 'a POST that breaks off ends the session',
      async run(s) {
        const polling = await opened(s);
        const url = new URL(polling.url);
        const first = start({ host: url.hostname, port: url.port, path: url.pathname + url.search, method: 'POST', headers: { 'content-length': 100 } });
        first.on('error', () => {});
        first.write('1:2');
        await s.settle();
        first.destroy();
        await s.settle();
        s.note('the session', await glance(polling));
      },
    },
    {
      name: 'eio-poll-cut-off', grade: 'must', title: 'a poll that is given up by the client ends the session',
      async run(s) {
        const polling = await opened(s);
        await polling.post(['42["subscribe",{"channel":"gone"}]']);
        await polling.poll({ deadlineMs: 300 });
        await s.settle();
        s.note('the session', await glance(polling));
        s.note('count', await s.count('gone'));
      },
    },
    {
      name: 'eio-other-path', grade: 'must', title: 'a websocket on another path is dropped without an answer',
      async run(s) {
        const client = new Client('O', s.url, { path: '/other/' });
        s.clients.push(client);
        const begun = Date.now();
        await client.ended();
        s.note('ended', client.closed);
        s.note('after about a second', Date.now() - begun > 600 && Date.now() - begun < 3000);
      },
    },
    {
      name: 'eio-binary-polling', grade: 'must', title: 'a binary whisper to a client that polls, and from one',
      async run(s) {
        const a = await s.client('A');
        await s.join(a, 'private-b');
        const polling = await opened(s);
        await polling.post(['42["subscribe",{"channel":"private-b"}]']);
        await s.settle();
        await s.settle();
        a.send('451-["client event",{"channel":"private-b","event":"client-f","data":{"_placeholder":true,"num":0}}]');
        a.socket.send(Buffer.from([4, 1, 2, 255]));
        await s.settle();
        const answer = await polling.poll();
        s.note('to', { type: answer.headers['content-type'], bytes: Buffer.from(answer.body, 'latin1').toString('hex').length > 0 });
        await polling.post(['451-["client event",{"channel":"private-b","event":"client-g","data":{"_placeholder":true,"num":0}}]', 'b4AQL/']);
        await s.settle();
        s.note('from', a.takeFrames());
      },
    },
    {
      name: 'eio-binary-polling-base64', grade: 'must', title: 'the same with b64=1',
      async run(s) {
        const a = await s.client('A');
        await s.join(a, 'private-b');
        const polling = s.polling({ query: '&b64=1' });
        await polling.open();
        s.name(polling.sid, '<P>');
        await polling.post(['42["subscribe",{"channel":"private-b"}]']);
        await s.settle();
        a.send('451-["client event",{"channel":"private-b","event":"client-f","data":{"_placeholder":true,"num":0}}]');
        a.socket.send(Buffer.from([4, 1, 2, 255]));
        await s.settle();
        s.note('to', seen(await polling.poll()));
      },
    },
    {
      name: 'eio-websocket-frames', grade: 'must', title: 'fragments, websocket pings, empty frames',
      async run(s) {
        const client = await s.client('A');
        client.socket.send('42["subscribe",', { fin: false });
        client.socket.send('{"channel":"parts"}]', { fin: true });
        client.socket.ping('x');
        await client.flushed();
        await s.publish('parts', { event: 'E', data: 1 });
        await s.settle();
        s.note('events', client.take());
        client.socket.send('');
        await s.settle();
        s.note('after an empty frame', { frames: client.takeFrames(), closed: client.closed });
      },
    },
    {
      name: 'eio-websocket-close', grade: 'must', title: 'the closing handshake of the client',
      async run(s) {
        for (const code of [1000, 1001, 4000]) {
          const client = await s.client(`${code}`);
          client.subscribe('closing');
          await s.settle();
          client.socket.close(code);
          await client.ended();
          s.note(`${code}`, client.closed);
          await s.settle();
          s.note(`${code}: count`, await s.count('closing'));
        }
      },
    },
    {
      name: 'eio-origin-websocket', grade: 'must', title: 'a websocket from an origin that is not allowed', alone: true,
      async run(s) {
        await s.serve({ socketio: { origins: 'http://a.test:80' } });
        for (const Origin of ['http://a.test', 'http://b.test', undefined]) {
          const client = new Client(`${Origin}`, s.url, { headers: Origin ? { Origin } : {} });
          s.clients.push(client);
          await client.opened();
          if (client.socketId) s.name(client.socketId, `<${Origin}>`);
          s.note(`${Origin}`, { frames: client.frames.length, closed: client.closed });
        }
      },
    },
    {
      name: 'eio-transports-off', grade: 'must', title: 'transports that are turned off, on a websocket handshake', alone: true,
      async run(s) {
        await s.serve({ socketio: { transports: ['polling'] } });
        const client = new Client('W', s.url);
        s.clients.push(client);
        await client.ended();
        s.note('websocket', client.closed);
        const polling = s.polling();
        const answer = await polling.open();
        s.name(polling.sid, '<P>');
        s.note('polling', seen(answer));
      },
    },
    {
      name: 'eio-long-poll', grade: 'must', title: 'a waiting poll is answered by the next event, and by nothing sooner',
      async run(s) {
        const polling = await opened(s);
        await polling.post(['42["subscribe",{"channel":"later"}]']);
        const waiting = polling.poll();
        await s.settle();
        await s.publish('elsewhere', { event: 'E', data: 0 });
        await s.settle();
        await s.publish('later', { event: 'E', data: 1 });
        s.note('answer', seen(await waiting));
      },
    },
  ],
};
