// Presence channels: members, what is told and what is stored.

import { until } from '../../support/wait.mjs';
import { json } from '../support/laravel.mjs';

const as = (user) => ({ 'X-User': user });

/** The stored members, once there are `count`. */
async function stored(s, channel, count) {
  await until(`${count} members of ${channel}`, async () => (await s.members(channel))?.length === count);
  return s.members(channel);
}

const api = async (s, channel) => ({ channel: await s.api(`/channels/${channel}`), users: await s.api(`/channels/${channel}/users`) });

export default {
  title: 'presence channels',
  scenarios: [
    {
      name: 'presence-first', grade: 'must', title: 'the first member: frames, auth request, store, API',
      async run(s) {
        const a = await s.client('A');
        await s.join(a, 'presence-r', as('1:Ann'));
        s.note('frames', a.takeFrames());
        s.note('asked', s.laravel.take());
        s.note('stored', await stored(s, 'presence-r', 1));
        s.note('stored text', await s.redis.get('presence-r:members'));
        s.note('expiry', await s.redis.ttl('presence-r:members'));
        s.note('api', await api(s, 'presence-r'));
      },
    },
    {
      name: 'presence-second', grade: 'must', title: 'the second member: newest first for it, joining for the first; leaving on disconnect',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-r', as('1:Ann'));
        await s.join(b, 'presence-r', as('two:Bob'));
        s.note('frames', { A: a.takeFrames(), B: b.takeFrames() });
        s.note('stored', await stored(s, 'presence-r', 2));
        s.note('api', await api(s, 'presence-r'));
        await b.close();
        await a.event('presence:leaving');
        s.note('leaving', a.takeFrames());
        s.note('stored after', await stored(s, 'presence-r', 1));
        await a.vanish();
        s.note('stored when empty', await stored(s, 'presence-r', 0));
        s.note('text when empty', await s.redis.get('presence-r:members'));
        s.note('api when empty', await api(s, 'presence-r'));
      },
    },
    {
      name: 'presence-tabs', grade: 'must', title: 'two tabs of one user: joining once, leaving after the last; the newest user_info in lists, the oldest in the API',
      async run(s) {
        const [a, tab, other] = [await s.client('A'), await s.client('B1'), await s.client('B2')];
        await s.join(a, 'presence-t', as('1:Ann'));
        await s.join(tab, 'presence-t', as('2:Bob'));
        await s.join(other, 'presence-t', as('2:Bobby'));
        s.note('events', s.take(a, tab, other));
        s.note('stored', await stored(s, 'presence-t', 3));
        s.note('api', await api(s, 'presence-t'));
        await tab.close();
        s.note('stored after the first tab', await stored(s, 'presence-t', 2));
        await s.settle();
        s.note('the first tab closes', s.take(a, other));
        other.unsubscribe('presence-t');
        await a.event('presence:leaving');
        await s.settle();
        s.note('the second unsubscribes', s.take(a, other));
        s.note('stored after both', await stored(s, 'presence-t', 1));
      },
    },
    {
      name: 'presence-again', grade: 'must', title: 'leaving by unsubscribe and coming back on the same socket',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-r', as('1:Ann'));
        await s.join(b, 'presence-r', as('2:Bob'));
        s.take();
        for (const time of ['once', 'twice']) {
          b.unsubscribe('presence-r');
          await a.event('presence:leaving');
          await stored(s, 'presence-r', 1);
          await s.join(b, 'presence-r', as('2:Bob'));
          s.note(time, s.take(a, b));
          s.note(`stored ${time}`, await stored(s, 'presence-r', 2));
        }
      },
    },
    {
      name: 'presence-double', grade: 'must', title: 'the same socket subscribes twice: two entries, no second joining, one leave ends both',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-r', as('1:Ann'));
        await s.join(b, 'presence-r', as('2:Bob'));
        s.take();
        await s.join(b, 'presence-r', as('2:Bobby'));
        s.note('again', s.take(a, b));
        s.note('stored', await stored(s, 'presence-r', 3));
        s.note('api', await api(s, 'presence-r'));
        b.unsubscribe('presence-r');
        await a.event('presence:leaving');
        s.note('left', s.take(a, b));
        s.note('stored after', await stored(s, 'presence-r', 1));
      },
    },
    {
      name: 'presence-triple', grade: 'quirk', title: 'the same socket subscribes again and again',
      async run(s) {
        const a = await s.client('A');
        for (let n = 0; n < 5; n += 1) await s.join(a, 'presence-r', as(`1:Ann${n}`));
        s.note('told last', a.take().at(-1));
        s.note('entries', (await s.members('presence-r')).length);
      },
    },
    {
      name: 'presence-denied', grade: 'must', title: 'denied: an error with the status, nobody stored, nobody told',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-r', as('1:Ann'));
        s.take();
        await s.join(b, 'presence-r');
        s.note('events', s.take(a, b));
        s.note('stored', await stored(s, 'presence-r', 1));
        await s.publish('presence-r', { event: 'E', data: 1 });
        await s.settle();
        s.note('an event', s.take(a, b));
      },
    },
    {
      name: 'presence-shapes', grade: 'must', title: 'channel_data as object and as text; without user_info; other keys; a socketId of its own',
      async run(s) {
        const a = await s.client('A');
        const shapes = {
          object: { channel_data: { user_id: 1, user_info: { n: 1 } } },
          text: { auth: 'k:s', channel_data: '{"user_id":"2","user_info":{"n":2}}' },
          bare: { channel_data: { user_id: 3 } },
          null: { channel_data: { user_id: 4, user_info: null } },
          scalar: { channel_data: { user_id: 5, user_info: true } },
          more: { channel_data: { role: 'x', user_id: 6, user_info: [1], socketId: 'claimed' }, other: 1 },
          uuid: { channel_data: { user_id: 'a-b-c', user_info: 'text' } },
          anonymous: { channel_data: { user_info: { n: 1 } } },
          empty: { channel_data: {} },
        };
        for (const [what, answer] of Object.entries(shapes)) {
          s.laravel.on(`presence-${what}`, json(answer));
          await s.join(a, `presence-${what}`);
          s.note(what, { events: a.take(), stored: await stored(s, `presence-${what}`, 1), users: (await s.api(`/channels/presence-${what}/users`)).body });
        }
      },
    },
    {
      name: 'presence-without-member', grade: 'quirk', title: 'an answer without channel_data: on the channel, but no member', alone: true,
      async run(s) {
        await s.serve();
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-w', as('1:Ann'));
        a.take();
        for (const [what, answer] of Object.entries({ true: json(true), 'an empty object': json({}), html: { status: 200, body: '<html>' }, 'channel_data null': json({ channel_data: null }) })) {
          s.laravel.on('presence-w', answer);
          b.subscribe('presence-w');
          await s.settle();
          await s.publish('presence-w', { event: 'E', data: what });
          await s.settle();
          s.note(what, { events: s.take(a, b), stored: await s.members('presence-w'), count: await s.count('presence-w') });
        }
      },
    },
    {
      name: 'presence-ids', grade: 'quirk', title: 'user_id 1 and "1": one user for joining and leaving, two in lists',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        s.laravel.on('presence-i', ({ headers }) => json({ channel_data: { user_id: headers['x-user'] === 'number' ? 1 : '1', user_info: headers['x-user'] } }));
        await s.join(a, 'presence-i', as('number'));
        await s.join(b, 'presence-i', as('text'));
        s.note('events', s.take(a, b));
        s.note('api', await api(s, 'presence-i'));
        await b.close();
        await stored(s, 'presence-i', 1);
        await s.settle();
        s.note('one leaves', a.take());
      },
    },
    {
      name: 'presence-events', grade: 'must', title: 'events and toOthers on a presence channel, by Redis and by HTTP',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-e', as('1:Ann'));
        await s.join(b, 'presence-e', as('2:Bob'));
        s.take();
        await s.publish('presence-e', { event: 'E', data: 'all' });
        await s.publish('presence-e', { event: 'E', data: 'others', socket: a.socketId });
        await s.settle();
        s.note('Redis', s.take(a, b));
        s.note('answer', await s.api('/events', { method: 'POST', body: { channel: 'presence-e', name: 'E', data: 'http', socket_id: b.socketId } }));
        await s.settle();
        s.note('HTTP', s.take(a, b));
      },
    },
    {
      name: 'presence-vanish', grade: 'must', title: 'a connection that is lost leaves all its presence channels, in the order of joining',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        for (const channel of ['presence-z', 'presence-a', 'presence-m']) {
          await s.join(a, channel, as('1:Ann'));
          await s.join(b, channel, as('2:Bob'));
        }
        a.take();
        await b.vanish();
        await a.event('presence:leaving', 3);
        s.note('leaving', a.take());
        for (const channel of ['presence-z', 'presence-a', 'presence-m']) s.note(channel, await stored(s, channel, 1));
      },
    },
    {
      name: 'presence-ghosts', grade: 'must', title: 'members left behind in Redis: in the API until somebody joins, never told, then gone',
      async run(s) {
        const ghosts = [{ user_id: 9, user_info: { name: 'Ghost' }, socketId: 'GGGGGGGGGGGGGGGGGGGG' }, { user_id: 1, user_info: { name: 'Ann' }, socketId: 'HHHHHHHHHHHHHHHHHHHH' }];
        await s.redis.set('presence-g:members', JSON.stringify(ghosts));
        s.note('api before', await api(s, 'presence-g'));
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(b, 'presence-g', as('2:Bob'));
        s.note('Bob joins', s.take(a, b));
        s.note('stored', await stored(s, 'presence-g', 1));
        await s.join(a, 'presence-g', as('1:Ann'));
        s.note('Ann, one of the ghosts, comes back', s.take(a, b));
        s.note('stored then', await stored(s, 'presence-g', 2));
        s.note('api then', await api(s, 'presence-g'));
      },
    },
    {
      name: 'presence-store-null', grade: 'quirk', title: 'null in the store is nobody',
      async run(s) {
        await s.redis.set('presence-n:members', 'null');
        s.note('api before', await api(s, 'presence-n'));
        const a = await s.client('A');
        await s.join(a, 'presence-n', as('1:Ann'));
        s.note('events', a.take());
        s.note('stored', await stored(s, 'presence-n', 1));
      },
    },
    {
      name: 'presence-ten', grade: 'must', title: 'ten users one after another: order in lists, in the store and in the API',
      async run(s) {
        const clients = [];
        for (let n = 0; n < 10; n += 1) {
          const client = await s.client(`C${n}`);
          clients.push(client);
          client.subscribe('presence-ten', as(`${n}:u${n}`));
          await client.event('presence:subscribed');
          await stored(s, 'presence-ten', n + 1);
        }
        await s.settle();
        s.note('told to the last', clients[9].take());
        s.note('told to the first', clients[0].take().map(([event, , data]) => [event, Array.isArray(data) ? data.length : data.user_id]));
        s.note('api', await api(s, 'presence-ten'));
      },
    },
    {
      name: 'presence-slow', grade: 'must', title: 'while Laravel thinks nobody is told; others are told when it has answered',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-s', as('1:Ann'));
        a.take();
        let answer;
        s.laravel.on('presence-s', () => new Promise((done) => { answer = () => done(json({ channel_data: { user_id: 2, user_info: {} } })); }));
        b.subscribe('presence-s', as('2:Bob'));
        await s.settle();
        s.note('pending', { events: s.take(a, b), count: await s.count('presence-s') });
        answer();
        await b.event('presence:subscribed');
        await s.settle();
        s.note('granted', { events: s.take(a, b), count: await s.count('presence-s') });
      },
    },
    {
      name: 'presence-in-the-middle', grade: 'must', title: 'presence- in the middle of a name: Laravel is asked, but there are no members',
      async run(s) {
        const a = await s.client('A');
        s.laravel.on('x-presence-m', json({ channel_data: { user_id: 1 } }));
        await s.join(a, 'x-presence-m');
        s.note('events', a.take());
        s.note('stored', await s.members('x-presence-m'));
        s.note('api', await api(s, 'x-presence-m'));
      },
    },
    {
      name: 'presence-unsubscribe-other', grade: 'must', title: 'unsubscribing from one presence channel leaves the others alone',
      async run(s) {
        const a = await s.client('A');
        await s.join(a, 'presence-1', as('1:Ann'));
        await s.join(a, 'presence-2', as('1:Ann'));
        a.unsubscribe('presence-1');
        await stored(s, 'presence-1', 0);
        s.note('stored', await stored(s, 'presence-2', 1));
        await s.publish('presence-1', { event: 'E', data: 1 });
        await s.publish('presence-2', { event: 'E', data: 2 });
        await s.settle();
        s.note('events', a.take());
      },
    },
  ],
};
