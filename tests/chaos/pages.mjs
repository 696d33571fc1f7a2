// The pages: laravel-echo and socket.io-client as people have them, and what they hear, noted as it comes from the socket.

import { combination, Visitor } from '../support/echo.mjs';
import { now } from './clock.mjs';
import { mayHave, CHANNELS } from './laravel.mjs';

/** Which clients a node has; the last two come and go. */
const KINDS = [
  { echo: 'echo2', client: 'sio4', transports: ['websocket'] },
  { echo: 'echo2', client: 'sio4', transports: ['polling', 'websocket'] },
  { echo: 'echo20', client: 'sio4', transports: ['websocket'] },
  { echo: 'echo1', client: 'sio2', transports: ['websocket'] },
  { echo: 'echo1', client: 'sio4', transports: ['polling'] },
  { echo: 'echo2', client: 'sio3', transports: ['websocket'] },
  { echo: 'echo2', client: 'sio4', transports: ['websocket'], mayGo: true },
  { echo: 'echo1', client: 'sio2', transports: ['polling', 'websocket'], mayGo: true },
];
const AGAIN_MS = 300;

let opened = 0;

export class Page {
  constructor({ node, user, kind, note, tracked }) {
    Object.assign(this, { node, user, kind, note, tracked, c: `${kind.client} ${++opened}`, heard: new Map(), joined: new Set(), whispers: new Map(), k: 0, links: 0, last: now(), channels: [], mayGo: kind.mayGo });
  }

  open() {
    const { c, node, user, kind } = this;
    const transport = kind.transports.length === 1 ? kind.transports[0] : 'both';
    this.#note('page', { node: node.name, user, recovers: kind.client === 'sio4', transport, with: `${kind.echo} on ${kind.client}` });
    const visitor = new Visitor({
      url: node.sidecar.url,
      combination: combination(kind.echo, kind.client),
      options: {
        transports: kind.transports, reconnectionDelay: 200, reconnectionDelayMax: 1_000, randomizationFactor: 0.5, timeout: 5_000,
        auth: { headers: { Authorization: `Bearer ${user}` } },
      },
    });
    this.echo = visitor.echo;
    this.socket = visitor.socket;
    this.#follow(c);
    this.channels = CHANNELS.filter((name) => name.startsWith('orders.') || mayHave(user, name));
    this.channels.forEach((name) => this.subscribe(name));
    // one that Laravel refuses
    this.refused = `private-team.${(user + 1) % 3}`;
    this.subscribe(this.refused);
    return this;
  }

  #note(is, what) {
    this.note({ is, c: this.c, ...what, t: now() });
  }

  #follow() {
    const { socket } = this;
    socket.on('connect', () => {
      this.links += 1;
      this.sid = socket.id;
      if (!socket.recovered) this.heard.clear();
      this.#note('session', { sid: socket.id, recovered: socket.recovered === true });
      this.last = now();
      socket.io.engine.on('packet', () => { this.last = now(); });
    });
    socket.on('disconnect', (why) => this.#note('lost', { why, last: this.last }));
    const take = ([name, ...args]) => this.#take(name, args);
    if (socket.onAny) {
      socket.onAny((...event) => take(event));
    } else {
      const { onevent } = socket;
      socket.onevent = (packet) => { take(packet.data); onevent.call(socket, packet); };
    }
  }

  #take(name, [ch, data]) {
    if (name === 'N') {
      const { n, pub, s } = data;
      // What a recovered session missed may be of a channel that the page left meanwhile, and the sidecar does not yet know.
      if (this.joined.has(ch)) this.#keep(ch, n);
      this.#note('heard', { sid: this.sid, ch, n, pub, s, published: s / 1e6 });
    }
    if (name === 'client-w') {
      this.whispers.set(data.from, Math.max(data.k, this.whispers.get(data.from) ?? 0));
      this.#note('whispered', { sid: this.sid, ch, from: data.from, k: data.k });
    }
    if (name === 'presence:subscribed') this.#note('here', { ch, users: data.map((member) => member.user_id) });
    if (name === 'presence:joining') this.#note('joining', { ch, user: data.user_id });
    if (name === 'presence:leaving') this.#note('leaving', { ch, user: data.user_id });
    if (name === 'subscription_error' && ch !== this.refused) this.#subscribeAgain(ch, data);
  }

  #keep(ch, n) {
    if (this.tracked.on) this.heard.set(ch, (this.heard.get(ch) ?? new Set()).add(n));
    else if (!this.heard.has(ch)) this.heard.set(ch, new Set());
  }

  /** As an application does that cannot do without: Laravel could not be asked. */
  #subscribeAgain(ch, status) {
    this.#note('refused', { ch, status });
    setTimeout(() => { if (!this.isClosed) this.echo.connector.channels[ch]?.subscribe(); }, AGAIN_MS);
  }

  subscribe(ch) {
    if (this.isClosed) return;
    this.joined.add(ch);
    if (ch !== this.refused) this.#note('asked', { ch });
    const [kind] = ch.split('-');
    if (kind === 'private') this.echo.private(ch.slice(8)).listen('.N', () => {});
    else if (kind === 'presence') this.echo.join(ch.slice(9)).here(() => {}).joining(() => {}).leaving(() => {}).listen('.N', () => {});
    else this.echo.channel(ch).listen('.N', () => {});
  }

  leave(ch) {
    if (this.isClosed) return;
    this.heard.delete(ch);
    this.joined.delete(ch);
    this.#note('left', { ch, connected: this.socket.connected });
    this.echo.leaveChannel(ch);
  }

  /** Whispers on the team's channel, if this page surely has it. */
  whisper() {
    const ch = `private-team.${this.user % 3}`;
    if (this.isClosed || !this.socket.connected || !this.heard.has(ch)) return;
    this.k += 1;
    this.#note('whisper', { sid: this.sid, ch, k: this.k, link: this.links });
    this.echo.private(ch.slice(8)).whisper('w', { from: this.c, k: this.k });
  }

  #websocket() {
    return this.socket.io.engine?.transport?.ws;
  }

  /** As when a cable is pulled and put back. */
  breakConnection() {
    this.#websocket()?.terminate?.();
  }

  /** The tab is closed; `abrupt`: the machine is switched off. */
  close(abrupt = false) {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#note('closed', { abrupt });
    this.socket.io.reconnection(false);
    if (abrupt && this.#websocket()) this.#websocket().terminate();
    else this.echo.disconnect();
  }
}

/** All pages of a run. */
export class Pages {
  constructor({ stage, note, perNode }) {
    const tracked = { on: false };
    Object.assign(this, { note, tracked, all: [] });
    stage.nodes.forEach((node, index) => {
      for (let number = 0; number < perNode; number += 1) {
        const place = index * perNode + number;
        // half as many users as pages: each has two, at different nodes
        const user = 1 + (place % Math.ceil((stage.nodes.length * perNode) / 2));
        this.all.push(new Page({ node, user, kind: KINDS[(number + KINDS.length - perNode) % KINDS.length], note, tracked }));
      }
    });
  }

  open() {
    this.all.forEach((page) => page.open());
  }

  of(node) {
    return this.all.filter((page) => page.node === node && !page.isClosed);
  }

  /** Somebody opens the page that was closed. */
  replace(page) {
    const fresh = new Page({ ...page });
    this.all[this.all.indexOf(page)] = fresh;
    fresh.open();
  }

  anySocketId(random) {
    return random.pick(this.all).sid;
  }

  close() {
    this.all.forEach((page) => page.close());
  }
}
