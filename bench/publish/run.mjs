// What publishing one event costs PHP, by every road, on this machine and in this run: prints the tables of docs/publishing.md.
//
//   node bench/publish/run.mjs          says which required ratios are missed; exits 1 only when something does not work
//   ROUNDS=20 SUBSCRIBERS=0 node bench/publish/run.mjs
//
// Real parts: the built sidecar, which listens to Redis as well; redis-server; php-fpm; Laravel. The roads take turns, so that
// whatever else the machine does falls on all of them; figures are medians.

import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript } from '../../tests/support/fastcgi.mjs';
import { startFpm } from '../../tests/support/fpm.mjs';
import { run } from '../../tests/support/process.mjs';
import { startRedis } from '../../tests/support/redis.mjs';
import { APP, Sidecar } from '../../tests/support/sidecar.mjs';
import { EXTENSION } from '../../tests/support/tools.mjs';

const ROUNDS = Number(process.env.ROUNDS ?? 20);
const CALLS = 100;
/** First publishes are measured with so many php-fpms and sidecars, one pair after the other, and all else with so many processes: which
 * processor the kernel puts them on is most of what a first call takes, and much of any other, and stays so for as long as they live. */
const STARTS = 5;
const FIRST_REQUESTS = 3 * ROUNDS;
const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const php = (...args) => ['-d', `extension=${EXTENSION}`, '-d', 'memory_limit=1G', ...args];

const sorted = (values) => values.toSorted((a, b) => a - b);
const quantile = (values, q) => sorted(values)[Math.min(values.length - 1, Math.floor(values.length * q))] / 1000;
const median = (values) => quantile(values, 0.5);
const micros = (value) => value.toFixed(1).padStart(8);

const missed = [];
/** Prints `a / b` and whether it is as required. */
function require(what, a, b, most) {
  const ratio = a / b;
  const good = ratio <= most;
  if (!good) missed.push(what);
  console.log(`  ${what.padEnd(46)} ${ratio.toFixed(3).padStart(7)}   at most ${most.toFixed(3)}   ${good ? 'yes' : 'NO'}`);
}

/** What a program prints, of STARTS runs, one after the other. */
async function severalTimes(program) {
  const printed = [];
  for (let start = 0; start < STARTS; start++) printed.push(JSON.parse(await program()));
  return printed;
}

async function warm(sidecar, redis) {
  const api = `${sidecar.url}/apps/${APP.appId}`;
  const args = php(here('warm.php'), sidecar.socket, String(redis.port), api, APP.key, String(ROUNDS), String(CALLS));
  const starts = await severalTimes(() => run('php', args, { deadlineMs: 300_000 }));
  const sizes = Object.keys(Object.values(starts[0])[0]);
  const ofAll = (road) => Object.fromEntries(sizes.map((size) => [size, starts.flatMap((taken) => taken[road][size])]));
  const taken = Object.fromEntries(Object.keys(starts[0]).map((road) => [road, ofAll(road)]));
  console.log(`\nOne warm call in microseconds, median (99 %) of ${ROUNDS * CALLS * STARTS}, of ${STARTS} starts\n`);
  console.log(`  ${'road'.padEnd(20)} ${sizes.map((size) => `${size} B`.padStart(19)).join('')}`);
  for (const [road, bySize] of Object.entries(taken)) {
    const cells = sizes.map((size) => `${micros(median(bySize[size]))} (${quantile(bySize[size], 0.99).toFixed(1).padStart(7)})`);
    console.log(`  ${road.padEnd(20)} ${cells.join('  ')}`);
  }
  console.log('');
  for (const size of sizes) {
    const of = (road) => median(taken[road][size]);
    require(`${size} B: none / phpredis`, of('extension none'), of('phpredis'), 1 / 8);
    require(`${size} B: none / Guzzle`, of('extension none'), of('Guzzle'), 1 / 20);
    require(`${size} B: receipt / phpredis`, of('extension receipt'), of('phpredis'), 1.2);
    require(`${size} B: receipt / Guzzle`, of('extension receipt'), of('Guzzle'), 0.5);
  }
  console.log('\nParts of a call, beside phpredis: the system call alone, to a process that does nothing but read, and making sure that the data is');
  console.log('UTF-8. No lower bound: what the former takes depends on the reader (for small data it is mostly waking one that fell asleep).\n');
  for (const size of sizes) {
    const looking = median(taken['looked at, refused'][size]) - median(taken['looked at, refused'][sizes[0]]);
    const sending = median(taken['bare send(2)'][size]);
    const ratio = ((sending + looking) / median(taken.phpredis[size])).toFixed(3).padStart(7);
    console.log(`  ${`${size} B: (${sending.toFixed(1)} + ${looking.toFixed(1)}) / phpredis`.padEnd(46)} ${ratio}`);
  }
  console.log('\nWhose merit it is: the road is the Unix socket and the kept connection, which pure PHP has too\n');
  console.log(`  ${'size, ack'.padEnd(20)} ${'phpredis'.padStart(9)} ${'pure PHP'.padStart(9)} ${'extension'.padStart(9)}   road: times  extension: times`);
  for (const size of sizes) {
    for (const ack of ['none', 'receipt']) {
      const [redisTime, road, extension] = ['phpredis', `pure PHP ${ack}`, `extension ${ack}`].map((name) => median(taken[name][size]));
      const times = `${(redisTime / road).toFixed(1).padStart(12)} ${(road / extension).toFixed(1).padStart(17)}`;
      console.log(`  ${`${size} B, ${ack}`.padEnd(20)} ${micros(redisTime)}  ${micros(road)}  ${micros(extension)} ${times}`);
    }
  }
}

