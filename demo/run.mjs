// `make demo`: installs what is missing, builds, starts everything on free ports of 127.0.0.1, and stops it on Ctrl-C.
// `make demo CHECK=1`: drives the page in a headless browser instead of waiting for a person, and ends with 0 or 1.
// `make demo REDIS=1`: starts a Redis as well, to compare the old road with the new ones.

import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assemble } from './lib/application.mjs';
import { freePorts, Processes } from './lib/processes.mjs';
import { startNginx, startPhp, startRedis, startSidecar } from './lib/services.mjs';
import { bold, box, green, red, step } from './lib/terminal.mjs';

const UNIX_PATH_LIMIT = 100; // the kernel's is 108 bytes, with a name of ours at the end

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const target = resolve(root, process.env.CARGO_TARGET_DIR ?? 'target');
const home = join(root, 'var/demo');
const check = process.env.CHECK === '1';
const redis = process.env.REDIS === '1';

async function prepare(processes) {
  step('Debian packages');
  const groups = ['demo', ...(check ? ['browser'] : []), ...(redis ? ['test'] : [])];
  await processes.run(join(root, 'scripts/setup.sh'), groups);

  step('laravel-echo and socket.io-client, from npm');
  await processes.run(join(root, 'scripts/npm-ci.sh'), [join(root, 'demo')]);

  step('sidecar and extension, release build (minutes the first time, seconds later)');
  await processes.run(join(root, 'scripts/build.sh'), ['sidecar', 'ext']);
}

async function startAll(processes) {
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

  const [site, sidecar, redisPort] = await freePorts(3);
  const ports = { site, sidecar, redis: redisPort };
  const api = { id: 'demo', key: randomBytes(16).toString('hex') };
  const places = { root, target, home, run, logs, ports, api, redis, socket: join(run, 'rustecho.sock'), fpm: join(run, 'fpm.sock') };

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
  await startSidecar(processes, places);
  startPhp(processes, places);
  await startNginx(processes, places);
  return `http://127.0.0.1:${site}/`;
}

async function main() {
  const processes = new Processes();
  let finish;
  const finished = new Promise((done) => { finish = done; });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => finish({ signal }));
  processes.onUnexpectedEnd = (how) => finish({ problem: how });

  const work = async () => {
    await prepare(processes);
    const url = await startAll(processes);
    if (check) {
      step('the page in headless Chromium');
      const { checkPage } = await import('./check.mjs');
      return { passed: await checkPage({ url, home, redis }) };
    }
    box(['The demo is running:', '', `  ${url}`, '', 'Log in as Ada here and as Grace in a private window.', 'Ctrl-C stops everything.']);
    return finished;
  };

  const outcome = await Promise.race([finished, work().catch((error) => ({ problem: error.message }))]);
  if (outcome.signal) console.log(`\n${bold('stopping')}`);
  await processes.stopAll();
  if (outcome.problem) console.error(red(`\nThe demo failed: ${outcome.problem}\nLogs: ${join(home, 'log')}`));
  if (outcome.passed === true) console.log(green('\nThe demo works.'));
  if (outcome.passed === false) console.error(red(`\nThe demo does not work as it should. Logs: ${join(home, 'log')}`));
  process.exit(outcome.problem || outcome.passed === false ? 1 : 0);
}

await main();
