// What these tests share: sidecars in folders of their own, bare Socket.IO clients, and a stand-in for Laravel that counts.

import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import os from 'node:os';
import path from 'node:path';
import WebSocketClient from 'ws';
import { Sidecar } from '../support/sidecar.mjs';
import { pause, until } from '../support/wait.mjs';

/** A sidecar for one test; ends with it. */
export async function sidecarFor(t, config = {}) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-guard-'));
  const sidecar = await Sidecar.configure(folder, config);
  t.after(async () => {
    await sidecar.process?.stop('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  return sidecar.start();
}

/** An auth endpoint that consents after `delayMs`, notes what it was asked, and how much at one time. */
export async function startLaravel(t, { delayMs = 0, answer = () => 'true' } = {}) {
  const laravel = { asked: [], atOnce: 0, most: 0 };
  const server = http.createServer({ maxHeaderSize: 131_072 }, async (request, response) => {
    laravel.atOnce += 1;
    laravel.most = Math.max(laravel.most, laravel.atOnce);
    let body = '';
    for await (const piece of request) body += piece;
    const channel = new URLSearchParams(body).get('channel_name');
    laravel.asked.push({ channel, headers: request.headers });
    if (delayMs) await pause(delayMs);
    laravel.atOnce -= 1;
    response.end(answer(channel, request));
  });
  server.keepAliveTimeout = 60_000;
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  t.after(() => { server.closeAllConnections(); server.close(); });
  laravel.url = `http://127.0.0.1:${server.address().port}`;
  return laravel;
}

/** A bare Socket.IO 5 client on a websocket; `heard` has its events as `[name, ...arguments]`. */
export class Client {
  static async open(sidecar, headers = {}) {
    const client = new Client();
    Object.assign(client, { heard: [], closed: false });
    client.socket = new WebSocketClient(`${sidecar.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`, { headers });
    client.socket.on('close', () => { client.closed = true; });
    client.socket.on('message', (message) => client.#read(message.toString()));
    await new Promise((done, fail) => {
      client.socket.once('unexpected-response', async (_, response) => {
        let body = '';
        for await (const piece of response) body += piece;
        fail(Object.assign(new Error(`status ${response.statusCode}: ${body}`), { status: response.statusCode, body }));
      });
      client.socket.once('error', fail);
      client.joined = done;
    });
    client.socket.on('error', () => {});
    return client;
  }

  #read(text) {
    if (text.startsWith('0')) this.socket.send('40');
    else if (text === '2') this.socket.send('3');
    else if (text.startsWith('40')) this.#joined(JSON.parse(text.slice(2)));
    else if (text.startsWith('42')) this.heard.push(JSON.parse(text.slice(2)));
  }

  #joined({ sid }) {
    this.id = sid;
    this.joined();
  }

  emit(...event) {
    this.socket.send(`42${JSON.stringify(event)}`);
  }

  subscribe(channel, headers = {}) {
    this.emit('subscribe', { channel, auth: { headers } });
  }

  hears(name, deadlineMs) {
    return until(`the event ${name}`, () => this.heard.find(([event]) => event === name), deadlineMs);
  }

  close() {
    this.socket.terminate();
  }
}

/** The error of a client that is not let in. */
export const refused = (sidecar, headers) => Client.open(sidecar, headers).then(
  () => { throw new Error('it was let in'); }, (error) => error,
);
