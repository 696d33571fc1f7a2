// Frames that do not decode: that connection is closed, and nothing else.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { combination, visitors } from '../support/echo.mjs';
import { frame, hello, KIND, LARGEST_BODY, Publisher, publish } from '../support/frames.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { unique } from '../support/stack.mjs';
import { subscribed } from '../support/suite.mjs';
import { needs } from '../support/tools.mjs';

const whole = publish({ channels: ['open'], event: 'event', json: '{}' });
const body = whole.subarray(8);

const GARBAGE = {
  'bytes that are no frame': Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
  'a wrong magic': frame(KIND.hello, Buffer.alloc(6), { magic: 'XX' }),
  'a version that is not spoken': frame(KIND.hello, Buffer.alloc(6), { version: 9 }),
  'a kind that does not exist': frame(99, Buffer.alloc(6)),
  'a length over the limit': frame(KIND.publish, Buffer.alloc(0), { length: LARGEST_BODY + 1 }),
  'the largest length there is': frame(KIND.publish, Buffer.alloc(0), { length: 0xffffffff }),
  'a publish whose body is empty': frame(KIND.publish, Buffer.alloc(0)),
  'a publish that ends in its channels': frame(KIND.publish, body.subarray(0, 28)),
  'a publish that names 65,535 channels and has none': frame(KIND.publish, Buffer.concat([body.subarray(0, 25), Buffer.from([255, 255])])),
  'a publish whose text is no UTF-8': frame(KIND.publish, Buffer.concat([body.subarray(0, 29), Buffer.from([255, 254, 255, 254]), body.subarray(33)])),
  'a hello with bytes left over': frame(KIND.hello, Buffer.alloc(64)),
};

describe('A frame that does not decode', needs('sidecar'), () => {
  let folder, sidecar;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    sidecar = await Sidecar.start(folder);
  });
  after(async () => {
    await sidecar?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const [what, bytes] of Object.entries(GARBAGE)) {
    test(`because it is ${what} closes that connection, and no other publisher or client notices`, async (t) => {
      const bystander = await Publisher.connect(sidecar.socket);
      const bad = await Publisher.connect(sidecar.socket);
      t.after(() => [bystander, bad].forEach((publisher) => publisher.end()));
      const visitor = await visitors(t, { sidecar, combination: combination('echo2', 'sio4') })();
      const channel = unique('open');
      visitor.listen(visitor.echo.channel(channel), '.event');
      await subscribed({ sidecar }, channel);
      assert.equal((await bystander.write(hello()).next()).kind, KIND.welcome);

      bad.write(bytes);

      await bad.untilClosed();
      const id = Buffer.from(unique('id').padEnd(16, '.').slice(-16));
      bystander.write(publish({ channels: [channel], event: 'event', json: '{"still":"here"}', id }));
      const receipt = await bystander.next();
      assert.equal(receipt.kind, KIND.receipt);
      assert.deepEqual(receipt.body.subarray(0, 16), id);
      assert.deepEqual(await visitor.hears(channel, '.event'), [{ still: 'here' }]);
    });
  }

  test('is not one that merely comes in pieces, however small', async (t) => {
    const publisher = await Publisher.connect(sidecar.socket);
    t.after(() => publisher.end());
    publisher.socket.setNoDelay?.(true);
    for (const byte of hello()) publisher.write(Buffer.from([byte]));
    assert.equal((await publisher.next()).kind, KIND.welcome);
  });

  test('is not one that decodes but cannot be accepted: it is refused, and the connection stays', async (t) => {
    const publisher = await Publisher.connect(sidecar.socket);
    t.after(() => publisher.end());
    const codes = { 3: { json: '{"a":' }, 4: { channels: [] }, 5: { channels: [''] }, 6: { event: '' } };
    for (const [code, wrong] of Object.entries(codes)) {
      publisher.write(publish({ channels: ['open'], event: 'event', json: '{}', ...wrong }));
      const answer = await publisher.next();
      assert.equal(answer.kind, KIND.refusal);
      assert.equal(answer.body.readUInt16BE(16), Number(code));
    }
    assert.equal((await publisher.write(hello()).next()).kind, KIND.welcome);
  });
});
