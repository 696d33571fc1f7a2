// A sidecar with a key, an auth endpoint that says yes and no, some visitors, and the console open in Chromium.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { io } from 'sio4';
import { startAuthEndpoint } from './auth-endpoint.mjs';
import { openBrowser } from './browser.mjs';
import { freePort } from './ports.mjs';
import { Sidecar } from './sidecar.mjs';
import { until } from './wait.mjs';

export const KEY = 'key-of-the-console-tests';

export async function startConsole() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-console-'));
  const laravel = await startAuthEndpoint();
  const port = await freePort();
  const sidecar = await Sidecar.start(folder, { authHost: laravel.url, admin: { port, key: KEY } });
  const page = await (await fetch(`http://127.0.0.1:${port}/`)).text();
  if (!page.includes('id="locked"')) {
    await Promise.all([sidecar.stop(), laravel.stop()]);
    throw new Error('this sidecar was built without the console: scripts/build.sh sidecar');
  }
  const browser = await openBrowser();
  const sockets = [];
  const url = `http://127.0.0.1:${port}/`;
  return {
    sidecar, url, folder,
    /** Connects a visitor that subscribes to these channels. */
    async visitor(...channels) {
      const socket = io(sidecar.url, { transports: ['websocket'], forceNew: true });
      sockets.push(socket);
      await until('a socket to connect', () => socket.connected);
      for (const channel of channels) socket.emit('subscribe', { channel, auth: { headers: {} } });
      return socket;
    },
    async publish(channel, name, data) {
      const { status, body } = await sidecar.api('/events', { method: 'POST', body: JSON.stringify({ channel, name, data }) });
      if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`);
    },
    /** The console in a tab of its own, unlocked; what went wrong in it is in `faults`, where it went in `asked`. */
    async open({ width = 1280, height = 900, dark = false, view = '' } = {}) {
      const tab = await browser.context.newPage();
      const [faults, asked] = [[], []];
      tab.on('pageerror', (error) => faults.push(error.message));
      tab.on('console', (message) => { if (message.type() === 'error' && !message.text().includes('401')) faults.push(message.text()); });
      tab.on('request', (request) => asked.push(new URL(request.url()).origin));
      await tab.setViewportSize({ width, height });
      await tab.emulateMedia({ colorScheme: dark ? 'dark' : 'light' });
      await tab.goto(`${url}${view}`);
      await tab.fill('#key', KEY);
      await tab.click('#locked button');
      await tab.waitForSelector('#state.good');
      return Object.assign(tab, { faults, asked });
    },
    async stop() {
      for (const socket of sockets) socket.disconnect();
      await browser.stop();
      await sidecar.stop();
      await laravel.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
