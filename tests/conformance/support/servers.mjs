// The servers that the cases run against, behind one face: both edges of rustecho, and socket.io from npm as the reference.
//
// All of them know the same three requests. `subscribe` and `unsubscribe` name a channel; `client event` goes to the others on
// it. What is published to a channel reaches its subscribers as `[event, channel, data]`.

import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { Sidecar } from '../../support/sidecar.mjs';
import { until } from './wait.mjs';

const require = createRequire(import.meta.url);

/** What each server speaks, by the Engine.IO protocol's number. Socket.IO's own protocol is one higher. */
export const SERVERS = { lean: [3, 4], socketioxide: [3, 4], 'socket.io 4': [3, 4], 'socket.io 2': [3] };
export const EDGES = ['lean', 'socketioxide'];

/** Settings of a server that cases may differ in; the defaults are Socket.IO 2's. */
const DEFAULTS = { pingInterval: 25_000, pingTimeout: 20_000, maxHttpBufferSize: 1_000_000, cookie: 'io' };

/** Starts `name` of SERVERS. The result has `name`, `url`, `port`, `publish`, `subscribers`, `alive` and `stop`. */
export function startServer(name, settings = {}) {
  const whole = { ...DEFAULTS, ...settings };
  return EDGES.includes(name) ? startRustecho(name, whole) : startReference(name, whole);
}

async function startRustecho(edge, socketio) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-conformance-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const laravel = await listen(createServer((request, response) => {
    request.resume().once('end', () => response.setHeader('content-type', 'application/json').end('{"auth":"granted"}'));
  }));
  const sidecar = await Sidecar.start(folder, { edge, socketio, authHost: laravel.url, spool: false });
  return {
    name: edge, url: sidecar.url, port: sidecar.port, pid: sidecar.process.child.pid, sidecar,
    alive: () => sidecar.process.ended === undefined,
    subscribers: (channel) => sidecar.subscribers(channel),
    async publish(channel, event, data) {
      const { status, body } = await sidecar.api('/events', {
        method: 'POST', body: JSON.stringify({ channel, name: event, data: JSON.stringify(data) }),
      });
      if (status !== 200) throw new Error(`publishing answered ${status}: ${JSON.stringify(body)}`);
    },
    connections: new Set(),
    async stop() {
      hangUp(this);
      await sidecar.stop();
      laravel.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startReference(name, { cookie, ...settings }) {
  const http = await listen(createServer());
  const old = name === 'socket.io 2';
  const connections = new Set();
  http.server.on('connection', (socket) => connections.add(socket));
  const io = old
    ? require('socketio2')(http.server, { ...settings, cookie })
    : new (require('socketio4').Server)(http.server, { ...settings, allowEIO3: true, cors: { origin: true, credentials: true } });
  io.on('connection', (socket) => {
    socket.on('subscribe', (wanted) => { socket.join(wanted.channel); });
    socket.on('unsubscribe', (wanted) => { socket.leave(wanted.channel); });
    socket.on('client event', (sent) => { socket.to(sent.channel).emit(sent.event, sent.channel, sent.data); });
    socket.on('error', () => {}); // a client that broke off
  });
  return {
    name, url: http.url, port: http.port,
    alive: () => http.server.listening,
    subscribers: async (channel) => (old ? io.sockets.adapter.rooms[channel]?.length : io.of('/').adapter.rooms.get(channel)?.size) ?? 0,
    publish: async (channel, event, data) => { io.to(channel).emit(event, channel, data); },
    connections,
    async stop() {
      const closed = new Promise((done) => { http.server.once('close', done); });
      io.close();
      hangUp(this);
      await closed;
    },
  };
}

/** Ends the connections that cases have left open, so that no stop waits for them. */
function hangUp(server) {
  server.connections.forEach((connection) => connection.destroy());
}

function listen(server) {
  return new Promise((done) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      done({ server, port, url: `http://127.0.0.1:${port}`, close: () => (server.closeAllConnections(), server.close()) });
    });
  });
}

/** Waits until `count` sockets are on the channel. */
export function subscribed(server, channel, count = 1) {
  return until(`${count} on ${channel}`, async () => (await server.subscribers(channel)) === count);
}
