// From the traceparent of a request to Laravel to spans at a collector.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { startCollector } from '../support/collector.mjs';
import { combination, visitors } from '../support/echo.mjs';
import { startStack, unique } from '../support/stack.mjs';
import { subscribed } from '../support/suite.mjs';
import { needsStack } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';

const PARENT = 'b7ad6b7169203331';

describe('A trace', needsStack(), () => {
  let stack, collector;
  before(async () => {
    collector = await startCollector();
    stack = await startStack({ config: { otel: { endpoint: collector.url, serviceName: 'shop' } } });
  });
  after(async () => {
    await stack?.stop();
    await collector?.stop();
  });

  for (const connection of ['rustecho', 'rustecho-php']) {
    test(`that a request to Laravel belongs to goes on to the sockets, by the ${connection} connection`, async (t) => {
      const channel = unique('traced');
      const visitor = await visitors(t, { sidecar: stack.sidecar, combination: combination('echo2', 'sio4') })();
      visitor.listen(visitor.echo.channel(channel), 'Note');
      await subscribed(stack, channel);
      const trace = connection === 'rustecho' ? 'a'.repeat(32) : 'b'.repeat(32);
      const began = BigInt(Date.now()) * 1_000_000n;
      await stack.laravel.publish('/event', { note: 'x', channels: [channel], connection }, { traceparent: `00-${trace}-${PARENT}-01` });
      await stack.laravel.publish('/event', { note: 'y', channels: [channel], connection });
      const mine = () => collector.spans.filter((span) => span.trace === trace);
      await until('the spans', () => mine().length >= 4);
      const whole = mine().find((span) => span.parent === PARENT);
      assert.equal(whole.service, 'shop');
      assert.equal(whole.attributes['messaging.destination.name'], channel);
      assert.equal(whole.attributes['rustecho.result'], 'emitted');
      assert.deepEqual(mine().map((span) => span.name), ['rustecho event', 'received', 'accepted', 'emitted']);
      assert.equal(mine()[3].attributes['rustecho.sockets'], 1);
      assert.ok(whole.start >= began && whole.end >= whole.start, `${began} ${whole.start} ${whole.end}`);
      assert.deepEqual(collector.faults, []);
    });
  }

  test('that a publish by the HTTP API names goes on, too', async (t) => {
    const channel = unique('traced');
    const visitor = await visitors(t, { sidecar: stack.sidecar, combination: combination('echo2', 'sio4') })();
    visitor.listen(visitor.echo.channel(channel), 'Note');
    await subscribed(stack, channel);
    const trace = 'c'.repeat(32);
    const body = JSON.stringify({ name: 'Note', channel, data: '{"note":"x"}' });
    const { status } = await stack.sidecar.api('/events', { method: 'POST', body, headers: { traceparent: `00-${trace}-${PARENT}-01` } });
    assert.equal(status, 200);
    const mine = () => collector.spans.filter((span) => span.trace === trace);
    await until('the spans', () => mine().length >= 3);
    const whole = mine().find((span) => span.parent === PARENT);
    assert.equal(whole.attributes['rustecho.result'], 'emitted');
    assert.deepEqual(mine().map((span) => span.name), ['rustecho event', 'accepted', 'emitted'], 'when it was made is not known');
  });
});
