// broadcast.mjs    the time from broadcast() in PHP to the callback of laravel-echo in node, for one subscriber
//
// PHP's hrtime() and node's show the same clock of the kernel. RUSTECHO_BINARY and RUSTECHO_EXTENSION say what is measured;
// the argument is the folder for broadcast.json.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import Echo from 'laravel-echo';
import io2 from 'sio2';
import { io as io4 } from 'sio4';

const COUNT = 500;
const WARM_UP = 50;
const HERE = import.meta.dirname;
const { RUSTECHO_BINARY, RUSTECHO_EXTENSION } = process.env;
const oldServer = createRequire(import.meta.url).resolve('laravel-echo-server/bin/server.js');

const ROADS = [
  { road: 'extension to rustecho', connection: 'extension', server: 'rustecho' },
  { road: 'pure PHP to rustecho', connection: 'php', server: 'rustecho' },
  { road: 'Redis to rustecho', connection: 'redis', server: 'rustecho' },
  { road: 'Redis to laravel-echo-server', connection: 'redis', server: 'laravel-echo-server' },
];

const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-bench-'));
const running = [];

function start(command, args, cwd = folder) {
  const child = spawn(command, args, { cwd, stdio: 'ignore' });
  running.push(child);
  return child;
}

async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

async function answers(port) {
  const deadline = Date.now() + 20_000;
  while (Date.now() < deadline) {
    const socket = net.connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    } finally {
      socket.destroy();
    }
  }
  throw new Error(`nothing listens on port ${port}`);
}

async function serve(server, redis) {
  const port = await freePort();
  const here = path.join(folder, server);
  mkdirSync(here);
  const socket = path.join(here, 'rustecho.sock');
  const file = path.join(here, `${server}.json`);
  writeFileSync(file, JSON.stringify({
    host: '127.0.0.1', port, subscribers: { redis: true, http: true },
    databaseConfig: { redis: { host: '127.0.0.1', port: redis } },
    ...(server === 'rustecho' ? { unixSocket: { path: socket } } : { database: 'redis' }),
  }));
  const [command, ...before] = server === 'rustecho' ? [RUSTECHO_BINARY] : [process.execPath, oldServer];
  start(command, [...before, 'start', '--config', file], here);
  await answers(port);
  return { url: `http://127.0.0.1:${port}`, socket };
}

/** An Echo whose subscription has been shown to stand by the first event that it hears. */
function listen(url, client, heard) {
  const echo = new Echo({ broadcaster: 'socket.io', client, host: url, transports: ['websocket'], forceNew: true });
  echo.channel('bench').listen('.Sent', ({ at }) => heard.push(Number(process.hrtime.bigint() - BigInt(at))));
  return echo;
}

function publish(connection, count, socket, redis) {
  const args = connection === 'extension' ? ['-d', `extension=${RUSTECHO_EXTENSION}`] : [];
  const app = mkdtempSync(path.join(folder, 'app-'));
  const php = spawn('php', [...args, path.join(HERE, 'broadcast.php'), app, connection, String(count)], {
    env: { ...process.env, RUSTECHO_SOCKET: socket, REDIS_PORT: String(redis) }, stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  php.stdout.on('data', (data) => { output += data; });
  return once(php, 'close').then(([status]) => {
    if (status !== 0) throw new Error(`broadcast.php ended with ${status}: ${output}`);
    return JSON.parse(output);
  });
}

async function until(what, condition) {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const quantile = (values, q) => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) * q)] / 1000;

async function measure({ road, connection, server }, servers, redis) {
  const { url, socket } = servers[server];
  const heard = [];
  const echo = listen(url, server === 'rustecho' ? io4 : io2, heard);
  while (heard.length === 0) await publish(connection, 5, socket, redis);
  heard.length = 0;
  const calls = (await publish(connection, COUNT + WARM_UP, socket, redis)).slice(WARM_UP);
  await until(`${COUNT + WARM_UP} events by ${road}`, () => heard.length >= COUNT + WARM_UP);
  echo.disconnect();
  const measured = heard.slice(WARM_UP);
  return {
    road, events: measured.length, median_us: quantile(measured, 0.5), p99_us: quantile(measured, 0.99),
    call_median_us: quantile(calls, 0.5),
  };
}

try {
  const redis = await freePort();
  start('redis-server', ['--port', String(redis), '--bind', '127.0.0.1', '--save', '']);
  await answers(redis);
  const servers = { rustecho: await serve('rustecho', redis), 'laravel-echo-server': await serve('laravel-echo-server', redis) };
  const results = [];
  for (const road of ROADS) {
    if (road.connection === 'extension' && !RUSTECHO_EXTENSION) {
      console.log('skipped: the extension is not built (make build-ext)');
      continue;
    }
    results.push(await measure(road, servers, redis));
  }
  writeFileSync(path.join(process.argv[2], 'broadcast.json'), `${JSON.stringify(results, null, 2)}\n`);
  console.log('broadcast() in PHP to the callback in the client, one subscriber\n');
  console.log('| road | events | median µs | p99 µs | the call alone, µs |\n|---|---|---|---|---|');
  for (const { road, events, ...us } of results) {
    console.log(`| ${road} | ${events} | ${us.median_us.toFixed(0)} | ${us.p99_us.toFixed(0)} | ${us.call_median_us.toFixed(0)} |`);
  }
} finally {
  for (const child of running.reverse()) {
    child.kill();
    if (child.exitCode === null) await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
}
