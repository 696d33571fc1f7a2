// Configurations, and what they change.

import { readdirSync } from 'node:fs';
import { freePort } from '../../support/ports.mjs';
import { brief } from '../support/http.mjs';
import { certificate } from '../support/certificate.mjs';
import { sentinel } from '../support/redis.mjs';

const redisOf = (s, more = {}) => ({ databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port, ...more } } });

/** Whether an event published to Redis arrives. */
async function hears(s, label, channel = 'orders') {
  const a = await s.client(label);
  a.subscribe(channel);
  await s.settle();
  await s.publish(channel, { event: 'E', data: label });
  await s.settle();
  return a.take();
}

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
      name: 'config-prefix', grade: 'must', title: 'keyPrefix: cut off the channel, in front of the presence keys, not sent to Laravel', alone: true,
      async run(s) {
        await s.serve(redisOf(s, { keyPrefix: 'app_database_' }));
        s.prefix = 'app_database_';
        const [a, b] = [await s.client('A'), await s.client('B')];
        a.subscribe('orders');
        await s.join(a, 'private-x');
        await s.join(a, 'presence-x', { 'X-User': '1:Ann' });
        await s.join(b, 'presence-x', { 'X-User': '2:Bob' });
        s.take();
        await s.publish('orders', { event: 'E', data: 1 });
        await s.publish('private-x', { event: 'E', data: 2 });
        await s.publish('presence-x', { event: 'E', data: 3 });
        await s.redis.publish('orders', '{"event":"E","data":"without the prefix"}');
        await s.redis.publish('app_database_', '{"event":"E","data":"nothing but the prefix"}');
        await s.settle();
        s.note('events', s.take(a, b));
        s.note('asked', s.laravel.take([]));
        s.note('stored', await s.members('presence-x'));
        s.note('HTTP events carry no prefix', await s.api('/events', { method: 'POST', body: { channel: 'orders', name: 'E', data: 4 } }));
        await s.settle();
        s.note('HTTP event', a.take());
        s.note('channels', await s.channels());
      },
    },
    {
      name: 'config-prefix-keys', grade: 'quirk', title: 'every key in Redis while somebody is on a presence channel', alone: true,
      async run(s) {
        await s.serve(redisOf(s, { keyPrefix: 'app_' }));
        s.prefix = 'app_';
        const a = await s.client('A');
        await s.join(a, 'presence-x', { 'X-User': '1:Ann' });
        s.note('keys', (await s.redis.keys('*')).sort());
      },
    },
    {
      name: 'config-prefix-pattern', grade: 'must', title: 'a keyPrefix with characters that mean something in a pattern', alone: true,
      async run(s) {
        await s.serve(redisOf(s, { keyPrefix: 'a?[x]*-' }));
        s.hasMarks = false;
        const a = await s.client('A');
        for (const channel of ['orders', 'rders', 'ers', 'abxcc-orders', 'abx-orders']) a.subscribe(channel);
        await a.flushed();
        for (const prefix of ['a?[x]*-', 'abxcc-', 'abx-']) {
          await s.redis.publish(`${prefix}orders`, JSON.stringify({ event: 'E', data: prefix }));
          await s.settle();
          s.note(prefix, a.take());
        }
      },
    },
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
      name: 'config-publish-presence', grade: 'must', title: 'publishPresence: the list at every store, on an unprefixed channel', alone: true,
      async run(s) {
        await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port, keyPrefix: 'p:' }, publishPresence: true } });
        s.prefix = 'p:';
        const heard = await s.stack.redis.listen('PresenceChannelUpdated');
        s.atEnd(() => heard.stop());
        const [a, b] = [await s.client('A'), await s.client('B')];
        const took = async (step) => {
          await s.settle();
          const messages = heard.messages.splice(0);
          s.note(step, [...new Set(messages)]);
        };
        await s.join(a, 'presence-p', { 'X-User': '1:Ann' });
        await took('Ann joins');
        await s.join(b, 'presence-p', { 'X-User': '2:Bob' });
        await took('Bob joins');
        await b.vanish();
        await a.event('presence:leaving');
        await took('Bob leaves');
        a.unsubscribe('presence-p');
        await took('Ann leaves');
      },
    },
    {
      name: 'config-publish-presence-twice', grade: 'must', title: 'publishPresence: how often the same list is published', alone: true,
      async run(s) {
        await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port, keyPrefix: 'p:' }, publishPresence: true } });
        s.prefix = 'p:';
        const heard = await s.stack.redis.listen('PresenceChannelUpdated');
        s.atEnd(() => heard.stop());
        const a = await s.client('A');
        await s.join(a, 'presence-p', { 'X-User': '1:Ann' });
        await s.settle();
        s.note('messages', heard.messages.length);
      },
    },
    {
      name: 'config-publish-presence-off', grade: 'must', title: 'publishPresence: only the JSON value true', alone: true,
      async run(s) {
        for (const publishPresence of [false, 'true', 1]) {
          const server = await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port, keyPrefix: 'q:' }, publishPresence } });
          s.prefix = 'q:';
          const heard = await s.stack.redis.listen('PresenceChannelUpdated');
          const a = await s.client(`A${publishPresence}`);
          await s.join(a, 'presence-p', { 'X-User': '1:Ann' });
          s.note(JSON.stringify(publishPresence), heard.messages.length);
          heard.stop();
          await server.stop();
        }
      },
    },
    {
      name: 'config-redis-forms', grade: 'must', title: 'databaseConfig.redis: port as text, Unix socket, database number', alone: true,
      async run(s) {
        const forms = { 'port as text': { host: '127.0.0.1', port: String(s.stack.redis.port) }, 'Unix socket': { path: s.stack.redis.path }, 'another database': { host: '127.0.0.1', port: s.stack.redis.port, db: 3 }, 'an option nobody knows': { host: '127.0.0.1', port: s.stack.redis.port, retries: 5 } };
        for (const [what, redis] of Object.entries(forms)) {
          const server = await s.serve({ databaseConfig: { redis } });
          s.note(what, await hears(s, what));
          const a = await s.client(`${what} P`);
          await s.join(a, 'presence-f', { 'X-User': '1:Ann' });
          const reader = s.redis.duplicate({ db: redis.db ?? 0, lazyConnect: true });
          await reader.connect();
          s.note(`${what}: stored`, await reader.get('presence-f:members'));
          await reader.flushall();
          reader.disconnect();
          await server.stop();
        }
      },
    },
    {
      name: 'config-redis-auth', grade: 'must', title: 'databaseConfig.redis: password, and ACL user', alone: true,
      async run(s) {
        const locked = await s.startRedis({ args: ['--requirepass', 'secret'], password: 'secret' });
        await locked.client.call('ACL', 'SETUSER', 'echo', 'on', '>word', '~*', '&*', '+@all');
        s.redis = locked.client;
        for (const [what, login] of Object.entries({ password: { password: 'secret' }, user: { username: 'echo', password: 'word' } })) {
          const server = await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: locked.port, ...login } } });
          s.note(what, await hears(s, what));
          await server.stop();
        }
      },
    },
    {
      name: 'config-redis-tls', grade: 'must', title: 'databaseConfig.redis.tls: with an authority, and unchecked', alone: true,
      async run(s) {
        const { certPath, keyPath, cert } = await certificate();
        const tlsPort = await freePort();
        const redis = await s.startRedis({ args: ['--tls-port', String(tlsPort), '--tls-cert-file', certPath, '--tls-key-file', keyPath, '--tls-ca-cert-file', certPath, '--tls-auth-clients', 'no'] });
        s.redis = redis.client;
        for (const [what, tls] of Object.entries({ authority: { ca: String(cert) }, unchecked: { rejectUnauthorized: false } })) {
          const server = await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: tlsPort, tls } } });
          s.note(what, await hears(s, what));
          await server.stop();
        }
      },
    },
    {
      name: 'config-redis-tls-untrusted', grade: 'must', title: 'databaseConfig.redis.tls: a certificate nobody vouches for, and one for another name', alone: true,
      async run(s) {
        const [own, other] = [await certificate(), await certificate({ names: 'DNS:other.test' })];
        s.hasMarks = false;
        for (const [what, { certPath, keyPath }, tls] of [['nobody vouches', own, {}], ['another authority', own, { ca: String(other.cert) }], ['another name', other, { ca: String(other.cert) }]]) {
          const tlsPort = await freePort();
          const redis = await s.startRedis({ args: ['--tls-port', String(tlsPort), '--tls-cert-file', certPath, '--tls-key-file', keyPath, '--tls-ca-cert-file', certPath, '--tls-auth-clients', 'no'] });
          const server = await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: tlsPort, tls } } });
          const a = await s.client(what);
          a.subscribe('orders');
          await s.settle();
          s.note(`${what}: listeners`, await redis.client.publish('orders', '{"event":"E","data":1}'));
          s.note(`${what}: heard`, a.take());
          await server.stop();
        }
      },
    },
    {
      name: 'config-redis-sentinel', grade: 'must', title: 'databaseConfig.redis.sentinels with a name', alone: true,
      async run(s) {
        const { port, stop } = await sentinel(s.stack.redis.port);
        s.atEnd(stop);
        await s.serve({ databaseConfig: { redis: { sentinels: [{ host: '127.0.0.1', port }], name: 'mymaster' } } });
        s.note('hears', await hears(s, 'A'));
        const a = await s.client('B');
        await s.join(a, 'presence-s', { 'X-User': '1:Ann' });
        s.note('stored', await s.members('presence-s'));
      },
    },
    {
      name: 'config-redis-away', grade: 'must', title: 'Redis restarts: sockets stay, events flow again; HTTP events all the while', alone: true,
      async run(s) {
        const redis = await s.startRedis();
        s.redis = redis.client;
        await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } } });
        const a = await s.client('A');
        a.subscribe('orders');
        await s.settle();
        await redis.process.stop('SIGKILL');
        s.hasMarks = false;
        const post = () => s.api('/events', { method: 'POST', body: { channel: 'orders', name: 'E', data: 'http' } });
        s.note('HTTP meanwhile', await post());
        await s.settle();
        s.note('events meanwhile', a.take());
        await redis.again();
        s.hasMarks = true;
        await s.settle();
        await s.publish('orders', { event: 'E', data: 'back' });
        await s.settle();
        s.note('events afterwards', a.take());
      },
    },
    {
      name: 'config-redis-late', grade: 'must', title: 'Redis comes after the start: ready then', alone: true,
      async run(s) {
        const redis = await s.startRedis();
        await redis.process.stop('SIGKILL');
        s.redis = redis.client;
        const server = await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } } });
        s.note('root', (await s.http('GET', '/')).status);
        s.note('ready early', /Server ready/.test(server.output));
        await redis.again();
        s.note('hears', await hears(s, 'A'));
        s.note('ready', /Server ready/.test(server.output));
      },
    },
    {
      name: 'config-https', grade: 'must', title: 'protocol https: API, polling and websocket on one port; plain HTTP is refused', alone: true,
      async run(s) {
        const { certPath, keyPath } = await certificate();
        await s.serve({ protocol: 'https', sslCertPath: certPath, sslKeyPath: keyPath });
        s.note('root', brief(await s.http('GET', '/')));
        s.note('hears', await hears(s, 'A'));
        const polling = s.polling();
        s.note('polling', (await polling.open()).status);
        s.server.url = s.server.url.replace('https', 'http');
        s.note('plain', (await s.http('GET', '/', { deadlineMs: 2000 })).error ? 'refused' : 'answered');
        s.server.url = s.server.url.replace('http', 'https');
      },
    },
    {
      name: 'config-https-hangup', grade: 'quirk', title: 'SIGHUP with https', alone: true,
      async run(s) {
        const { certPath, keyPath } = await certificate();
        const server = await s.serve({ protocol: 'https', sslCertPath: certPath, sslKeyPath: keyPath });
        const a = await s.client('A');
        server.process.child.kill('SIGHUP');
        await Promise.race([server.process.exit, s.settle().catch(() => {})]);
        s.note('server', server.ended ?? 'running');
        s.note('client', a.isOpen ? 'connected' : 'cut off');
      },
    },
    {
      name: 'config-https-passphrase', grade: 'must', title: 'an encrypted key with sslPassphrase, a chain', alone: true,
      async run(s) {
        const { certPath, keyPath } = await certificate({ passphrase: 'word' });
        await s.serve({ protocol: 'https', sslCertPath: certPath, sslKeyPath: keyPath, sslCertChainPath: certPath, sslPassphrase: 'word' });
        s.note('root', brief(await s.http('GET', '/')));
      },
    },
    {
      name: 'config-https-incomplete', grade: 'must', title: 'https without paths', alone: true,
      async run(s) {
        const server = await s.serve({ protocol: 'https' });
        s.note('ended', server.ended);
        s.note('says', server.output.includes('SSL paths are missing in server config.'));
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
