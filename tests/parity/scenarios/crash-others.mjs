// What ended laravel-echo-server in ordinary use: Laravel's answers, API clients, what Redis holds. Absent in rustecho.

import { aftermath, as } from '../support/aftermath.mjs';
import { json } from '../support/laravel.mjs';
import { crashed } from '../support/runner.mjs';

/** A scenario in which an API client posts a body. */
const posts = (name, title, body) => ({
  name, title, grade: 'bug', alone: true, fault: crashed,
  async run(s) {
    await s.serve();
    const answer = await s.api('/events', { method: 'POST', body });
    await aftermath(s);
    s.note('answer', answer);
  },
});

/** A scenario in which Laravel answers a presence question with this, and the client leaves. */
const answers = (name, title, answer) => ({
  name, title, grade: 'bug', alone: true, fault: crashed,
  async run(s) {
    await s.serve();
    s.laravel.on('presence-odd', answer);
    const a = await s.client('A');
    a.subscribe('presence-odd');
    await aftermath(s);
    a.unsubscribe('presence-odd');
    await aftermath(s);
    s.note('afterwards', s.server.ended ?? 'running');
  },
});

export default {
  title: 'crashes by others',
  scenarios: [
    {
      name: 'crash-disconnect-pending', grade: 'bug', title: 'disconnect while Laravel thinks about a presence channel', alone: true, fault: crashed,
      async run(s) {
        await s.serve();
        let answer;
        s.laravel.on('presence-p', () => new Promise((done) => { answer = () => done(json({ channel_data: { user_id: 1 } })); }));
        const a = await s.client('A');
        a.subscribe('presence-p');
        await s.settle();
        await a.vanish();
        answer();
        await aftermath(s);
        s.note('members', await s.members('presence-p'));
      },
    },
    {
      name: 'crash-lost-member', grade: 'bug', title: 'users join at once and leave: lost in the store, fatal when they leave', alone: true,
      fault: (outcome) => crashed(outcome) || outcome.steps.get('stored') !== 10,
      async run(s) {
        await s.serve();
        const clients = [];
        for (let n = 0; n < 10; n += 1) clients.push(await s.client(`C${n}`));
        clients.forEach((client, n) => client.subscribe('presence-race', as(`${n}:u${n}`)));
        await Promise.all(clients.map((client) => client.event('presence:subscribed')));
        await s.settle();
        s.note('stored', (await s.members('presence-race')).length);
        s.note('users', (await s.api('/channels/presence-race')).body.user_count);
        await Promise.all(clients.map((client) => client.vanish()));
        await aftermath(s);
      },
    },
    {
      name: 'crash-flushed', grade: 'bug', title: 'Redis is emptied, then a member leaves', alone: true, fault: crashed,
      async run(s) {
        await s.serve();
        const [a, b] = [await s.client('A'), await s.client('B')];
        await s.join(a, 'presence-f', as('1:Ann'));
        await s.join(b, 'presence-f', as('2:Bob'));
        await s.redis.flushall();
        await b.vanish();
        await aftermath(s);
        s.note('told', a.isOpen ? a.take().filter(([event]) => event === 'presence:leaving').length : null);
      },
    },
    answers('crash-answer-true', 'Laravel answers a presence question with true', json(true)),
    answers('crash-answer-null', 'Laravel answers a presence question with null', json(null)),
    answers('crash-answer-text', 'channel_data is text that is no JSON', json({ channel_data: 'text' })),
    answers('crash-answer-number', 'channel_data is a number', json({ channel_data: 5 })),
    posts('crash-post-not-json', 'POST events with a body that is not JSON', '{not json'),
    posts('crash-post-empty', 'POST events without a body', ''),
    posts('crash-post-null', 'POST events with null', 'null'),
    posts('crash-post-channels-text', 'POST events with channels that are a text', { channels: 'orders', name: 'E', data: 1 }),
    {
      name: 'crash-post-connection', grade: 'bug', title: 'POST events with the name connection', alone: true, fault: crashed,
      async run(s) {
        await s.serve();
        s.note('answer', (await s.api('/events', { method: 'POST', body: { channel: 'orders', name: 'connection', data: { a: 1 } } })).error ?? 'answered');
        await aftermath(s);
      },
    },
    ...Object.entries({ 'not-json': (s) => s.redis.set('presence-bad:members', 'not json'), 'wrong-type': (s) => s.redis.lpush('presence-bad:members', 'x') }).flatMap(([what, spoil]) => [
      {
        name: `crash-store-${what}-join`, grade: 'bug', title: `the stored members are ${what}; somebody joins`, alone: true, fault: crashed,
        async run(s) {
          await s.serve();
          await spoil(s);
          const a = await s.client('A');
          a.subscribe('presence-bad', as('1:Ann'));
          await aftermath(s);
          s.note('told', a.take().map(([event]) => event));
        },
      },
      {
        name: `crash-store-${what}-api`, grade: 'bug', title: `the stored members are ${what}; the API is asked for them`, alone: true, fault: crashed,
        async run(s) {
          await s.serve();
          await spoil(s);
          const answer = await s.api('/channels/presence-bad/users');
          await aftermath(s);
          s.note('answer', answer.status ?? answer.error);
        },
      },
    ]),
  ],
};
