// Whispers that are switched off, with the clients that people run: Echo on socket.io-client 2 and 4, and bare ones.

import assert from 'node:assert/strict';
import { writeFileSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { combination, visitors } from '../support/echo.mjs';
import { freePort } from '../support/ports.mjs';
import { needs } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Client, sidecarFor, startLaravel } from './support.mjs';

let users = 0;
const member = (channel) => (channel.startsWith('presence-') ? JSON.stringify({ channel_data: { user_id: users += 1, user_info: {} } }) : 'true');

/** How often a whisper was refused for its channel's type. */
async function refusals(admin) {
  const text = await (await fetch(`http://127.0.0.1:${admin}/metrics`)).text();
  return Number(text.match(/^rustecho_over_limit_total\{limit="limits\.whispers"\} (\d+)$/m)[1]);
}

describe('Whispers', needs('sidecar'), () => {
  for (const { name, ...kind } of [combination('echo1', 'sio2'), combination('echo2', 'sio4')]) {
    test(`stay on the types of channels that limits.whispers names, as it is in force (${name})`, async (t) => {
      const [admin, laravel] = [await freePort(), await startLaravel(t, { answer: member })];
      const config = { admin, authHost: laravel.url };
      const sidecar = await sidecarFor(t, { ...config, limits: { whispers: ['presence'] } });
      const visit = visitors(t, { sidecar, combination: kind });
      const [speaker, hearer] = [await visit(), await visit()];
      const told = [];
      speaker.socket.on('rustecho:error', ({ channel, message }) => told.push(`${channel}: ${message}`));
      const open = (visitor) => [visitor.echo.private('chat'), visitor.echo.join('room')];
      const [chat, room] = open(speaker);
      for (const channel of open(hearer)) channel.listenForWhisper('typing', (data) => hearer.heard.push({ channel: channel.name, event: 'typing', data }));
      for (const channel of ['private-chat', 'presence-room']) await until(channel, async () => await sidecar.subscribers(channel) === 2);
      const settings = async (limits) => {
        writeFileSync(sidecar.file, JSON.stringify({ ...JSON.parse(readFileSync(sidecar.file, 'utf8')), limits }));
        const so_far = sidecar.process.output.length;
        sidecar.process.child.kill('SIGHUP');
        await until('the settings to be read', () => sidecar.process.output.slice(so_far).includes('limits.whispers'));
      };

      for (const n of [1, 2]) chat.whisper('typing', { n });
      room.whisper('typing', { n: 1 });
      await hearer.hears('presence-room', 'typing', 1);
      assert.deepEqual(hearer.hear('private-chat', 'typing'), []);
      await until('to be told', () => told.length > 0);
      assert.deepEqual(told, ['private-chat: over limits.whispers (presence)']);
      assert.equal(await refusals(admin), 2);
      assert.equal(sidecar.process.output.split('refused: over limits.whispers (presence)').length, 2, 'it is said once');

      await settings({ whispers: [] });
      room.whisper('typing', { n: 2 });
      await until('it to be refused', async () => await refusals(admin) === 3);

      await settings({});
      for (const channel of [chat, room]) channel.whisper('typing', { n: 3 });
      assert.deepEqual(await hearer.hears('private-chat', 'typing'), [{ n: 3 }]);
      assert.deepEqual(await hearer.hears('presence-room', 'typing', 2), [{ n: 1 }, { n: 3 }]);
    });
  }

  test('with an attachment, as a text, or by whatever name are refused as well', async (t) => {
    const [admin, laravel] = [await freePort(), await startLaravel(t)];
    const sidecar = await sidecarFor(t, { admin, authHost: laravel.url, limits: { whispers: false } });
    const [speaker, hearer] = [await Client.open(sidecar), await Client.open(sidecar)];
    t.after(() => [speaker, hearer].forEach((client) => client.close()));
    for (const client of [speaker, hearer]) client.subscribe('private-x');
    await until('both to be there', async () => await sidecar.subscribers('private-x') === 2);
    const whisper = { channel: 'private-x', event: 'client-x', data: 1 };
    speaker.emit('client event', whisper);
    speaker.emit('client event', JSON.stringify(whisper));
    speaker.emit('client event', { ...whisper, event: 'x-client-x' });
    speaker.socket.send(`451-["client event",${JSON.stringify({ ...whisper, data: { _placeholder: true, num: 0 } })}]`);
    speaker.socket.send(Buffer.from('x'));
    await until('them to be refused', async () => await refusals(admin) === 4);
    assert.deepEqual(hearer.heard, []);
  });
});
