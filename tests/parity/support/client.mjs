// A bare Engine.IO 3 client on one websocket. It keeps every frame as it came; nothing is interpreted but the open packet, the
// pongs it asked for, and the marks by which the tests know how far a server has got.

import { EventEmitter } from 'node:events';
import { WebSocket } from 'ws';
import { pause, within } from '../../support/wait.mjs';

const DEADLINE_MS = 8_000;
/** The event that marks are sent with; it is kept out of the transcript. */
export const MARK = '~mark';

export class Client extends EventEmitter {
  frames = [];
  marks = new Set();
  closed = null;
  socketId = null;
  #pings = 0;
  #pongs = 0;

  constructor(label, url, { headers = {}, query = '', path = '/socket.io/', transport = 'websocket' } = {}) {
    super().setMaxListeners(0);
    this.label = label;
    const address = `${url.replace(/^http/, 'ws')}${path}?EIO=3&transport=${transport}${query}`;
    this.socket = new WebSocket(address, { headers, rejectUnauthorized: false, perMessageDeflate: false });
    this.socket.on('open', () => this.emit('change'));
    this.socket.on('message', (data, isBinary) => this.#frame(isBinary ? `binary:${data.toString('hex')}` : data.toString()));
    this.socket.on('upgrade', ({ statusCode, headers }) => {
      const { upgrade, connection, 'set-cookie': cookie } = headers;
      this.handshake = { statusCode, upgrade, connection, cookie, cors: headers['access-control-allow-origin'] };
    });
    this.socket.on('close', (code) => this.#end({ code }));
    this.socket.on('error', (error) => this.#end({ error: error.message }));
    this.socket.on('unexpected-response', (_, response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => this.#end({ status: response.statusCode, body: Buffer.concat(chunks).toString() }));
    });
  }

  /** Waits until the websocket is there: enough for one that takes a polling session over. */
  async upgraded() {
    await this.until('a websocket', () => this.socket.readyState === WebSocket.OPEN || this.closed);
  }

  /** Waits until the server has said that the socket is connected, or has refused. */
  async opened() {
    await this.until('the answer to CONNECT', () => this.frames.includes('40') || this.closed);
    return this;
  }

  get isOpen() {
    return !this.closed && this.socket.readyState === WebSocket.OPEN;
  }

  /** The events received, as arrays, since the last call. */
  take() {
    return this.frames.splice(0).filter((frame) => frame.startsWith('42')).map((frame) => JSON.parse(frame.slice(2)));
  }

  /** The frames received since the last call. */
  takeFrames() {
    return this.frames.splice(0);
  }

  /** Events so far, without taking them. */
  events(name) {
    const all = this.frames.filter((frame) => frame.startsWith('42')).map((frame) => JSON.parse(frame.slice(2)));
    return name === undefined ? all : all.filter((event) => event[0] === name);
  }

  send(frame) {
    if (this.isOpen) this.socket.send(frame);
  }

  emitEvent(...args) {
    this.send(`42${JSON.stringify(args)}`);
  }

  subscribe(channel, headers = {}) {
    this.emitEvent('subscribe', { channel, auth: { headers } });
  }

  unsubscribe(channel) {
    this.emitEvent('unsubscribe', { channel, auth: { headers: {} } });
  }

  whisper(channel, event, data) {
    this.emitEvent('client event', { channel, event, data });
  }

  /** The server has read all that was sent before: its pongs come in turn. */
  async flushed() {
    if (!this.isOpen) return;
    this.#pings += 1;
    this.send('2');
    const mine = this.#pings;
    await this.until('a pong', () => this.#pongs >= mine || this.closed);
  }

  /** Waits for a condition over what was received. */
  async until(what, condition, deadlineMs = DEADLINE_MS) {
    let look;
    const met = new Promise((done) => {
      look = () => condition() && done();
      this.on('change', look);
      look();
    });
    try {
      await within(`${this.label}: ${what} (it has ${JSON.stringify(this.frames.slice(-3))}, closed: ${JSON.stringify(this.closed)})`, met, deadlineMs);
    } finally {
      this.off('change', look);
    }
  }

  event(name, count = 1) {
    return this.until(`${count} × ${name}`, () => this.events(name).length >= count || this.closed);
  }

  ended() {
    return this.until('the end of the connection', () => this.closed);
  }

  /** Ends as a browser does: with a Socket.IO packet and a closing handshake. */
  async close() {
    this.send('41');
    this.socket.close();
    await this.ended();
  }

  /** Ends as a lost network does. */
  async vanish() {
    this.socket.terminate();
    await this.ended();
  }

  #frame(text) {
    if (text.startsWith('0')) this.socketId = JSON.parse(text.slice(1)).sid;
    if (text === '3' && this.#pongs < this.#pings) this.#pongs += 1;
    else if (text.startsWith(`42["${MARK}"`)) this.marks.add(JSON.parse(text.slice(2))[2]);
    else this.frames.push(text);
    this.emit('change');
  }

  #end(how) {
    this.closed ??= how;
    this.emit('change');
  }
}

/** On a machine that is always late so many times are believed all the same. */
const MOST_LATE = 20;

/** Resolves when nothing has changed for `ms`, told by `size()`: the only way to see that nothing more comes. */
export async function quiet(size, ms) {
  for (let last = size(), late = 0; ;) {
    const begun = performance.now();
    await pause(ms);
    const now = size();
    // A time in which the machine stood still says nothing.
    if (performance.now() - begun >= 2 * ms) late += 1;
    else if (now === last) return;
    if (now === last && late >= MOST_LATE) return;
    last = now;
  }
}
