// The parts of a run, all of them real: a Redis, nodes with a php-fpm each, and a stand-in for Laravel's auth endpoint.

import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startFpm } from '../support/fpm.mjs';
import { mountDisk, Place, prepareNetwork } from '../support/namespaces.mjs';
import { freePort } from '../support/ports.mjs';
import { startRedis } from '../support/redis.mjs';
import { APP, Sidecar } from '../support/sidecar.mjs';
import { FAKETIME } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { now } from './clock.mjs';
import { startLaravel } from './laravel.mjs';

export const PREFIX = 'laravel_database_';
const ADMIN_KEY = 'key-of-the-admin-listener';
const DISK_MB = 24;
const API_MS = 4_000;

/** What the sidecars are told, in milliseconds; shorter than the defaults, so that a round is short. */
export const SETTINGS = { leaseMs: 5_000, recoverySeconds: 20, pingInterval: 4_000, pingTimeout: 4_000, settleMs: 6_000 };

/** One node: its network, its sidecar, its disk for the spool, its php-fpm. */
export class Node {
  static async make(number, stage) {
    const node = Object.assign(new Node(), { number, name: `node ${number}`, stage, ends: new Set(), offset: 0 });
    node.folder = path.join(stage.folder, `node${number}`);
    node.log = path.join(stage.output, `node${number}.log`);
    node.spool = path.join(node.folder, 'spool');
    mkdirSync(node.spool, { recursive: true });
    node.disk = await mountDisk(node.spool, DISK_MB);
    node.place = await Place.make(number);
    node.clock = path.join(node.folder, 'clock');
    writeFileSync(node.clock, '+0s');
    node.admin = await freePort();
    const port = await freePort();
    node.config = node.#config(port);
    node.sidecar = await Sidecar.configure(node.folder, node.config);
    Object.assign(node.sidecar, { enter: node.place.enter, url: `http://${node.place.address}:${node.sidecar.port}` });
    return node;
  }

  /** The whole configuration with some limits changed. */
  settings(limits) {
    return { ...this.config, clients: [APP], unixSocket: { path: this.sidecar.socket }, limits: { ...this.config.limits, ...limits } };
  }

  #config(port) {
    const { leaseMs, recoverySeconds: seconds, pingInterval, pingTimeout, settleMs } = SETTINGS;
    const { laravel, redis } = this.stage;
    return {
      host: '0.0.0.0',
      port,
      authHost: `http://${this.place.outside}:${laravel.port}`,
      subscribers: { http: true, redis: true },
      databaseConfig: { redis: { host: this.place.redis, port: redis.port, keyPrefix: PREFIX } },
      cluster: { redis: true, secret: 'a secret of the nodes of this run', leaseMs },
      recovery: { seconds },
      socketio: { pingInterval, pingTimeout },
      spool: { path: this.spool, settleMs },
      admin: { host: this.place.address, port: this.admin, key: ADMIN_KEY },
      limits: { connectionsPerIp: 400 },
    };
  }

  async start() {
    const faked = FAKETIME && { LD_PRELOAD: FAKETIME, FAKETIME_TIMESTAMP_FILE: this.clock, FAKETIME_NO_CACHE: '1', DONT_FAKE_MONOTONIC: '1', FAKETIME_DONT_FAKE_MONOTONIC: '1', NO_FAKE_STAT: '1' };
    const child = this.sidecar.spawn({ RUSTECHO_LOG: 'info', ...faked });
    child.exit.then((status) => {
      appendFileSync(this.log, `${child.output}\n--- ended ${JSON.stringify(status)}\n`);
      if (!this.ends.has(child)) this.stage.note({ is: 'crash', t: now(), on: this.name, status, output: child.output.slice(-2_000) });
      if (child.output.includes('panicked at')) this.stage.note({ is: 'crash', t: now(), on: this.name, why: 'a panic', output: child.output.split('\n').filter((line) => line.includes('panicked')).join('\n') });
    });
    await child.ready('to say that it is ready', () => child.output.includes('Server ready!'), 30_000);
  }

  end(signal) {
    const child = this.sidecar.process;
    this.ends.add(child);
    return child.ended ? undefined : this.sidecar.stop(signal);
  }

  get pid() {
    return this.sidecar.process.child.pid;
  }

  get isUp() {
    return !this.sidecar.process.ended;
  }

  async startFpm(workers) {
    const folder = path.join(this.folder, 'fpm');
    mkdirSync(folder, { recursive: true });
    this.fpm = await startFpm(folder, { environment: {}, workers, ini: { 'rustecho.socket': this.sidecar.socket, 'rustecho.spool': this.spool } });
  }

  fpmWorkers() {
    return readFileSync(`/proc/${this.fpm.pid}/task/${this.fpm.pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  }

  /** A request to the HTTP API. */
  async api(route, options = {}) {
    const response = await fetch(`${this.sidecar.url}/apps/${APP.appId}${route}`, {
      ...options, signal: AbortSignal.timeout(API_MS), headers: { authorization: `Bearer ${APP.key}`, 'content-type': 'application/json' },
    });
    return { status: response.status, body: await response.text() };
  }

  /** The admin listener's answer. */
  async asked(route) {
    const response = await fetch(`http://${this.place.address}:${this.admin}${route}`, {
      signal: AbortSignal.timeout(API_MS), headers: { authorization: `Bearer ${ADMIN_KEY}` },
    });
    return { status: response.status, body: await response.text() };
  }

  async stop() {
    await this.fpm?.stop();
    if (this.sidecar.process) await this.end('SIGKILL');
    await this.place.stop();
    await this.disk.unmount();
  }
}

export class Stage {
  /** `note` takes records; `output` is the folder for logs. */
  static async make({ nodes, workers, note, output }) {
    const stage = Object.assign(new Stage(), { note, output, parts: [], nodes: [] });
    stage.folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-chaos-'));
    stage.journal = path.join(stage.folder, 'journal');
    mkdirSync(stage.journal);
    await prepareNetwork();
    stage.laravel = await startLaravel(note);
    stage.redis = await startRedis(stage.folder, { bind: '0.0.0.0' });
    for (let number = 1; number <= nodes; number += 1) stage.nodes.push(await Node.make(number, stage));
    await Promise.all(stage.nodes.map(async (node) => {
      await node.start();
      await node.startFpm(workers);
    }));
    await until('the nodes to hear each other', async () => (await Promise.all(stage.nodes.map((node) => node.asked('/health'))))
      .every(({ body }) => JSON.parse(body).cluster?.nodes === nodes), 20_000);
    return stage;
  }

  async stop() {
    for (const node of this.nodes) await node.stop();
    await this.redis?.stop('SIGKILL');
    this.laravel?.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
