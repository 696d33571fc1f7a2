// Everything that demo and development run on: the application, the sidecar, php-fpm and nginx, and a Redis when asked for.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from './application.mjs';
import { freePorts } from './processes.mjs';
import { startNginx, startPhp, startRedis, startSidecar } from './services.mjs';
import { step } from './terminal.mjs';

const UNIX_PATH_LIMIT = 100; // the kernel's is 108 bytes, with a name of ours at the end

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');

/** Installs what is missing, and builds by `build`. */
export async function prepare(processes, { groups, build }) {
  step('Debian packages');
  await processes.run(join(root, 'scripts/setup.sh'), groups);

  step('laravel-echo and socket.io-client, from npm');
  await processes.run(join(root, 'scripts/npm-ci.sh'), [join(root, 'demo')]);

  step('sidecar and extension (minutes the first time, seconds later)');
  await build();
}

/** Starts everything below the folder `home`; returns the site's `url`, the `places` of the parts and the parts that can be restarted. */
export async function startAll(processes, { home, redis = false, binary = join(target, 'release/rustecho') }) {
  const logs = join(home, 'log');
  let run = join(home, 'run');
  rmSync(run, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  mkdirSync(run, { recursive: true });
  if (run.length > UNIX_PATH_LIMIT - 20) {
    const short = mkdtempSync(join(tmpdir(), 'rustecho-demo-'));
    process.once('exit', () => rmSync(short, { recursive: true, force: true }));
    run = short;
  }

  const [site, sidecar, admin, redisPort] = await freePorts(4);
  const ports = { site, sidecar, admin, redis: redisPort };
  const api = { id: 'demo', key: randomBytes(16).toString('hex') };
  const places = {
    root, target, home, run, logs, ports, api, redis, binary, socket: join(run, 'rustecho.sock'), fpm: join(run, 'fpm.sock'),
  };

  step('Laravel application: composer require rustecho/laravel');
  places.app = await assemble(processes, {
    root,
    home,
    env: {
      APP_URL: `http://127.0.0.1:${site}`,
      APP_DEBUG: 'true',
      RUSTECHO_SOCKET: places.socket,
      RUSTECHO_API_URL: `http://127.0.0.1:${sidecar}/apps/${api.id}/events`,
      RUSTECHO_API_KEY: api.key,
      ...(redis && { REDIS_PORT: redisPort }),
    },
  });

  step(`starting ${redis ? 'Redis, ' : ''}the sidecar, php-fpm and nginx`);
  if (redis) await startRedis(processes, places);
  const services = { sidecar: await startSidecar(processes, places), php: startPhp(processes, places) };
  await startNginx(processes, places);
  return { url: `http://127.0.0.1:${site}/`, places, services };
}
