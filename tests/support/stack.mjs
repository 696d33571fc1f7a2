// Everything at once: Laravel under php-fpm behind nginx, the sidecar and Redis, on free ports and in one temporary folder.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startFpm } from './fpm.mjs';
import { installApp, Laravel } from './laravel.mjs';
import { startNginx } from './nginx.mjs';
import { freePort } from './ports.mjs';
import { startRedis } from './redis.mjs';
import { Sidecar } from './sidecar.mjs';

/** `config` is merged into the sidecar's, `environment` into the application's, `ini` into PHP's. */
export async function startStack({ config = {}, environment = {}, ini = {} } = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const started = [];
  const keep = (part) => (started.unshift(part), part);
  const stop = async () => {
    for (const part of started.splice(0)) await part.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const storage = path.join(folder, 'storage');
    ['logs', 'framework/sessions', 'framework/views'].forEach((name) => mkdirSync(path.join(storage, name), { recursive: true }));
    const app = await installApp();
    const [redis, port] = [keep(await startRedis(folder)), await freePort()];
    const sidecar = keep(await Sidecar.start(folder, {
      authHost: `http://127.0.0.1:${port}`,
      subscribers: { http: true, redis: true },
      databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } },
      ...config,
    }));
    const visible = { APP_STORAGE: storage, RUSTECHO_SOCKET: sidecar.socket, REDIS_PORT: String(redis.port), ...environment };
    const fpm = keep(await startFpm(folder, { ini: { 'rustecho.socket': sidecar.socket, ...ini }, environment: visible }));
    keep(await startNginx(folder, { port, fpmPort: fpm.port, app, sidecarPort: sidecar.port }));
    const laravel = new Laravel(`http://127.0.0.1:${port}`);
    const log = path.join(storage, 'logs', 'laravel.log');
    laravel.log = () => (existsSync(log) ? readFileSync(log, 'utf8') : '');
    return { folder, app, environment: visible, redis, sidecar, laravel, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** A name no other test uses. */
let named = 0;
export const unique = (word) => `${word}-${process.pid}-${++named}`;
