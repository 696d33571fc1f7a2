// What one scenario works with on one side: a server, its Redis, its Laravel, clients, and the transcript.

import { until } from '../../support/wait.mjs';
import { Client, MARK, quiet } from './client.mjs';
import { brief, request } from './http.mjs';
import { Polling } from './polling.mjs';
import { Redis } from './redis.mjs';
import { Server, folder, plain, run } from './programs.mjs';

export const APP = { appId: 'app1', key: 'key1' };
/** The channel on which every client hears the marks. */
const SYNC = '~sync';
/** How long nothing may have come before nothing more is expected. */
const QUIET_MS = 70;
const CLI_ENDS_WITHIN_MS = 10_000;
let marks = 0;

export class Scene {
  steps = new Map();
  clients = [];
  prefix = '';
  /** Whether marks can be sent by Redis: not when a scenario turns the Redis source off. */
  hasMarks = true;
  #names = [];
  #endings = [];

  constructor(side, stack) {
    Object.assign(this, { side, stack, laravel: stack.laravel, redis: stack.redis.client, server: stack.server });
    this.name(`127.0.0.1:${this.laravel.port}`, '<laravel>').name(`localhost:${this.laravel.port}`, '<laravel-localhost>');
    this.name(`127.0.0.1:${stack.redis.port}`, '<redis>');
    if (this.server) this.#named(this.server);
  }

  get url() {
    return this.server.url;
  }

  // ---- the transcript

  /** Keeps an observation under a label of its own. */
  note(step, value) {
    if (this.steps.has(step)) throw new Error(`two steps are called ${step}`);
    this.steps.set(step, value ?? null);
  }

  /** From now on `text` stands as `placeholder` in the transcript: it differs from run to run. */
  name(text, placeholder) {
    if (text) this.#names.push([String(text), placeholder]);
    return this;
  }

