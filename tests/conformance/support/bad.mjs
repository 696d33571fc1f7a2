// Cases of bad input: against both edges, while a client hears a numbered stream of which nothing may be missing or late.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../../support/tools.mjs';
import { EDGES, startServer } from './servers.mjs';
import { unique } from './suite.mjs';
import { frame, OP } from './websocket.mjs';
import { witness } from './witness.mjs';

export const BOTH = [3, 4];
/** The largest packet that the servers take, in bytes. */
export const MAX = 100_000;
/** Of the witness' numbers. Generous: the machine that runs this may be busy; a blocked server would be seconds late. */
const LATEST_MS = 5_000;

/**
 * Describes cases, `concurrency` of them at a time. `body(bad, edge)` is called for each edge with `bad(title, case, {only})`, which runs
 * `case(server, test)`, where there is an `only`, on that edge alone.
 */
export function badInput(group, concurrency, body) {
  describe(group, { concurrency: true, ...needs('sidecar') }, () => {
    for (const edge of EDGES) {
      describe(edge, { concurrency }, () => {
        const running = {};
        before(async () => {
          running.server = await startServer(edge, { maxHttpBufferSize: MAX });
          running.witness = await witness(running.server, LATEST_MS);
        });
        after(async () => {
          try {
            const count = await running.witness.end();
            assert.ok(count > 5, `only ${count} numbers were published`);
            assert.ok(running.server.alive(), 'the server has ended');
          } finally {
            await running.server.stop();
          }
        });
        body((title, run, { only = edge } = {}) => {
          if (only === edge) test(title, { timeout: 120_000 }, (t) => run(running.server, t));
        }, edge);
      });
    }
  });
}

/** Whatever came of it, the connection is either closed or works: no third thing. */
export async function settles(session) {
  const ping = Buffer.from(unique('settle'));
  session.raw.write(frame(OP.ping, ping));
  for (;;) {
    const next = await session.raw.frame();
    if (next === undefined || next.opcode === OP.close) return 'closed';
    if (next.opcode === OP.pong && next.payload.equals(ping)) return 'open';
  }
}

/** Runs `work` for all items, a few at a time. */
export async function each(items, work, atOnce = 50) {
  const rest = [...items];
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (rest.length > 0) await work(rest.shift());
  }));
}
