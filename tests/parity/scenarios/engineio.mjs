// Engine.IO 3 and Socket.IO 2 on the wire: handshakes, transports, heartbeats, errors.

import { brief } from '../support/http.mjs';
import { decode } from '../support/polling.mjs';

const CORS = ['access-control-allow-origin', 'access-control-allow-credentials', 'access-control-allow-headers', 'access-control-allow-methods', 'vary'];
/** What a transcript keeps of a polling answer. */
const seen = (answer) => brief(answer, 'set-cookie', ...CORS);

async function opened(s, label = 'P', options = {}) {
  const polling = s.polling(options);
  const answer = await polling.open();
  s.name(polling.sid, `<${label}>`);
  return [polling, answer];
}

/** A raw websocket without the checks of the usual client. */
const websocket = (s, query, options = {}) => s.client(`W${query}`, { marked: false, query, ...options });

async function refused(s, query, options) {
  try {
    await websocket(s, query, options);
    return 'connected';
  } catch {
    const { status, body } = s.clients.at(-1).closed;
    return { status, body };
  }
}

export default {
  title: 'Engine.IO',
  scenarios: [
    {
      name: 'eio-polling-handshake', grade: 'must', title: 'open and CONNECT in one polling answer; headers and cookie',
      async run(s) {
        const [polling, answer] = await opened(s);
        s.note('answer', seen(answer));
        s.note('socket id', /^[\w-]{20}$/.test(polling.sid));
        const [, second] = await opened(s, 'P2', { headers: { Origin: 'http://app.test' } });
        s.note('with an origin', seen(second));
      },
    },
    {
      name: 'eio-polling-variants', grade: 'must', title: 'b64, other parameters, a missing EIO',
      async run(s) {
        for (const query of ['?EIO=3&transport=polling&b64=1', '?transport=polling', '?EIO=3&transport=polling&t=Ab1', '?EIO=2&transport=polling', '?EIO=&transport=polling', '?transport=polling&EIO=3&token=x&b64=true']) {
          const answer = await s.http('GET', `/socket.io/${query}`);
          s.name(/"sid":"([^"]+)"/.exec(answer.body)?.[1], `<${query}>`);
          s.note(query, seen(answer));
        }
      },
    },
    {
      name: 'eio-websocket-handshake', grade: 'must', title: 'open and CONNECT as two frames; no cookie on the 101',
      async run(s) {
        const client = await s.client('A', { marked: false, headers: { Origin: 'http://app.test' } });
        s.note('frames', client.first);
        s.note('headers', client.handshake);
      },
    },
    {
      name: 'eio-heartbeat', grade: 'must', title: 'the client pings; the pong carries nothing',
      async run(s) {
        const client = await s.client('A', { marked: false });
        for (const frame of ['2', '2probe', '2with text', '3', '6', '0', '5']) {
          client.send(frame);
          await s.settle();
          s.note(`${frame}`, client.takeFrames());
        }
        s.note('still open', client.isOpen);
      },
    },
    {
      name: 'eio-heartbeat-timeout', grade: 'must', title: 'silent for pingInterval + pingTimeout: dropped; any packet counts as life', alone: true,
      async run(s) {
        await s.serve({ socketio: { pingInterval: 500, pingTimeout: 400 } });
        const [silent, talking, packets] = [await s.client('silent'), await s.client('pinging'), await s.client('sending')];
        const timer = setInterval(() => {
          talking.send('2');
          packets.emitEvent('nothing');
        }, 200);
        silent.subscribe('room');
        const start = Date.now();
        await silent.ended();
        const took = Date.now() - start;
        clearInterval(timer);
        s.note('closed', silent.closed);
        s.note('after about 900 ms', took > 700 && took < 1800);
        s.note('the others live', [talking.isOpen, packets.isOpen]);
        s.note('room is left', await s.count('room'));
      },
    },
    {
      name: 'eio-upgrade', grade: 'must', title: 'probe, upgrade, events on the websocket; polling is over then',
      async run(s) {
        const [polling] = await opened(s);
        const waiting = polling.poll();
        const client = await s.client('U', { marked: false, query: `&sid=${polling.sid}`, takesOver: true });
        client.send('2probe');
        await client.until('3probe', () => client.frames.length > 0);
        s.note('probe', client.takeFrames());
        const released = await waiting;
        s.note('the waiting poll is released', seen(released));
        client.send('5');
        client.emitEvent('subscribe', { channel: 'up' });
        await client.flushed();
        await s.publish('up', { event: 'E', data: 1 });
        await s.settle();
        s.note('events', client.takeFrames());
        s.note('polling now', seen(await polling.poll()));
        s.note('posting now', seen(await polling.post(['2'])));
        s.note('still open', client.isOpen);
      },
    },
    {
      name: 'eio-upgrade-keeps-order', grade: 'must', title: 'events published during the upgrade arrive once and in order',
      async run(s) {
        const [polling] = await opened(s);
        await polling.post(['42["subscribe",{"channel":"during"}]']);
        const got = [];
        const take = (packets) => got.push(...packets.filter((packet) => packet.startsWith('42')));
        const client = await s.client('U', { marked: false, query: `&sid=${polling.sid}`, takesOver: true });
        for (let n = 0; n < 5; n += 1) await s.publish('during', { event: 'E', data: n });
        client.send('2probe');
        await client.until('3probe', () => client.frames.includes('3probe'));
        const last = await polling.poll();
        take(decode(last.body));
        for (let n = 5; n < 10; n += 1) await s.publish('during', { event: 'E', data: n });
        client.send('5');
        await client.until('all', () => got.length + client.events().length >= 10);
        take(client.takeFrames());
        s.note('events', got);
      },
    },
    {
      name: 'eio-errors', grade: 'must', title: 'unknown transport, unknown session, bad method, wrong transport',
      async run(s) {
        const [polling] = await opened(s);
        const at = { 'no transport': '?EIO=3', 'empty transport': '?EIO=3&transport=', 'unknown transport': '?EIO=3&transport=pigeon', 'unknown session': '?EIO=3&transport=polling&sid=nope', 'a websocket without upgrade': '?EIO=3&transport=websocket', 'a session with the wrong transport': `?EIO=3&transport=websocket&sid=${polling.sid}`, 'object property as transport': '?EIO=3&transport=constructor', 'object property as session': '?EIO=3&transport=polling&sid=constructor' };
        for (const [what, query] of Object.entries(at)) {
          s.note(what, seen(await s.http('GET', `/socket.io/${query}`)));
          s.note(`${what}, with an origin`, seen(await s.http('GET', `/socket.io/${query}`, { headers: { Origin: 'http://app.test' } })));
        }
        for (const method of ['POST', 'OPTIONS', 'PUT', 'DELETE', 'HEAD', 'PATCH']) s.note(`${method} without a session`, seen(await s.http(method, '/socket.io/?EIO=3&transport=polling')));
        s.note('POST to an unknown session', seen(await s.http('POST', '/socket.io/?EIO=3&transport=polling&sid=nope', { body: '1:2' })));
      },
    },
    {
      name: 'eio-websocket-errors', grade: 'must', title: 'the same, on a websocket handshake',
      async run(s) {
        s.note('unknown session', await refused(s, '&sid=nope'));
        s.note('unknown transport', await refused(s, '', { transport: 'pigeon' }));
        const [polling] = await opened(s);
        await polling.post(['1']);
        s.note('a session that has ended', await refused(s, `&sid=${polling.sid}`));
      },
    },
    {
      name: 'eio-post', grade: 'must', title: 'a POST is answered ok, whatever is in it; lengths count UTF-16 units',
      async run(s) {
        const [polling] = await opened(s);
        const text = '42["subscribe",{"channel":"ünï😀"}]';
        s.note('subscribe', seen(await polling.post(`${text.length}:${text}1:2`)));
        await s.publish('ünï😀', { event: 'E', data: '日本😀' }).then(() => s.settle());
        const packets = await polling.pollUntil((packet) => packet.startsWith('42'));
        s.note('packets', packets);
        const nonsense = '42{"not":"an event"}';
        s.note('nonsense', seen(await polling.post(`${nonsense.length}:${nonsense}`)));
      },
    },
    {
      name: 'eio-post-many', grade: 'must', title: 'several packets in one POST, several events in one poll',
      async run(s) {
        const [polling] = await opened(s);
        const packets = ['a', 'b', 'c'].map((channel) => `42${JSON.stringify(['subscribe', { channel }])}`);
        await polling.post(packets);
        for (const channel of ['a', 'b', 'x', 'c']) await s.publish(channel, { event: 'E', data: channel });
        await s.settle();
        const got = [];
        while (got.length < 3) got.push(...await polling.pollUntil((packet) => packet.startsWith('42')));
        s.note('events', got);
      },
    },
    {
      name: 'eio-bad-framing', grade: 'must', title: 'a body that is no payload ends the session',
      async run(s) {
        for (const body of ['garbage', '5:abc', 'x:42', ':', '1', '-1:2', '0:', '1:', '99999999999999999999:2', '']) {
          const [polling] = await opened(s, `P${body}`);
          s.note(`POST ${body}`, seen(await polling.post(body)));
          const waiting = await polling.poll({ deadlineMs: 400 });
          s.note(`poll after ${body}`, waiting.error ? 'waits' : seen(waiting));
        }
      },
    },
    {
      name: 'eio-methods', grade: 'must', title: 'OPTIONS on a session is the preflight; PUT is an error',
      async run(s) {
        const [polling] = await opened(s);
        const url = polling.url.slice(s.url.length);
        s.note('OPTIONS', seen(await s.http('OPTIONS', url, { headers: { Origin: 'http://app.test', 'Access-Control-Request-Method': 'POST' } })));
        s.note('OPTIONS without an origin', seen(await s.http('OPTIONS', url)));
        for (const method of ['PUT', 'DELETE', 'PATCH']) s.note(method, (await s.http(method, url)).status);
      },
    },
    {
      name: 'eio-cors', grade: 'must', title: 'the origin is echoed with credentials; * without one',
      async run(s) {
        const [polling] = await opened(s, 'P', { headers: { Origin: 'https://a.test:8443' } });
        s.note('POST', seen(await polling.post(['2'])));
        s.note('poll', seen(await polling.poll()));
        polling.headers = { Origin: 'null' };
        await polling.post(['2']);
        s.note('origin null', seen(await polling.poll()));
        polling.headers = {};
        await polling.post(['2']);
        s.note('no origin', seen(await polling.poll()));
      },
    },
    {
      name: 'eio-two-polls', grade: 'must', title: 'a second poll while one waits: 500 for it, the first is let go, the session ends',
      async run(s) {
        const [polling] = await opened(s);
        const first = polling.poll();
        await s.settle();
        const second = await polling.poll();
        s.note('second', second.status);
        const { status, body } = await first;
        s.note('first', { status, body });
        s.note('the session', seen(await polling.poll()));
      },
    },
    {
      name: 'eio-close-packets', grade: 'must', title: '1 ends polling but not a websocket; 41 leaves all channels and makes the socket deaf',
      async run(s) {
        const [polling] = await opened(s);
        await polling.post(['42["subscribe",{"channel":"c"}]']);
        await polling.post(['1']);
        s.note('polling after 1', seen(await polling.poll()));
        const [a, b] = [await s.client('A'), await s.client('B')];
        for (const client of [a, b]) client.subscribe('room');
        await s.settle();
        a.send('1');
        await s.settle();
        await s.publish('room', { event: 'E', data: 1 });
        await s.settle();
        s.note('websocket after 1', { open: a.isOpen, frames: a.takeFrames() });
        b.send('41');
        await b.flushed();
        b.marks.clear(); // it hears no marks any more
        s.note('count after 41', await s.count('room'));
        b.subscribe('room');
        b.send('40');
        await b.flushed();
        await s.publish('room', { event: 'E', data: 2 });
        await s.settle();
        s.note('after 41', { open: b.isOpen, frames: b.takeFrames() });
      },
    },
    {
      name: 'eio-jsonp', grade: 'must', title: 'JSONP polling',
      async run(s) {
        const first = await s.http('GET', '/socket.io/?EIO=3&transport=polling&j=0');
        const sid = /\\"sid\\":\\"([^\\]+)\\"/.exec(first.body)?.[1];
        s.name(sid, '<J>');
        s.note('open', seen(first));
        const packet = '42["subscribe",{"channel":"jsonp"}]';
        const form = `d=${encodeURIComponent(`${packet.length}:${packet}`)}`;
        s.note('post', seen(await s.http('POST', `/socket.io/?EIO=3&transport=polling&j=0&sid=${sid}`, { body: form, headers: { 'content-type': 'application/x-www-form-urlencoded' } })));
        await s.publish('jsonp', { event: 'E', data: 'text with "quotes", \\ and \u2028' });
        const polled = await s.http('GET', `/socket.io/?EIO=3&transport=polling&j=0&sid=${sid}`);
        s.note('poll', seen(polled));
        const odd = await s.http('GET', '/socket.io/?EIO=3&transport=polling&j=1%5D(alert(2));//');
        s.name(/\\"sid\\":\\"([^\\]+)\\"/.exec(odd.body)?.[1], '<K>');
        s.note('an index that is none', seen(odd));
        await s.http('POST', `/socket.io/?EIO=3&transport=polling&j=0&sid=${sid}`, { body: 'd=1:1', headers: { 'content-type': 'application/x-www-form-urlencoded' } });
      },
    },
    {
      name: 'eio-client-file', grade: 'must', title: '/socket.io/socket.io.js is the 2.5 client, with an ETag',
      async run(s) {
        const answer = await s.http('GET', '/socket.io/socket.io.js');
        s.note('file', { status: answer.status, type: answer.headers['content-type'], looks: /Socket\.IO v2\.\d+\.\d+/i.test(answer.body.slice(0, 200)), large: answer.body.length > 50_000 });
        s.note('etag', answer.headers.etag);
        s.note('304', (await s.http('GET', '/socket.io/socket.io.js', { headers: { 'If-None-Match': answer.headers.etag } })).status);
        s.note('another etag', (await s.http('GET', '/socket.io/socket.io.js', { headers: { 'If-None-Match': '"other"' } })).status);
      },
    },
    {
      name: 'eio-client-map', grade: 'quirk', title: 'the source map of the client, and other files',
      async run(s) {
        for (const file of ['socket.io.js.map', 'socket.io.slim.js', 'socket.io.min.js', 'other.js']) {
          const { status, headers } = await s.http('GET', `/socket.io/${file}`);
          s.note(file, { status, type: headers['content-type'] });
        }
      },
    },
    {
      name: 'eio-path', grade: 'must', title: 'the path is exact: case, and the slash at its end',
      async run(s) {
        for (const path of ['/socket.io?EIO=3&transport=polling', '/SOCKET.IO/?EIO=3&transport=polling', '/socket.io', '/socket.iox/?EIO=3&transport=polling', '/socket.io/x?EIO=3&transport=polling', '//socket.io/?EIO=3&transport=polling']) {
          const answer = await s.http('GET', path);
          s.name(/"sid":"([^"]+)"/.exec(answer.body)?.[1], `<${path}>`);
          s.note(path, { status: answer.status, body: answer.body?.includes('sid') ? 'a session' : answer.body });
        }
      },
    },
    {
      name: 'eio-large-in', grade: 'must', title: 'a message over 1 MB: websocket closed with 1009, polling cut; one below passes',
      async run(s) {
        const message = (bytes) => `42["subscribe",{"channel":"big","x":"${'x'.repeat(bytes)}"}]`;
        const ok = await s.client('below', { marked: false });
        ok.send(message(999_900));
        await ok.flushed();
        await s.settle();
        s.note('below', { closed: ok.closed, count: await s.count('big') });
        const large = await s.client('over', { marked: false });
        large.send(message(1_000_100));
        await large.ended();
        s.note('over', large.closed);
        const [polling] = await opened(s);
        const text = message(1_000_100);
        const answer = await polling.post(`${text.length}:${text}`);
        s.note('polling', answer.error ? 'cut' : answer.status);
        s.note('afterwards', seen(await polling.poll({ deadlineMs: 1000 })));
      },
    },
    {
      name: 'eio-newer-clients', grade: 'quirk', title: 'clients of Engine.IO 4 (socket.io-client 3 and 4)',
      async run(s) {
        const answer = await s.http('GET', '/socket.io/?EIO=4&transport=polling');
        s.name(/"sid":"([^"]+)"/.exec(answer.body)?.[1], '<P>');
        s.note('polling', seen(answer));
      },
    },
    {
      name: 'eio-cookie', grade: 'must', title: 'the cookie on every polling answer, POST and errors of a session included',
      async run(s) {
        const [polling] = await opened(s);
        s.note('post', (await polling.post(['2'])).headers['set-cookie']);
        s.note('poll', (await polling.poll()).headers['set-cookie']);
        s.note('options', (await s.http('OPTIONS', polling.url.slice(s.url.length))).headers['set-cookie']);
      },
    },
    {
      name: 'eio-sid-in-auth', grade: 'must', title: 'the id of the handshake is the socket id events name', 
      async run(s) {
        const a = await s.client('A');
        s.note('socket id', /^[\w-]{20}$/.test(a.socketId));
        a.subscribe('x');
        await s.settle();
        await s.publish('x', { event: 'E', data: 1, socket: a.socketId });
        await s.settle();
        s.note('left out', a.take());
      },
    },
  ],
};
