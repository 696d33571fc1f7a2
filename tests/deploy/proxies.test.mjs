// nginx and Apache with the files of deploy/ as they are shipped: every client and transport through them, and what they tell the
// sidecar of the visitor.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { combination, TRANSPORTS, visitors } from '../support/echo.mjs';
import { startApache } from '../support/apache.mjs';
import { startNginx } from '../support/nginx.mjs';
import { freePort } from '../support/ports.mjs';
import { settings } from '../support/shipped.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, refused, startLaravel } from '../guard/support.mjs';

const PROXIES = {
  nginx: (folder, ports) => startNginx(folder, { ...ports, app: folder, fpmPort: 9 }),
  apache2: startApache,
};

for (const [name, start] of Object.entries(PROXIES)) {
  describe(`behind ${name}`, needs('sidecar', name), () => {
    let [folder, sidecar, proxy, url, laravel] = [];
    const ended = [];
    before(async () => {
      folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-proxy-'));
      laravel = await startLaravel({ after: (one) => ended.push(one) });
      const port = await freePort();
      url = `http://127.0.0.1:${port}`;
      sidecar = await Sidecar.start(folder, { authHost: laravel.url });
      proxy = await start(folder, { port, sidecarPort: sidecar.port });
    });
    after(async () => {
      // First the sidecar: Apache waits for its websockets.
      await sidecar?.stop();
      await proxy?.stop();
      ended.forEach((one) => one());
      rmSync(folder, { recursive: true, force: true });
    });

    for (const client of ['sio2', 'sio3', 'sio4']) {
      for (const [how, options] of Object.entries(TRANSPORTS)) {
        const used = combination('echo2', client);
        test(`${used.name} ${how}`, async (t) => {
          const channel = `news-${client}-${how.replaceAll(' ', '-')}`;
          const visit = visitors(t, { sidecar: { url, process: sidecar.process }, combination: used, options });
          const visitor = await visit();
          visitor.listen(visitor.echo.channel(channel), '.Note');
          await until('the subscription', async () => await sidecar.subscribers(channel) === 1);
          const publish = (note) => sidecar.api('/events', { method: 'POST', body: JSON.stringify({ name: 'Note', channel, data: JSON.stringify({ note }) }) });
          const notes = Array.from({ length: 10 }, (_, index) => index);
          for (const note of notes) assert.equal((await publish(note)).status, 200);

          assert.deepEqual((await visitor.hears(channel, '.Note', notes.length)).map(({ note }) => note), notes);
          const expected = options.transports.at(-1);
          await until(`the transport ${expected}`, () => visitor.socket.io.engine.transport.name === expected);
        });
      }
    }

    test("tells the sidecar the visitor's address, which Laravel hears", async (t) => {
      const visit = visitors(t, { sidecar: { url, process: sidecar.process }, combination: combination('echo2', 'sio4') });
      const visitor = await visit({ options: { extraHeaders: { 'X-Forwarded-For': '192.0.2.7' } } });
      visitor.echo.private('orders.1');
      const { headers } = await until('Laravel to be asked', () => laravel.asked.find(({ channel }) => channel === 'private-orders.1'));
      // The visitor as the proxy was told, the proxy's visitor, the sidecar's.
      assert.equal(headers['x-forwarded-for'], '192.0.2.7, 127.0.0.1, 127.0.0.1');
    });

    test('bounds each visitor, and not the proxy, with the settings that packages install', async (t) => {
      const own = mkdtempSync(path.join(folder, 'bounded-'));
      const { trustedProxies } = settings();
      const bounded = await Sidecar.start(own, { trustedProxies, limits: { connectionsPerIp: 1 } });
      const port = await freePort();
      const before = await start(own, { port, sidecarPort: bounded.port });
      t.after(async () => { await bounded.stop(); await before.stop(); });
      const [site, from] = [{ url: `http://127.0.0.1:${port}` }, (address) => ({ 'X-Forwarded-For': address })];
      const [one, other] = [await Client.open(site, from('198.51.100.7')), await Client.open(site, from('198.51.100.8'))];
      t.after(() => [one, other].forEach((client) => client.close()));
      assert.match((await refused(site, from('198.51.100.7'))).body, /limits\.connectionsPerIp/);
    });
  });
}
