// A new sidecar takes over from the one that runs: no connection is refused, no event that was accepted is lost or repeated, and
// clients come back one after the other.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { describe, test } from 'node:test';
import { io } from 'sio4';
import { KIND, Publisher, publish } from '../support/frames.mjs';
import { Process } from '../support/process.mjs';
import { SIDECAR, needs } from '../support/tools.mjs';
import { pause, until } from '../support/wait.mjs';
import { APP } from '../support/sidecar.mjs';
import { Client, sidecarFor } from './support.mjs';

const RECEIPT_AND_SPOOLABLE = 0b101;

/** Publishes numbers on `orders` until told to stop; what is not accepted waits, and is published again, as itself. */
async function publishAlways(sidecar) {
  const state = { accepted: 0, tries: 0, on: true };
  let publisher;
  const one = async (number) => {
    const id = Buffer.alloc(16);
    id.writeUInt32BE(0x7e57, 0);
    id.writeUInt32BE(number, 12);
    publisher ??= await Publisher.connect(sidecar.socket);
    publisher.write(publish({ channels: ['orders'], event: 'N', json: String(number), id, flags: RECEIPT_AND_SPOOLABLE }));
    await until('an answer', () => publisher.closed || publisher.read.length >= 8);
    return publisher.read.length >= 8 && (await publisher.next()).kind === KIND.receipt;
  };
  state.done = (async () => {
    for (let number = 1; state.on; number += 1) {
      for (;;) {
        state.tries += 1;
        const accepted = await one(number).catch(() => false);
        if (accepted) break;
        // A connection that was told to wait is told so again: the next one may not be.
        publisher?.end();
        publisher = undefined;
        await pause(5);
      }
      state.accepted = number;
      await pause(1);
    }
    publisher?.end();
  })();
  return state;
}

