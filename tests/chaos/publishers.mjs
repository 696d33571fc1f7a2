// Publishers of all roads: php-fpm with the extension and in pure PHP, the HTTP API, and legacy ones that speak to Redis.
//
// Each event has a number of its own. It says its number, its publisher (`pub`) and its place in that publisher's order (`s`, a
// time in nanoseconds).

import net from 'node:net';
import { closeSync, openSync, readdirSync, readSync, fstatSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript } from '../support/fastcgi.mjs';
import { pause, within } from '../support/wait.mjs';
import { now } from './clock.mjs';
import { CHANNELS } from './laravel.mjs';
import { PREFIX } from './stage.mjs';

const SCRIPT = fileURLToPath(new URL('publish.php', import.meta.url));
const PER_REQUEST = 8;
const REDIS_MS = 3_000;
const LARGE = 40_000;

export class Publishers {
  constructor({ stage, pages, note, random, pauseMs }) {
    Object.assign(this, { stage, pages, note, random, pauseMs, next: 1, on: false, requests: 0, lanes: [], assigned: new Map(), read: new Map() });
  }

  start() {
    this.on = true;
    for (const node of this.stage.nodes) {
      this.#lane(() => this.#request(node, 'extension'));
      this.#lane(() => this.#request(node, 'extension'));
      this.#lane(() => this.#request(node, 'php'));
      const http = { pub: `h${node.number}`, begun: 0 };
      this.#lane(() => this.post(node, http, this.event()));
    }
    for (const number of [1, 2]) {
      const legacy = new Legacy(`r${number}`, this.stage.redis);
      this.#lane(() => this.tell(legacy, this.event())).finally(() => legacy.close());
    }
  }

  #lane(step) {
    const lane = (async () => {
      while (this.on) {
        await step();
        await pause(this.pauseMs * this.random.between(0.5, 1.5));
      }
    })();
    this.lanes.push(lane);
    return lane;
  }

  /** No more events; done when every call has returned. */
  async stop() {
    this.on = false;
    await Promise.all(this.lanes.splice(0));
  }

  /** The next event: its number, channels, and whom it leaves out. */
  event(channel) {
    const { random } = this;
    const ch = channel ? [channel] : [random.pick(CHANNELS)];
    if (!channel && random.chance(0.1)) ch.push(random.pick(CHANNELS.filter((name) => name !== ch[0])));
    const except = !channel && random.chance(0.1) ? this.pages.anySocketId(random) : undefined;
    return { n: this.next++, ch, except: except ?? null, pad: !channel && random.chance(0.01) ? LARGE : 0 };
  }

  async #request(node, road) {
    const events = Array.from({ length: PER_REQUEST }, () => this.event());
    for (const event of events) this.assigned.set(event.n, { ...event, node: node.name, road });
    const query = new URLSearchParams({
      road, node: node.number, journal: this.stage.journal, socket: node.sidecar.socket, request: ++this.requests,
      pause: Math.round(this.pauseMs * 500), events: JSON.stringify(events),
    });
    try {
      const answer = await within('php-fpm', runScript(node.fpm.port, SCRIPT, query.toString()), 30_000);
      if (answer !== String(events.length)) this.note({ is: 'stuck', t: now(), why: `php-fpm of ${node.name} answered ${answer.slice(0, 500)}` });
    } catch {
      // the worker was killed, or is stopped: its file has what it was told
    }
  }

  #said(event, about) {
    const { n, ch, except } = event;
    this.note({ is: 'publish', n, ch, ...(except ? { except } : {}), ...about, t: now() });
  }

  /** By the HTTP API. A publisher that has no answer does not know, and what comes next is another's. */
  async post(node, publisher, event) {
    const t0 = now();
    const [pub, s] = [`${publisher.pub}.${publisher.begun}`, Math.round(t0 * 1e6)];
    const about = { pub, s, node: node.name, road: 'http', t0 };
    const body = { name: 'N', channels: event.ch, data: JSON.stringify({ n: event.n, pub, s }), ...(event.except ? { socket_id: event.except } : {}) };
    try {
      const { status, body: why } = await node.api('/events', { method: 'POST', body: JSON.stringify(body) });
      this.#said(event, { ...about, t1: now(), ...(status === 200 ? { fate: 'emitted' } : { fate: 'failed', why: `${status} ${why.slice(0, 200)}` }) });
    } catch (error) {
      publisher.begun += 1;
      this.#said(event, { ...about, t1: now(), fate: 'unknown', why: error.message });
    }
  }

  /** By Redis, as Laravel's own driver does: a message for each channel. */
  async tell(legacy, event) {
    const t0 = now();
    const about = { pub: legacy.pub, s: Math.round(t0 * 1e6), node: null, road: 'redis', t0 };
    try {
      let listeners = Infinity;
      for (const channel of event.ch) {
        const data = { n: event.n, pub: about.pub, s: about.s };
        listeners = Math.min(listeners, await legacy.publish(PREFIX + channel, JSON.stringify({ event: 'N', data, socket: event.except })));
      }
      this.#said(event, { ...about, t1: now(), fate: 'emitted', listeners });
    } catch (error) {
      this.#said(event, { ...about, t1: now(), fate: 'unknown', why: error.message });
    }
  }

  /** Notes what PHP was told since the last time. */
  collect() {
    for (const name of readdirSync(this.stage.journal)) {
      for (const line of this.#lines(path.join(this.stage.journal, name))) {
        const told = JSON.parse(line);
        const event = this.assigned.get(told.n);
        if (!event) continue;
        this.assigned.delete(told.n);
        this.#said(event, { node: event.node, road: event.road, ...told });
      }
    }
    for (const event of this.assigned.values()) this.#said(event, { node: event.node, road: event.road, fate: 'unknown', t0: now(), t1: now() });
    this.assigned.clear();
  }

  /** Whole lines that were not read before. */
  #lines(file) {
    const from = this.read.get(file) ?? 0;
    const handle = openSync(file, 'r');
    try {
      const bytes = Buffer.alloc(fstatSync(handle).size - from);
      readSync(handle, bytes, 0, bytes.length, from);
      const whole = bytes.lastIndexOf('\n') + 1;
      this.read.set(file, from + whole);
      return bytes.toString('utf8', 0, whole).split('\n').filter(Boolean);
    } finally {
      closeSync(handle);
    }
  }
}

/** A connection to Redis that publishes; one that breaks is another publisher when it is back. */
export class Legacy {
  #begun = 0;
  #socket;

  constructor(name, redis) {
    Object.assign(this, { name, redis });
  }

  get pub() {
    return `${this.name}.${this.#begun}`;
  }

  async publish(channel, message) {
    const words = ['PUBLISH', channel, message];
    try {
      this.#socket ??= await this.#connect();
      const answer = new Promise((done, fail) => {
        this.#socket.once('data', (bytes) => done(bytes.toString()));
        this.#socket.once('close', () => fail(new Error('Redis has closed the connection')));
      });
      this.#socket.write(`*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`);
      const text = await within('Redis', answer, REDIS_MS);
      if (text[0] !== ':') throw new Error(text);
      return Number(text.slice(1));
    } catch (error) {
      this.close();
      this.#begun += 1;
      throw error;
    } finally {
      this.#socket?.removeAllListeners('data').removeAllListeners('close');
    }
  }

  async #connect() {
    const socket = net.connect(this.redis.port, '127.0.0.1');
    socket.on('error', () => {}); // a close follows
    await within('Redis', new Promise((done, fail) => socket.once('connect', done).once('close', () => fail(new Error('no Redis')))), REDIS_MS);
    return socket.removeAllListeners('close');
  }

  close() {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}
