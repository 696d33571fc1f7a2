// A soak: clients of every kind come and go all the time while events are published, and the sidecar's memory and descriptors are
// looked at. Prints a table, the slopes, and whether they are flat; exits 1 when they are not.
//
//   MINUTES=60 node tests/chaos/soak.mjs        RATE=40: connections a second; EVENTS=100: events a second
//
// Memory is flat when over the measured time it grows by less than a twentieth, or by no more than chance. The first two fifths are
// not measured: in them fills what is bounded and takes its time. The 65,536 ids that are remembered are filled before. How many
// descriptors are open goes with the clients that are there; at the end they have to be back where they were.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import WebSocket from 'ws';
import { startGranting } from '../support/granting.mjs';
import { idOf, Publisher, publish } from '../support/frames.mjs';
import { startRedis } from '../support/redis.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { PROJECT } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';
import { Random } from './random.mjs';
import { slope } from './slope.mjs';

const MINUTES = Number(process.env.MINUTES || 10);
const RATE = Number(process.env.RATE || 40);
const EVENTS = Number(process.env.EVENTS || 100);
const SAMPLE_MS = 2_000;
const STAY_MS = [200, 6_000];
const RECOVERY_SECONDS = 10;
const WARM = 0.4;
const GROWTH = 0.05;
const ROWS = 20;
/** `REMEMBERED_IDS` of the sidecar. */
const IDS = 65_536;
const random = new Random(process.env.SEED || '1', 'soak');
let user = 0;

/** One client's life: connect, subscribe, perhaps whisper and leave a channel, and go, in one of many ways. */
async function visit(sidecar, counts) {
  const generation = random.chance(0.3) ? 3 : 4;
  const who = ++user;
  const auth = { headers: { Authorization: `Bearer ${who}` } };
  const channels = [`orders.${random.below(20)}`, `private-orders.${random.below(200)}`, `presence-room.${random.below(20)}`, `fresh.${who}`];
  const emit = (...event) => `42${JSON.stringify(event)}`;
  if (random.chance(0.2)) return poll(sidecar, channels, auth, counts);
  const socket = new WebSocket(`${sidecar.url.replace('http', 'ws')}/socket.io/?EIO=${generation}&transport=websocket`, { perMessageDeflate: false });
  socket.on('error', () => { counts.failed += 1; });
  const closed = new Promise((done) => { socket.on('close', done); });
  socket.on('message', (bytes) => {
    const text = bytes.toString();
    if (text === '2') socket.send('3');
    if (generation === 4 && text[0] === '0') socket.send('40');
    if (text.startsWith('40')) channels.forEach((channel) => socket.send(emit('subscribe', { channel, auth })));
    if (text.startsWith('42')) counts.heard += 1;
  });
  await Promise.race([closed, pause(random.between(...STAY_MS))]);
  if (socket.readyState === WebSocket.OPEN) {
    if (random.chance(0.5)) socket.send(emit('client event', { channel: channels[1], event: 'client-typing', data: { who } }));
    if (random.chance(0.5)) socket.send(emit('unsubscribe', { channel: channels[0] }));
    if (random.chance(0.3)) socket.send('41');
  }
  if (random.chance(0.5)) socket.close(1001);
  else socket.terminate();
  counts.visits += 1;
}

/** The same by polling, and gone without a word. */
async function poll(sidecar, channels, auth, counts) {
  const at = `${sidecar.url}/socket.io/?EIO=4&transport=polling`;
  try {
    const { sid } = JSON.parse((await (await fetch(at)).text()).slice(1));
    const post = (body) => fetch(`${at}&sid=${sid}`, { method: 'POST', body }).then((response) => response.text());
    await post('40');
    await (await fetch(`${at}&sid=${sid}`)).text();
    await post(channels.map((channel) => `42${JSON.stringify(['subscribe', { channel, auth }])}`).join('\x1e'));
    counts.heard += (await (await fetch(`${at}&sid=${sid}`)).text()).split('\x1e').length;
    if (random.chance(0.5)) await post('1');
  } catch {
    counts.failed += 1;
  }
  counts.visits += 1;
}

/** As many events to nobody as the sidecar remembers ids: a slow machine would need most of an hour for them. */
async function fillIds(sidecar) {
  const publisher = await Publisher.connect(sidecar.socket);
  for (let number = 0; number < IDS; number += 1) {
    publisher.write(publish({ channels: ['nobody'], event: 'E', json: '1', id: idOf(number) }));
    if (number % 64 === 63) for (let answered = 0; answered < 64; answered += 1) await publisher.next();
  }
  publisher.end();
}

