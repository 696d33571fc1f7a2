// The HTTP API.

import { brief } from '../support/http.mjs';

const as = (user) => ({ 'X-User': user });

/** Somebody on a public, a private and a presence channel. */
async function people(s) {
  const [a, b] = [await s.client('A'), await s.client('B')];
  for (const client of [a, b]) client.subscribe('orders');
  b.subscribe('with space/ü');
  await s.join(a, 'private-x');
  await s.join(a, 'presence-x', as('1:Ann'));
  await s.join(b, 'presence-x', as('2:Bob'));
  const tab = await s.client('B2');
  await s.join(tab, 'presence-x', as('2:Bobby'));
  s.take();
  return [a, b];
}

const status = async (s, path, headers) => {
  const answer = brief(await s.http('GET', path, { headers }));
  return { status: answer.status, type: answer.type, body: answer.status === 200 ? 'ok' : answer.body };
};

export default {
  title: 'HTTP API',
  scenarios: [
    {
      name: 'api-root', grade: 'must', title: 'GET / needs no key',
      async run(s) {
        for (const path of ['/', '/?a=b']) s.note(path, brief(await s.http('GET', path)));
        s.note('HEAD', brief(await s.http('HEAD', '/'), 'content-length'));
      },
    },
    {
      name: 'api-status', grade: 'must', title: 'status: connections, uptime, memory',
      async run(s) {
        const count = async () => (await s.api('/status')).body.subscription_count;
        const before = await count();
        await s.client('A');
        s.note('one more', await count() - before);
        const { status: code, type, body } = await s.api('/status');
        s.note('answer', { code, type, keys: Object.keys(body), uptime: body.uptime > 0 && typeof body.uptime, memory: Object.values(body.memory_usage).every(Number.isInteger), rss: body.memory_usage.rss > 0 });
        const polling = s.polling();
        await polling.open();
        s.note('polling counts too', await count() - before);
      },
    },
    {
      name: 'api-status-memory', grade: 'quirk', title: 'the keys of memory_usage',
      async run(s) {
        s.note('keys', Object.keys((await s.api('/status')).body.memory_usage).sort());
      },
    },
    {
      name: 'api-keys', grade: 'must', title: 'the key: query, bearer, bare; the header before the query; of this app and no other',
      async run(s) {
        const of = (query, app = 'app1') => `/apps/${app}/channels${query}`;
        const cases = { query: [of('?auth_key=key1')], bearer: [of(''), { Authorization: 'Bearer key1' }], bare: [of(''), { Authorization: 'key1' }], 'lower-case bearer': [of(''), { Authorization: 'bearer key1' }], Basic: [of(''), { Authorization: 'Basic key1' }], 'bearer twice': [of(''), { Authorization: 'Bearer Bearer key1' }], 'key, then Bearer': [of(''), { Authorization: 'key1Bearer ' }], 'wrong header, right query': [of('?auth_key=key1'), { Authorization: 'Bearer wrong' }], 'right header, wrong query': [of('?auth_key=wrong'), { Authorization: 'Bearer key1' }], 'empty header, right query': [of('?auth_key=key1'), { Authorization: '' }], wrong: [of('?auth_key=wrong')], none: [of('')], empty: [of('?auth_key=')], twice: [of('?auth_key=key1&auth_key=key1')], list: [of('?auth_key[]=key1')], 'escaped': [of('?auth_key=key%31')], 'unknown app': [of('?auth_key=key1', 'none')], 'another app': [of('?auth_key=key1', 'app2')], 'its own': [of('?auth_key=key2', 'app2')], 'upper-case app': [of('?auth_key=key1', 'APP1')], 'escaped app': [of('?auth_key=key1', 'app%31')], prefix: [of('?auth_key=key')], suffix: [of('?auth_key=key1x')] };
        for (const [what, [path, headers]] of Object.entries(cases)) s.note(what, await status(s, path, headers));
      },
    },
    {
      name: 'api-channels', grade: 'must', title: 'channels, and filter_by_prefix',
      async run(s) {
        s.note('none', await s.channels());
        await people(s);
        for (const query of ['', '?filter_by_prefix=presence-', '?filter_by_prefix=priv', '?filter_by_prefix=none', '?filter_by_prefix=', '?filter_by_prefix=presence-&info=user_count']) s.note(query || 'all', await s.channels(query));
      },
    },
    {
      name: 'api-channel', grade: 'must', title: 'one channel: count, occupied, user_count',
      async run(s) {
        await people(s);
        for (const name of ['orders', 'private-x', 'presence-x', 'unknown', 'presence-unknown', 'with space/ü']) s.note(name, await s.api(`/channels/${encodeURIComponent(name)}`));
        s.note('bad escape', (await s.http('GET', '/apps/app1/channels/%E0%A4%A?auth_key=key1')).status);
        s.note('without a key', await s.api('/channels/orders', { key: null }));
      },
    },
    {
      name: 'api-users', grade: 'must', title: 'users of a presence channel: one entry each, the oldest',
      async run(s) {
        await people(s);
        for (const name of ['presence-x', 'presence-unknown', 'orders', 'private-x', 'x-presence-x']) s.note(name, await s.api(`/channels/${name}/users`));
        s.note('without a key', await s.api('/channels/presence-x/users', { key: null }));
      },
    },
    {
      name: 'api-events', grade: 'must', title: 'POST events: one channel or many, data of every type, socket_id',
      async run(s) {
        const [a, b] = await people(s);
        b.subscribe('second');
        await s.settle();
        const cases = { object: { channel: 'orders', name: 'E', data: { a: 1 } }, 'JSON text': { channel: 'orders', name: 'E', data: '{"a":2}' }, text: { channel: 'orders', name: 'E', data: 'hello' }, number: { channel: 'orders', name: 'E', data: 5 }, true: { channel: 'orders', name: 'E', data: true }, list: { channel: 'orders', name: 'E', data: [1, { a: 2 }] }, 'text of null': { channel: 'orders', name: 'E', data: 'null' }, 'text of a number': { channel: 'orders', name: 'E', data: '12' }, 'text with leading zeros': { channel: 'orders', name: 'E', data: '0012' }, 'JSON text of text': { channel: 'orders', name: 'E', data: '"inner"' }, channels: { channels: ['orders', 'second'], name: 'E', data: 1 }, 'channels before channel': { channels: ['second'], channel: 'orders', name: 'E', data: 1 }, guarded: { channels: ['private-x', 'presence-x'], name: 'E', data: 1 }, 'no channels': { channels: [], name: 'E', data: 1 }, 'a channel twice': { channels: ['orders', 'orders'], name: 'E', data: 1 }, socket_id: { channel: 'orders', name: 'E', data: 1, socket_id: a.socketId }, 'unknown socket_id': { channel: 'orders', name: 'E', data: 1, socket_id: 'nobody' }, socket: { channel: 'orders', name: 'E', data: 1, socket: a.socketId }, 'other keys': { channel: 'orders', name: 'E', data: 1, info: 'x' } };
        for (const [what, body] of Object.entries(cases)) {
          const answer = await s.api('/events', { method: 'POST', body });
          await s.settle();
          s.note(what, { answer, events: s.take(a, b) });
        }
      },
    },
    {
      name: 'api-events-list-data', grade: 'quirk', title: 'data that is a list of one element, or an object with a toString',
      async run(s) {
        const [a] = await people(s);
        for (const data of [[1], ['{"a":1}'], ['x'], [[2]], [], [null]]) {
          const answer = await s.api('/events', { method: 'POST', body: { channel: 'orders', name: 'E', data } });
          await s.settle();
          s.note(JSON.stringify(data), { answer, events: a.take() });
        }
      },
    },
    {
      name: 'api-events-missing', grade: 'must', title: 'POST events: 400 for what is missing or empty; the key comes first',
      async run(s) {
        const cases = { nothing: {}, 'no name': { channel: 'x', data: 1 }, 'no data': { channel: 'x', name: 'E' }, 'no channel': { name: 'E', data: 1 }, 'empty data': { channel: 'x', name: 'E', data: '' }, zero: { channel: 'x', name: 'E', data: 0 }, false: { channel: 'x', name: 'E', data: false }, null: { channel: 'x', name: 'E', data: null }, 'empty name': { channel: 'x', name: '', data: 1 }, 'empty channel': { channel: '', name: 'E', data: 1 } };
        for (const [what, body] of Object.entries(cases)) s.note(what, await s.api('/events', { method: 'POST', body }));
        for (const body of ['[]', '5', '"text"', 'true']) s.note(body, await s.api('/events', { method: 'POST', body }));
        s.note('no key, no JSON', await s.api('/events', { method: 'POST', key: null, body: '{' }));
        s.note('wrong key, no JSON', await s.api('/events', { method: 'POST', key: 'wrong', body: '' }));
        s.note('unknown app', await s.api('/events', { method: 'POST', app: 'none', body: { channel: 'x', name: 'E', data: 1 } }));
      },
    },
    {
      name: 'api-events-body', grade: 'must', title: 'any content type, chunked, unicode, two megabytes',
      async run(s) {
        const a = await s.client('A');
        a.subscribe('orders');
        await s.settle();
        for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=utf-8', 'nonsense']) {
          const answer = await s.api('/events', { method: 'POST', body: { channel: 'orders', name: 'E', data: type }, headers: { 'content-type': type } });
          await s.settle();
          s.note(type, { answer, events: a.take() });
        }
        const chunked = await s.http('POST', '/apps/app1/events?auth_key=key1', { chunked: true, body: '{"channel":"orders","name":"E","data":"ünï😀"}' });
        await s.settle();
        s.note('chunked', { answer: brief(chunked), events: a.take() });
        const large = await s.api('/events', { method: 'POST', body: { channel: 'orders', name: 'E', data: 'x'.repeat(2_000_000) } });
        await s.settle();
        s.note('large', { answer: large, characters: a.take().map(([, , data]) => data.length) });
      },
    },
    {
      name: 'api-routes', grade: 'must', title: 'unknown paths and methods',
      async run(s) {
        const message = (body) => body.replace(/[^]*<pre>/, '').replace(/<\/pre>[^]*/, '');
        const routes = [['GET', '/nope'], ['POST', '/'], ['GET', '/apps/app1'], ['GET', '/apps/app1/nope?auth_key=key1'], ['GET', '/apps/app1/events?auth_key=key1'], ['DELETE', '/apps/app1/channels?auth_key=key1'], ['POST', '/apps/app1/channels?auth_key=key1'], ['POST', '/apps/app1/batch_events?auth_key=key1'], ['POST', '/apps/app1/nope'], ['GET', '/apps//channels?auth_key=key1'], ['GET', '/apps/app1/channels/x/y?auth_key=key1'], ['PUT', '/apps/app1/events?auth_key=key1'], ['GET', '/%3Cb%3E&x']];
        for (const [method, path] of routes) {
          const answer = await s.http(method, path, method === 'POST' ? { body: '{}' } : {});
          s.note(`${method} ${path}`, { status: answer.status, type: answer.headers['content-type'], message: message(answer.body) });
        }
      },
    },
    {
      name: 'api-odd-paths', grade: 'quirk', title: 'characters that a path cannot have',
      async run(s) {
        for (const path of ['/<b>', '/"', '/{x}']) s.note(path, (await s.http('GET', path)).status);
      },
    },
    {
      name: 'api-leniency', grade: 'must', title: 'case, trailing slash, HEAD, OPTIONS',
      async run(s) {
        for (const [method, path] of [['GET', '/APPS/app1/Channels?auth_key=key1'], ['GET', '/apps/app1/status/?auth_key=wrong'], ['GET', '/apps/app1/channels/?auth_key=key1'], ['HEAD', '/apps/app1/channels?auth_key=key1'], ['OPTIONS', '/apps/app1/channels?auth_key=key1'], ['OPTIONS', '/apps/app1/events'], ['OPTIONS', '/'], ['OPTIONS', '/nope']]) {
          const { status: code, headers, body } = await s.http(method, path);
          s.note(`${method} ${path}`, { code, allow: headers.allow, type: headers['content-type'], body: method === 'OPTIONS' && code === 200 ? body : null });
        }
      },
    },
    {
      name: 'api-pusher-php', grade: 'must', title: 'requests as Pusher\'s PHP library makes them: the signature is not looked at',
      async run(s) {
        const a = await s.client('A');
        a.subscribe('orders');
        await s.settle();
        const signed = 'auth_key=key1&auth_signature=00ff&auth_timestamp=1&auth_version=1.0&body_md5=ff';
        const body = JSON.stringify({ name: 'App\\Events\\E', data: '{"a":1}', channels: ['orders'] });
        s.note('trigger', brief(await s.http('POST', `/apps/app1/events?${signed}`, { body, headers: { 'content-type': 'application/json', 'X-Pusher-Library': 'pusher-http-php 7.2.4' } })));
        await s.settle();
        s.note('event', a.takeFrames());
        s.note('channel', brief(await s.http('GET', `/apps/app1/channels/orders?${signed}`)));
        s.note('wrong key', brief(await s.http('GET', '/apps/app1/channels?auth_key=x&auth_signature=0&auth_timestamp=1&auth_version=1.0')));
      },
    },
    {
      name: 'api-object-names', grade: 'quirk', title: 'channels with the names of JavaScript properties',
      async run(s) {
        for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'valueOf']) s.note(name, await s.api(`/channels/${name}`));
      },
    },
    {
      name: 'api-headers', grade: 'quirk', title: 'headers of answers, and If-None-Match',
      async run(s) {
        const names = ['x-powered-by', 'etag', 'content-length', 'access-control-allow-origin', 'vary', 'content-security-policy', 'x-content-type-options'];
        for (const path of ['/', '/nope', '/apps/app1/status', '/apps/app1/channels?auth_key=key1']) {
          const { status: code, headers } = await s.http('GET', path, { headers: { Origin: 'http://x.test' } });
          s.note(path, { code, ...Object.fromEntries(names.map((name) => [name, headers[name] ?? null])) });
        }
        const { headers } = await s.http('GET', '/');
        s.note('304', (await s.http('GET', '/', { headers: { 'If-None-Match': headers.etag ?? '"none"' } })).status);
      },
    },
    {
      name: 'api-own-rooms', grade: 'must', title: 'a socket\'s own id is no channel in the list', 
      async run(s) {
        const a = await s.client('A');
        a.subscribe('orders');
        await s.settle();
        s.note('channels', await s.channels());
      },
    },
  ],
};
