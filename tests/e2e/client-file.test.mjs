// The browser's socket.io-client, served by the sidecar.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Sidecar } from '../support/sidecar.mjs';
import { needs } from '../support/tools.mjs';

describe('/socket.io/socket.io.js', needs('sidecar'), () => {
  let folder, sidecar;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-e2e-'));
    sidecar = await Sidecar.start(folder);
  });
  after(async () => {
    await sidecar?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  test('is the socket.io-client 2 that every laravel-echo works with', async () => {
    const response = await fetch(`${sidecar.url}/socket.io/socket.io.js`);
    const script = await response.text();
    assert.equal(response.status, 200);
    assert.match(response.headers.get('content-type'), /javascript/);
    assert.match(script, /Socket\.IO v2\./i);
  });

  test('has an ETag, with which the browser need not load it again', async () => {
    const first = await fetch(`${sidecar.url}/socket.io/socket.io.js`);
    await first.arrayBuffer();
    const again = await fetch(`${sidecar.url}/socket.io/socket.io.js`, { headers: { 'if-none-match': first.headers.get('etag') } });
    assert.equal(again.status, 304);
  });
});
