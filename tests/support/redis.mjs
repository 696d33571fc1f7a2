// A redis-server of our own, and redis-cli.

import { Process, run } from './process.mjs';
import { freePort } from './ports.mjs';
import { until } from './wait.mjs';

/** A subscriber counts its back-off from its last failure: it may be some seconds until it is there again. */
const LISTENERS_MS = 20_000;

class Redis {
  async start() {
    this.server = new Process('redis-server', 'redis-server', [
      '--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.folder, '--save', '', '--appendonly', 'no',
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

  /** Waits until somebody listens to patterns. */
  listenedTo() {
    return until('a listener at Redis', async () => Number(await this.cli('PUBSUB', 'NUMPAT')) > 0, LISTENERS_MS);
  }

  stop() {
    return this.server.stop();
  }
}

export async function startRedis(folder) {
  return Object.assign(new Redis(), { folder, port: await freePort() }).start();
}
