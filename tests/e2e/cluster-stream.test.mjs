// What the nodes' stream takes in Redis when events are large: its bound in bytes holds, and nobody who keeps up misses anything.

import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { io } from 'sio4';
import { startRedis } from '../support/redis.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';

const STREAM_BYTES = 1_048_576;
/** So many are kept at least, and a few more, since Redis trims whole blocks. */
const FEW = 40;

describe('The stream of a cluster', needs('sidecar', 'redis-server', 'redis-cli'), () => {
  let folder, redis, nodes;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    redis = await startRedis(folder);
    nodes = await Promise.all(['a', 'b'].map((name) => {
      mkdirSync(path.join(folder, name));
      const cluster = { redis: { host: '127.0.0.1', port: redis.port }, streamBytes: STREAM_BYTES };
      return Sidecar.start(path.join(folder, name), { subscribers: { http: true, redis: false }, cluster });
    }));
  });
  after(async () => {
    await Promise.all((nodes ?? []).map((node) => node.stop()));
    await redis?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  const publish = async (from, count, padding) => {
    for (let number = from; number < from + count; number += 1) {
      const { status } = await nodes[0].api('/events', { method: 'POST', body: JSON.stringify({ channel: 'large', name: 'E', data: JSON.stringify({ number, padding }) }) });
      assert.equal(status, 200);
    }
  };

  test('keeps no more than cluster.streamBytes, and what follows where that is little', async (t) => {
    const heard = [];
    const page = io(nodes[1].url, { transports: ['websocket'] });
    t.after(() => page.close());
    page.on('connect', () => page.emit('subscribe', { channel: 'large', auth: { headers: {} } }));
    page.on('E', (channel, { number }) => heard.push(number));
    await until('the subscription', async () => await nodes[1].subscribers('large') === 1);
    const [key] = (await redis.cli('--scan', '--pattern', '*cluster*')).trim().split('\n');
    const length = async () => Number(await redis.cli('XLEN', key));
    // A node that is behind by more than the stream has room for would miss some: it is waited for.
    for (let number = 0; number < 200; number += 10) {
      await publish(number, 10, 'x'.repeat(60_000));
      await until('the page to have heard them', () => heard.length >= number + 10);
    }
    await until('a stream that is cut', async () => await length() <= FEW);
    const large = await length();
    await publish(200, 300, '');
    await until('all events', () => heard.length >= 500);
    assert.deepEqual(heard, Array.from({ length: 500 }, (_, number) => number));
    // What followed had room.
    assert.ok(await length() >= 300, `${large} and then ${await length()}`);
    const bytes = Number(await redis.cli('MEMORY', 'USAGE', key, 'SAMPLES', '0'));
    assert.ok(bytes < FEW * 60_000, `${bytes} bytes`);
  });
});
