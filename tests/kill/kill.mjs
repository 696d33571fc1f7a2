// kill -9 of the sidecar while php-fpm publishes: every event whose call returned reaches each subscriber exactly once, in the
// order of its worker, also the one that was being written to them one after another.
//
//   node tests/kill/kill.mjs            one run; exits 1 when an event is lost, repeated or out of order
//   RUNS=100 EVENTS=10000 WORKERS=8 KILLS=1 SUBSCRIBERS=4 node tests/kill/kill.mjs
//
// Everything is real: the built sidecar and extension, php-fpm, socket.io-client 4. The subscribers are ordinary clients that
// reconnect and subscribe again. `spool.settleMs` is long, so that they are back before anything is emitted to nobody.

import { mkdtempSync, readdirSync, rmSync, chmodSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { io } from 'sio4';
import { runScript } from '../support/fastcgi.mjs';
import { startFpm } from '../support/fpm.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { pause, until } from '../support/wait.mjs';

const RUNS = Number(process.env.RUNS ?? 1);
const EVENTS = Number(process.env.EVENTS ?? 10_000);
const WORKERS = Number(process.env.WORKERS ?? 8);
const KILLS = Number(process.env.KILLS ?? 1);
const SUBSCRIBERS = Number(process.env.SUBSCRIBERS ?? 4);
const PER_REQUEST = 50;
const DRAIN_MS = 60_000;
const SCRIPT = fileURLToPath(new URL('publish.php', import.meta.url));

/** A client that notes what it gets, in order, and how often it had to connect. */
function subscribe(sidecar) {
  const got = [];
  const socket = io(sidecar.url, { transports: ['websocket'], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
  const subscriber = { got, connects: 0, close: () => socket.close() };
  socket.on('connect', () => {
    subscriber.connects++;
    socket.emit('subscribe', { channel: 'orders', auth: { headers: {} } });
  });
  socket.on('Shipped', (channel, data) => got.push(data));
  return subscriber;
}

/** Runs requests until all events are published; returns what the calls said, worker by worker. */
async function publishAll(fpm) {
  const told = new Map();
  let left = EVENTS;
  async function lane() {
    while (left > 0) {
      const events = Math.min(PER_REQUEST, left);
      left -= events;
      const answer = JSON.parse(await runScript(fpm.port, SCRIPT, `events=${events}`));
      told.set(answer.worker, [...(told.get(answer.worker) ?? []), ...answer.told]);
    }
  }
  // As many requests at a time as there are workers: each worker is always busy.
  await Promise.all(Array.from({ length: WORKERS }, lane));
  return told;
}

/** Kills the sidecar somewhere in the middle, leaves it dead for a moment, and starts it again. */
async function killAndRestart(sidecar, [subscriber]) {
  for (let kill = 1; kill <= KILLS; kill++) {
    const moment = EVENTS * (0.1 + 0.7 * ((kill - 1 + Math.random()) / KILLS));
    await until(`event ${moment}`, () => subscriber.got.length >= moment, DRAIN_MS);
    await sidecar.stop('SIGKILL');
    await pause(Math.random() * 300);
    await sidecar.start();
  }
}

/** What the calls said. */
function count(told) {
  const counts = { direct: 0, spooled: 0, failed: 0, lost: 0, twice: 0, reordered: 0, stray: 0 };
  for (const calls of told.values()) {
    for (const [, outcome] of calls) counts[outcome in counts ? outcome : 'failed']++;
  }
  return counts;
}

/** Adds what one subscriber got otherwise than the calls said. */
function compare(counts, told, got) {
  const seen = new Map();
  for (const { worker, number } of got) seen.set(worker, [...(seen.get(worker) ?? []), number]);
  for (const [worker, calls] of told) {
    const numbers = seen.get(worker) ?? [];
    const once = new Set(numbers);
    counts.twice += numbers.length - once.size;
    counts.reordered += numbers.filter((number, index) => index > 0 && number < numbers[index - 1]).length;
    for (const [number, outcome] of calls) {
      if (outcome in counts && !once.has(number)) counts.lost++;
    }
    const called = new Set(calls.map(([number]) => number));
    counts.stray += numbers.filter((number) => !called.has(number)).length;
  }
}

async function run() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-kill-'));
  const undo = [() => rmSync(folder, { recursive: true, force: true })];
  try {
    chmodSync(folder, 0o755);
    const spool = path.join(folder, 'spool');
    const sidecar = await Sidecar.start(folder, { spool: { path: spool, settleMs: 60_000 } });
    undo.push(() => sidecar.stop('SIGKILL'));
    const fpm = await startFpm(folder, {
      environment: {}, workers: WORKERS, ini: { 'rustecho.socket': sidecar.socket },
    });
    undo.push(() => fpm.stop());
    const subscribers = Array.from({ length: SUBSCRIBERS }, () => subscribe(sidecar));
    undo.push(() => subscribers.forEach((subscriber) => subscriber.close()));
    await until('the subscriptions', async () => await sidecar.subscribers('orders') === SUBSCRIBERS);

    const [told] = await Promise.all([publishAll(fpm), killAndRestart(sidecar, subscribers)]);
    await until('an empty spool', () => !readdirSync(spool).some((name) => name.endsWith('.spool')), DRAIN_MS);
    // What was written to a subscriber before this event arrives before it.
    const last = JSON.parse(await runScript(fpm.port, SCRIPT, 'events=1'));
    told.set(last.worker, [...(told.get(last.worker) ?? []), ...last.told]);
    const number = last.told[0][0];
    const isThere = (subscriber) => subscriber.got.some((event) => event.number === number);
    await until('the last event', () => subscribers.every(isThere), DRAIN_MS);

    const inDoubt = sidecar.process.output.split('was killed while it emitted').length - 1;
    const counts = count(told);
    for (const { got } of subscribers) compare(counts, told, got);
    const connects = Math.max(...subscribers.map((subscriber) => subscriber.connects));
    return { ...counts, inDoubt, workers: told.size, connects };
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

let bad = 0;
for (let number = 1; number <= RUNS; number++) {
  const counts = await run();
  const good = counts.lost + counts.twice + counts.reordered + counts.failed + counts.stray === 0
    && counts.workers === WORKERS && counts.connects === KILLS + 1;
  bad += good ? 0 : 1;
  const line = Object.entries(counts).map(([name, count]) => `${name} ${count}`).join(', ');
  console.log(`run ${number} of ${RUNS}: ${good ? 'good' : 'BAD'}: ${line}`);
}
console.log(bad === 0 ? `${RUNS} runs: nothing lost, repeated or out of order` : `${bad} of ${RUNS} runs were bad`);
process.exit(bad === 0 ? 0 : 1);
