// Clients that take nothing: what waits for all of them together is bounded, and those who read do not notice.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KIND, Publisher, idOf, publish } from '../support/frames.mjs';
import { freePort } from '../support/ports.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, sidecarFor } from './support.mjs';

const MIB = 1024 * 1024;
const [DEAF, EVENTS, SIZE, ALL] = [12, 60, 256 * 1024, 16 * MIB];

/** A number of `/metrics`; a counter that nothing has been counted by is 0. */
async function metric(port, name) {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const line = text.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.split(' ')[1]);
}

describe('limits.queueBytes', needs('sidecar'), () => {
  for (const slowClients of ['disconnect', 'drop-oldest']) {
    test(`bounds what waits for all slow clients together (${slowClients}), and those who read miss nothing`, async (t) => {
      const admin = await freePort();
      const limits = { queueBytes: ALL, queueBytesPerSocket: 11 * MIB, slowClients };
      const sidecar = await sidecarFor(t, { admin, limits, recovery: false });
      const all = await Promise.all(Array.from({ length: DEAF + 1 }, () => Client.open(sidecar)));
      t.after(() => all.forEach((client) => client.close()));
      for (const client of all) client.subscribe('orders');
      await until('all subscribers', async () => await sidecar.subscribers('orders') === all.length);
      const [reader, ...deaf] = all;
      for (const client of deaf) client.socket.pause();

      const publisher = await Publisher.connect(sidecar.socket);
      t.after(() => publisher.end());
      let most = 0;
      for (let number = 1; number <= EVENTS; number += 1) {
        publisher.write(publish({ channels: ['orders'], event: 'N', json: JSON.stringify([number, 'x'.repeat(SIZE)]), id: idOf(number) }));
        assert.equal((await publisher.next()).kind, KIND.receipt);
        most = Math.max(most, await metric(admin, 'rustecho_queue_bytes'));
      }
      await until('the last event', () => reader.heard.at(-1)?.[2]?.[0] === EVENTS);
      assert.deepEqual(reader.heard.map(([, , [number]]) => number), Array.from({ length: EVENTS }, (_, at) => at + 1));

      t.diagnostic(`at most ${(most / MIB).toFixed(1)} of ${ALL / MIB} MiB waited`);
      assert.ok(most > MIB, `only ${most} bytes waited: nobody was slow`);
      assert.ok(most <= ALL, `${most} bytes waited`);
      const closed = await metric(admin, 'rustecho_slow_clients_closed_total{reason="queues_full"}');
      if (slowClients === 'disconnect') {
        assert.ok(closed > 0);
        await until('the log to name the key', () => sidecar.process.output.includes('over limits.queueBytes ('));
        await until('the room to be given back', async () => await sidecar.subscribers('orders') < all.length);
      } else {
        assert.ok(await metric(admin, 'rustecho_dropped_total{reason="oldest_of_slow_client"}') > 0);
      }
    });
  }
});
