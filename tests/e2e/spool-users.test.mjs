// The spool between users: php-fpm pools run as users of their own, the sidecar as another, and none of them is root.

import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { io } from 'sio4';
import { Process, run } from '../support/process.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { EXTENSION, needs, SIDECAR } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';

const WRITER = fileURLToPath(new URL('../support/spool-writer.php', import.meta.url));
const EVENTS = 200;
const root = process.getuid() === 0 ? {} : { skip: 'skipped: only root can run programs as several users' };

/** Numbers of users and groups by name, as every Debian has them. */
const number = (file, name) => readFileSync(file, 'utf8').match(new RegExp(`^${name}:[^:]*:(\\d+):`, 'm'))[1];
const uid = (name) => number('/etc/passwd', name);
const gid = (name) => number('/etc/group', name);
const as = (user, ...groups) => [
  `--reuid=${uid(user)}`, `--regid=${gid(user)}`, ...(groups.length ? [`--groups=${groups.map(gid).join()}`] : ['--clear-groups']),
];

/** How many subscriptions the next sidecar will wait for: the ledger ends with 128 counts of 8 bytes. */
const noted = (ledger) => {
  const counts = readFileSync(ledger).subarray(-8 * 128);
  return [...Array(128).keys()].reduce((sum, at) => sum + Number(counts.readBigUInt64LE(8 * at)), 0);
};

describe('the spool of several users', { ...needs('sidecar', 'extension', 'laravel', 'php', 'setpriv'), ...root }, () => {
  test('who may open the socket may spool, in either way; the sidecar drains it, nobody else can touch it', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-users-'));
    const undo = [() => rmSync(folder, { recursive: true, force: true })];
    try {
      chmodSync(folder, 0o755);
      chownSync(folder, Number(uid('daemon')), Number(gid('daemon')));
      const [binary, extension] = [path.join(folder, 'rustecho'), path.join(folder, 'librustecho.so')];
      copyFileSync(SIDECAR, binary);
      copyFileSync(EXTENSION, extension);
      const sidecar = await Sidecar.configure(folder, {
        unixSocket: { path: path.join(folder, 'rustecho.sock'), mode: '0660', group: 'www-data' }, spool: { settleMs: 60_000 },
      });
      sidecar.spawn = function spawn() {
        this.process = new Process('rustecho', 'setpriv', [...as('daemon', 'www-data'), binary, 'start', `--config=${this.file}`], {
          cwd: folder,
        });
        return this.process;
      };
      await sidecar.start();
      undo.push(() => sidecar.stop('SIGKILL'));
      const got = [];
      const socket = io(sidecar.url, { transports: ['websocket'], reconnectionDelay: 50, reconnectionDelayMax: 200 });
      undo.push(() => socket.close());
      socket.on('connect', () => socket.emit('subscribe', { channel: 'orders', auth: { headers: {} } }));
      socket.on('Shipped', (channel, data) => got.push(data));
      await until('the subscription', async () => await sidecar.subscribers('orders') === 1);
      const ledger = path.join(folder, 'spool', readdirSync(path.join(folder, 'spool'))[0]);
      await until('the subscription to be noted for the next sidecar', () => noted(ledger) === 1);
      await sidecar.stop();

      const write = (user, groups, road, name) => run('setpriv', [
        ...as(user, ...groups), 'php', ...(road === 'extension' ? ['-d', `extension=${extension}`] : []),
        WRITER, road, sidecar.socket, name, String(EVENTS),
      ], { cwd: '/' });
      const said = await Promise.all([
        write('www-data', [], 'extension', 'a'), write('www-data', [], 'php', 'b'),
        write('backup', ['www-data'], 'extension', 'c'), write('backup', ['www-data'], 'php', 'd'),
      ]);
      assert.deepEqual(said, Array(4).fill(String(EVENTS)));
      for (const road of ['extension', 'php']) {
        assert.match(await write('games', [], road, 'stranger'), /could not be spooled.*(Permission denied|no folder)/s, road);
      }
      const spool = path.join(folder, 'spool');
      assert.equal((statSync(spool).mode & 0o7777).toString(8), '3770');
      const files = readdirSync(spool).filter((name) => name.endsWith('.spool')).map((name) => path.join(spool, name));
      assert.equal(files.length, 4);
      for (const file of files) {
        const { mode, gid: group, uid: owner } = statSync(file);
        assert.deepEqual([(mode & 0o7777).toString(8), String(group)], ['640', gid('www-data')], file);
        const other = String(owner) === uid('backup') ? as('www-data') : as('backup', 'www-data');
        await assert.rejects(run('setpriv', [...other, 'rm', '-f', file]), /not permitted/, 'each file is its owner\'s');
        await assert.rejects(run('setpriv', [...other, 'sh', '-c', `echo x >> ${file}`]), /denied|create/i);
      }

      await sidecar.start();
      await until('all events', () => got.length >= 4 * EVENTS);
      for (const writer of ['a', 'b', 'c', 'd']) {
        const numbers = got.filter((event) => event.writer === writer).map((event) => event.number);
        assert.deepEqual(numbers, Array.from({ length: EVENTS }, (_, index) => index + 1), `the order of ${writer}`);
      }
      await until('an empty spool', () => !readdirSync(spool).some((name) => name.endsWith('.spool')));
    } finally {
      for (const step of undo.reverse()) await step();
    }
  });
});
