// A client that nobody may disturb: it hears a numbered stream all the time, and tells what was missing, twice or late.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { until } from './wait.mjs';
import { event, joined, subscribe } from './socketio.mjs';

const PAUSE_MS = 20;

/** Starts one. `end` publishes the last number, and checks all of them; returns how many there were. */
export async function witness(server, latestMs) {
  const channel = `numbers-${process.pid}`;
  const session = await joined(server, 4);
  await subscribe(session, channel);
  const heard = [];
  let [next, on, failure] = [0, true, undefined];
  const publishing = (async () => {
    while (on) {
      await server.publish(channel, 'Number', { number: next, at: Date.now() });
      next += 1;
      await new Promise((done) => { setTimeout(done, PAUSE_MS); });
    }
  })().catch((error) => { failure = error; });
  const hearing = (async () => {
    for (;;) {
      const { data } = await event(session);
      heard.push({ number: data.number, late: Date.now() - data.at });
    }
  })().catch((error) => { failure ??= error; });
  return {
    async end() {
      on = false;
      await publishing;
      if (failure) throw failure;
      await until(`${next} numbers`, () => heard.length >= next);
      assert.deepEqual(heard.map(({ number }) => number), Array.from({ length: next }, (_, number) => number));
      const latest = Math.max(...heard.map(({ late }) => late));
      assert.ok(latest <= latestMs, `a number was ${latest} ms late`);
      session.raw.destroy();
      await hearing;
      return next;
    },
  };
}

/** Memory of a process in MB. */
export function memory({ pid }) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;
}
