// databaseConfig: Redis in the forms that laravel-echo-server knew, keyPrefix, publishPresence.

import { freePort } from '../../support/ports.mjs';
import { certificate } from '../support/certificate.mjs';
import { hears } from '../support/hears.mjs';
import { sentinel } from '../support/redis.mjs';

const redisOf = (s, more = {}) => ({ databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port, ...more } } });

export default {
  title: 'configurations of Redis',
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
  ],
};