/** Opens connections one after another until told to stop, each with one request; counts those that were not answered. */
function connectAlways(sidecar) {
  const state = { answered: 0, refused: [], on: true };
  const one = () => new Promise((done) => {
    let answer = '';
    const socket = net.connect(sidecar.port, '127.0.0.1', () => socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'));
    socket.on('data', (bytes) => { answer += bytes; });
    socket.on('error', (error) => { answer = error.code; });
    socket.on('close', () => done(answer));
  });
  const lane = async () => {
    while (state.on) {
      const answer = await one();
      if (answer.startsWith('HTTP/1.1 200')) state.answered += 1;
      else state.refused.push(answer);
    }
  };
  state.done = Promise.all([lane(), lane(), lane()]);
  return state;
}

/** Publishes numbers on `orders` by HTTP until told to stop, each on a connection of its own; every one has to be taken. */
function postAlways(sidecar) {
  const state = { accepted: 0, slowest: 0, on: true };
  const one = (number) => new Promise((done, fail) => {
    const body = JSON.stringify({ channel: 'orders', name: 'N', data: JSON.stringify(number) });
    const headers = { authorization: `Bearer ${APP.key}`, 'content-type': 'application/json' };
    const request = http.request(`${sidecar.url}/apps/${APP.appId}/events`, { method: 'POST', agent: false, headers }, (response) => {
      response.resume().on('end', () => done(response.statusCode));
    });
    request.on('error', fail).end(body);
  });
  state.done = (async () => {
    for (let number = 1; state.on; number += 1) {
      const begun = Date.now();
      assert.equal(await one(number), 200);
      state.slowest = Math.max(state.slowest, Date.now() - begun);
      state.accepted = number;
      await pause(2);
    }
  })();
  return state;
}

/** Opens a port and a Unix socket, and starts and stops children that get them, by the lines of its input. */
const PARENT = `
  use strict; use IO::Socket::INET; use IO::Socket::UNIX; use POSIX (); $| = 1; $^F = 10;
  my ($port, $path, @command) = @ARGV;
  my $tcp = IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $port, Listen => 128, ReuseAddr => 1) or die $!;
  my $unix = IO::Socket::UNIX->new(Local => $path, Listen => 128) or die $!;
  my $child;
  while (my $line = <STDIN>) {
    if ($line =~ /start/) {
      unless ($child = fork) {
        my ($a, $b) = map { POSIX::dup2(fileno($_->[0]), $_->[1]); $_->[1] } [$tcp, 13], [$unix, 14];
        POSIX::dup2(13, 3); POSIX::dup2(14, 4); POSIX::close(13); POSIX::close(14);
        $ENV{LISTEN_FDS} = 2; $ENV{LISTEN_PID} = $$; exec @command;
      }
    } else { kill "TERM", $child; waitpid $child, 0; print "ended with ", $? >> 8, "\\n"; }
  }
`;

function subscriber(sidecar, options = { reconnectionDelay: 50, reconnectionDelayMax: 200 }) {
  const socket = io(sidecar.url, { transports: ['websocket'], ...options });
  const state = { socket, got: [], lost: undefined, close: () => socket.close() };
  socket.on('connect', () => socket.recovered || socket.emit('subscribe', { channel: 'orders' }));
  socket.on('disconnect', () => { state.lost ??= Date.now(); });
  socket.on('N', (channel, number) => state.got.push(number));
  return state;
}

describe('A new sidecar', needs('sidecar', 'perl'), () => {
  test('takes over the port and the socket under load: nobody is refused, nothing is lost', async (t) => {
    const settings = { reusePort: true, graceMs: 3_000, spool: { settleMs: 3_000 } };
    const sidecar = await sidecarFor(t, settings);
    const subscribers = Array.from({ length: 60 }, () => subscriber(sidecar));
    t.after(() => subscribers.forEach((one) => one.close()));
    await until('all subscribers', async () => await sidecar.subscribers('orders') === subscribers.length);
    const [publishing, connecting] = [await publishAlways(sidecar), connectAlways(sidecar)];
    await until('the first events', () => publishing.accepted > 20);

    let running = sidecar.process;
    for (let round = 1; round <= 2; round += 1) {
      const began = Date.now();
      const next = new Process('the next sidecar', SIDECAR, ['start', `--config=${sidecar.file}`, '--force'], { cwd: sidecar.folder });
      t.after(() => next.stop('SIGKILL'));
      const { code } = await running.exit;
      assert.equal(code, 0, running.output);
      assert.ok(Date.now() - began < 6_000, `the first took ${Date.now() - began} ms to end`);
      const before = publishing.accepted;
      await until('events by the next sidecar', () => publishing.accepted > before + 20, 10_000);
      running = next;
    }
    publishing.on = connecting.on = false;
    await Promise.all([publishing.done, connecting.done]);
    await until('the last event', () => subscribers.every(({ got }) => got.at(-1) === publishing.accepted));
    t.diagnostic(`${publishing.accepted} events in ${publishing.tries} tries, ${connecting.answered} connections answered, ${connecting.refused.length} refused`);

    assert.deepEqual(connecting.refused, []);
    const all = Array.from({ length: publishing.accepted }, (_, at) => at + 1);
    for (const { got } of subscribers) assert.deepEqual(got, all);
    const times = subscribers.map(({ lost }) => lost).sort((a, b) => a - b);
    assert.ok(times.at(-1) - times[0] > 600, `all were cut off within ${times.at(-1) - times[0]} ms`);
    assert.equal(running.ended, undefined);
  });

  test('goes on with the sessions of the one before, and an event by HTTP meanwhile is heard once and in order', async (t) => {
    const sidecar = await sidecarFor(t, { reusePort: true, graceMs: 5_000 });
    const pages = [subscriber(sidecar, {}), subscriber(sidecar, { transports: ['polling'] }), subscriber(sidecar)];
    t.after(() => pages.forEach((page) => page.close()));
    await until('all pages', async () => await sidecar.subscribers('orders') === pages.length);
    const ids = pages.map(({ socket }) => socket.id);
    const publishing = postAlways(sidecar);
    await until('the first events', () => publishing.accepted > 20);

    let running = sidecar.process;
    for (let round = 1; round <= 2; round += 1) {
      pages.forEach((page) => { page.lost = undefined; });
      const next = new Process('the next sidecar', SIDECAR, ['start', `--config=${sidecar.file}`, '--force'], { cwd: sidecar.folder });
      t.after(() => next.stop('SIGKILL'));
      assert.equal((await running.exit).code, 0, running.output);
      await until('all pages to be back', () => pages.every(({ lost, socket }) => lost && socket.connected));
      assert.deepEqual(pages.map(({ socket }) => socket.recovered), [true, true, true], next.output);
      const before = publishing.accepted;
      await until('events by the next sidecar', () => publishing.accepted > before + 20);
      running = next;
    }
    publishing.on = false;
    await publishing.done;
    await until('the last event', () => pages.every(({ got }) => got.at(-1) === publishing.accepted));
    t.diagnostic(`${publishing.accepted} events by HTTP; the slowest was answered after ${publishing.slowest} ms`);
    const all = Array.from({ length: publishing.accepted }, (_, at) => at + 1);
    for (const { got } of pages) assert.deepEqual(got, all);
    assert.deepEqual(pages.map(({ socket }) => socket.id), ids);
  });

  test('that cannot start changes nothing for the one that runs', async (t) => {
    const busy = net.createServer().listen(0, '127.0.0.1');
    t.after(() => busy.close());
    await once(busy, 'listening');
    const sidecar = await sidecarFor(t, { reusePort: true, graceMs: 2_000 });
    const page = await Client.open(sidecar);
    t.after(() => page.close());
    page.subscribe('orders');
    await until('the subscription', async () => await sidecar.subscribers('orders') === 1);
    const there = () => ({
      files: readdirSync(sidecar.folder), socket: statSync(sidecar.socket).ino, lock: readFileSync(path.join(sidecar.folder, 'rustecho.lock'), 'utf8'),
    });
    const [before, settings] = [there(), readFileSync(sidecar.file, 'utf8')];
    for (const [name, wrong, says] of [
      ['Port', { admin: { port: busy.address().port } }, /admin\.port: cannot listen/],
      ['Store', { database: 'sqlite', databaseConfig: { sqlite: { databasePath: '/rustecho.json/lists.sqlite' } } }, /databaseConfig\.sqlite\.databasePath/],
    ]) {
      writeFileSync(sidecar.file, JSON.stringify({ ...JSON.parse(settings), ...wrong }));
      const next = new Process('the next sidecar', SIDECAR, ['start', `--config=${sidecar.file}`, '--force'], { cwd: sidecar.folder });
      t.after(() => next.stop('SIGKILL'));
      assert.notEqual((await next.exit).code, 0, next.output);
      assert.match(next.output, says);
      assert.deepEqual(there(), before);
      const publisher = await Publisher.connect(sidecar.socket);
      publisher.write(publish({ channels: ['orders'], event: name, json: '1', id: Buffer.alloc(16, name) }));
      await page.hears(name);
      publisher.end();
    }
    writeFileSync(sidecar.file, settings);
    const stop = new Process('stop', SIDECAR, ['stop', `--config=${sidecar.file}`], { cwd: sidecar.folder });
    assert.equal((await stop.exit).code, 0, stop.output);
    assert.equal((await sidecar.process.exit).code, 0, sidecar.process.output);
  });

  test('that systemd starts anew answers who came while there was none', async (t) => {
    const first = await sidecarFor(t, {});
    await first.stop();
    // What systemd does: it has the sockets, and each sidecar gets them as descriptors 3 and 4.
    const parent = new Process('the parent', 'perl', ['-e', PARENT, String(first.port), first.socket, SIDECAR, 'start', `--config=${first.file}`], {
      cwd: first.folder, stdio: ['pipe', 'pipe', 'pipe'],
    });
    t.after(() => parent.stop('SIGKILL'));
    const said = (what) => parent.output.split(what).length - 1;
    const start = async (times) => {
      parent.child.stdin.write('start\n');
      await until('a sidecar to be ready', () => said('Server ready!') === times);
    };
    const stop = async (times) => {
      parent.child.stdin.write('stop\n');
      await until('the sidecar to end with status 0', () => said('ended with 0') === times);
    };
    await start(1);
    const page = await Client.open(first);
    page.subscribe('orders');
    await until('the subscription', async () => await first.subscribers('orders') === 1);
    const publisher = await Publisher.connect(first.socket);
    publisher.write(publish({ channels: ['orders'], event: 'N', json: '1' }));
    assert.equal((await publisher.next()).kind, KIND.receipt);
    await stop(1);
    const waiting = fetch(`${first.url}/`);
    const patient = await Publisher.connect(first.socket);
    patient.write(publish({ channels: ['orders'], event: 'N', json: '2', id: Buffer.alloc(16, 9) }));
    await start(2);
    assert.equal((await waiting).status, 200);
    assert.equal((await patient.next()).kind, KIND.receipt);
    await stop(2);
  });

  test('that is handed more sockets than it serves names those on which nobody would be answered', async (t) => {
    const first = await sidecarFor(t, { unixSocket: false });
    await first.stop();
    const code = `
      use strict; use IO::Socket::INET; use POSIX (); $^F = 10;
      my @sockets = map { IO::Socket::INET->new(LocalAddr => "127.0.0.1", LocalPort => $_, Listen => 8, ReuseAddr => 1) or die $! } (shift, 0);
      my $surplus = $sockets[1]->sockport; print "surplus $surplus\n"; STDOUT->flush;
      POSIX::dup2(fileno($sockets[$_]), 13 + $_) for 0, 1; POSIX::dup2(13, 3); POSIX::dup2(14, 4);
      POSIX::close($_) for 13, 14; $ENV{LISTEN_FDS} = 2; $ENV{LISTEN_PID} = $$; exec @ARGV;`;
    const heir = new Process('the heir', 'perl', ['-MIO::Handle', '-e', code, String(first.port), SIDECAR, 'start', `--config=${first.file}`], { cwd: first.folder });
    t.after(() => heir.stop('SIGKILL'));
    await until('it to be ready', () => heir.output.includes('Server ready!'));
    const [, surplus] = heir.output.match(/surplus (\d+)/);
    assert.match(heir.output, new RegExp(`127\\.0\\.0\\.1:${surplus}.*nobody serves this socket|nobody serves this socket.*127\\.0\\.0\\.1:${surplus}`));
    assert.equal((await fetch(`${first.url}/`)).status, 200);
  });
});
