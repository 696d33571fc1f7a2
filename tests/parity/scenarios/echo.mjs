// laravel-echo 1.19 with socket.io-client 2.5, as applications have them.

import { createRequire } from 'node:module';
import { until } from '../../support/wait.mjs';

const require = createRequire(import.meta.url);
const Echo = require('echo1').default ?? require('echo1');
const io = require('sio2');

async function connect(s, label, user, transports) {
  const headers = user ? { 'X-User': user, Authorization: `Bearer ${label}` } : {};
  const echo = new Echo({ broadcaster: 'socket.io', client: io, host: s.url, auth: { headers }, transports, forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 50, randomizationFactor: 0 });
  s.atEnd(() => echo.disconnect());
  await until(`${label} to connect`, () => echo.socketId());
  s.name(echo.socketId(), `<${label}>`);
  return echo;
}

const counted = (s, channel, count) => until(`${count} on ${channel}`, async () => (await s.count(channel)) === count);

/** Everything laravel-echo does, on one pair of pages. */
const flow = (transports) => async (s) => {
  const heard = [];
  const hear = (what) => (...args) => heard.push([what, ...args]);
  const took = async (step, count) => {
    await until(`${count} callbacks in step ${step}`, () => heard.length >= count);
    await s.settle();
    s.note(step, heard.splice(0).sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)));
  };
  const [a, b] = [await connect(s, 'A', '1:Ann', transports), await connect(s, 'B', '2:Bob', transports)];
  a.channel('orders').listen('Shipped', hear('A Shipped')).listen('.own.name', hear('A .own.name')).listen('\\Other\\Space', hear('A \\Other\\Space'));
  await counted(s, 'orders', 1);
  for (const event of ['App\\Events\\Shipped', 'own.name', 'Other\\Space', 'App\\Events\\Unheard']) await s.publish('orders', { event, data: { of: event, socket: null }, socket: null });
  await took('public', 3);

  const whisperer = a.private('chat').listen('E', hear('A E')).listenForWhisper('typing', hear('A typing')).notification(hear('A notification'));
  b.private('chat').listen('E', hear('B E')).listenForWhisper('typing', hear('B typing'));
  await counted(s, 'private-chat', 2);
  await s.publish('private-chat', { event: 'App\\Events\\E', data: 'all' });
  await s.publish('private-chat', { event: 'App\\Events\\E', data: 'others', socket: a.socketId() });
  await s.publish('private-chat', { event: 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated', data: { id: 'n', type: 'T' } });
  await took('private', 4);
  whisperer.whisper('typing', { name: 'Ann' });
  await took('whisper', 1);

  a.join('room').here(hear('A here')).joining(hear('A joining')).leaving(hear('A leaving'));
  await took('A joins', 1);
  b.join('room').here(hear('B here')).joining(hear('B joining')).leaving(hear('B leaving'));
  await took('B joins', 2);
  b.leave('room');
  await took('B leaves', 1);

  const before = a.socketId();
  a.connector.socket.io.engine.close();
  await until('A to be back', () => a.socketId() && a.socketId() !== before);
  s.name(a.socketId(), '<A again>');
  for (const channel of ['orders', 'presence-room']) await counted(s, channel, 1);
  await took('A comes back', 1);
  await s.publish('orders', { event: 'App\\Events\\Shipped', data: 'after' });
  await took('public again', 1);

  const refusals = [];
  s.laravel.on('private-secret', { status: 403, body: '' });
  a.connector.socket.on('subscription_error', (...args) => refusals.push(args));
  a.private('secret').error(hear('A error'));
  await until('a refusal', () => refusals.length > 0);
  await s.settle();
  s.note('refused', { onTheSocket: refusals, byEcho: heard.splice(0) });
  s.note('asked', s.laravel.take(['x-user', 'authorization', 'x-requested-with']).map((asked) => JSON.stringify(asked)).sort());
  for (const echo of [a, b]) echo.disconnect();
  await counted(s, 'orders', 0);
};

export default {
  title: 'laravel-echo',
  scenarios: [
    { name: 'echo-default', grade: 'must', title: 'all of laravel-echo, polling first and then websocket', run: flow() },
    { name: 'echo-websocket', grade: 'must', title: 'all of laravel-echo by websocket alone', run: flow(['websocket']) },
    { name: 'echo-polling', grade: 'must', title: 'all of laravel-echo by polling alone', run: flow(['polling']) },
    {
      name: 'echo-tokens', grade: 'must', title: 'csrfToken and bearerToken become headers of the auth request',
      async run(s) {
        const echo = new Echo({ broadcaster: 'socket.io', client: io, host: s.url, csrfToken: 'csrf', bearerToken: 'bearer', forceNew: true, transports: ['websocket'] });
        s.atEnd(() => echo.disconnect());
        await until('it to connect', () => echo.socketId());
        echo.private('tokens');
        await until('a question', () => s.laravel.asked.length > 0);
        s.note('asked', s.laravel.take(['x-csrf-token', 'authorization', 'x-requested-with']));
      },
    },
  ],
};
