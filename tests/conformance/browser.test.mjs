// socket.io-client 2.5 and 4.8 in Chromium, by every way they connect, from a page of another origin.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openBrowser } from '../support/browser.mjs';
import { needs, TESTS } from '../support/tools.mjs';
import { until } from './support/wait.mjs';
import { EDGES, startServer, subscribed } from './support/servers.mjs';
import { unique } from './support/suite.mjs';

const installed = (file) => path.join(TESTS, 'node_modules', file);
const SCRIPTS = { '2.5': installed('sio2/dist/socket.io.js'), '4.8': installed('sio4/dist/socket.io.min.js') };
const WAYS = { polling: ['polling'], websocket: ['websocket'], 'an upgrade': ['polling', 'websocket'] };

describe('Chromium', needs('sidecar', 'chromium'), () => {
  let browser, pages;
  before(async () => {
    browser = await openBrowser();
    pages = createServer(async (request, response) => {
      const script = SCRIPTS[request.url.slice(1)];
      response.setHeader('content-type', script ? 'text/javascript' : 'text/html');
      response.end(script ? await readFile(script) : '<!doctype html><title>page</title>');
    });
    await new Promise((done) => { pages.listen(0, '127.0.0.1', done); });
  });
  after(async () => {
    await browser?.stop();
    pages?.closeAllConnections();
    pages?.close();
  });

  for (const edge of EDGES) {
    describe(edge, () => {
      const running = {};
      before(async () => { running.server = await startServer(edge); });
      after(() => running.server?.stop());

      for (const version of Object.keys(SCRIPTS)) {
        for (const [way, transports] of Object.entries(WAYS)) {
          test(`socket.io-client ${version} by ${way} hears events and bytes`, async (t) => {
            const { server } = running;
            const tab = await browser.context.newPage();
            t.after(() => tab.close());
            const faults = [];
            tab.on('pageerror', (error) => faults.push(error.message));
            await tab.goto(`http://127.0.0.1:${pages.address().port}/`);
            await tab.addScriptTag({ url: `/${version}` });
            const channel = unique('private-page');
            await tab.evaluate(([url, how, name]) => {
              window.heard = [];
              const open = () => {
                const socket = window.io(url, { transports: how, forceNew: true, withCredentials: true });
                socket.on('connect', () => socket.emit('subscribe', { channel: name }));
                for (const event of ['Note', 'client-bytes']) {
                  socket.on(event, (_, data) => window.heard.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data));
                }
                return socket;
              };
              window.sockets = [open(), open()];
            }, [server.url, transports, channel]);
            await subscribed(server, channel, 2);
            await until('the transport', () => tab.evaluate((name) => window.sockets.every(({ io }) => io.engine.transport.name === name), transports.at(-1)));
            const heard = (count) => until(`${count} events in the page`, async () => {
              const all = await tab.evaluate(() => window.heard);
              if (all.length >= count) return all;
              throw new Error(`heard ${JSON.stringify(all)}; faults: ${faults.join('; ')}`);
            });

            await server.publish(channel, 'Note', { text: 'ä€𝄞' });
            assert.deepEqual(await heard(2), [{ text: 'ä€𝄞' }, { text: 'ä€𝄞' }]);
            if (edge === 'lean') {
              await tab.evaluate((name) => {
                window.sockets[0].emit('client event', { channel: name, event: 'client-bytes', data: new Uint8Array([0, 30, 255]).buffer });
              }, channel);
              assert.deepEqual((await heard(3))[2], [0, 30, 255]);
            }
            assert.deepEqual(faults, []);
          });
        }
      }
    });
  }
});
