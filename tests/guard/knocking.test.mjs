// Connections that are no session: whoever opens many and says little does not take everybody's descriptors.

import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, test } from 'node:test';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, sidecarFor } from './support.mjs';

const [PER_IP, BESIDE] = [4, 6];

describe('Connections that ask for nothing', needs('sidecar'), () => {
  test('are bounded by address, told which bound it is, and counted; and who polls or has a websocket has room', async (t) => {
    const sidecar = await sidecarFor(t, { limits: { connectionsPerIp: PER_IP } });
    const sockets = Array.from({ length: 3 * PER_IP + BESIDE }, () => {
      const socket = net.connect(sidecar.port, '127.0.0.1');
      socket.said = '';
      socket.on('data', (data) => { socket.said += data; });
      socket.on('close', () => { socket.gone = true; });
      socket.on('error', () => {});
      socket.on('connect', () => socket.write('GET /socket.io/ HTTP/1.1\r\n'));
      return socket;
    });
    t.after(() => sockets.forEach((socket) => socket.destroy()));
    await until('those over the bound to be gone', () => sockets.filter((socket) => socket.gone).length >= PER_IP);
    const refused = sockets.filter((socket) => socket.gone);
    assert.equal(refused.length, PER_IP, 'two for each session, and a few besides');
    assert.match(refused[0].said, new RegExp(`^HTTP/1.1 503 [^]*over limits.connectionsPerIp \\(${PER_IP}\\)$`));

    sockets.forEach((socket) => socket.destroy());
    // Websockets are counted as sessions alone: a page may have all of them, and ask for other things.
    let clients = [];
    await until('room for websockets', async () => {
      const open = await Promise.allSettled(Array.from({ length: PER_IP - clients.length }, () => Client.open(sidecar)));
      clients = [...clients, ...open.filter((one) => one.status === 'fulfilled').map((one) => one.value)];
      return clients.length === PER_IP;
    });
    t.after(() => clients.forEach((client) => client.close()));
    for (let n = 0; n < BESIDE; n += 1) assert.equal((await fetch(`${sidecar.url}/`)).status, 200);
  });
});
