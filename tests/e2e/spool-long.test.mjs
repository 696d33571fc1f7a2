// The spool when it lasts: a sidecar that is away for longer than a publisher waits for one that is there, and one that drains another
// folder. The times are the publisher's own and cannot be set: each test takes the better part of a minute, and both run at once.

import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { io } from 'sio4';
import { run } from '../support/process.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { EXTENSION, needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';

const WRITER = fileURLToPath(new URL('../support/spool-stream.php', import.meta.url));
/** Longer than the half minute after which a sidecar that does not drain is no longer waited for. */
const AWAY_MS = 36_000;
const ROADS = ['extension', 'php'];

/** A sidecar, one page that notes what it hears, and a way to publish until told to stop. */
async function world(t, spool) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-long-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const sidecar = await Sidecar.start(folder, { unixSocket: { path: path.join(folder, 'rustecho.sock') }, spool: { settleMs: 0 } });
  t.after(() => sidecar.stop('SIGKILL'));
  const got = [];
  const socket = io(sidecar.url, { transports: ['websocket'], reconnectionDelay: 50, reconnectionDelayMax: 200 });
  t.after(() => socket.close());
  socket.on('connect', () => socket.emit('subscribe', { channel: 'orders', auth: { headers: {} } }));
  socket.on('Shipped', (channel, data) => got.push(data));
  await until('the subscription', async () => await sidecar.subscribers('orders') === 1);
  const stop = path.join(folder, 'stop');
  const publish = (road, ms) => run('php', [
    ...(road === 'extension' ? ['-d', `extension=${EXTENSION}`] : []), WRITER, road, sidecar.socket, spool ?? path.join(folder, 'spool'),
    road, String(ms), stop,
  ], { cwd: '/', deadlineMs: 3 * AWAY_MS }).then(JSON.parse);
  return { folder, sidecar, got, publish, stop: () => writeFileSync(stop, '') };
}

/** How many events of one writer had been accepted, and not spooled, when it published the last that came. */
const accepted = (got, road) => got.findLast(({ writer }) => writer === road)?.accepted ?? 0;

/** What one writer's events came as. */
const numbers = (got, road) => got.filter(({ writer }) => writer === road).map(({ number }) => number);

describe('a spool that lasts', { ...needs('sidecar', 'extension', 'laravel', 'php'), concurrency: true }, () => {
  test('is drained in order before anything else when the sidecar was away for longer than half a minute', async (t) => {
    const { folder, sidecar, got, publish, stop } = await world(t);
    const done = Promise.all(ROADS.map((road) => publish(road, 10)));
    await until('events', () => ROADS.every((road) => numbers(got, road).length > 10));
    await sidecar.stop('SIGKILL');
    await pause(AWAY_MS);
    await sidecar.start();
    const [before, taken] = [got.length, ROADS.map((road) => accepted(got, road))];
    await until('what was spooled', () => got.length > before + 1000, 30_000);
    await until('an empty spool', () => !readdirSync(path.join(folder, 'spool')).some((name) => name.endsWith('.spool')), 30_000);
    await until('events that come by the socket', () => ROADS.every((road, at) => accepted(got, road) > taken[at] + 20));
    stop();
    const said = await done;
    for (const [index, road] of ROADS.entries()) {
      const { spooled, accepted: direct } = said[index];
      assert.ok(spooled > 1000, JSON.stringify(said));
      await until(`all of ${road}`, () => numbers(got, road).at(-1) >= spooled + direct);
      const heard = numbers(got, road);
      // With no time for pages to come back some are emitted to nobody; none overtakes another.
      assert.deepEqual(heard, heard.toSorted((a, b) => a - b), `the order of ${road}`);
      assert.equal(new Set(heard).size, heard.length, `${road}: none twice`);
    }
  });

  test('because the sidecar drains another folder is no longer waited for', async (t) => {
    const other = mkdtempSync(path.join(os.tmpdir(), 'rustecho-long-'));
    t.after(() => rmSync(other, { recursive: true, force: true }));
    const spool = path.join(other, 'spool');
    mkdirSync(spool, { mode: 0o700 });
    const { sidecar, got, publish, stop } = await world(t, spool);
    const done = Promise.all(ROADS.map((road) => publish(road, 20)));
    await until('events', () => ROADS.every((road) => numbers(got, road).length > 10));
    await sidecar.stop('SIGKILL');
    await until('events in the spool', () => readdirSync(spool).length === 2);
    await sidecar.start();
    await pause(1000); // the page is back by then
    const before = got.length;
    await until('events that come by the socket', () => ROADS.every((road) => numbers(got.slice(before), road).length > 10), 80_000);
    stop();
    const said = await done;
    assert.ok(said.every(({ spooled }) => spooled > 100), JSON.stringify(said));
    assert.equal(readdirSync(spool).length, 2, 'nothing of it was lost');
  });
});
