// Frames of docs/wire-format.md, written and read by hand: what a stranger's client would do.

import net from 'node:net';
import { once } from 'node:events';
import { until } from './wait.mjs';

export const KIND = { hello: 1, welcome: 2, publish: 3, receipt: 4, refusal: 5 };
export const LARGEST_BODY = 16 * 1024 * 1024;

const text = (value) => {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
};

/** A frame; each part of the header can be told to lie. */
export function frame(kind, body, { magic = 'RE', version = 1, length = body.length } = {}) {
  const header = Buffer.alloc(8);
  header.write(magic, 0, 'latin1');
  header.writeUInt8(version, 2);
  header.writeUInt8(kind, 3);
  header.writeUInt32BE(length, 4);
  return Buffer.concat([header, body]);
}

export const hello = () => frame(KIND.hello, Buffer.concat([text('tests'), Buffer.alloc(4)]));

export function publish({ channels, event, json, id = Buffer.alloc(16, 7), flags = 1 }) {
  const count = Buffer.alloc(2);
  count.writeUInt16BE(channels.length);
  return frame(KIND.publish, Buffer.concat([
    Buffer.from([flags]), id, Buffer.alloc(8), count, ...channels.map(text), text(event), text(''), text(''), Buffer.from(json),
  ]));
}

/** An id of its own for each number. */
export function idOf(number) {
  const id = Buffer.alloc(16, 0x1d);
  id.writeUInt32BE(number, 12);
  return id;
}

/** A connection to the sidecar's Unix socket that keeps what it reads. */
export class Publisher {
  static async connect(path) {
    const self = new Publisher();
    self.read = Buffer.alloc(0);
    self.closed = false;
    self.socket = net.connect(path);
    self.socket.on('data', (bytes) => { self.read = Buffer.concat([self.read, bytes]); });
    self.socket.on('close', () => { self.closed = true; });
    await once(self.socket, 'connect');
    self.socket.on('error', () => {}); // a reset is a close; `closed` tells
    return self;
  }

  write(bytes) {
    this.socket.write(bytes);
    return this;
  }

  /** Takes the next frame as `{kind, body}`. */
  async next() {
    await until('a frame', () => this.read.length >= 8 && this.read.length >= 8 + this.read.readUInt32BE(4));
    const end = 8 + this.read.readUInt32BE(4);
    const [kind, body] = [this.read[3], this.read.subarray(8, end)];
    this.read = this.read.subarray(end);
    return { kind, body };
  }

  untilClosed() {
    return until('the connection to be closed', () => this.closed);
  }

  end() {
    this.socket.destroy();
  }
}
