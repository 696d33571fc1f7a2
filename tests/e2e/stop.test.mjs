// Stopping: both signals end the sidecar cleanly and promptly, whoever is connected.

import assert from 'node:assert/strict';
import net from 'node:net';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { combination, TRANSPORTS, visitors } from '../support/echo.mjs';
import { accepts } from '../support/ports.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';

const PROMPT_MS = 3_000;

describe('The sidecar', needs('sidecar'), () => {
  let folder;
  before(() => { folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`ends with status 0 on ${signal} within ${PROMPT_MS} ms, with clients of every kind connected`, async (t) => {
      const sidecar = await Sidecar.start(folder);
      t.after(() => sidecar.stop('SIGKILL'));
      for (const client of ['sio2', 'sio4']) {
        for (const options of Object.values(TRANSPORTS)) {
          const visit = visitors(t, { sidecar, combination: combination('echo2', client), options });
          (await visit()).echo.channel('open');
        }
      }
      const publisher = net.connect(sidecar.socket);
      t.after(() => publisher.destroy());
      publisher.on('error', () => {}); // its end is what this test wants
      await until('six subscribers', async () => await sidecar.subscribers('open') === 6);

      const began = Date.now();
      const status = await sidecar.stop(signal);

      assert.deepEqual(status, { code: 0, signal: null }, sidecar.process.output);
      assert.ok(Date.now() - began < PROMPT_MS, `it took ${Date.now() - began} ms`);
      assert.equal(await accepts(sidecar.port), false);
      assert.equal(existsSync(sidecar.socket), false, 'the Unix socket is left behind');
    });

    test(`ends with status 0 on ${signal} when it has just started and nobody is there`, async (t) => {
      const sidecar = await Sidecar.start(folder);
      t.after(() => sidecar.stop('SIGKILL'));
      assert.deepEqual(await sidecar.stop(signal), { code: 0, signal: null }, sidecar.process.output);
    });
  }

  test('starts where one that was killed has left its Unix socket behind', async (t) => {
    const sidecar = await Sidecar.start(folder);
    t.after(() => sidecar.stop('SIGKILL'));
    await sidecar.stop('SIGKILL');
    await sidecar.start();
    const publisher = net.connect(sidecar.socket);
    await new Promise((done, fail) => publisher.once('connect', done).once('error', fail));
    publisher.destroy();
  });
});
