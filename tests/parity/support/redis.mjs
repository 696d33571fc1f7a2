// A real redis-server of the tests' own, and a client to it.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Redis as Client } from 'ioredis';
import { freePort } from '../../support/ports.mjs';
import { Process } from '../../support/process.mjs';
import { tool } from '../../support/tools.mjs';
import { folder } from './programs.mjs';

export class Redis {
  static async start({ port, args = [], password, username } = {}) {
    const redis = new Redis();
    redis.port = port ?? await freePort();
    redis.path = path.join(folder(), 'redis.sock');
    redis.args = ['--bind', '127.0.0.1', '--port', String(redis.port), '--unixsocket', redis.path, '--save', '', '--appendonly', 'no', ...args];
    redis.client = new Client({ host: '127.0.0.1', port: redis.port, password, username, lazyConnect: true, retryStrategy: () => 50 });
    redis.client.on('error', () => {});
    await redis.again();
    return redis;
  }

  /** Starts it, also again after a stop. */
  async again() {
    this.process = new Process('redis-server', tool('redis-server'), this.args, { cwd: path.dirname(this.path) });
    await this.process.ready('its port', () => /Ready to accept connections/.test(this.process.output));
    if (this.client.status === 'wait') await this.client.connect();
  }

  async stop() {
    this.client.disconnect();
    await this.process.stop('SIGKILL');
  }

  /** Remembers what is published on `channel` from now on: `{messages, stop}`. */
  async listen(channel) {
    const client = this.client.duplicate({ lazyConnect: true });
    const messages = [];
    client.on('error', () => {});
    client.on('message', (_, message) => messages.push(message));
    await client.connect();
    await client.subscribe(channel);
    return { messages, stop: () => client.disconnect() };
  }
}

/** A sentinel that watches the redis-server at `port` under the name mymaster: `{port, stop}`. */
export async function sentinel(watched) {
  const port = await freePort();
  const file = path.join(folder(), 'sentinel.conf');
  writeFileSync(file, `bind 127.0.0.1\nport ${port}\nsentinel monitor mymaster 127.0.0.1 ${watched} 1\n`);
  const process = new Process('sentinel', tool('redis-server'), [file, '--sentinel'], { cwd: path.dirname(file) });
  await process.ready('its first look at the master', () => /\+monitor master/.test(process.output));
  return { port, stop: () => process.stop('SIGKILL') };
}
