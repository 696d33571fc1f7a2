// A page that is loaded again: its socket is closed and another opened within the grace period, and nobody on the presence channel
// sees it leave or join. A page that is closed leaves once.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { combination, visitors } from '../support/echo.mjs';
import { startGranting } from '../support/granting.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { unique } from '../support/stack.mjs';
import { needs } from '../support/tools.mjs';

/** How a browser that leaves a page closes its websocket. */
const GOING_AWAY = 1001;
const close = {
  sio2: (visitor) => { visitor.socket.io.reconnection(false); visitor.socket.io.engine.transport.ws.close(GOING_AWAY); },
  sio4: (visitor) => { visitor.socket.io.reconnection(false); visitor.socket.io.engine.transport.ws.close(GOING_AWAY); },
};

describe('A page that is loaded again', needs('sidecar'), () => {
  let folder, laravel, sidecar;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    laravel = await startGranting();
    sidecar = await Sidecar.start(folder, { authHost: laravel.url, subscribers: { http: true, redis: false } });
  });
  after(async () => {
    await sidecar?.stop();
    laravel?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const client of ['sio2', 'sio4']) {
    test(`neither leaves nor joins, on socket.io-client ${client.slice(3)}, and leaves once when it is closed`, async (t) => {
      const name = unique('room');
      const channel = `presence-${name}`;
      const visit = async (user) => {
        const options = { auth: { headers: { Authorization: `Bearer ${user}` } } };
        const visitor = await visitors(t, { sidecar, combination: combination('echo2', client) })({ options });
        visitor.join(name);
        await visitor.hears(channel, 'here');
        return visitor;
      };
      const witness = await visit(1);
      let page = await visit(2);
      await witness.hears(channel, 'joining');
      for (let reload = 0; reload < 3; reload += 1) {
        close[client](page);
        page = await visit(2);
      }
      assert.deepEqual(page.hear(channel, 'here')[0].map((who) => who.name).sort(), ['user 1', 'user 2']);
      close[client](page);
      assert.deepEqual((await witness.hears(channel, 'leaving')).map((who) => who.name), ['user 2']);
      assert.equal(witness.hear(channel, 'joining').length, 1);
      page = await visit(2);
      await witness.hears(channel, 'joining', 2);
      assert.equal(witness.hear(channel, 'leaving').length, 1);
    });
  }
});
