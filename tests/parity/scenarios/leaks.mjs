// What laravel-echo-server told to others, let clients choose, lost or mixed up. Absent in rustecho.

import { until } from '../../support/wait.mjs';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { as } from '../support/aftermath.mjs';
import { certificate } from '../support/certificate.mjs';
import { Laravel } from '../support/laravel.mjs';

export default {
  title: 'leaks and losses',
  scenarios: [
    {
      name: 'leak-reserved-event', grade: 'bug', title: 'an event name that Socket.IO keeps for itself: the next event goes to its channel as well', alone: true,
      fault: ({ steps }) => steps.get('the channel of the reserved event').length > 0,
      async run(s) {
        await s.serve();
        const [a, b] = [await s.client('A'), await s.client('B')];
        a.subscribe('first');
        b.subscribe('second');
        await s.settle();
        await s.publish('first', { event: 'newListener', data: 1 });
        await s.publish('second', { event: 'Secret', data: 'for B only' });
        await s.settle();
        s.note('the channel of the reserved event', a.take());
        s.note('the other', b.take().length);
      },
    },
    {
      name: 'leak-own-room', grade: 'bug', title: 'subscribing to another socket\'s id: its member lists are overheard',
      fault: ({ steps }) => steps.get('overheard').length > 0,
      async run(s) {
        const [a, spy] = [await s.client('A'), await s.client('Spy')];
        spy.subscribe(a.socketId);
        await s.settle();
        await s.join(a, 'presence-secret', as('1:Ann'));
        s.note('A hears it', a.take().length);
        s.note('overheard', spy.take());
      },
    },
    {
      name: 'leak-own-room-unsubscribe', grade: 'bug', title: 'unsubscribing from one\'s own id: no member list ever after',
      fault: ({ steps }) => steps.get('told').length === 0,
      async run(s) {
        const a = await s.client('A');
        a.unsubscribe(a.socketId);
        await s.settle();
        a.subscribe('presence-self', as('1:Ann'));
        await s.settle();
        s.note('told', a.take().map(([event]) => event));
        a.unsubscribe('presence-self');
        await s.settle();
      },
    },
    {
      name: 'leak-session', grade: 'bug', title: 'a member list tells the id by which a polling client goes on with its session: another member reads in its place',
      fault: ({ steps }) => steps.get('read in its place').length > 0,
      async run(s) {
        const spy = await s.client('Spy');
        await s.join(spy, 'presence-room', as('1:Spy'));
        const [victim, thief] = [s.polling(), s.polling()];
        await victim.open();
        await victim.post([`42${JSON.stringify(['subscribe', { channel: 'presence-room', auth: { headers: as('2:Ann') } }])}`]);
        await spy.event('presence:joining');
        const [[, , member]] = spy.events('presence:joining');
        s.note('joined', member.user_id);
        thief.sid = member.socketId;
        const { status, body } = await thief.poll();
        s.note('read in its place', status === 200 ? body : '');
      },
    },
    {
      name: 'leak-publish-presence', grade: 'bug', title: 'publishPresence without a prefix: member lists reach anybody subscribed to PresenceChannelUpdated', alone: true,
      fault: ({ steps }) => steps.get('overheard').length > 0,
      async run(s) {
        await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port }, publishPresence: true } });
        const [a, spy] = [await s.client('A'), await s.client('Spy')];
        spy.subscribe('PresenceChannelUpdated');
        await s.settle();
        await s.join(a, 'presence-listed', as('1:Ann'));
        s.note('overheard', spy.takeFrames());
      },
    },
    {
      name: 'leak-forged-headers', grade: 'bug', title: 'Host, X-Forwarded-* and method overrides chosen by the client reach Laravel',
      fault: ({ steps }) => steps.get('forged').length > 0,
      async run(s) {
        const a = await s.client('A');
        const forged = { Host: 'evil.test', 'X-Forwarded-For': '6.6.6.6', 'X-Forwarded-Host': 'evil.test', 'X-Forwarded-Proto': 'https', 'X-HTTP-Method-Override': 'DELETE', 'X-Original-URL': '/admin', Forwarded: 'for=6.6.6.6', 'X-Real-IP': '6.6.6.6' };
        a.subscribe('private-forged', forged);
        await s.settle();
        const [{ headers }] = s.laravel.take();
        const values = Object.values(forged);
        s.note('forged', Object.entries(headers).filter(([, value]) => values.includes(value)).map(([name]) => name));
      },
    },
    {
      name: 'leak-referer-port', grade: 'bug', title: 'a wildcard authHost: the Referer sends the cookie to any port of any host below it', alone: true,
      fault: ({ steps }) => steps.get('asked elsewhere') > 0,
      async run(s) {
        const elsewhere = await Laravel.start();
        s.atEnd(() => elsewhere.stop());
        await s.serve({ authHost: ['.0.0.1', s.laravel.url] });
        const a = await s.client('A', { headers: { Referer: `${elsewhere.url}/`, Cookie: 'session=secret' } });
        a.subscribe('private-x');
        await s.settle();
        s.note('asked elsewhere', elsewhere.asked.length);
        s.note('asked as configured', s.laravel.asked.length);
      },
    },
    {
      name: 'leak-cookie-elsewhere', grade: 'bug', title: 'a page of another site makes the visitor\'s cookie reach Laravel, and hears what it is let into',
      fault: ({ steps }) => steps.get('cookies').length > 0,
      async run(s) {
        const cookies = [];
        for (const headers of [{ Origin: 'https://evil.test' }, { Origin: 'null' }, { Referer: 'https://evil.test/page' }]) {
          const a = await s.client('A', { headers: { ...headers, Cookie: 'session=secret' } });
          a.subscribe('private-x');
          await s.settle();
          cookies.push(...s.laravel.take().flatMap((asked) => asked.headers.cookie ?? []));
        }
        s.note('cookies', cookies);
      },
    },
    {
      name: 'leak-auth-tls', grade: 'bug', title: 'a certificate of the auth host that nobody trusts', alone: true,
      fault: ({ steps }) => steps.get('asked') > 0,
      async run(s) {
        const impostor = await Laravel.start(await certificate());
        s.atEnd(() => impostor.stop());
        await s.serve({ authHost: impostor.url });
        const a = await s.client('A', { headers: { Cookie: 'session=secret' } });
        a.subscribe('private-x');
        await until('an answer, or a question', () => a.events('subscription_error').length > 0 || impostor.asked.length > 0);
        await s.settle();
        s.note('asked', impostor.asked.length);
        s.note('told', a.take());
      },
    },
    {
      name: 'ghosts-after-kill', grade: 'bug', title: 'members of a killed process stay in the API until somebody joins', alone: true,
      fault: ({ steps }) => steps.get('users after the restart') > 0,
      async run(s) {
        const first = await s.serve();
        const a = await s.client('A');
        await s.join(a, 'presence-ghost', as('1:Ann'));
        await first.stop('SIGKILL');
        await s.serve({ port: first.port });
        await s.settle();
        const users = async () => (await s.api('/channels/presence-ghost/users')).body.users.length;
        const deadline = Date.now() + 5_000;
        while (await users() > 0 && Date.now() < deadline) await s.settle();
        s.note('users after the restart', await users());
      },
    },
    {
      name: 'resurrected-members', grade: 'bug', title: 'two servers overwrite each other\'s member lists', alone: true,
      fault: ({ steps }) => steps.get('stored') !== 2,
      async run(s) {
        await s.serve();
        const a = await s.client('A');
        await s.join(a, 'presence-both', as('1:Ann'));
        await s.serve();
        const b = await s.client('B');
        await s.join(b, 'presence-both', as('2:Bob'));
        s.note('stored', (await s.members('presence-both')).length);
        s.note('told to B', b.take().filter(([event]) => event === 'presence:subscribed').map(([, , list]) => list.length));
      },
    },
    {
      name: 'lost-store-is-not-written-back', grade: 'bug', title: 'Redis loses its data: members who are connected stay missing from lists', alone: true,
      fault: ({ steps }) => steps.get('told to B') !== 2,
      async run(s) {
        await s.serve();
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-lost', as('1:Ann'));
        await s.redis.flushall();
        await s.join(b, 'presence-lost', as('2:Bob'));
        s.note('told to B', b.events('presence:subscribed')[0][2].length);
      },
    },
    {
      name: 'client-add-elsewhere', grade: 'bug', title: 'client:add --config reads one file and writes another', alone: true,
      fault: ({ steps }) => steps.get('files').length > 1,
      async run(s) {
        const cwd = s.folder();
        writeFileSync(`${cwd}/mine.json`, '{"port":6001,"clients":[]}');
        await s.cli(['client:add', 'x', '--config=mine.json'], { cwd });
        s.note('files', readdirSync(cwd));
        s.note('clients', JSON.parse(readFileSync(`${cwd}/mine.json`)).clients.length);
      },
    },
    {
      name: 'client-remove-unknown', grade: 'bug', title: 'client:remove of an unknown id removes the last client', alone: true,
      fault: ({ steps }) => steps.get('left').length < 2,
      async run(s) {
        const cwd = s.folder();
        writeFileSync(`${cwd}/laravel-echo-server.json`, '{"clients":[{"appId":"a","key":"1"},{"appId":"b","key":"2"}]}');
        await s.cli(['client:remove', 'unknown'], { cwd });
        s.note('left', JSON.parse(readFileSync(`${cwd}/laravel-echo-server.json`)).clients.map(({ appId }) => appId));
      },
    },
  ],
};
