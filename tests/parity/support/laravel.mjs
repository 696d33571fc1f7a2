// Stands in for Laravel's auth endpoint, and remembers what it was asked.
//
// A private channel is granted. A presence channel is granted to who names a user in X-User (`7:Ann`), denied to others.
// A scenario can answer for a channel by itself.

import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';

export class Laravel {
  /** With `tls` (`{key, cert}`) it speaks https. */
  static async start(tls) {
    const laravel = new Laravel();
    const answer = (request, response) => laravel.#answer(request, response);
    laravel.server = tls ? https.createServer(tls, answer) : http.createServer(answer);
    laravel.server.listen(0, '127.0.0.1');
    await once(laravel.server, 'listening');
    laravel.port = laravel.server.address().port;
    laravel.url = `${tls ? 'https' : 'http'}://127.0.0.1:${laravel.port}`;
    return laravel;
  }

  asked = [];
  #answers = new Map();

  /** From now on `answer(request)` decides about this channel: a value `{status, body, headers}`, `'drop'`, or a promise. */
  on(channel, answer) {
    this.#answers.set(channel, typeof answer === 'function' ? answer : () => answer);
  }

  /** Forgets everything. */
  reset() {
    this.#answers.clear();
    this.asked = [];
  }

  /** What it was asked since the last call; of the headers only `names`, where given. */
  take(names) {
    return this.asked.splice(0).map(({ headers, ...rest }) => {
      const kept = Object.entries(headers).filter(([name]) => !names || names.includes(name));
      return { ...rest, headers: Object.fromEntries(kept.sort()) };
    });
  }

  async stop() {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  async #answer(request, response) {
    const chunks = [];
    request.on('error', () => {});
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const asked = { method: request.method, url: request.url, body, headers: request.headers };
    this.asked.push(asked);
    const channel = new URLSearchParams(body).get('channel_name') ?? '';
    const answer = await (this.#answers.get(channel) ?? byRule)(asked, channel);
    if (answer === 'drop') return void request.socket.destroy();
    if (response.destroyed) return undefined;
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    return void response.end(answer.body);
  }
}

/** `{channel_data}` for `7:Ann`. */
export function member(user) {
  const [id, name] = user.split(':');
  return { user_id: /^\d+$/.test(id) ? Number(id) : id, user_info: { name } };
}

/** An answer with a JSON body. */
export const json = (value, status = 200) => ({ status, body: JSON.stringify(value) });

function byRule({ headers }, channel) {
  if (!channel.startsWith('presence-')) return json(true);
  const user = headers['x-user'];
  return user ? json({ channel_data: member(user) }) : json({ message: '' }, 403);
}