  transcript() {
    const names = this.#names.toSorted((a, b) => b[0].length - a[0].length);
    const text = (value) => names
      .reduce((all, [name, placeholder]) => all.replaceAll(name, placeholder), value)
      .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>');
    const same = (value) => {
      if (typeof value === 'string') return text(value);
      if (Array.isArray(value)) return value.map(same);
      if (value === null || typeof value !== 'object') return value;
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [text(key), same(inner)]));
    };
    return new Map([...this.steps].map(([step, value]) => [text(step), same(value)]));
  }

  // ---- clients

  /** A connected client that hears the marks. */
  async client(label, { marked = this.hasMarks, takesOver = false, ...options } = {}) {
    const client = new Client(label, options.url ?? this.url, options);
    this.clients.push(client);
    await (takesOver ? client.upgraded() : client.opened());
    if (takesOver) return client;
    if (!client.socketId) throw new Error(`${label} was not connected: ${JSON.stringify(client.closed)}`);
    this.name(client.socketId, `<${label}>`);
    if (marked) {
      client.subscribe(SYNC);
      await this.#reached(SYNC, [client]);
    }
    client.first = client.takeFrames();
    return client;
  }

  polling(options = {}) {
    const polling = new Polling(options.url ?? this.url, options);
    this.#endings.push(() => polling.sid && polling.post(['1']));
    return polling;
  }

  /** Everything that was sent has been worked off and has arrived; then nothing more came for a while. */
  async settle() {
    const open = this.clients.filter((client) => client.isOpen);
    await Promise.all(open.map((client) => client.flushed()));
    if (this.hasMarks) await this.#reached(SYNC, open.filter((client) => client.marks.size > 0));
    await quiet(() => this.laravel.asked.length + this.clients.reduce((sum, client) => sum + client.frames.length, 0), QUIET_MS);
  }

  /** Subscribes to a guarded channel and waits until it is granted (an event gets through) or refused. */
  async join(client, channel, headers = {}) {
    const refusals = () => client.events('subscription_error').length;
    const lists = () => client.events('presence:subscribed').length;
    const [refused, listed] = [refusals(), lists()];
    client.subscribe(channel, headers);
    if (channel.startsWith('presence-')) {
      await client.until('an answer', () => refusals() > refused || lists() > listed || client.closed);
    } else {
      await this.#reached(channel, [client], () => refusals() > refused);
    }
    await this.settle();
  }

  /** What each client received since it was last asked. */
  take(...clients) {
    return Object.fromEntries((clients.length ? clients : this.clients).map((client) => [client.label, client.take()]));
  }

  // ---- Redis

  publish(channel, message) {
    return this.redis.publish(this.prefix + channel, typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** The members stored for a presence channel. */
  async members(channel) {
    return JSON.parse(await this.redis.get(`${this.prefix}${channel}:members`));
  }

  async startRedis(options) {
    const redis = await Redis.start(options);
    this.#endings.push(() => redis.stop());
    this.name(`127.0.0.1:${redis.port}`, '<other-redis>');
    return redis;
  }

  // ---- HTTP

  /** A request as it is: `{status, headers, body}`. */
  http(method, path, options = {}) {
    return request(method, this.url + path, options);
  }

  /** An API request with the key in the query. */
  async api(path, { method = 'GET', key = APP.key, app = APP.appId, body, headers } = {}) {
    const query = key === null ? '' : `${path.includes('?') ? '&' : '?'}auth_key=${key}`;
    const text = body === undefined || typeof body === 'string' ? body : JSON.stringify(body);
    return brief(await this.http(method, `/apps/${app}${path}${query}`, { body: text, headers: { 'content-type': 'application/json', ...headers } }));
  }

  /** The channels somebody is on, without the tests' own. */
  async channels(query = '') {
    const answer = await this.api(`/channels${query}`);
    if (answer.body?.channels) delete answer.body.channels[SYNC];
    return answer;
  }

  async count(channel) {
    return (await this.api(`/channels/${encodeURIComponent(channel)}`)).body.subscription_count;
  }

  // ---- servers and commands of a scenario's own

  /** The configuration that every server here starts from. */
  config(over = {}) {
    return {
      authHost: this.laravel.url,
      authEndpoint: '/broadcasting/auth',
      clients: [APP, { appId: 'app2', key: 'key2' }],
      database: 'redis',
      databaseConfig: { redis: { host: '127.0.0.1', port: this.stack.redis.port } },
      devMode: false,
      host: '127.0.0.1',
      ...over,
    };
  }

  /** Starts a server with this over the usual configuration, and works with it from here on. */
  async serve(over = {}, options = {}) {
    const server = await Server.start(this.side, options.bare ? over : this.config(over), options);
    this.#endings.push(() => server.stop('SIGKILL'));
    this.#named(server);
    this.server = server;
    return server;
  }

  /** Runs a command to its end: `{code, lines}`. */
  async cli(args, { cwd = folder(), env } = {}) {
    const command = run(this.side, args, { cwd, env });
    const late = setTimeout(() => command.stop('SIGKILL'), CLI_ENDS_WITHIN_MS);
    const { code } = await command.exit;
    clearTimeout(late);
    const lines = plain(command.output).replaceAll(cwd, '<folder>').split('\n').map((line) => line.trimEnd()).filter(Boolean);
    return { code, lines };
  }

  folder() {
    return folder();
  }

  /** To be done when the scenario is over. */
  atEnd(what) {
    this.#endings.push(what);
  }

  /** Whether the server goes on: a new client subscribes and hears an event. */
  async serves() {
    if (this.server.ended) return false;
    const client = await this.client('somebody new', { marked: false });
    client.subscribe('~afterwards');
    await this.#reached('~afterwards', [client]);
    return client.marks.size > 0;
  }

  async end() {
    for (const client of this.clients) client.socket.terminate();
    for (const ending of this.#endings.reverse()) await ending();
    const { server } = this.stack;
    if (!server || server.ended || this.server !== server) return;
    await until('the server to be empty again', async () => {
      const answer = await this.api('/channels');
      return answer.status !== 200 || Object.keys(answer.body.channels).length === 0;
    });
  }

  #named(server) {
    this.name(`127.0.0.1:${server.port}`, '<server>').name(`port ${server.port}`, 'port <port>').name(server.dir, '<folder>');
  }

  /** Publishes marks on `channel` until all of `clients` have one, or `orElse()`. */
  async #reached(channel, clients, orElse = () => false) {
    const sent = [];
    await until(`a mark on ${channel}`, async () => {
      marks += 1;
      sent.push(marks);
      await this.publish(channel, { event: MARK, data: marks });
      const arrived = () => clients.every((client) => client.closed || sent.some((mark) => client.marks.has(mark)));
      const deadline = Date.now() + 150;
      while (!arrived() && !orElse() && Date.now() < deadline) await new Promise((done) => setTimeout(done, 2));
      return arrived() || orElse();
    });
  }
}
