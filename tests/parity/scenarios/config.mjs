// Configurations, and what they change.

import { readdirSync } from 'node:fs';
import { freePort } from '../../support/ports.mjs';
import { hears } from '../support/hears.mjs';
import { brief } from '../support/http.mjs';

/** Servers with each of these configurations, one after another. */
async function each(s, configs, look) {
  for (const [what, over] of Object.entries(configs)) {
    const server = await s.serve(over);
    await look(what);
    await server.stop();
  }
}

export default {
  title: 'configurations',
  scenarios: [
    {
      name: 'config-subscribers', grade: 'must', title: 'subscribers: each can be turned off; the store uses Redis all the same', alone: true,
      async run(s) {
        const configs = { 'no http': { subscribers: { http: false, redis: true } }, 'only redis named': { subscribers: { redis: true } }, 'no redis': { subscribers: { http: true, redis: false } }, 'only http named': { subscribers: { http: true } }, neither: { subscribers: {} } };
        await each(s, configs, async (what) => {
          s.hasMarks = configs[what].subscribers.redis === true;
          const a = await s.client(what);
          a.subscribe('orders');
          a.subscribe('presence-s', { 'X-User': '1:Ann' });
          await a.event('presence:subscribed');
          await s.publish('orders', { event: 'E', data: 'redis' });
          const post = (options) => s.api('/events', { method: 'POST', body: { channel: 'orders', name: 'E', data: 'http' }, ...options }).then(({ status }) => status);
          s.note(`${what}: POST events`, [await post({}), await post({ key: 'wrong' })]);
          await s.settle();
          s.note(`${what}: events`, a.take());
          s.note(`${what}: stored`, (await s.members('presence-s')).length);
          await a.vanish();
        });
      },
    },
    {
      name: 'config-headers', grade: 'must', title: 'headers are added to every answer but Socket.IO\'s', alone: true,
      async run(s) {
        await s.serve({ headers: { 'X-Site': 'one', 'X-Frame-Options': 'DENY' } });
        for (const path of ['/', '/nope', '/apps/app1/status', '/apps/app1/channels?auth_key=key1', '/socket.io/?EIO=3&transport=nope']) {
          const { status, headers } = await s.http('GET', path);
          s.note(path, { status, site: headers['x-site'], frame: headers['x-frame-options'] });
        }
      },
    },
    {
      name: 'config-cors', grade: 'must', title: 'apiOriginAllow: the three headers as configured on every API answer', alone: true,
      async run(s) {
        const allow = { allowCors: true, allowOrigin: 'http://a.test:80, *', allowMethods: 'GET, POST', allowHeaders: 'Origin, X-A' };
        await each(s, { on: { apiOriginAllow: allow }, off: { apiOriginAllow: { ...allow, allowCors: false } }, text: { apiOriginAllow: { ...allow, allowCors: 'true' } }, bare: { apiOriginAllow: { allowCors: true, allowOrigin: '*', allowMethods: '', allowHeaders: '' } } }, async (what) => {
          for (const [method, path] of [['GET', '/'], ['GET', '/nope'], ['GET', '/apps/app1/status'], ['OPTIONS', '/apps/app1/events'], ['POST', '/apps/app1/events?auth_key=key1'], ['GET', '/socket.io/?EIO=3']]) {
            const answer = await s.http(method, path, { headers: { Origin: 'http://b.test' }, body: method === 'POST' ? '{}' : undefined });
            const cors = Object.fromEntries(Object.entries(answer.headers).filter(([name]) => name.startsWith('access-control') || name === 'vary'));
            s.note(`${what}: ${method} ${path}`, { status: answer.status, cors });
          }
        });
      },
    },
    {
      name: 'config-port', grade: 'must', title: 'port as number, text, and with an address in front', alone: true,
      async run(s) {
        const forms = { number: (p) => p, text: (p) => String(p), address: (p) => `tcp://10.0.0.1:${p}`, slash: (p) => `${p}/` };
        for (const [what, form] of Object.entries(forms)) {
          const server = await s.serve({ port: form(await freePort()) });
          s.note(what, (await s.http('GET', '/')).status);
          await server.stop();
        }
      },
    },
    {
      name: 'config-clients', grade: 'must', title: 'clients: compared as text, first entry of an id counts, numbers never match', alone: true,
      async run(s) {
        await s.serve({ clients: [{ appId: 'a', key: 'k1' }, { appId: 'a', key: 'k2' }, { appId: 5, key: 'k5' }, { appId: 'n', key: 7 }, { appId: 'empty', key: '' }] });
        for (const [app, key] of [['a', 'k1'], ['a', 'k2'], ['5', 'k5'], ['n', '7'], ['empty', ''], ['empty', 'x']]) s.note(`${app} ${key}`, (await s.api('/status', { app, key })).status);
      },
    },
    {
      name: 'config-no-clients', grade: 'must', title: 'without clients the API answers nobody', alone: true,
      async run(s) {
        await s.serve({ clients: [] });
        for (const path of ['/status', '/channels']) s.note(path, await s.api(path));
        s.note('root', brief(await s.http('GET', '/')));
      },
    },
    {
      name: 'config-socketio', grade: 'must', title: 'socketio options: intervals, path, transports, cookie, allowUpgrades', alone: true,
      async run(s) {
        const options = { intervals: { pingInterval: 1234, pingTimeout: 567 }, path: { path: '/ws' }, 'path with a slash': { path: '/ws/' }, 'polling only': { transports: ['polling'] }, 'websocket only': { transports: ['websocket'] }, 'cookie name': { cookie: 'sid' }, 'no cookie': { cookie: false }, 'no upgrades': { allowUpgrades: false }, 'client file off': { serveClient: false } };
        await each(s, Object.fromEntries(Object.entries(options).map(([what, socketio]) => [what, { socketio }])), async (what) => {
          for (const path of ['/socket.io/', '/ws/']) {
            const polling = s.polling({ path });
            const answer = await polling.open();
            s.name(polling.sid, `<${what}>`);
            s.note(`${what}: polling ${path}`, brief(answer, 'set-cookie'));
            await s.client(`${what} ${path}`, { path, marked: false }).then((client) => s.note(`${what}: websocket ${path}`, client.first), () => s.note(`${what}: websocket ${path}`, 'refused'));
          }
          s.note(`${what}: client file`, (await s.http('GET', '/socket.io/socket.io.js')).status);
        });
      },
    },
    {
      name: 'config-upgrades-off', grade: 'must', title: 'allowUpgrades false: a websocket for a polling session is refused', alone: true,
      async run(s) {
        await s.serve({ socketio: { allowUpgrades: false } });
        const polling = s.polling();
        await polling.open();
        s.name(polling.sid, '<P>');
        const upgrade = await s.client('U', { marked: false, takesOver: true, query: `&sid=${polling.sid}` }).then((client) => client, (error) => error.message);
        if (upgrade.send) {
          upgrade.send('2probe');
          await s.settle();
          s.note('upgrade', { frames: upgrade.takeFrames(), closed: upgrade.closed });
        } else {
          s.note('upgrade', upgrade);
        }
      },
    },
    {
      name: 'config-origins', grade: 'must', title: 'socketio.origins: others are 403 code 4', alone: true,
      async run(s) {
        for (const origins of ['http://a.test:80', 'a.test:80', 'a.test:*', ['*:8080'], ['http://a.test:80', 'b.test:443'], '*:*', 'a.test:80 b.test:443']) {
          const server = await s.serve({ socketio: { origins } });
          for (const origin of [undefined, 'http://a.test', 'https://a.test', 'http://a.test:8080', 'https://b.test', 'http://c.test:80']) {
            const answer = await s.http('GET', '/socket.io/?EIO=3&transport=polling', { headers: origin ? { Origin: origin } : {} });
            s.note(`${JSON.stringify(origins)} and ${origin}`, { status: answer.status, body: answer.status === 200 ? 'a session' : answer.body, cors: answer.headers['access-control-allow-origin'] ?? null });
          }
          await server.stop();
        }
      },
    },
    {
      name: 'config-max-size', grade: 'must', title: 'maxHttpBufferSize bounds incoming messages', alone: true,
      async run(s) {
        await s.serve({ socketio: { maxHttpBufferSize: 1000 } });
        for (const size of [900, 1100]) {
          const client = await s.client(`${size}`);
          client.send(`42["subscribe",{"channel":"c${size}","x":"${'x'.repeat(size - 43)}"}]`);
          await client.flushed();
          await s.settle();
          s.note(`${size}`, { closed: client.closed, count: await s.count(`c${size}`) });
        }
      },
    },
    {
      name: 'config-minimal', grade: 'must', title: 'a file with little in it', alone: true,
      async run(s) {
        await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port } } }, { bare: true });
        s.note('hears', await hears(s, 'A'));
        s.note('api', await s.api('/channels'));
      },
    },
    {
      name: 'config-unknown-keys', grade: 'must', title: 'keys nobody knows stop nothing', alone: true,
      async run(s) {
        await s.serve({ whatever: 1, socketio: { wsEngine: 'ws', perMessageDeflate: false, unknown: true }, secureOptions: 67108864 });
        s.note('hears', await hears(s, 'A'));
      },
    },
    {
      name: 'config-database-unknown', grade: 'must', title: 'an unknown database: presence events still flow', alone: true,
      async run(s) {
        await s.serve({ database: 'mysql' });
        s.note('hears', await hears(s, 'A'));
      },
    },
    {
      name: 'config-two-servers', grade: 'must', title: 'two servers on one Redis: each hears its events; whispers and HTTP events stay', alone: true,
      async run(s) {
        const first = await s.serve();
        const a = await s.client('A');
        await s.join(a, 'private-two');
        await s.serve();
        const b = await s.client('B');
        await s.join(b, 'private-two');
        s.take();
        await s.publish('private-two', { event: 'E', data: 1 });
        await s.settle();
        s.note('Redis', s.take(a, b));
        await s.publish('private-two', { event: 'E', data: 2, socket: a.socketId });
        await s.settle();
        s.note('toOthers', s.take(a, b));
        a.whisper('private-two', 'client-x', 3);
        await s.settle();
        s.note('whisper', s.take(a, b));
        s.note('HTTP', await s.api('/events', { method: 'POST', body: { channel: 'private-two', name: 'E', data: 4 } }));
        await s.settle();
        s.note('HTTP event', s.take(a, b));
        s.note('count', await s.count('private-two'));
        s.note('first lives', first.ended);
      },
    },
    {
      name: 'config-stop-code', grade: 'quirk', title: 'the code with which websockets close when the server stops', alone: true,
      async run(s) {
        const server = await s.serve();
        const client = await s.client('A');
        await server.stop('SIGTERM');
        await client.ended();
        s.note('closed', client.closed);
      },
    },
    {
      name: 'config-stop', grade: 'must', title: 'SIGTERM, SIGINT, SIGHUP: exit 0, sockets cut, lock gone', alone: true,
      async run(s) {
        for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
          const server = await s.serve();
          const client = await s.client(signal);
          s.note(`${signal}: exit`, await server.stop(signal));
          await client.ended();
          s.note(`${signal}: nothing more is said`, client.takeFrames());
          s.note(`${signal}: files`, readdirSync(server.dir));
        }
      },
    },
  ],
};
