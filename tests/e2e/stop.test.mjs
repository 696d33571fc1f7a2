// Stopping: both signals end the sidecar cleanly and promptly, whoever is connected.

import assert from 'node:assert/strict';
import net from 'node:net';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import WebSocketClient from 'ws';
import { combination, TRANSPORTS, visitors } from '../support/echo.mjs';
import { accepts, freePort } from '../support/ports.mjs';
import { APP, Sidecar } from '../support/sidecar.mjs';
import { needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';

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

  for (const graceMs of [1_000, 2_000]) {
    test(`ends with status 0 within its grace period of ${graceMs} ms, whoever hangs on to a request`, async (t) => {
      const key = 'key-of-the-operator';
      const head = (port, path, bearer) => `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAuthorization: Bearer ${bearer}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{`;
      const stops = async () => {
        const admin = await freePort();
        const sidecar = await Sidecar.start(folder, { graceMs, admin: { port: admin, key } });
        t.after(() => sidecar.stop('SIGKILL'));
        const heads = new Map([[sidecar.port, head(sidecar.port, `/apps/${APP.appId}/events`, APP.key)], [admin, head(admin, '/api/publish', key)]]);
        const answered = [];
        const hung = [...heads.keys()].map((port) => net.connect(port, '127.0.0.1').on('data', (bytes) => answered.push(`${bytes}`)));
        t.after(() => hung.forEach((socket) => socket.destroy()));
        for (const [index, text] of [...heads.values()].entries()) await new Promise((done) => hung[index].on('error', () => {}).write(text, done));
        await pause(100); // for the requests to be under way, or there is nothing to wait for
        assert.deepEqual(answered, [], 'they hang');
        const began = Date.now();
        assert.deepEqual(await sidecar.stop('SIGTERM'), { code: 0, signal: null }, sidecar.process.output);
        return Date.now() - began;
      };
      // Of the last tenth a machine that stands still for a moment takes all; a sidecar that takes too long does so each time.
      const took = [];
      while (took.length < 3 && !took.some((ms) => ms <= graceMs)) took.push(await stops());
      assert.ok(took.some((ms) => ms <= graceMs), `it took ${took} ms`);
    });
  }

  for (const reusePort of [false, true]) {
    test(`is not ready, and alive, until it has ended: the admin listener says so to load balancers (reusePort: ${reusePort})`, async (t) => {
      const admin = await freePort();
      const sidecar = await Sidecar.start(folder, { admin, reusePort });
      t.after(() => sidecar.stop('SIGKILL'));
      const ask = (what) => fetch(`http://127.0.0.1:${admin}${what}`).then((answer) => answer.status, () => 0);
      assert.deepEqual([await ask('/ready'), await ask('/health')], [200, 200]);
      // A second's worth of sockets, closed 20 ms apart.
      const sockets = Array.from({ length: 50 }, () => new WebSocketClient(`${sidecar.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`));
      await Promise.all(sockets.map((socket) => new Promise((done, fail) => {
        socket.on('error', fail).on('message', (text) => (`${text}`.startsWith('0') ? socket.send('40') : done()));
      })));
      const ended = sidecar.stop('SIGTERM');
      await until('/ready to say no', async () => await ask('/ready') === 503);
      const open = () => sockets.filter((socket) => socket.readyState === WebSocketClient.OPEN).length;
      const during = new Set();
      while (open() > 0) {
        const answers = `${await ask('/ready')} ${await ask('/health')}`;
        // The last ones close as the process ends.
        if (open() > 10) during.add(answers);
        else if (open() > 0) await pause(5);
      }
      assert.deepEqual([...during], ['503 200']);
      assert.deepEqual(await ended, { code: 0, signal: null }, sidecar.process.output);
      assert.equal(await ask('/ready'), 0);
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
