// Wrong settings: the sidecar says which, and ends before it binds a port.

import assert from 'node:assert/strict';
import net from 'node:net';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { accepts } from '../support/ports.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { needs } from '../support/tools.mjs';
import { within } from '../support/wait.mjs';

const EX_USAGE = 64;

const WRONG = [
  ['port', { port: 'six thousand' }],
  ['port', { port: 70_000 }],
  ['database', { database: 'mongodb' }],
  ['authTimeoutMs', { authTimeoutMs: -1 }],
  ['clients', { clients: 'tests' }],
  ['socketio.transports', { socketio: { transports: ['telepathy'] } }],
  ['unixSocket.mode', { unixSocket: { path: 'rustecho.sock', mode: '0999' } }],
  ['limits.dataBytes', { limits: { dataBytes: 'much' } }],
];

describe('A configuration that is wrong', needs('sidecar'), () => {
  let folder;
  before(() => { folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-')); });
  after(() => rmSync(folder, { recursive: true, force: true }));

  for (const [key, config] of WRONG) {
    test(`in ${key} (${JSON.stringify(config)}) ends the sidecar with ${EX_USAGE} and that key, before a port is bound`, async (t) => {
      // somebody has the port: a sidecar that tried to bind it would speak of that
      const owner = net.createServer().listen(0, '127.0.0.1');
      t.after(() => owner.close());
      await new Promise((done) => owner.once('listening', done));
      const sidecar = await Sidecar.configure(folder, { port: owner.address().port, ...config });

      const { status, output } = await outcome(t, sidecar);

      assert.deepEqual(status, { code: EX_USAGE, signal: null }, output);
      assert.ok(output.includes(key), output);
    });
  }

  test(`because it is no JSON ends the sidecar with ${EX_USAGE} and the file and line`, async (t) => {
    const sidecar = await Sidecar.configure(folder);
    writeFileSync(sidecar.file, '{\n  "port": 6001,\n  oops\n}');
    const { status, output } = await outcome(t, sidecar);
    assert.deepEqual(status, { code: EX_USAGE, signal: null }, output);
    assert.match(output, /rustecho\.json:3:/);
  });

  test('because the file is not there ends the sidecar with the words that scripts look for', async (t) => {
    const sidecar = await Sidecar.configure(folder);
    rmSync(sidecar.file);
    const { status, output } = await outcome(t, sidecar);
    assert.notEqual(status.code, null, output);
    assert.match(output, /The config file could not be found/);
    assert.equal(await accepts(sidecar.port), false);
  });

  async function outcome(t, sidecar) {
    const process = sidecar.spawn();
    t.after(() => process.stop('SIGKILL'));
    return { status: await within('the sidecar to end', process.exit), output: process.output };
  }
});
