// Secrets are made, not given, and are in no log; the Unix socket lets in whom it is meant for.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { freePort } from '../support/ports.mjs';
import { APP, Sidecar } from '../support/sidecar.mjs';
import { SIDECAR, needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, sidecarFor, startLaravel } from './support.mjs';

/** The exit status and output of a sidecar that does not start. */
async function fails(t, folder, unixSocket) {
  const sidecar = await Sidecar.configure(folder, { unixSocket });
  const process = sidecar.spawn();
  t.after(() => process.stop('SIGKILL'));
  const { code } = await process.exit;
  assert.notEqual(code, 0);
  return process.output;
}

function folderFor(t) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-guard-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A server that answers what it hears, once for each match of `ask`, with a refusal: what goes wrong is what is logged. */
async function refusing(t, ask, refusal) {
  const stub = { heard: '' };
  const server = net.createServer((socket) => {
    socket.on('error', () => {}).on('data', (bytes) => { stub.heard += bytes; socket.write(refusal.repeat(`${bytes}`.match(ask)?.length ?? 0)); });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => server.close());
  return Object.assign(stub, { port: server.address().port });
}

describe('Secrets', needs('sidecar'), () => {
  test('are in no log, however much is logged', async (t) => {
    const [laravel, adminPort] = [await startLaravel(t), await freePort()];
    const redis = await refusing(t, /^\*\d+\r$/gm, '-WRONGPASS invalid username-password pair or user is disabled.\r\n');
    const collector = await refusing(t, /^POST /gm, 'HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n');
    const client = { appId: 'signed', key: 'key-9f31', secret: 'secret-77c2' };
    const own = ['admin-key-4a0b-77e1', 'cluster-secret-90d3-15ac', 'redis-password-e66f', 'otel-header-b2c8'];
    const sidecar = await Sidecar.configure(folderFor(t), {
      authHost: laravel.url,
      clients: [APP, client],
      admin: { port: adminPort, key: own[0] },
      cluster: { redis: true, secret: own[1] },
      subscribers: { http: true, redis: true },
      databaseConfig: { redis: { host: '127.0.0.1', port: redis.port, password: own[2] } },
      otel: { endpoint: `http://127.0.0.1:${collector.port}`, headers: { authorization: `Bearer ${own[3]}` } },
    });
    t.after(() => sidecar.process.stop('SIGKILL'));
    // It is not said to be ready: its Redis does not let it in.
    await sidecar.spawn({ RUSTECHO_LOG: 'trace' }).ready('to answer', () => fetch(sidecar.url).then(({ ok }) => ok, () => false));
    const page = await Client.open(sidecar, { Cookie: 'laravel_session=cookie-51d8' });
    t.after(() => page.close());
    page.subscribe('private-x', { Authorization: 'Bearer token-c0de', 'X-CSRF-TOKEN': 'csrf-beef' });
    await until('the subscription', async () => await sidecar.subscribers('private-x') === 1);
    await fetch(`${sidecar.url}/apps/signed/channels?auth_key=key-9f31&auth_signature=nonsense`);
    await fetch(`${sidecar.url}/apps/signed/channels?auth_key=key-wrong-9f31`);
    for (const key of [own[0], `${own[0]}-wrong`]) await fetch(`http://127.0.0.1:${adminPort}/metrics`, { headers: { authorization: `Bearer ${key}` } });
    const event = { method: 'POST', body: JSON.stringify({ channel: 'private-x', name: 'E', data: '1' }), headers: { traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01` } };
    assert.equal((await sidecar.api('/events', event)).status, 200);
    await until('Redis to hear the password', () => redis.heard.includes(own[2]));
    await until('the collector to hear the header', () => collector.heard.includes(own[3]));
    await until('what came of it to be logged', () => /AuthenticationFailed/.test(sidecar.process.output) && /traces do not reach/.test(sidecar.process.output));
    const { output } = sidecar.process;
    assert.ok(output.includes('TRACE'), 'everything is logged');
    for (const secret of [...own, APP.key, 'key-9f31', 'secret-77c2', 'cookie-51d8', 'token-c0de', 'csrf-beef']) {
      assert.ok(!output.includes(secret), `${secret} is in the log`);
    }
  });

  test('that nobody made open nothing', async (t) => {
    const folder = folderFor(t);
    writeFileSync(path.join(folder, 'rustecho.json'), '{}');
    const keys = [1, 2].map(() => {
      const { stdout } = spawnSync(SIDECAR, ['client:add'], { cwd: folder, encoding: 'utf8' });
      return stdout.match(/key: ([0-9a-f]{32})\n/)[1];
    });
    assert.notEqual(keys[0], keys[1]);
    const sidecar = await sidecarFor(t, { clients: [] });
    for (const query of ['', '?auth_key=', '?auth_key=app-key', '?auth_key=undefined', '?auth_key=null']) {
      for (const app of ['app-id', 'tests', 'undefined', '']) {
        assert.ok([403, 404].includes((await fetch(`${sidecar.url}/apps/${app}/channels${query}`)).status));
      }
    }
  });
});

describe('The Unix socket', needs('sidecar'), () => {
  test('has the configured mode and group, and is no other while it is made', async (t) => {
    const folder = folderFor(t);
    const socket = path.join(folder, 'r.sock');
    // Another group than what is made here has by itself; only root has one for certain.
    const group = process.getuid() === 0 ? 33 : process.getgroups().at(-1);
    const [seen, umask] = [new Set(), process.umask(0)];
    t.after(() => process.umask(umask));
    let looks = 0;
    const looking = setInterval(() => {
      looks++;
      const about = statSync(socket, { throwIfNoEntry: false });
      if (about) seen.add(`${(about.mode & 0o7777).toString(8)} ${about.gid}`);
    }, 0);
    t.after(() => clearInterval(looking));
    const sidecar = await sidecarFor(t, { unixSocket: { path: socket, mode: '0640', group: String(group) } });
    await until('looks at what was made', () => seen.size > 0);
    assert.ok(looks > 5, `${looks} looks`);
    assert.deepEqual([...seen], [`640 ${group}`]);
    await sidecar.stop();
    assert.throws(() => statSync(socket), { code: 'ENOENT' });
  });

  test('of a living sidecar, a link, a file and an unsafe folder are respected', async (t) => {
    const sidecar = await sidecarFor(t);
    assert.match(await fails(t, folderFor(t), { path: sidecar.socket }), /another process is listening/);
    const folder = folderFor(t);
    const [file, link] = [path.join(folder, 'file'), path.join(folder, 'link')];
    writeFileSync(file, 'precious');
    symlinkSync(file, link);
    for (const name of [file, link]) assert.match(await fails(t, folder, { path: name }), /is not a socket/);
    assert.equal(readFileSync(file, 'utf8'), 'precious');
    assert.ok(lstatSync(link).isSymbolicLink());
    const toLive = path.join(folder, 'live');
    symlinkSync(sidecar.socket, toLive);
    assert.match(await fails(t, folder, { path: toLive }), /is not a socket/);
    const open = folderFor(t);
    chmodSync(open, 0o777);
    assert.match(await fails(t, open, { path: path.join(open, 'r.sock') }), /sticky/);
  });

  test('lets in no user but those that are allowed', async (t) => {
    const stranger = await sidecarFor(t, { unixSocket: { path: path.join(folderFor(t), 'r.sock'), allowedUids: [4_242_424] } });
    const socket = net.connect(JSON.parse(readFileSync(stranger.file, 'utf8')).unixSocket.path);
    await new Promise((done) => socket.once('close', done).on('error', () => {}));
    await until('the log to say why', () => stranger.process.output.includes('unixSocket.allowedUids'));
  });
});
