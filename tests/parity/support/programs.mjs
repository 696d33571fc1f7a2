// The two programs that are compared, and how one of them is started: by its own command line, in the folder of its file.

import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { freePort } from '../../support/ports.mjs';
import { Process } from '../../support/process.mjs';
import { SIDECAR } from '../../support/tools.mjs';
import { request } from './http.mjs';

const require = createRequire(import.meta.url);
const RUSTECHO = path.resolve(process.env.RUSTECHO_BIN ?? SIDECAR);
const FILE = 'laravel-echo-server.json';
const STARTS_WITHIN_MS = 20_000;

/** Why the tests cannot run; nothing when they can. */
export function missing() {
  if (!existsSync(RUSTECHO)) return `${RUSTECHO} not found: cargo build --release -p rustecho-sidecar, or set RUSTECHO_BIN`;
  try {
    require.resolve('laravel-echo-server/bin/server.js');
  } catch {
    return 'laravel-echo-server not found: npm ci in tests/parity';
  }
  return undefined;
}

export const PROGRAMS = {
  old: () => [process.execPath, require.resolve('laravel-echo-server/bin/server.js')],
  new: () => [RUSTECHO],
};

const folders = [];
process.on('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A folder that goes away with the tests. */
export function folder() {
  const made = mkdtempSync(path.join(os.tmpdir(), 'parity-'));
  folders.push(made);
  return made;
}

/** The environment without anything that would configure a server, and with `extra`. */
export function environment(extra = {}) {
  const clean = Object.entries(process.env).filter(([name]) => !/^(LARAVEL_ECHO_SERVER_|RUSTECHO_|RUST_LOG|NO_COLOR)/.test(name));
  return { ...Object.fromEntries(clean), ...extra };
}

/** Runs a command line of the program `side` in `cwd`. */
export function run(side, args, { cwd, env } = {}) {
  const [command, ...before] = PROGRAMS[side]();
  return new Process(`${side}: ${args.join(' ')}`, command, [...before, ...args], { cwd, env: environment(env) });
}

/** A server and where it is. */
export class Server {
  /**
   * Starts `side` with this configuration in a folder of its own. Unless `wait` is false, returns when its port answers or it
   * has ended.
   */
  static async start(side, config, { dir = folder(), args = [`--dir=${dir}`], cwd = dir, env, wait = true, file = FILE } = {}) {
    const port = config.port ?? await freePort();
    writeFileSync(path.join(dir, file), JSON.stringify({ port, ...config }, null, 2));
    const server = new Server();
    server.dir = dir;
    server.port = Number(/(\d{2,5})\/?$/.exec(String(port))[1]);
    server.url = `${config.protocol === 'https' ? 'https' : 'http'}://127.0.0.1:${server.port}`;
    server.process = run(side, ['start', ...args], { cwd, env });
    if (wait) await server.#answers();
    return server;
  }

  get ended() {
    return this.process.ended;
  }

  get output() {
    return plain(this.process.output);
  }

  /** Ends it; `{code, signal}`. */
  async stop(signal) {
    return this.process.stop(signal);
  }

  async #answers() {
    const answered = async () => this.ended || (await request('GET', `${this.url}/`, { deadlineMs: 1_000 })).status;
    const end = Date.now() + STARTS_WITHIN_MS;
    while (!(await answered())) {
      if (Date.now() > end) throw new Error(`${this.process.name}: port ${this.port} does not answer:\n${this.output.slice(-2000)}`);
      await new Promise((done) => setTimeout(done, 25));
    }
  }
}

/** Text without terminal colours. */
export const plain = (text) => text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '');
