// SIGHUP: what can change comes into force at once, the rest is named, a bad file changes nothing, and nobody notices.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { KIND, Publisher, idOf, publish } from '../support/frames.mjs';
import { APP } from '../support/sidecar.mjs';
import { SIDECAR, needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, refused, sidecarFor, startLaravel } from './support.mjs';

const SAID = 'SIGHUP: ';

/** The lines that the sidecar has logged about SIGHUPs. */
const said = (sidecar) => sidecar.process.output.split('\n').filter((line) => line.includes(SAID)).map((line) => JSON.parse(line));

/** Writes another configuration, sends SIGHUP, and returns what is logged of it. */
async function reload(sidecar, text) {
  const before = said(sidecar).length;
  writeFileSync(sidecar.file, text);
  sidecar.process.child.kill('SIGHUP');
  await until('the log to say what became of it', () => said(sidecar).length > before);
  return said(sidecar).slice(before);
}

const written = (sidecar) => JSON.parse(readFileSync(sidecar.file, 'utf8'));
const change = (sidecar, config) => reload(sidecar, JSON.stringify({ ...written(sidecar), ...config }, null, 2));

describe('SIGHUP', needs('sidecar'), () => {
  test('brings into force what can change, names it and what needs a restart, and nobody is cut off', async (t) => {
    const [old, next] = [await startLaravel(t), await startLaravel(t)];
    const sidecar = await sidecarFor(t, { authHost: old.url, limits: { connections: 50 }, admin: false });
    const page = await Client.open(sidecar, { Cookie: 'user=1' });
    t.after(() => page.close());
    page.subscribe('private-old');
    await until('the old Laravel to be asked', () => old.asked.length === 1);

    const client = { appId: 'another', key: 'key-of-another' };
    const [all] = await change(sidecar, {
      authHost: next.url,
      authHeaders: ['X-New'],
      clients: [APP, client],
      originPolicy: 'strict',
      limits: { connections: 2, whisperBytes: 5, subscriptionsPerSocket: 3 },
      graceMs: 1_234,
      port: 1,
      socketio: { pingInterval: 9_000 },
    });
    assert.equal(all.applied, [
      'authHost', 'authHeaders', 'originPolicy', 'clients', 'graceMs', 'limits.connections', 'limits.subscriptionsPerSocket', 'limits.whisperBytes',
    ].join(', '));
    assert.equal(all.needs_restart, 'port, socketio.pingInterval');
    assert.equal(all.level, 'WARN');

    page.subscribe('private-new', { 'X-New': '1', 'X-CSRF-TOKEN': 'not on the list any more' });
    await until('the new Laravel to be asked', () => next.asked.length === 1);
    assert.deepEqual([next.asked[0].headers['x-new'], next.asked[0].headers['x-csrf-token'], old.asked.length], ['1', undefined, 1]);
    assert.equal((await refused(sidecar, { Origin: 'https://evil.test' })).status, 403);
    const second = await Client.open(sidecar);
    t.after(() => second.close());
    assert.match((await refused(sidecar)).body, /over limits\.connections \(2\)/);
    for (const channel of ['open', 'one-too-many']) page.subscribe(channel);
    assert.deepEqual((await page.hears('subscription_error')).slice(1, 4), ['one-too-many', 429, 'over limits.subscriptionsPerSocket (3)']);
    assert.equal((await fetch(`${sidecar.url}/apps/another/channels?auth_key=${client.key}`)).status, 200);
    page.emit('client event', { channel: 'private-old', event: 'client-x', data: 'too large' });
    assert.match((await page.hears('rustecho:error'))[1].message, /whisperBytes \(5\)/);
    assert.equal(page.closed, false);
    const { code } = await sidecar.stop();
    assert.equal(code, 0);
    assert.match(sidecar.process.output, /"grace_ms":1234/);
  });

  test('with a configuration that cannot be used changes nothing, and says where it is wrong', async (t) => {
    const sidecar = await sidecarFor(t, { admin: false });
    const good = readFileSync(sidecar.file, 'utf8');
    const another = { ...written(sidecar), clients: [{ appId: 'another', key: 'k' }], limits: {} };
    const bad = JSON.stringify(another, null, 2).replace('"limits": {}', '"limits": {\n    "connections": -1\n  }');
    const line = bad.split('\n').findIndex((text) => text.includes('"connections"')) + 1;
    for (const [text, reason] of [
      [bad, `rustecho.json:${line}: limits.connections is -1; expected a whole number`],
      [good.replace('"port"', 'port'), 'rustecho.json:3:3: not valid JSON'],
    ]) {
      const [only, ...more] = await reload(sidecar, text);
      assert.deepEqual(more, []);
      assert.equal(only.level, 'ERROR');
      assert.ok(only.error.includes(reason), only.error);
      assert.equal((await sidecar.api('/channels')).status, 200, 'the key of before');
      assert.equal((await fetch(`${sidecar.url}/apps/another/channels?auth_key=k`)).status, 403);
    }
    const [again] = await change(Object.assign(sidecar, writeFileSync(sidecar.file, good)), { graceMs: 5 });
    assert.equal(again.applied, 'graceMs');
  });

  test('again and again loses no event, and makes the log speak as it is told', async (t) => {
    const sidecar = await sidecarFor(t, { admin: false });
    const page = await Client.open(sidecar);
    t.after(() => page.close());
    page.subscribe('orders');
    await until('the subscription', async () => await sidecar.subscribers('orders') === 1);
    const publisher = await Publisher.connect(sidecar.socket);
    t.after(() => publisher.end());
    let [number, on] = [0, true];
    const publishing = (async () => {
      while (on) {
        number += 1;
        publisher.write(publish({ channels: ['orders'], event: 'N', json: String(number), id: idOf(number) }));
        assert.equal((await publisher.next()).kind, KIND.receipt);
      }
    })();
    for (let round = 0; round < 20; round += 1) {
      await change(sidecar, { coalesceMs: round % 2 ? 0 : 10, limits: { dataBytes: 1_000 + round }, recovery: { seconds: 60 + round } });
    }
    on = false;
    await publishing;
    await until('the last event', () => page.heard.filter(([name]) => name === 'N').at(-1)?.[2] === number);
    assert.deepEqual(page.heard.filter(([name]) => name === 'N').map(([, , sent]) => sent), Array.from({ length: number }, (_, at) => at + 1));

    const debugged = () => sidecar.process.output.split('"level":"DEBUG"').length - 1;
    assert.equal(debugged(), 0);
    await change(sidecar, { logLevel: 'debug' });
    (await Client.open(sidecar)).close();
    await until('the log to tell more', () => debugged() > 0);
  });

  test('in allowedUids counts for the next publisher', async (t) => {
    const sidecar = await sidecarFor(t, { admin: false });
    const { unixSocket } = written(sidecar);
    await change(sidecar, { unixSocket: { ...unixSocket, allowedUids: [4_242_424] } });
    const stranger = await Publisher.connect(sidecar.socket);
    await stranger.untilClosed();
    await until('the log to say why', () => sidecar.process.output.includes('unixSocket.allowedUids'));
    await change(sidecar, { unixSocket });
    const publisher = await Publisher.connect(sidecar.socket);
    publisher.write(publish({ channels: ['orders'], event: 'N', json: '1' }));
    assert.equal((await publisher.next()).kind, KIND.receipt);
    publisher.end();
  });

  test('because its terminal has gone ends it', needs('script'), async (t) => {
    const sidecar = await sidecarFor(t, { admin: false });
    await sidecar.stop();
    const terminal = spawn('script', ['-qec', `${SIDECAR} start --config=${sidecar.file}`, '/dev/null'], {
      cwd: sidecar.folder, stdio: ['pipe', 'ignore', 'ignore'],
    });
    t.after(() => terminal.kill('SIGKILL'));
    const answers = () => fetch(sidecar.url).then(() => true, () => false);
    await until('the sidecar to answer', answers);
    terminal.kill('SIGKILL');
    await until('the sidecar to end', async () => !await answers());
  });
});
