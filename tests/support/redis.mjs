// A redis-server of our own, and redis-cli.

import net from 'node:net';
import { Process, run } from './process.mjs';
import { freePort } from './ports.mjs';
import { until } from './wait.mjs';

/** A subscriber counts its back-off from its last failure: it may be some seconds until it is there again. */
const LISTENERS_MS = 20_000;

class Redis {
  async start() {
    this.server = new Process('redis-server', 'redis-server', [
      '--port', String(this.port), '--bind', this.bind ?? '127.0.0.1', '--dir', this.folder, '--save', '', '--appendonly', 'no',
      ...(this.bind ? ['--protected-mode', 'no'] : []),
      ...(this.socket ? ['--unixsocket', this.socket, '--unixsocketperm', '777'] : []),
    ]);
    await this.server.ready('to answer PING', async () => (await this.cli('PING')).includes('PONG'));
    return this;
  }

  /** redis-cli with these arguments; returns what it printed. */
  cli(...args) {
    return run('redis-cli', ['-h', '127.0.0.1', '-p', String(this.port), ...args]);
  }

  /** `PUBLISH channel message`; returns how many listeners there were. */
  async publish(channel, message) {
    return Number(await this.cli('PUBLISH', channel, message));
  }

  /** A connection that publishes: `publish` as above, one after the other as PHP does. */
  publisher() {
    const socket = net.connect(this.port, '127.0.0.1');
    const publish = (...args) => new Promise((resolve, reject) => {
      const done = (act) => (value) => {
        for (const event of ['data', 'error', 'close']) socket.removeAllListeners(event);
        act(value);
      };
      socket.once('data', done((reply) => resolve(Number(String(reply).slice(1)))));
      socket.once('error', done(reject));
      socket.once('close', done(() => reject(new Error('Redis has closed the connection'))));
      const parts = ['PUBLISH', ...args].map((part) => `$${Buffer.byteLength(part)}\r\n${part}\r\n`);
      socket.write(`*${parts.length}\r\n${parts.join('')}`);
    });
    return { publish, end: () => socket.destroy() };
  }

  /** Waits until somebody listens to patterns. */
  listenedTo() {
    return until('a listener at Redis', async () => Number(await this.cli('PUBSUB', 'NUMPAT')) > 0, LISTENERS_MS);
  }

  stop(signal) {
    return this.server.stop(signal);
  }
}

/** `bind`: another address than 127.0.0.1. */
export async function startRedis(folder, { bind, socket } = {}) {
  return Object.assign(new Redis(), { folder, bind, socket, port: await freePort() }).start();
}
