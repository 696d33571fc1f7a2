// The built sidecar with a configuration file of its own.

import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { freePort } from './ports.mjs';
import { Process } from './process.mjs';
import { SIDECAR } from './tools.mjs';

const READY = 'Server ready!';
export const APP = { appId: 'tests', key: 'key-of-the-tests' };

export class Sidecar {
  /** `config` is merged over what every test wants: loopback, a free port, an API client, a Unix socket in `folder`. */
  static async configure(folder, config = {}) {
    const port = config.port ?? await freePort();
    const socket = path.join(folder, 'rustecho.sock');
    const file = path.join(folder, 'rustecho.json');
    const whole = { host: '127.0.0.1', port, clients: [APP], unixSocket: { path: socket }, ...config };
    writeFileSync(file, JSON.stringify(whole, null, 2));
    return Object.assign(new Sidecar(), { folder, port, socket, file, url: `http://127.0.0.1:${port}` });
  }

  static async start(folder, config) {
    return (await Sidecar.configure(folder, config)).start();
  }

  /** The process alone, ready or not; `enter` may begin the command, to run it somewhere else. */
  spawn(env = {}) {
    const [command, ...args] = [...(this.enter ?? []), SIDECAR, 'start', `--config=${this.file}`];
    this.process = new Process('rustecho', command, args, {
      cwd: this.folder, env: { ...process.env, ...env },
    });
    return this.process;
  }

  async start() {
    await this.spawn().ready(`to print "${READY}"`, () => this.process.output.includes(READY));
    return this;
  }

  stop(signal) {
    return this.process.stop(signal);
  }

  async restart() {
    await this.stop();
    await this.start();
  }

  /** A request to the HTTP API with the key; returns `{status, body}`. */
  async api(route, { method = 'GET', body, headers = {} } = {}) {
    const response = await fetch(`${this.url}/apps/${APP.appId}${route}`, {
      method, body, headers: { authorization: `Bearer ${APP.key}`, 'content-type': 'application/json', ...headers },
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith('{') ? JSON.parse(text) : text };
  }

  /** How many sockets are on a channel now. */
  async subscribers(channel) {
    const { status, body } = await this.api(`/channels/${encodeURIComponent(channel)}`);
    if (status !== 200) throw new Error(`GET /channels/${channel} answered ${status}: ${JSON.stringify(body)}`);
    return body.subscription_count;
  }
}
