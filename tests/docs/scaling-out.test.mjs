// docs/scaling-out.md: two nodes on one machine.

import { test } from 'node:test';
import { Process, run } from '../support/process.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Reader } from './support/reader.mjs';

test('scaling out', needs('sidecar', 'redis-server', 'redis-cli'), async (t) => {
  const redis = new Process('redis', 'redis-server', ['--save', '']);
  await redis.ready('to answer', async () => (await run('redis-cli', ['ping'])).includes('PONG'));
  await run('/opt/rustecho/deploy/install.sh', []);
  const reader = new Reader({ app: '/tmp' });
  t.after(() => reader.leave());
  await reader.follow('docs/scaling-out.md', { sections: ['See it on one machine'] });
  // `tail` may have been a moment late
  await until('tail to show an event', () => {
    reader.run('rustecho publish --dir=/tmp/one news Hello 1');
    return reader.terminals.find(({ line }) => line.startsWith('rustecho tail')).output.text.includes('cluster  news  Hello');
  });
});
