// Private channels: what Laravel is asked, and what its answers mean.

import { until } from '../../support/wait.mjs';
import { json } from '../support/laravel.mjs';

/** Asks for `channel` with this `auth`, and keeps what Laravel saw and what the client was told. */
async function ask(s, client, channel, auth, step = channel) {
  client.emitEvent('subscribe', auth === undefined ? { channel } : { channel, auth });
  await s.settle();
  await s.publish(channel, { event: 'Through', data: 1 });
  await s.settle();
  s.note(step, { asked: s.laravel.take(), events: client.take() });
}

export default {
  title: 'private channels',
  scenarios: [
    {
      name: 'private-request', grade: 'must', title: 'the auth request: method, path, body and every header',
      async run(s) {
        const a = await s.client('A', { headers: { Cookie: 'laravel_session=abc; XSRF-TOKEN=x%3D', 'User-Agent': 'Browser/1', Origin: 'http://127.0.0.1:8000', Accept: 'text/x', 'X-Forwarded-For': '10.9.8.7' } });
        await ask(s, a, 'private-orders.1', { headers: { Authorization: 'Bearer t', 'X-CSRF-TOKEN': 'csrf' } });
        await ask(s, a, 'private-plain', { headers: {} });
      },
    },
    {
      name: 'private-silence', grade: 'must', title: 'a granted subscription is silent; subscribing again asks again and delivers once',
      async run(s) {
        const a = await s.client('A');
        await s.join(a, 'private-x');
        s.note('frames', a.takeFrames());
        await s.join(a, 'private-x');
        s.note('asked twice', s.laravel.take([]).length);
        await s.publish('private-x', { event: 'E', data: 1 });
        await s.settle();
        s.note('delivered once', a.takeFrames());
        a.unsubscribe('private-x');
        await s.settle();
        await s.publish('private-x', { event: 'E', data: 2 });
        await s.settle();
        s.note('left', { frames: a.takeFrames(), asked: s.laravel.take([]) });
      },
    },
    {
      name: 'private-statuses', grade: 'must', title: 'only 200 grants; any other status is told to the client',
      async run(s) {
        const a = await s.client('A');
        for (const status of [200, 201, 202, 204, 206, 301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 419, 422, 429, 500, 502, 503, 504]) {
          s.laravel.on(`private-${status}`, { status, body: status === 204 ? undefined : '{}', headers: status < 400 && status >= 300 ? { location: `${s.laravel.url}/elsewhere` } : {} });
          await ask(s, a, `private-${status}`, { headers: {} });
        }
      },
    },
    {
      name: 'private-unanswered', grade: 'must', title: 'a connection that is dropped or refused is status 0',
      async run(s) {
        const a = await s.client('A');
        s.laravel.on('private-dropped', 'drop');
        await ask(s, a, 'private-dropped', { headers: {} });
        await s.serve({ authHost: 'http://127.0.0.1:1' });
        const b = await s.client('B');
        await ask(s, b, 'private-refused', { headers: {} });
      },
    },
    {
      name: 'private-bodies', grade: 'must', title: 'with 200 the body does not matter on a private channel',
      async run(s) {
        const a = await s.client('A');
        const bodies = { empty: '', false: 'false', null: 'null', html: '<html>login</html>', auth: '{"auth":"k:s"}', broken: '{', large: 'x'.repeat(200_000) };
        for (const [what, body] of Object.entries(bodies)) {
          s.laravel.on(`private-${what}`, { status: 200, body, headers: { 'content-type': 'text/html' } });
          await ask(s, a, `private-${what}`, { headers: {} });
        }
      },
    },
    {
      name: 'private-headers', grade: 'must', title: 'auth.headers reach Laravel: any name, numbers as text',
      async run(s) {
        const a = await s.client('A');
        await ask(s, a, 'private-h', { headers: { 'X-One': '1', 'x-two': 2, 'X-Socket-ID': 'whatever', Accept: 'application/json', 'User-Agent': 'App/2', 'X-Empty': '', 'X-True': true, Referer: 'http://r.test/', Origin: 'http://o.test', 'Accept-Language': 'de' } });
      },
    },
    {
      name: 'private-requested-with', grade: 'must', title: 'X-Requested-With and the content type are always the server\'s',
      async run(s) {
        const a = await s.client('A');
        await ask(s, a, 'private-xrw', { headers: { 'X-Requested-With': 'something else', 'Content-Type': 'application/json' } });
      },
    },
    {
      name: 'private-requested-with-lower', grade: 'quirk', title: 'x-requested-with in lower case from the client',
      async run(s) {
        const a = await s.client('A');
        await ask(s, a, 'private-lower', { headers: { 'x-requested-with': 'lower' } });
      },
    },
    {
      name: 'private-cookies', grade: 'must', title: 'Cookie of auth.headers before the handshake\'s; lower-case cookie after it',
      async run(s) {
        const [a, b] = [await s.client('A', { headers: { Cookie: 'from=handshake' } }), await s.client('B')];
        for (const [label, client] of Object.entries({ 'with a cookie': a, 'without one': b })) {
          await ask(s, client, 'private-c', { headers: {} }, `${label}, none given`);
          await ask(s, client, 'private-c', { headers: { Cookie: 'from=auth' } }, `${label}, Cookie given`);
          await ask(s, client, 'private-c', { headers: { cookie: 'from=lower' } }, `${label}, cookie given`);
        }
      },
    },
    {
      name: 'private-header-lists', grade: 'quirk', title: 'a list as header value',
      async run(s) {
        const a = await s.client('A');
        await ask(s, a, 'private-list', { headers: { 'X-List': ['a', 'b'] } });
      },
    },
    {
      name: 'private-header-injection', grade: 'must', title: 'line breaks in a header value: no request, status 0',
      async run(s) {
        const a = await s.client('A');
        for (const value of ['a\r\nX-Evil: 1', 'a\nb', 'a\rb']) await ask(s, a, 'private-crlf', { headers: { 'X-A': value } }, JSON.stringify(value));
        await ask(s, a, 'private-name', { headers: { 'X A': 'space in the name' } });
      },
    },
    {
      name: 'private-auth-shapes', grade: 'must', title: 'auth absent, null, or without headers: asked all the same',
      async run(s) {
        const a = await s.client('A', { headers: { Cookie: 'c=1' } });
        for (const auth of [undefined, null, 'text', 5, true, {}, [], { headers: null }, { headers: '' }, { headers: 0 }, { headers: false }]) await ask(s, a, 'private-shape', auth, JSON.stringify(auth) ?? 'absent');
      },
    },
    {
      name: 'private-headers-no-object', grade: 'must', title: 'auth.headers a text, a number or true: no request, subscription_error null',
      async run(s) {
        const a = await s.client('A');
        for (const headers of ['text', 5, true]) await ask(s, a, 'private-noobject', { headers }, JSON.stringify(headers));
      },
    },
    {
      name: 'private-headers-list', grade: 'quirk', title: 'auth.headers a list',
      async run(s) {
        const a = await s.client('A');
        for (const headers of [[], ['a']]) await ask(s, a, 'private-array', { headers }, JSON.stringify(headers));
      },
    },
    {
      name: 'private-timeout', grade: 'quirk', title: 'Laravel never answers', alone: true,
      async run(s) {
        await s.serve({ authTimeoutMs: 500 });
        const a = await s.client('A');
        s.laravel.on('private-never', () => new Promise(() => {}));
        a.subscribe('private-never');
        await until('a question', () => s.laravel.asked.length > 0);
        const end = Date.now() + 1_500;
        while (Date.now() < end && a.events().length === 0) await s.settle();
        s.note('told', a.take());
      },
    },
    {
      name: 'private-names', grade: 'must', title: 'channel names are escaped in the form body',
      async run(s) {
        const a = await s.client('A');
        for (const name of ["private-a b&c=d+e%20", "private-ünï/日本😀", "private-!'()*~-._", 'private-"<>`{}|^\\[]', 'private-encrypted-x', 'private-']) await ask(s, a, name, { headers: {} });
      },
    },
    {
      name: 'private-pending', grade: 'must', title: 'while Laravel thinks nothing is delivered, and other subscriptions go on',
      async run(s) {
        const a = await s.client('A');
        let answer;
        s.laravel.on('private-slow', () => new Promise((done) => { answer = () => done(json(true)); }));
        a.subscribe('private-slow');
        a.subscribe('private-fast');
        a.subscribe('open');
        await s.settle();
        for (const channel of ['private-slow', 'private-fast', 'open']) await s.publish(channel, { event: 'E', data: channel });
        await s.settle();
        s.note('pending', a.take());
        answer();
        await s.settle();
        await s.publish('private-slow', { event: 'E', data: 'now' });
        await s.settle();
        s.note('granted', a.take());
      },
    },
    {
      name: 'private-unsubscribe-pending', grade: 'must', title: 'unsubscribing while Laravel thinks does not cancel the subscription',
      async run(s) {
        const a = await s.client('A');
        let answer;
        s.laravel.on('private-cancel', () => new Promise((done) => { answer = () => done(json(true)); }));
        a.subscribe('private-cancel');
        await s.settle();
        a.unsubscribe('private-cancel');
        await s.settle();
        answer();
        await s.settle();
        await s.publish('private-cancel', { event: 'E', data: 1 });
        await s.settle();
        s.note('events', a.take());
      },
    },
    {
      name: 'private-gone-pending', grade: 'must', title: 'disconnecting while Laravel thinks leaves nothing behind',
      async run(s) {
        const a = await s.client('A');
        let answer;
        s.laravel.on('private-gone', () => new Promise((done) => { answer = () => done(json(true)); }));
        a.subscribe('private-gone');
        await s.settle();
        await a.vanish();
        answer();
        await s.settle();
        s.note('channels', await s.channels());
        s.note('count', await s.count('private-gone'));
      },
    },
    {
      name: 'private-refused-keeps', grade: 'must', title: 'a refusal of a channel one is already on does not take it away',
      async run(s) {
        const a = await s.client('A');
        await s.join(a, 'private-keep');
        s.laravel.on('private-keep', { status: 403, body: '' });
        await s.join(a, 'private-keep');
        s.note('refused', a.take());
        await s.publish('private-keep', { event: 'E', data: 1 });
        await s.settle();
        s.note('still on it', a.take());
      },
    },
    {
      name: 'private-error-to-one', grade: 'must', title: 'a refusal is told to the one who asked, and the connection goes on',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(b, 'private-e');
        s.laravel.on('private-e', { status: 403, body: '{"message":"no"}' });
        await s.join(a, 'private-e');
        s.note('frames', { A: a.takeFrames(), B: b.takeFrames() });
      },
    },
    {
      name: 'private-keeps-cookie', grade: 'must', title: 'the cookie of the handshake is used for the whole life of a polling session',
      async run(s) {
        const polling = s.polling({ headers: { Cookie: 'at=handshake', 'User-Agent': 'Browser/1' } });
        await polling.open();
        s.name(polling.sid, '<P>');
        polling.headers = { Cookie: 'at=later' };
        await polling.post(['42["subscribe",{"channel":"private-p","auth":{"headers":{"X-A":"1"}}}]']);
        await s.settle();
        s.note('asked', s.laravel.take());
      },
    },
    {
      name: 'auth-host-forms', grade: 'must', title: 'authHost with a path or a trailing slash, authEndpoint with a query',
      async run(s) {
        for (const [authHost, authEndpoint] of [['', '/broadcasting/auth'], ['/base', '/broadcasting/auth'], ['/', '/broadcasting/auth'], ['', '/auth?x=1&y=%20'], ['', '/'], ['/sub/', 'auth']]) {
          const server = await s.serve({ authHost: s.laravel.url + authHost, authEndpoint });
          const a = await s.client(`A${authHost}${authEndpoint}`);
          await ask(s, a, 'private-f', { headers: {} }, `${authHost} and ${authEndpoint}`);
          await server.stop();
        }
      },
    },
    {
      name: 'auth-host-missing', grade: 'must', title: 'no authHost: host stands in, without a scheme, and so status 0; an empty list: http://localhost',
      async run(s) {
        for (const authHost of [null, '']) {
          const server = await s.serve({ authHost, host: '127.0.0.1' });
          const a = await s.client(`A${authHost}`);
          await ask(s, a, 'private-m', { headers: {} }, JSON.stringify(authHost));
          await server.stop();
        }
      },
    },
    {
      name: 'auth-host-list', grade: 'must', title: 'a list of hosts is chosen from by the Referer: first without one, last without a match',
      async run(s) {
        const port = s.laravel.port;
        const [first, other, last] = [`http://127.0.0.1:${port}`, `localhost:${port}`, `http://127.0.0.1:${port}/last`];
        await s.serve({ authHost: [first, other, '.example.com', last] });
        const referers = [undefined, `http://127.0.0.1:${port}/page?x#y`, `http://localhost:${port}/`, `http://localhost:${port}`, 'http://elsewhere.test/', `https://127.0.0.1:${port}/`, 'not a url', '', 'about:blank', `http://user:pw@localhost:${port}/x`];
        for (const referer of referers) {
          const a = await s.client(`A${referer}`, { headers: referer === undefined ? {} : { Referer: referer } });
          await ask(s, a, 'private-r', { headers: {} }, `referer ${referer}`);
        }
      },
    },
    {
      name: 'auth-host-single-referer', grade: 'must', title: 'one host as text: the Referer changes nothing unless it names the same host',
      async run(s) {
        await s.serve({ authHost: `http://localhost:${s.laravel.port}` });
        for (const referer of [undefined, 'http://elsewhere.test/x', `http://localhost:${s.laravel.port}/y`, `http://127.0.0.1:${s.laravel.port}/`]) {
          const a = await s.client(`A${referer}`, { headers: referer === undefined ? {} : { Referer: referer } });
          await ask(s, a, 'private-r', { headers: {} }, `referer ${referer}`);
        }
      },
    },
    {
      name: 'auth-host-wildcard', grade: 'must', title: '.domain stands for every host below it',
      async run(s) {
        const port = s.laravel.port;
        // the names need not resolve to tell which host was asked: a host that is asked and does not exist is status 0
        await s.serve({ authHost: ['.sub.localhost', `http://127.0.0.1:${port}`] });
        for (const referer of [`http://a.sub.localhost:${port}/`, `http://sub.localhost:${port}/`, `http://b.a.sub.localhost:${port}/`, `http://xsub.localhost:${port}/`]) {
          const a = await s.client(`A${referer}`, { headers: { Referer: referer } });
          await ask(s, a, 'private-w', { headers: {} }, `referer ${referer}`);
        }
      },
    },
    {
      name: 'auth-many-at-once', grade: 'must', title: 'a hundred subscriptions at once are all asked and all granted',
      async run(s) {
        const a = await s.client('A');
        for (let n = 0; n < 100; n += 1) a.subscribe(`private-many.${n}`);
        await until('100 questions', () => s.laravel.asked.length === 100);
        await s.settle();
        s.note('bodies', s.laravel.take([]).map(({ body }) => body).sort());
        for (let n = 0; n < 100; n += 1) await s.publish(`private-many.${n}`, { event: 'E', data: n });
        await s.settle();
        s.note('events', a.take().length);
      },
    },
  ],
};
