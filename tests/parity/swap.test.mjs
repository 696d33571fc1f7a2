// Changing over and back in one folder, as docs/migrating-from-laravel-echo-server.md says.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../support/tools.mjs';
import { until, within } from '../support/wait.mjs';
import { missing } from './support/programs.mjs';
import { Stack } from './support/runner.mjs';

const NAMES = { old: 'laravel-echo-server', new: 'rustecho' };

describe('changing over', able(), () => {
  let stack;
  before(async () => { stack = await Stack.start('old'); });
  after(() => stack.stop());

  for (const [from, to] of [['old', 'new'], ['new', 'old']]) {
    test(`from ${NAMES[from]} to ${NAMES[to]}, with the same file and port`, async () => {
      const scene = await stack.scene({ alone: true });
      try {
        scene.side = from;
        const first = await scene.serve();
        const before = await scene.client('before');
        await scene.join(before, 'presence-room', { 'X-User': '1:Ann' });
        scene.side = to;
        const options = { dir: first.dir, args: ['--force'], cwd: first.dir };
        // laravel-echo-server does not wait for the port: it goes by stop and start
        if (to === 'old') {
          await first.stop();
          options.args = [];
        }
        const second = await scene.serve({ port: first.port }, options);
        await until('the second server to be ready', () => second.output.includes('Server ready!'));
        assert.equal((await within('the first server to end', first.process.exit)).code, 0);
        await before.ended();
        const again = await scene.client('again');
        await scene.join(again, 'presence-room', { 'X-User': '1:Ann' });
        assert.deepEqual(again.take().map(([event, channel, members]) => [event, channel, members.length]), [['presence:subscribed', 'presence-room', 1]]);
        assert.deepEqual((await scene.members('presence-room')).map(({ socketId }) => socketId), [again.socketId]);
        assert.equal((await scene.api('/channels/presence-room')).body.user_count, 1);
      } finally {
        await scene.end();
      }
    });
  }

  test('both at once on one Redis: each hears what is published', async () => {
    const scene = await stack.scene({ alone: true });
    try {
      scene.side = 'old';
      await scene.serve();
      const a = await scene.client('A');
      scene.side = 'new';
      await scene.serve();
      const b = await scene.client('B');
      for (const client of [a, b]) client.subscribe('orders');
      await scene.settle();
      await scene.publish('orders', { event: 'E', data: { n: 1 } });
      await scene.settle();
      assert.deepEqual(a.takeFrames(), b.takeFrames());
    } finally {
      await scene.end();
    }
  });
});

function able() {
  const lack = missing();
  if (!lack) return needs('redis-server');
  if (process.env.CI === 'true') throw new Error(`CI may skip nothing, but ${lack}`);
  return { skip: `skipped: ${lack}` };
}
