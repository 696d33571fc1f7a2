// laravel-echo on socket.io-client, in every combination that people run, as clients that remember what they heard.

import Echo1 from 'echo1';
import Echo2 from 'echo2';
import Echo20 from 'echo20';
import Echo21 from 'echo21';
import io2 from 'sio2';
import { io as io3 } from 'sio3';
import { io as io4 } from 'sio4';
import { createRequire } from 'node:module';
import { until } from './wait.mjs';

const require = createRequire(import.meta.url);
const EchoOf = { echo1: Echo1.default ?? Echo1, echo2: Echo2, echo20: Echo20, echo21: Echo21 };
const clientOf = { sio2: io2, sio3: io3, sio4: io4 };

/** The version npm really installed. */
const version = (name) => require(`../node_modules/${name}/package.json`).version;

export function combination(echo, client) {
  return { echo, client, name: `Echo ${version(echo)} on socket.io-client ${version(client)}` };
}

/** laravel-echo 1.x and 2.x, each on socket.io-client 2, 3 and 4. */
export const COMBINATIONS = ['echo1', 'echo2'].flatMap((echo) => ['sio2', 'sio3', 'sio4'].map((client) => combination(echo, client)));

export const TRANSPORTS = {
  'by polling only': { transports: ['polling'] },
  'by polling and then an upgrade': { transports: ['polling', 'websocket'] },
  'by websocket only': { transports: ['websocket'] },
};

/** One visitor with a page open. */
export class Visitor {
  /**
   * `session` is what `Laravel.login` returned; `cookieBy` says how the cookie goes: with the handshake, as a browser sends it,
   * or in `auth.headers`, as a native application does. `options` go to Echo as they are.
   */
  constructor({ url, combination, session, cookieBy = 'handshake', options = {} }) {
    const headers = session && cookieBy === 'auth.headers' ? { Cookie: session.cookie } : {};
    this.heard = [];
    this.errors = [];
    this.echo = new EchoOf[combination.echo]({
      broadcaster: 'socket.io',
      client: clientOf[combination.client],
      host: url,
      forceNew: true,
      transports: ['websocket'],
      reconnectionDelay: 50,
      reconnectionDelayMax: 200,
      csrfToken: session?.csrf,
      auth: { headers },
      ...(session && cookieBy === 'handshake' ? { extraHeaders: { Cookie: session.cookie } } : {}),
      ...options,
    });
    this.socket = this.echo.connector.socket;
    // `.error()` of Echo does nothing with socket.io: the server's event is listened for by hand
    this.socket.on('subscription_error', (channel, status) => this.errors.push({ channel, status }));
  }

  async connected() {
    await until('the socket to be connected', () => this.socket.connected);
    return this;
  }

  /** Notes what happens on a channel of Echo, under the channel's name. */
  listen(channel, ...events) {
    for (const event of events) channel.listen(event, (data) => this.heard.push({ channel: channel.name, event, data }));
    return channel;
  }

  hear(channel, event) {
    return this.heard.filter((one) => one.channel === channel && one.event === event).map((one) => one.data);
  }

  /** Waits until `count` events of this name came on this channel; returns their data. */
  async hears(channel, event, count = 1) {
    await until(`${count} × ${event} on ${channel}`, () => {
      if (this.hear(channel, event).length >= count) return true;
      throw new Error(`heard ${JSON.stringify(this.heard).slice(0, 1000)}`);
    });
    return this.hear(channel, event);
  }

  /** Waits for a refused subscription; returns its status. */
  async refused(channel) {
    const error = await until(`subscription_error on ${channel}`, () => this.errors.find((one) => one.channel === channel));
    return error.status;
  }

  /** Notes a presence channel's members as Echo tells them: `here` (lists), `joining` and `leaving`. */
  join(name) {
    const channel = this.echo.join(name);
    const note = (event) => (data) => this.heard.push({ channel: channel.name, event, data });
    channel.here(note('here')).joining(note('joining')).leaving(note('leaving'));
    return channel;
  }

  leave() {
    this.echo.disconnect();
  }
}

/** Visitors of a sidecar that are seen off at the end of a test: `const visit = visitors(t, { sidecar, combination })`. */
export function visitors(test, { sidecar, ...defaults }) {
  return async (options = {}) => {
    // said at once, and not by a deadline in every test that follows
    if (sidecar.process.ended) throw new Error(`the sidecar has ended:\n${sidecar.process.output.slice(-2000)}`);
    const visitor = new Visitor({ url: sidecar.url, ...defaults, ...options });
    test.after(() => visitor.leave());
    return visitor.connected();
  };
}
