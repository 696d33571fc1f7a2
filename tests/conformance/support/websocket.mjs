// A websocket by hand on a bare TCP connection: it can break every rule, and it checks that the server breaks none.

import net from 'node:net';
import { createHash, randomBytes } from 'node:crypto';
import { SOON_MS, within } from './wait.mjs';
import { fromBase64, isAside } from './http.mjs';

export const OP = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 };
const KEY = 'dGhlIHNhbXBsZSBub25jZQ==';
const ACCEPT = createHash('sha1').update(`${KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');

/** The bytes of a frame. Each part of it can be told to lie: `length` is what the head says. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, masked = true, length, form } = {}) {
  const bytes = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
  const said = length ?? bytes.length;
  const size = form ?? (said < 126 ? 7 : said < 65_536 ? 16 : 64);
  const head = Buffer.alloc(size === 7 ? 2 : size === 16 ? 4 : 10);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (masked ? 0x80 : 0) | (size === 7 ? said : size === 16 ? 126 : 127);
  if (size === 16) head.writeUInt16BE(said, 2);
  if (size === 64) head.writeBigUInt64BE(BigInt(said), 2);
  if (!masked) return Buffer.concat([head, bytes]);
  const mask = randomBytes(4);
  return Buffer.concat([head, mask, bytes.map((byte, index) => byte ^ mask[index % 4])]);
}

/** A TCP connection that keeps what it reads until somebody asks. */
export class Wire {
  static connect(server) {
    const self = new Wire();
    self.read = Buffer.alloc(0);
    self.over = false;
    self.wake = () => {};
    self.tcp = net.connect(server.port, '127.0.0.1');
    self.tcp.setNoDelay(true);
    server.connections.add(self.tcp);
    const woken = () => self.wake();
    self.tcp.on('data', (bytes) => { self.read = Buffer.concat([self.read, bytes]); woken(); });
    self.tcp.on('error', (error) => { self.error = error; });
    self.tcp.on('end', () => { self.over = true; woken(); });
    self.tcp.on('close', () => { self.over = true; self.gone = true; woken(); });
    return within('a TCP connection', new Promise((done, fail) => {
      self.tcp.once('connect', () => done(self));
      self.tcp.once('error', fail);
    }));
  }

  write(bytes) {
    if (!this.tcp.destroyed) this.tcp.write(bytes);
    return this;
  }

  /** Waits until `take` finds something in what was read, or the stream is over. */
  async take(what, take, deadlineMs = SOON_MS) {
    let late = false; // who has given up must not take what comes for somebody else
    const found = async () => {
      while (!late) {
        const result = take();
        if (result !== undefined) return result;
        if (this.over) return undefined;
        await new Promise((woken) => { this.wake = woken; });
      }
      return undefined;
    };
    return within(what, found(), deadlineMs).finally(() => { late = true; });
  }

  /** The head of an HTTP answer: `{status, headers, text}`. */
  async head() {
    const text = await this.take('the head of an answer', () => {
      const end = this.read.indexOf('\r\n\r\n');
      if (end < 0) return undefined;
      const head = this.read.subarray(0, end).toString('latin1');
      this.read = this.read.subarray(end + 4);
      return head;
    });
    if (text === undefined) return { status: 'cut', headers: {} };
    const [first, ...lines] = text.split('\r\n');
    const headers = Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]));
    return { status: Number(first.split(' ')[1]), headers, text };
  }

  destroy() {
    this.tcp.destroy();
  }
}

/** A websocket. `status` is 101 once it is open. */
export class WebSocket {
  /** Asks for a websocket; `headers` replace or, being undefined, remove what a client sends. */
  static async connect(server, query, { headers = {}, method = 'GET', path = '/socket.io/' } = {}) {
    const self = new WebSocket();
    self.wire = await Wire.connect(server);
    const all = {
      Host: `127.0.0.1:${server.port}`, Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': KEY, ...headers,
    };
    const lines = Object.entries(all).filter(([, value]) => value !== undefined).map(([name, value]) => `${name}: ${value}\r\n`);
    self.wire.write(`${method} ${path}?${query} HTTP/1.1\r\n${lines.join('')}\r\n`);
    Object.assign(self, await self.wire.head());
    if (self.status === 101 && self.headers['sec-websocket-accept'] !== ACCEPT) throw new Error('the accept key is wrong');
    return self;
  }

  write(bytes) {
    this.wire.write(bytes);
    return this;
  }

  /** Sends each as a frame of its own: texts as text, buffers as binary frames. */
  sendFrames(...payloads) {
    for (const payload of payloads) this.write(frame(Buffer.isBuffer(payload) ? OP.binary : OP.text, payload));
    return this;
  }

  /** The next frame as `{opcode, payload}`; undefined at the end of the stream. */
  frame(deadlineMs) {
    return this.wire.take('a frame', () => {
      const { read } = this.wire;
      if (read.length < 2) return undefined;
      const said = read[1] & 0x7f;
      const start = said < 126 ? 2 : said === 126 ? 4 : 10;
      if (read.length < start) return undefined;
      const length = said < 126 ? said : said === 126 ? read.readUInt16BE(2) : Number(read.readBigUInt64BE(2));
      if (read.length < start + length) return undefined;
      const [first, second] = read;
      if ((first & 0x70) !== 0 || (second & 0x80) !== 0) throw new Error(`the server sent a frame ${first.toString(16)} ${second.toString(16)}`);
      if (start !== (length < 126 ? 2 : length < 65_536 ? 4 : 10)) throw new Error('the server wrote a length longer than it has to be');
      const payload = read.subarray(start, start + length);
      this.wire.read = read.subarray(start + length);
      return { opcode: first & 0x0f, payload, fin: (first & 0x80) !== 0 };
    }, deadlineMs);
  }

  /** Waits for the end; `{code, frame}`: the code of the close frame, null where there was one without, undefined without one. */
  async closed(deadlineMs) {
    for (;;) {
      const next = await this.frame(deadlineMs);
      if (next === undefined) return { code: undefined, reset: this.wire.error?.code === 'ECONNRESET' };
      if (next.opcode !== OP.close) continue;
      this.write(frame(OP.close, next.payload.subarray(0, 2)));
      return { code: next.payload.length >= 2 ? next.payload.readUInt16BE(0) : null, frame: next };
    }
  }

  /** Waits until the server has closed the TCP connection too. */
  async gone() {
    const { code } = await this.closed();
    await this.wire.take('the end of the TCP connection', () => {
      this.wire.read = Buffer.alloc(0);
      return undefined;
    });
    return code;
  }

  destroy() {
    this.wire.destroy();
  }
}

/** An Engine.IO session on a websocket; the same face as `Polling`. */
export class Websocket {
  static async open(server, eio, { more = '', ...options } = {}) {
    const raw = await WebSocket.connect(server, `EIO=${eio}&transport=websocket${more}`, options);
    if (raw.status !== 101) throw new Error(`the handshake was answered ${raw.status}`);
    const self = Object.assign(new Websocket(), { server, eio, raw });
    self.first = (await raw.frame()).payload.toString();
    self.handshake = JSON.parse(self.first.slice(1));
    self.sid = self.handshake.sid;
    return self;
  }

  /** A websocket that takes over the session of `polling`. */
  static async upgrade(polling) {
    const { server, eio, sid } = polling;
    const raw = await WebSocket.connect(server, `EIO=${eio}&transport=websocket&sid=${sid}`);
    if (raw.status !== 101) throw new Error(`the upgrade was answered ${raw.status}`);
    return Object.assign(new Websocket(), { server, eio, raw, sid });
  }

  async send(...packets) {
    const bytes = (packet) => (this.eio === 3 ? Buffer.concat([Buffer.from([4]), packet]) : packet);
    this.raw.sendFrames(...packets.map((packet) => (Buffer.isBuffer(packet) ? bytes(packet) : packet)));
  }

  /** The next packet, heartbeats answered and left out. */
  async next() {
    for (;;) {
      const next = await this.raw.frame();
      if (next === undefined) throw new Error('the connection was closed');
      if (next.opcode === OP.close) throw new Error('the server sent a close frame');
      if (next.opcode === OP.binary) return this.eio === 3 ? next.payload.subarray(1) : next.payload;
      const text = next.payload.toString();
      if (text === '2' && this.eio === 4) await this.send('3');
      else if (!isAside(text)) return fromBase64(this.eio, text);
    }
  }

  async ended() {
    return this.raw.closed();
  }

  async close() {
    this.raw.destroy();
  }
}
