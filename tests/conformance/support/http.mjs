// Engine.IO over HTTP, by hand: requests, and both ways of joining packets to one body.

import http from 'node:http';
import { SOON_MS, within } from './wait.mjs';

/** One request on a connection of its own; `{status, headers, body, text}`. A cut connection is an error. */
export function request(server, target, { method = 'GET', headers = {}, body, deadlineMs = SOON_MS } = {}) {
  const sent = http.request(`${server.url}${target}`, { method, headers, agent: false });
  const answer = new Promise((done, fail) => {
    sent.once('socket', (socket) => server.connections.add(socket));
    sent.once('error', fail);
    sent.once('response', (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.once('error', fail);
      response.once('end', () => {
        const whole = Buffer.concat(parts);
        done({ status: response.statusCode, headers: response.headers, body: whole, text: whole.toString() });
      });
    });
  });
  sent.end(body);
  return Object.assign(within(`the answer to ${method} ${target}`, answer, deadlineMs), { cancel: () => sent.destroy() });
}

/** A request whose end is no answer but a cut connection counts as this one. */
export const CUT = Object.freeze({ status: 'cut', text: '', headers: {} });
export const orCut = (answer) => answer.catch(() => CUT);

/** `<length in UTF-16 units>:<packet>…` of protocol 3; packets with 0x1e between them in protocol 4. Binary ones in base64. */
export function join(eio, packets) {
  const texts = packets.map((packet) => (typeof packet === 'string' ? packet : base64(eio, packet)));
  return eio === 3 ? texts.map((text) => `${text.length}:${text}`).join('') : texts.join('\x1e');
}

export const base64 = (eio, bytes) => `${eio === 3 ? 'b4' : 'b'}${bytes.toString('base64')}`;

/** The form of protocol 3 for bytes: `<0 text, 1 binary><length, a digit a byte><255><packet>`. */
export function joinOctets(packets) {
  return Buffer.concat(packets.flatMap((packet) => {
    const text = typeof packet === 'string';
    const bytes = text ? Buffer.from(packet) : Buffer.concat([Buffer.from([4]), packet]);
    return [Buffer.from([text ? 0 : 1, ...String(bytes.length).split('').map(Number), 255]), bytes];
  }));
}

/** The packets of a polling answer: texts, and buffers for binary messages. */
export function split(eio, { headers, body }) {
  if (eio === 3 && headers['content-type'] === 'application/octet-stream') return splitOctets(body);
  const text = body.toString();
  return (eio === 3 ? splitLengths(text) : text.split('\x1e')).map((packet) => fromBase64(eio, packet));
}

export function fromBase64(eio, packet) {
  const prefix = eio === 3 ? 'b4' : 'b';
  return packet.startsWith(prefix) ? Buffer.from(packet.slice(prefix.length), 'base64') : packet;
}

function splitLengths(text) {
  const packets = [];
  for (let at = 0; at < text.length;) {
    const colon = text.indexOf(':', at);
    const length = Number(text.slice(at, colon));
    if (colon < 0 || !Number.isInteger(length) || colon + 1 + length > text.length) throw new Error(`not a payload: ${text}`);
    packets.push(text.slice(colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  return packets;
}

function splitOctets(body) {
  const packets = [];
  for (let at = 0; at < body.length;) {
    const end = body.indexOf(255, at);
    const length = Number([...body.subarray(at + 1, end)].join(''));
    const packet = body.subarray(end + 1, end + 1 + length);
    if (body[at] === 1 && packet[0] !== 4) throw new Error(`not a binary message: ${packet.toString('hex')}`);
    packets.push(body[at] === 1 ? packet.subarray(1) : packet.toString());
    at = end + 1 + length;
  }
  return packets;
}

/** Packets that cases do not ask for: pongs, noops, and the event that rustecho sends silent clients for laravel-echo's sake. */
export const isAside = (packet) => packet === '3' || packet === '6' || /^42\["reconnect"/.test(packet);

/** An Engine.IO session that polls. */
export class Polling {
  constructor(server, eio, more = '') {
    Object.assign(this, { server, eio, base: `/socket.io/?EIO=${eio}&transport=polling${more}`, waiting: [] });
  }

  static async open(server, eio, { more, headers } = {}) {
    const session = new Polling(server, eio, more);
    session.headers = headers;
    session.first = await request(server, session.base, { headers });
    if (session.first.status !== 200) throw new Error(`the handshake was answered ${session.first.status}: ${session.first.text}`);
    const [open, ...rest] = split(eio, session.first);
    session.waiting = rest;
    session.handshake = JSON.parse(open.slice(1));
    session.sid = session.handshake.sid;
    return session;
  }

  get target() {
    return `${this.base}&sid=${this.sid}`;
  }

  get(deadlineMs) {
    return request(this.server, this.target, { headers: this.headers, deadlineMs });
  }

  post(body, headers = { 'content-type': 'text/plain;charset=UTF-8' }) {
    return request(this.server, this.target, { method: 'POST', headers: { ...this.headers, ...headers }, body });
  }

  /** Sends packets, all in one body. */
  async send(...packets) {
    const { status, text } = await this.post(join(this.eio, packets));
    if (status !== 200 || text !== 'ok') throw new Error(`POST was answered ${status}: ${text}`);
  }

  /** The next packet, heartbeats answered and left out. */
  async next(deadlineMs) {
    while (this.waiting.length === 0) {
      const answer = await this.get(deadlineMs);
      if (answer.status !== 200) throw Object.assign(new Error(`GET was answered ${answer.status}: ${answer.text}`), { answer });
      for (const packet of split(this.eio, answer)) {
        if (packet === '2' && this.eio === 4) await this.send('3');
        else if (!isAside(packet)) this.waiting.push(packet);
      }
    }
    return this.waiting.shift();
  }

  /** Waits for the end of the session. */
  async ended(deadlineMs) {
    for (;;) {
      try {
        if ((await this.next(deadlineMs)) === '1') return;
      } catch (error) {
        if (error.answer?.status === 400 || error.code === 'ECONNRESET') return; // it is not there any more
        throw error;
      }
    }
  }

  async close() {
    await this.post(join(this.eio, ['1'])).catch(() => {});
  }
}