const FIRST_ROADS = ['extension none', 'extension receipt', 'php none', 'php receipt', 'phpredis', 'predis', 'guzzle', 'kept'];

/** Adds to `taken` what first publishes take with one php-fpm and one sidecar. */
async function firstOfOneStart(folder, redis, taken) {
  const sidecar = await startSidecar(folder, redis);
  const fpm = await startFpm(folder, { environment: {}, workers: 2, ini: { 'opcache.enable': '1' } });
  try {
    const common = {
      socket: sidecar.socket, redis: String(redis.port), redis_socket: redis.socket, api: `${sidecar.url}/apps/${APP.appId}`, key: APP.key,
    };
    for (let request = -10; request < FIRST_REQUESTS; request++) {
      for (const road of FIRST_ROADS) {
        const query = new URLSearchParams({ ...common, road }).toString();
        const nanoseconds = await runScript(fpm.port, here('first.php'), query);
        if (!/^\d+$/.test(nanoseconds)) throw new Error(`${road}: ${nanoseconds}`);
        if (request >= 0) taken.get(road).push(Number(nanoseconds));
      }
    }
  } finally {
    await fpm.stop();
    await sidecar.stop();
  }
}

async function first(folder, redis) {
  const taken = new Map(FIRST_ROADS.map((road) => [road, []]));
  for (let start = 0; start < STARTS; start++) {
    const own = path.join(folder, `start${start}`);
    mkdirSync(own, { mode: 0o755 });
    await firstOfOneStart(own, redis, taken);
  }
  const requests = FIRST_REQUESTS * STARTS;
  console.log(`\nThe first publish of a php-fpm request in microseconds, 200 B, median (99 %) of ${requests}, of ${STARTS} starts\n`);
  for (const [road, values] of taken) {
    const name = road === 'kept' ? 'PING, kept' : road.replace('php ', 'pure PHP ');
    console.log(`  ${name.padEnd(20)} ${micros(median(values))} (${quantile(values, 0.99).toFixed(1)})`);
  }
  console.log('');
  const of = (road) => median(taken.get(road));
  require('receipt / phpredis', of('extension receipt'), of('phpredis'), 1 / 2);
  require('receipt / Guzzle', of('extension receipt'), of('guzzle'), 1 / 10);
  const ofStart = (road, start) => median(taken.get(road).slice(start * FIRST_REQUESTS, (start + 1) * FIRST_REQUESTS));
  const each = Array.from({ length: STARTS }, (_, start) => ofStart('extension receipt', start) / ofStart('guzzle', start));
  console.log(`    of each start: ${each.map((ratio) => ratio.toFixed(3)).join(', ')}`);
  console.log('\nTo compare with, no lower bound: a PING that phpredis sends on a Unix socket it has kept takes, in the same requests,');
  console.log(`  PING, kept / Guzzle  ${(of('kept') / of('guzzle')).toFixed(3)};  receipt / PING, kept  ${(of('extension receipt') / of('kept')).toFixed(2)}`);
}

/** A sidecar that hears Redis and HTTP as well. */
async function startSidecar(folder, redis) {
  const sidecar = await Sidecar.start(folder, {
    database: 'redis', databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } },
    subscribers: { redis: true, http: true }, unixSocket: { path: path.join(folder, 'rustecho.sock'), mode: '0666' },
  });
  await redis.listenedTo();
  return sidecar;
}

async function laravel(sidecar, redis) {
  const args = php(here('laravel.php'), sidecar.socket, String(redis.port), String(ROUNDS), String(CALLS));
  const starts = await severalTimes(() => run('php', args, { deadlineMs: 300_000 }));
  const [{ version }] = starts;
  const all = (driver) => starts.flatMap(({ taken }) => taken[driver]);
  console.log(`\nWhole event() in Laravel ${version} in microseconds, median (99 %) of ${ROUNDS * CALLS * STARTS}, of ${STARTS} starts\n`);
  for (const driver of Object.keys(starts[0].taken)) {
    console.log(`  ${driver.padEnd(20)} ${micros(median(all(driver)))} (${quantile(all(driver), 0.99).toFixed(1)})`);
  }
  console.log('');
  require('receipt / redis', median(all('extension receipt')), median(all('redis')), 0.6);
  const each = starts.map(({ taken }) => median(taken['extension receipt']) / median(taken.redis));
  console.log(`    of each start: ${each.map((ratio) => ratio.toFixed(3)).join(', ')}`);
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-bench-'));
const undo = [() => rmSync(folder, { recursive: true, force: true })];
try {
  chmodSync(folder, 0o755);
  const redis = await startRedis(folder, { socket: path.join(folder, 'redis.sock') });
  undo.push(() => redis.stop());
  const sidecar = await startSidecar(folder, redis);
  undo.push(() => sidecar.stop());
  console.log(`${os.cpus().length} processors, ${os.cpus()[0].model}; Linux ${os.release()}; nobody is subscribed`);
  await warm(sidecar, redis);
  await first(folder, redis);
  await laravel(sidecar, redis);
  console.log(missed.length === 0 ? '\nAll ratios are as required' : `\nMissed: ${missed.join('; ')}`);
} finally {
  for (const step of undo.reverse()) await step();
}
