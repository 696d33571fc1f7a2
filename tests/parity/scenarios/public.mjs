// Public channels, and toOthers.

export default {
  title: 'public channels',
  scenarios: [
    {
      name: 'public-receive', grade: 'must', title: 'a subscription is silent; an event arrives as it is',
      async run(s) {
        const a = await s.client('A');
        a.subscribe('orders');
        await s.settle();
        s.note('answer', a.takeFrames());
        await s.publish('orders', '{"event":"App\\\\Events\\\\OrderShipped","data":{"order":{"id":7},"socket":null},"socket":null}');
        await s.settle();
        s.note('frames', a.takeFrames());
        s.note('asked', s.laravel.take());
      },
    },
    {
      name: 'public-leave', grade: 'must', title: 'nothing after unsubscribe; subscribing again works',
      async run(s) {
        const [a, b] = [await s.client('A'), await s.client('B')];
        a.subscribe('news');
        a.subscribe('news');
        await s.publish('news', { event: 'E', data: 'too early or not' }).then(() => s.settle());
        s.note('B is not subscribed', b.take());
        a.take();
        a.unsubscribe('news');
        await s.settle();
        await s.publish('news', { event: 'E', data: 1 });
        await s.settle();
        s.note('one unsubscribe undoes two subscribes', a.takeFrames());
        a.subscribe('news');
        await s.settle();
        await s.publish('news', { event: 'E', data: 2 });
        await s.settle();
        s.note('again', s.take(a, b));
      },
    },
    {
      name: 'public-names', grade: 'must', title: 'names are exact: any characters, no wildcards, case matters',
      async run(s) {
        const a = await s.client('A');
        const names = ['a.b', 'a.*', '*', 'A.B', 'with space', 'über/日本?#&=', '"q\'', 'x'.repeat(400), '0', 'null', 'undefined', '\u0000\n'];
        for (const name of names) a.subscribe(name);
        await s.settle();
        for (const name of [...names, 'a.c', 'a', '']) await s.publish(name, { event: 'E', data: name.length });
        await s.settle();
        s.note('events', a.take());
      },
    },
    {
      name: 'public-to-others', grade: 'must', title: 'the socket of a message is left out, wherever it is; an unknown one changes nothing',
      async run(s) {
        const [a, b, c] = [await s.client('A'), await s.client('B'), await s.client('C')];
        a.subscribe('chat');
        b.subscribe('chat');
        await s.settle();
        const sockets = { own: a.socketId, 'one that is not on the channel': c.socketId, unknown: 'AAAAAAAAAAAAAAAAAAAA', empty: '', null: null, number: 7, 'an object': { a: 1 }, true: true };
        for (const [what, socket] of Object.entries(sockets)) {
          await s.publish('chat', { event: 'E', data: what, socket });
          await s.settle();
          s.note(what, s.take(a, b, c));
        }
        await s.publish('chat', { event: 'E', data: { socket: a.socketId } });
        await s.settle();
        s.note('a socket inside the data means nothing', s.take(a, b, c));
      },
    },
    {
      name: 'public-order', grade: 'must', title: 'events of one publisher arrive in order and once, to everybody',
      async run(s) {
        const both = [await s.client('A'), await s.client('B')];
        for (const client of both) client.subscribe('flood');
        await s.settle();
        const batch = s.redis.pipeline();
        for (let n = 0; n < 500; n += 1) batch.publish('flood', JSON.stringify({ event: 'E', data: n }));
        await batch.exec();
        await s.settle();
        for (const client of both) s.note(client.label, client.take().map(([, , n]) => n));
      },
    },
    {
      name: 'public-large', grade: 'must', title: 'an event of 3 MB passes whole',
      async run(s) {
        const a = await s.client('A');
        a.subscribe('large');
        await s.settle();
        await s.publish('large', { event: 'E', data: 'é'.repeat(1_500_000) });
        await s.settle();
        s.note('characters', a.take().map(([event, channel, data]) => [event, channel, data.length]));
      },
    },
    {
      name: 'public-subscribe-shapes', grade: 'must', title: 'what has no usable channel is ignored',
      async run(s) {
        const a = await s.client('A');
        for (const verb of ['subscribe', 'unsubscribe']) {
          for (const odd of [{}, { channel: '' }, { channel: null }, { channel: 0 }, { channel: false }, { auth: {} }, 'text', 5, true, []]) a.emitEvent(verb, odd);
        }
        a.emitEvent('subscribe', { channel: 'bare' });
        a.emitEvent('subscribe', { channel: 'more', auth: null }, 'another argument', 5);
        a.emitEvent('unsubscribe', { channel: 'never joined' });
        a.emitEvent('whatever', { channel: 'x' });
        a.emitEvent('message', 'x');
        await s.settle();
        await s.publish('bare', { event: 'E', data: 1 });
        await s.publish('more', { event: 'E', data: 2 });
        await s.settle();
        s.note('events', a.take());
        s.note('channels', await s.channels());
      },
    },
    {
      name: 'public-number-as-channel', grade: 'must', title: 'a number or true as channel stands for its text',
      async run(s) {
        const a = await s.client('A');
        for (const channel of [123, true, 1.5, -7]) a.emitEvent('subscribe', { channel });
        await s.settle();
        for (const channel of ['123', 'true', '1.5', '-7']) await s.publish(channel, { event: 'E', data: channel });
        await s.settle();
        s.note('events', a.take());
      },
    },
    {
      name: 'public-own-id', grade: 'quirk', title: 'an event on a channel named like a socket id, to which nobody subscribed',
      async run(s) {
        const a = await s.client('A');
        await s.publish(a.socketId, { event: 'E', data: 1 });
        await s.settle();
        s.note('events', a.take());
      },
    },
    {
      name: 'public-limits', grade: 'quirk', title: 'names of more than 512 bytes, more than a thousand channels on one socket',
      async run(s) {
        const a = await s.client('A');
        const long = 'x'.repeat(600);
        a.subscribe(long);
        a.subscribe('short');
        await s.settle();
        await s.publish(long, { event: 'E', data: 1 });
        await s.settle();
        s.note('a long channel name', a.take().length);
        await s.publish('short', { event: long, data: 1 });
        await s.settle();
        s.note('a long event name', a.take().length);
        for (let n = 0; n < 1100; n += 1) a.subscribe(`c${n}`);
        await s.settle();
        s.note('channels', Object.keys((await s.channels()).body.channels).length > 1010);
      },
    },
    {
      name: 'public-odd-channel', grade: 'quirk', title: 'an array or an object as channel',
      async run(s) {
        const a = await s.client('A');
        a.emitEvent('subscribe', { channel: ['one', 'two'] });
        await s.settle();
        await s.publish('two', { event: 'E', data: 'two' });
        await s.settle();
        s.note('an array joins every element', a.take());
        a.emitEvent('subscribe', { channel: { a: 1 } });
        await s.settle();
        await s.publish('[object Object]', { event: 'E', data: 'object' });
        await s.settle();
        s.note('an object joins its JavaScript text', a.take());
        a.emitEvent('subscribe', { channel: ['private-x', 'three'] });
        await s.settle();
        s.note('an array with a guarded name', { asked: s.laravel.take([]), events: a.take() });
      },
    },
    {
      name: 'public-guarded-names', grade: 'must', title: 'private- and presence- anywhere in a name ask Laravel; other spellings do not',
      async run(s) {
        const a = await s.client('A');
        for (const name of ['my-private-room', 'app_database_private-x', 'xpresence-y', 'private-', 'private', 'presence', 'privateer-1', 'PRIVATE-x', 'Presence-x']) {
          a.subscribe(name);
          await s.settle();
          await s.publish(name, { event: 'E', data: 1 });
          await s.settle();
          s.note(name, { asked: s.laravel.take([]), events: a.take() });
        }
      },
    },
  ],
};
