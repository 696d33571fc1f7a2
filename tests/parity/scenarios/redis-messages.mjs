// What arrives on Redis, well formed and not.

const send = async (s, client, channel, messages) => {
  for (const message of messages) {
    await s.publish(channel, message);
    await s.settle();
    s.note(message, client.takeFrames());
  }
};

async function subscribed(s, channel) {
  const a = await s.client('A');
  a.subscribe(channel);
  await s.settle();
  return a;
}

export default {
  title: 'Redis messages',
  scenarios: [
    {
      name: 'redis-data', grade: 'must', title: 'data of every JSON type, absent, and with other keys beside it',
      async run(s) {
        const a = await subscribed(s, 'data');
        const data = ['null', 'true', 'false', '0', '1.5', '""', '"text"', '"{\\"json\\":\\"in text\\"}"', '[]', '[1,[2]]', '{}', '{"z":{"b":[null]},"a":2}', '"äöü日本\\n\\"\\\\"'];
        await send(s, a, 'data', [...data.map((value) => `{"event":"E","data":${value}}`), '{"event":"E"}', '{"event":"E","data":1,"other":"key","socket":null}']);
      },
    },
    {
      name: 'redis-laravel-versions', grade: 'must', title: 'the shapes that the Laravels since 5.1 publish',
      async run(s) {
        const a = await subscribed(s, 'laravel');
        await send(s, a, 'laravel', [
          '{"event":"App\\\\Events\\\\E","data":{"n":1}}',
          '{"event":"App\\\\Events\\\\E","data":{"n":2,"socket":null},"socket":null}',
          `{"event":"App\\\\Events\\\\E","data":{"n":3,"socket":"AAAAAAAAAAAAAAAAAAAA"},"socket":"AAAAAAAAAAAAAAAAAAAA"}`,
          '{"event":"Illuminate\\\\Notifications\\\\Events\\\\BroadcastNotificationCreated","data":{"id":"u","type":"T","socket":null},"socket":null}',
        ]);
      },
    },
    {
      name: 'redis-spaces', grade: 'must', title: 'white space around and inside a message',
      async run(s) {
        const a = await subscribed(s, 'spaces');
        await s.publish('spaces', ' \n{ "data" : { "z" : 1 ,\n "a" : [ 2 ] } , "event" : "E" } \t');
        await s.settle();
        s.note('event', a.take());
      },
    },
    {
      name: 'redis-spaces-bytes', grade: 'quirk', title: 'white space inside data, byte for byte',
      async run(s) {
        const a = await subscribed(s, 'spaces');
        await send(s, a, 'spaces', ['{"event":"E","data":{ "z" : 1 ,\n "a" : [ 2 ] }}']);
      },
    },
    {
      name: 'redis-not-json', grade: 'must', title: 'what is not JSON, and null, is ignored and harms nothing',
      async run(s) {
        const a = await subscribed(s, 'broken');
        for (const message of ['', ' ', 'text', '{', '{"event":"E","data":', 'null', '\u0000', '{"event":"E"}}', "{'event':'E'}"]) await s.publish('broken', message);
        await s.redis.publish('broken', Buffer.from([0xff, 0xfe, 0x00]));
        await s.settle();
        s.note('nothing', a.takeFrames());
        await s.publish('broken', { event: 'Alive', data: 1 });
        await s.settle();
        s.note('then', a.take());
      },
    },
    {
      name: 'redis-no-event-name', grade: 'quirk', title: 'JSON without an event name that is text',
      async run(s) {
        const a = await subscribed(s, 'nameless');
        await send(s, a, 'nameless', ['5', '"text"', 'true', 'false', '[]', '{}', '{"data":1}', '{"event":null,"data":1}', '{"event":5,"data":1}', '{"event":["a"],"data":1}', '{"event":{"x":1},"data":1}']);
      },
    },
    {
      name: 'redis-empty-event-name', grade: 'must', title: 'an event whose name is the empty text',
      async run(s) {
        const a = await subscribed(s, 'empty');
        await send(s, a, 'empty', ['{"event":"","data":1}']);
      },
    },
    {
      name: 'redis-numbers', grade: 'quirk', title: 'numbers, key order, duplicates and escapes, as they were written or as JavaScript writes them',
      async run(s) {
        const a = await subscribed(s, 'numbers');
        const data = ['1.0', '1e2', '0.1000', '-0', '12345678901234567890', '9007199254740993', '1e400', '{"b":1,"a":2,"10":3,"2":4}', '{"a":1,"a":2}', '"\\u00e9\\/"', '[1,2 , 3]', '0.30000000000000004', '{"__proto__":{"x":1},"y":2}'];
        await send(s, a, 'numbers', data.map((value) => `{"event":"E","data":${value}}`));
      },
    },
    {
      name: 'redis-lone-surrogate', grade: 'quirk', title: 'half of a surrogate pair in data',
      async run(s) {
        const a = await subscribed(s, 'surrogate');
        await send(s, a, 'surrogate', ['{"event":"E","data":"\\ud800"}']);
      },
    },
    {
      name: 'redis-event-names', grade: 'must', title: 'event names of any kind, also those with a meaning of their own in a browser',
      async run(s) {
        const a = await subscribed(s, 'names');
        const names = ['error', 'disconnect', 'disconnecting', 'message', 'ping', 'pong', 'reconnect', 'subscription_error', 'presence:joining', 'client-x', 'ünï "q"', 'a.b\\c', 'removeListener', 'x'.repeat(300)];
        await send(s, a, 'names', names.map((event) => JSON.stringify({ event, data: 1 })));
      },
    },
    {
      name: 'redis-other-databases', grade: 'must', title: 'Redis publishes across its databases: an event sent while another is selected arrives',
      async run(s) {
        const a = await subscribed(s, 'db');
        const other = s.redis.duplicate({ db: 5, lazyConnect: true });
        await other.connect();
        await other.publish('db', '{"event":"E","data":1}');
        other.disconnect();
        await s.settle();
        s.note('events', a.take());
      },
    },
  ],
};
