// A stand-in for Laravel's auth endpoint: says by user and channel who may have what, and notes it.

import http from 'node:http';
import { now } from './clock.mjs';

/** The channels of a run: two public ones, one for each of three teams, two rooms. */
export const CHANNELS = ['orders.0', 'orders.1', 'private-team.0', 'private-team.1', 'private-team.2', 'presence-room.0', 'presence-room.1'];

/** Nobody above. */
const MOST_USERS = 100;

export const mayHave = (user, channel) => user <= MOST_USERS && (channel === `private-team.${user % 3}` || channel === `presence-room.${user % 2}`);

export async function startLaravel(note) {
  const noted = new Set();
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const ch = new URLSearchParams(body).get('channel_name') ?? '';
    const user = Number(/^Bearer (\d+)$/.exec(request.headers.authorization ?? '')?.[1] ?? NaN);
    const granted = mayHave(user, ch);
    if (!noted.has(`${user} ${ch}`)) note({ is: 'grant', user, ch, granted, t: now() });
    noted.add(`${user} ${ch}`);
    if (!granted) response.writeHead(403).end('{"message":"No"}');
    else response.end(ch.startsWith('presence-') ? JSON.stringify({ channel_data: { user_id: user, user_info: { name: `user ${user}` } } }) : 'true');
  });
  await new Promise((done) => server.listen(0, '0.0.0.0', done));
  return { port: server.address().port, stop: () => { server.close(); server.closeAllConnections(); } };
}
