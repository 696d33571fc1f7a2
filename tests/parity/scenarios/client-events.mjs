// Client events ("whispers").

async function pair(s, channel, headers = [{}, {}]) {
  const [a, b] = [await s.client('A'), await s.client('B')];
  await s.join(a, channel, headers[0]);
  await s.join(b, channel, headers[1]);
  s.take();
  return [a, b];
}

const noted = async (s, step, ...clients) => {
  await s.settle();
  s.note(step, s.take(...clients));
};

export default {
  title: 'client events',
  scenarios: [
    {
      name: 'whisper-private', grade: 'must', title: 'reaches the others on a private channel, byte for byte as the old server wrote it',
      async run(s) {
        const [a, b] = await pair(s, 'private-chat');
        const c = await s.client('C');
        a.whisper('private-chat', 'client-typing', { on: true, list: [1, null] });
        await s.settle();
        s.note('frames', { A: a.takeFrames(), B: b.takeFrames(), 'C, not on it': c.takeFrames() });
      },
    },
    {
      name: 'whisper-presence', grade: 'must', title: 'reaches the others on a presence channel, other tabs of the same user included',
      async run(s) {
        const [a, b] = await pair(s, 'presence-chat', [{ 'X-User': '1:Ann' }, { 'X-User': '2:Bob' }]);
        const tab = await s.client('A2');
        await s.join(tab, 'presence-chat', { 'X-User': '1:Ann' });
        s.take();
        a.whisper('presence-chat', 'client-typing', 'x');
        await noted(s, 'events', a, b, tab);
      },
    },
    {
      name: 'whisper-data', grade: 'must', title: 'data of every type; missing data is null; other keys are left behind',
      async run(s) {
        const [a, b] = await pair(s, 'private-data');
        for (const data of [null, 0, 1, -1.5, '', 'text', true, false, [], [1, { a: 2 }], {}, { a: { b: null } }, 'ünï日本😀']) a.whisper('private-data', 'client-x', data);
        a.emitEvent('client event', { channel: 'private-data', event: 'client-none' });
        a.emitEvent('client event', { channel: 'private-data', event: 'client-more', data: 1, socket: b.socketId, foo: 'bar' }, 'another argument');
        await s.settle();
        s.note('frames', b.takeFrames());
      },
    },
    {
      name: 'whisper-json-text', grade: 'must', title: 'the payload may be JSON text of the object',
      async run(s) {
        const [a, b] = await pair(s, 'private-text');
        a.emitEvent('client event', JSON.stringify({ channel: 'private-text', event: 'client-x', data: { a: 1 } }));
        for (const odd of ['not json', '[]', '5', '"x"', '{}', '{"channel":"private-text"}']) a.emitEvent('client event', odd);
        await noted(s, 'events', a, b);
      },
    },
    {
      name: 'whisper-names', grade: 'must', title: 'client- anywhere in the event, private- or presence- anywhere in the channel; else dropped',
      async run(s) {
        const [a, b] = await pair(s, 'my-private-x');
        for (const event of ['client-', 'xclient-y', 'my client-event', 'client', 'Client-x', 'typing', 'CLIENT-x', 'client_x']) a.whisper('my-private-x', event, event);
        await noted(s, 'event names', a, b);
        for (const client of [a, b]) client.subscribe('lobby');
        await s.settle();
        a.whisper('lobby', 'client-x', 1);
        await noted(s, 'a public channel', a, b);
      },
    },
    {
      name: 'whisper-odd', grade: 'must', title: 'payloads that make no sense are dropped, and the connection goes on',
      async run(s) {
        const [a, b] = await pair(s, 'private-odd');
        for (const odd of [5, true, [], {}, { channel: 'private-odd' }, { event: 'client-x' }, { channel: '', event: 'client-x' }, { channel: 'private-odd', event: '' }, { channel: null, event: 'client-x', data: 1 }, { channel: 'private-odd', event: null, data: 1 }]) a.emitEvent('client event', odd);
        await noted(s, 'nothing', a, b);
        a.whisper('private-odd', 'client-after', 1);
        await noted(s, 'then', a, b);
      },
    },
    {
      name: 'whisper-outsider', grade: 'must', title: 'only who is on the channel may whisper on it: not before, not after, not when refused',
      async run(s) {
        const [a, b] = await pair(s, 'private-in');
        const c = await s.client('C');
        c.whisper('private-in', 'client-x', 'never subscribed');
        s.laravel.on('private-in', { status: 403, body: '' });
        await s.join(c, 'private-in');
        c.take();
        c.whisper('private-in', 'client-x', 'refused');
        b.unsubscribe('private-in');
        await s.settle();
        b.whisper('private-in', 'client-x', 'has left');
        await noted(s, 'nothing', a, b, c);
      },
    },
    {
      name: 'whisper-order', grade: 'must', title: 'two hundred whispers keep their order',
      async run(s) {
        const [a, b] = await pair(s, 'private-order');
        for (let n = 0; n < 200; n += 1) a.whisper('private-order', 'client-n', n);
        await s.settle();
        s.note('numbers', b.take().map(([, , n]) => n));
      },
    },
    {
      name: 'whisper-while-pending', grade: 'must', title: 'nothing may be whispered and nothing is heard until Laravel has answered',
      async run(s) {
        const a = await s.client('A');
        await s.join(a, 'private-wait');
        const b = await s.client('B');
        let answer;
        s.laravel.on('private-wait', () => new Promise((done) => { answer = () => done({ status: 200, body: 'true' }); }));
        b.subscribe('private-wait');
        await s.settle();
        b.whisper('private-wait', 'client-x', 'early');
        a.whisper('private-wait', 'client-x', 'to nobody');
        await noted(s, 'nothing', a, b);
        answer();
        await s.settle();
        b.whisper('private-wait', 'client-x', 'now');
        await noted(s, 'then', a, b);
      },
    },
    {
      name: 'whisper-binary', grade: 'must', title: 'a binary attachment passes through',
      async run(s) {
        const [a, b] = await pair(s, 'private-binary');
        a.send('451-["client event",{"channel":"private-binary","event":"client-file","data":{"_placeholder":true,"num":0}}]');
        a.socket.send(Buffer.from([4, 1, 2, 255]));
        await s.settle();
        s.note('frames', { A: a.takeFrames(), B: b.takeFrames() });
      },
    },
    {
      name: 'whisper-odd-names', grade: 'quirk', title: 'event or channel of another type than text',
      async run(s) {
        const [a, b] = await pair(s, 'private-types');
        for (const odd of [{ channel: ['private-types'], event: 'client-x', data: 1 }, { channel: 'private-types', event: ['client-x'], data: 1 }, { channel: 'private-types', event: 5, data: 1 }, { channel: 'private-types', event: { a: 'client-' }, data: 1 }]) {
          a.emitEvent('client event', odd);
          await noted(s, JSON.stringify(odd), a, b);
        }
      },
    },
    {
      name: 'whisper-other-events', grade: 'must', title: 'events of other names from a client go nowhere',
      async run(s) {
        const [a, b] = await pair(s, 'private-others');
        for (const name of ['client-x', 'clientevent', 'Client Event', 'broadcast', 'join', 'private-others', '']) a.emitEvent(name, { channel: 'private-others', event: 'client-x', data: name });
        await noted(s, 'nothing', a, b);
      },
    },
  ],
};