/** Publishes by the Unix socket, by HTTP and by Redis in turn. */
async function publishAlways({ sidecar, redis }, state) {
  const publisher = await Publisher.connect(sidecar.socket);
  for (let number = 1; state.on; number += 1) {
    const [channel, json] = [`${random.pick(['orders', 'presence-room'])}.${random.below(20)}`, JSON.stringify({ number, text: 'x'.repeat(random.below(2_000)) })];
    if (number % 10 === 0) {
      await sidecar.api('/events', { method: 'POST', body: JSON.stringify({ channel, name: 'E', data: json }) });
    } else if (number % 50 === 1) {
      await redis.publish(channel, JSON.stringify({ event: 'E', data: JSON.parse(json), socket: null }));
    } else {
      const id = Buffer.alloc(16);
      id.writeUInt32BE(number, 12);
      publisher.write(publish({ channels: [channel], event: 'E', json, id }));
      await publisher.next();
    }
    state.counts.events += 1;
    await pause(1_000 / EVENTS);
  }
  publisher.end();
}

function sample(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return { kB: Number(/VmRSS:\s+(\d+)/.exec(status)[1]), fds: readdirSync(`/proc/${pid}/fd`).length };
}

function table(samples) {
  const most = Math.max(...samples.map(({ kB }) => kB));
  const step = Math.max(1, Math.floor(samples.length / ROWS));
  console.log(' minute  resident kB  descriptors');
  for (const { minute, kB, fds } of samples.filter((_, index) => index % step === 0)) {
    console.log(`${minute.toFixed(1).padStart(7)} ${String(kB).padStart(12)} ${String(fds).padStart(12)}  ${'#'.repeat(Math.round((kB / most) * 40))}`);
  }
}

/** What memory does, in words; whether it is flat. */
function judge(samples) {
  const { perUnit, error, mean } = slope(samples.map(({ minute, kB }) => [minute, kB]));
  const minutes = samples.at(-1).minute - samples[0].minute;
  const growth = (perUnit * minutes) / mean;
  const isChance = Math.abs(perUnit) < 2 * error;
  const isFlat = growth < GROWTH || isChance;
  console.log(`memory: ${Math.round(mean)} kB on average, ${(perUnit * 60).toFixed(0)} ± ${(2 * error * 60).toFixed(0)} kB an hour (${(growth * 100).toFixed(2)} % in the ${minutes.toFixed(0)} minutes measured): ${isFlat ? 'flat' : 'NOT flat'}`);
  return isFlat;
}

const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-soak-'));
const laravel = await startGranting();
const redis = await startRedis(folder);
const sidecar = await Sidecar.start(folder, {
  authHost: laravel.url, subscribers: { http: true, redis: true }, databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } },
  cluster: { redis: true }, recovery: { seconds: RECOVERY_SECONDS }, socketio: { pingInterval: 3_000, pingTimeout: 3_000 },
});
const { pid } = sidecar.process.child;
await fillIds(sidecar);
const state = { on: true, counts: { visits: 0, failed: 0, heard: 0, events: 0 } };
const publishing = publishAlways({ sidecar, redis }, state);
await pause(500);
const before = sample(pid);
const [samples, begun] = [[], Date.now()];
const visits = new Set();
const coming = (async () => {
  while (state.on) {
    const one = visit(sidecar, state.counts).finally(() => visits.delete(one));
    visits.add(one);
    await pause(1_000 / RATE);
  }
})();
while (Date.now() < begun + MINUTES * 60_000) {
  await pause(SAMPLE_MS);
  samples.push({ minute: (Date.now() - begun) / 60_000, ...sample(pid) });
}
state.on = false;
await Promise.all([coming, publishing, ...visits]);

table(samples);
const { counts } = state;
console.log(`${counts.visits} clients came and went (${counts.failed} in vain), ${counts.events} events, ${counts.heard} deliveries, in ${MINUTES} minutes`);
const measured = samples.slice(Math.ceil(samples.length * WARM));
const isFlat = judge(measured);
let after = sample(pid);
const isBack = await until('the descriptors of before', () => { after = sample(pid); return after.fds <= before.fds; }, 60_000).then(() => true, () => false);
console.log(`when all had left: ${after.fds} descriptors, ${before.fds} before the first came; ${after.kB} kB`);
const output = path.join(PROJECT, 'var', 'chaos');
mkdirSync(output, { recursive: true });
writeFileSync(path.join(output, 'soak.json'), JSON.stringify({ minutes: MINUTES, rate: RATE, counts, before, after, samples }));
await sidecar.stop();
await redis.stop();
laravel.stop();
rmSync(folder, { recursive: true, force: true });
const good = isBack && isFlat && counts.failed < counts.visits / 100;
console.log(good ? 'memory is flat, and no descriptor is left' : 'NOT flat');
process.exit(good ? 0 : 1);
