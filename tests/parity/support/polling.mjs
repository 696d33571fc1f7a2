// A bare Engine.IO 3 client on HTTP long-polling.

import { request } from './http.mjs';

export class Polling {
  sid = null;

  constructor(url, { headers = {}, query = '', path = '/socket.io/', transport = 'polling' } = {}) {
    Object.assign(this, { base: url, headers, query, path, transport });
  }

  get url() {
    return `${this.base}${this.path}?EIO=3&transport=${this.transport}${this.query}${this.sid ? `&sid=${this.sid}` : ''}`;
  }

  /** The handshake; the session is this client's from then on. */
  async open() {
    const answer = await this.poll();
    this.sid = /"sid":"([^"]+)"/.exec(answer.body ?? '')?.[1].replace(/\\$/, '') ?? null;
    return answer;
  }

  poll(options = {}) {
    return request('GET', this.url, { headers: this.headers, ...options });
  }

  /** Sends packets, or the text of a payload as it is. */
  post(packets, options = {}) {
    const body = Array.isArray(packets) ? encode(packets) : packets;
    const headers = { 'content-type': 'text/plain;charset=UTF-8', ...this.headers, ...options.headers };
    return request('POST', this.url, { ...options, headers, body });
  }

  /** Polls until a packet satisfies `wanted`; all packets on the way. */
  async pollUntil(wanted, polls = 8) {
    const packets = [];
    for (let n = 0; n < polls && !packets.some(wanted); n += 1) {
      const answer = await this.poll();
      if (answer.status !== 200) return [...packets, answer.error ?? `status ${answer.status}: ${answer.body}`];
      packets.push(...decode(answer.body));
    }
    return packets;
  }
}

/** `<UTF-16 units>:<packet>` for each packet. */
export const encode = (packets) => packets.map((packet) => `${packet.length}:${packet}`).join('');

export function decode(text) {
  const packets = [];
  for (let at = 0; at < text.length;) {
    const colon = text.indexOf(':', at);
    const length = Number(text.slice(at, colon));
    if (colon < 0 || !Number.isInteger(length)) return [...packets, `not a payload: ${text.slice(at)}`];
    packets.push(text.slice(colon + 1, colon + 1 + length));
    at = colon + 1 + length;
  }
  return packets;
}
