// Several users on one Unix socket: php-fpm pools of their own, one of which runs wild.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../support/ports.mjs';
import { needs } from '../support/tools.mjs';
import { until, within } from '../support/wait.mjs';
import { Client, sidecarFor } from './support.mjs';

const PROGRAM = fileURLToPath(new URL('../support/publisher-as.mjs', import.meta.url));
/** Users that need no name: the kernel's word is a number. */
const [GREEDY, GOOD, THIRD] = [61_001, 61_002, 61_003];
/** `rustecho.timeout_ms`: longer no request waits for a receipt. */
const TIMEOUT_MS = 50;
const root = process.getuid() === 0 ? {} : { skip: 'skipped: only root can run programs as several users' };

/** A sidecar whose socket is open to everybody. */
async function openToAll(t, config) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-users-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  const sidecar = await sidecarFor(t, { unixSocket: { path: path.join(folder, 'r.sock'), mode: '0666' }, spool: false, ...config });
  sidecar.socket = path.join(folder, 'r.sock');
  return sidecar;
}

/** A program of this user; `does` tells it what to do and returns what it says. */
function publisherAs(t, sidecar, uid) {
  const child = spawn(process.execPath, [PROGRAM, sidecar.socket, String(uid)], { uid, gid: uid, cwd: '/', stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    end: () => child.kill('SIGKILL'),
    async does(what) {
      child.stdin.write(`${what}\n`);
      const said = JSON.parse((await within(`the user ${uid} to ${what}`, lines.next(), 30_000)).value);
      assert.equal(said.error, undefined);
      return said;
    },
  };
}

const counted = async (port, metric) => {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  return Number(text.split('\n').find((line) => line.startsWith(`rustecho_${metric} `)).split(' ').at(-1));
};

describe('Of several users', { ...needs('sidecar'), ...root }, () => {
  test('none can take the places of the others, who are told nothing of it', async (t) => {
    const admin = await freePort();
    const sidecar = await openToAll(t, { admin, limits: { publishers: 16 } });
    const [greedy, good, third] = [GREEDY, GOOD, THIRD].map((uid) => publisherAs(t, sidecar, uid));
    const { held, refusal } = await greedy.does('hold 20');
    assert.equal(held, 12);
    assert.ok(refusal.includes(`over limits.publishersPerUser (12): uid ${GREEDY} has 12 of 16 connections (limits.publishers)`), refusal);
    assert.equal((await good.does('publish 20')).times.length, 20);
    assert.equal((await good.does('hold 20')).held, 3);
    assert.equal((await third.does('publish 20')).times.length, 20);
    assert.equal(await counted(admin, 'over_limit_total{limit="limits.publishersPerUser"}'), 2);
    await until('the log to name key and user', () => sidecar.process.output.includes(`uid ${GREEDY} has 12 of 16`));
    assert.equal(sidecar.process.output.split('refused: over limits.publishersPerUser').length, 2, 'it is said once');
    good.end();
    greedy.end();
    await until('the places to be free', async () => (await publisherAs(t, sidecar, THIRD).does('hold 12')).held === 12);
  });

  test('one has them all where the share is set so', async (t) => {
    const sidecar = await openToAll(t, { limits: { publishers: 4, publishersPerUser: 4 } });
    const greedy = publisherAs(t, sidecar, GREEDY);
    const { held, refusal } = await greedy.does('hold 5');
    assert.equal(held, 4);
    assert.match(refusal, /over limits\.publishers \(4\)/);
  });

  test('who floods on eight connections does not keep another from its receipts', async (t) => {
    const admin = await freePort();
    const sidecar = await openToAll(t, { admin });
    const [greedy, good] = [GREEDY, GOOD].map((uid) => publisherAs(t, sidecar, uid));
    const listener = await Client.open(sidecar);
    t.after(() => listener.close());
    listener.subscribe('orders');
    await greedy.does('flood 8');
    await until('the flood', async () => await counted(admin, 'publishes_total{source="unix",result="accepted"}') > 10_000);
    const before = await counted(admin, 'publishes_total{source="unix",result="accepted"}');
    const { times, refusal } = await good.does('publish 300');
    assert.equal(refusal, undefined);
    const beside = await counted(admin, 'publishes_total{source="unix",result="accepted"}') - before;
    await until('the events', () => listener.heard.length === 300);
    // Three hundred in thirds: a machine that is busy with something else makes some late, a queue behind the floods all.
    const slow = [0, 100, 200].map((from) => times.slice(from, from + 100).sort((a, b) => a - b).at(-2));
    times.sort((a, b) => a - b);
    const at = (part) => times[Math.floor((times.length - 1) * part)].toFixed(1);
    t.diagnostic(`receipts beside eight floods: median ${at(0.5)} ms, of a hundred the second slowest ${at(0.98)} ms, slowest ${at(1)} ms; ${beside} events came in meanwhile`);
    assert.ok(Math.min(...slow) < TIMEOUT_MS, `of each hundred the second slowest: ${slow.map((ms) => ms.toFixed(1))} ms`);
  });
});
