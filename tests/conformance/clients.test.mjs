// The clients that people have: socket.io-client 1.7, 2.5, 3.1 and 4.8, by every way they connect, on both edges.

import assert from 'node:assert/strict';
import net from 'node:net';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { needs } from '../support/tools.mjs';
import { until, within } from './support/wait.mjs';
import { EDGES, startServer, subscribed } from './support/servers.mjs';
import { unique } from './support/suite.mjs';

const require = createRequire(import.meta.url);
const CLIENTS = Object.fromEntries(['sio1', 'sio2', 'sio3', 'sio4'].map((name) => {
  const { version } = require(`../node_modules/${name}/package.json`);
  return [version, { io: require(name).io ?? require(name), old: /^[12]\./.test(version) }];
}));
const WAYS = { polling: ['polling'], websocket: ['websocket'], 'an upgrade': ['polling', 'websocket'] };
const LARGE = 'ü€𝄞'.repeat(30_000);

/** Passes bytes to a port until it is told to cut what it has. */
async function proxy(port) {
  const open = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.on('close', () => (open.delete(one), other.destroy())).on('error', () => {});
      one.pipe(other);
    }
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  const cut = () => open.forEach((socket) => socket.resetAndDestroy());
  return { url: `http://127.0.0.1:${server.address().port}`, cut, stop: () => (server.close(), cut()) };
}

for (const edge of EDGES) {
  describe(`clients on ${edge}`, { concurrency: 4, ...needs('sidecar') }, () => {
    const running = {};
    // socket.io-client 1.x and 2.x do not ping faster than the server says: short intervals show heartbeats of every version
    before(async () => { running.server = await startServer(edge, { pingInterval: 400, pingTimeout: 10_000 }); });
    after(() => running.server?.stop());

    for (const [version, { io, old }] of Object.entries(CLIENTS)) {
      for (const [way, transports] of Object.entries(WAYS)) {
        /** A connected client that notes what it hears. */
        const visit = async (t, url = running.server.url) => {
          const socket = io(url, { transports, forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 50 });
          t.after(() => socket.close());
          const heard = [];
          for (const name of ['Note', 'client-note']) socket.on(name, (channel, data) => heard.push({ name, channel, data }));
          await until('the client to be connected', () => socket.connected);
          await until(`the transport ${transports.at(-1)}`, () => socket.io.engine.transport.name === transports.at(-1));
          const hears = async (count) => {
            await until(`${count} events`, () => heard.length >= count);
            return heard.splice(0, count);
          };
          return { socket, hears };
        };

        describe(`socket.io-client ${version} by ${way}`, () => {
          test('hears events once and in order, whatever their size', async (t) => {
            const { server } = running;
            const { socket, hears } = await visit(t);
            const channel = unique('open');
            socket.emit('subscribe', { channel });
            await subscribed(server, channel);
            // the text bodies of socket.io-client 1.x are coded twice: no server understands more than ASCII in them
            const ascii = version.startsWith('1.') && way === 'polling';
            const notes = [0, 1, 2, ...(ascii ? ['x'.repeat(300_000)] : [{ text: 'ä€𝄞\u2028' }, LARGE]), 5];
            for (const note of notes) await server.publish(channel, 'Note', note);
            assert.deepEqual((await hears(notes.length)).map(({ data }) => data), notes);
          });

          test('stays over many heartbeats', async (t) => {
            const { server } = running;
            const { socket, hears } = await visit(t);
            const channel = unique('open');
            socket.emit('subscribe', { channel });
            await subscribed(server, channel);
            let left;
            socket.on('disconnect', (reason) => { left = reason; });
            let beats = 0;
            // before 3.0 the client pings and the server answers, since then it is the other way round
            socket.io.engine.on('packet', ({ type }) => { beats += type === (old ? 'pong' : 'ping') ? 1 : 0; });
            await until('four heartbeats', () => beats >= 4);
            await server.publish(channel, 'Note', 1);
            await hears(1);
            assert.equal(left, undefined);
          });

          if (edge === 'lean') {
            test('sends bytes to another and hears them', async (t) => {
              const { server } = running;
              const [one, other] = [await visit(t), await visit(t)];
              const channel = unique('private-bytes');
              for (const { socket } of [one, other]) socket.emit('subscribe', { channel });
              await subscribed(server, channel, 2);
              const data = { list: [Buffer.from([0, 255]), Buffer.alloc(3_000, 7)], text: 'plain' };
              one.socket.emit('client event', { channel, event: 'client-note', data });
              const [heard] = await other.hears(1);
              assert.deepEqual(heard.data, data);
              other.socket.emit('client event', { channel, event: 'client-note', data: heard.data });
              assert.deepEqual((await one.hears(1))[0].data, data);
            });
          }

          test('leaves at once, and comes back as somebody else', async (t) => {
            const { server } = running;
            const { socket } = await visit(t);
            const channel = unique('open');
            socket.emit('subscribe', { channel });
            await subscribed(server, channel);
            const { id } = socket;
            socket.disconnect();
            await subscribed(server, channel, 0);
            socket.connect();
            await until('the client to be back', () => socket.connected);
            assert.notEqual(socket.id, id);
          });

          test('comes back when its connections are cut', async (t) => {
            const between = await proxy(running.server.port);
            t.after(between.stop);
            const { socket } = await visit(t, between.url);
            // a polling client has none at times
            const cutting = setInterval(between.cut, 20);
            t.after(() => clearInterval(cutting));
            const back = new Promise((done) => {
              socket.once('disconnect', () => (clearInterval(cutting), socket.once('connect', done)));
            });
            await within('the client to come back', back);
          });

          test('is told that a namespace does not exist', async (t) => {
            const { server } = running;
            const stranger = io(`${server.url}/nope`, { transports, forceNew: true, reconnection: false });
            t.after(() => stranger.close());
            const refused = new Promise((done) => { stranger.on(old ? 'error' : 'connect_error', done); });
            assert.match(String((await within('the refusal', refused)).message ?? await refused), /Invalid namespace/);
          });
        });
      }
    }
  });
}
