// What is printed: at the start, and in devMode.

/** The lines printed since `from`. */
const lines = (s, from = 0) => s.server.output.slice(from).split('\n').map((line) => line.trimEnd()).filter(Boolean).map((line) => line.replace(/version \d\S*/, 'version <version>'));

/** Waits until a line with `text` has been printed, then notes all lines of this step but those about the tests' own channels. */
async function printed(s, step, from, text) {
  const deadline = Date.now() + 8_000;
  while (!s.server.output.slice(from).includes(text) && Date.now() < deadline) await s.settle();
  await s.settle();
  const own = (line) => /~sync|~mark/.test(line);
  s.note(step, lines(s, from).filter((line) => !own(line) && !/^\s+at |^\s*[{}]|^ *code:|^ *errno|^ *syscall|^ *address|^ *port:/.test(line)));
  return s.server.output.length;
}

export default {
  title: 'what is printed',
  scenarios: [
    {
      name: 'print-start', grade: 'must', title: 'the lines of a plain start, then silence', alone: true,
      async run(s) {
        await s.serve();
        const a = await s.client('A');
        a.subscribe('orders');
        await s.join(a, 'private-x');
        await s.publish('orders', { event: 'E', data: 1 });
        await s.settle();
        s.note('lines', lines(s));
      },
    },
    {
      name: 'print-dev-start', grade: 'must', title: 'the lines of a start in devMode', alone: true,
      async run(s) {
        await s.serve({ devMode: true });
        await s.client('A', { marked: false });
        const deadline = Date.now() + 8_000;
        while (!s.server.output.includes('Server ready!') && Date.now() < deadline) await s.settle();
        s.note('lines', lines(s).filter((line) => !/~sync|~mark/.test(line)));
      },
    },
    {
      name: 'print-dev-channels', grade: 'must', title: 'devMode: joined, left and why, events', alone: true,
      async run(s) {
        await s.serve({ devMode: true });
        s.hasMarks = false;
        const a = await s.client('A');
        while (!s.server.output.includes('Server ready!')) await s.settle();
        let at = s.server.output.length;
        a.subscribe('orders');
        at = await printed(s, 'joined', at, 'joined channel');
        await s.publish('orders', { event: 'App\\Events\\E', data: 1 });
        at = await printed(s, 'a Redis event', at, 'Event:');
        await s.api('/events', { method: 'POST', body: { channels: ['orders', 'other'], name: 'Http', data: 1 } });
        at = await printed(s, 'an HTTP event', at, 'Event:');
        await s.publish('orders', 'not json');
        at = await printed(s, 'no JSON', at, 'JSON');
        a.unsubscribe('orders');
        at = await printed(s, 'unsubscribed', at, 'unsubscribed');
        a.subscribe('orders');
        at = await printed(s, 'joined again', at, 'joined');
        await a.vanish();
        at = await printed(s, 'lost', at, 'left channel');
        const b = await s.client('B');
        b.subscribe('one');
        b.subscribe('two');
        at = await printed(s, 'two channels', at, 'two');
        b.send('41');
        at = await printed(s, 'disconnect packet', at, 'left channel: two');
      },
    },
    {
      name: 'print-dev-auth', grade: 'must', title: 'devMode: auth request and result', alone: true,
      async run(s) {
        await s.serve({ devMode: true });
        s.hasMarks = false;
        const a = await s.client('A');
        while (!s.server.output.includes('Server ready!')) await s.settle();
        let at = s.server.output.length;
        a.subscribe('private-ok');
        at = await printed(s, 'granted', at, 'joined channel');
        s.laravel.on('private-no', { status: 403, body: '{"message":"no"}' });
        a.subscribe('private-no');
        at = await printed(s, 'denied', at, 'HTTP status 403');
        s.laravel.on('private-empty', { status: 404, body: '' });
        a.subscribe('private-empty');
        at = await printed(s, 'denied without a body', at, 'HTTP status 404');
        a.subscribe('presence-x', { 'X-User': '1:Ann' });
        at = await printed(s, 'presence', at, 'joined channel');
        a.whisper('presence-x', 'client-x', 1);
        await s.settle();
        s.note('a client event prints nothing', lines(s, at));
        a.unsubscribe('presence-x');
        at = await printed(s, 'left', at, 'left channel');
      },
    },
    {
      name: 'print-dev-auth-fails', grade: 'quirk', title: 'devMode: Laravel does not answer', alone: true,
      async run(s) {
        await s.serve({ devMode: true });
        s.hasMarks = false;
        const a = await s.client('A');
        while (!s.server.output.includes('Server ready!')) await s.settle();
        const at = s.server.output.length;
        s.laravel.on('private-drop', 'drop');
        a.subscribe('private-drop');
        await printed(s, 'lines', at, 'Error sending');
      },
    },
    {
      name: 'print-dev-no-member', grade: 'must', title: 'devMode: a presence answer without a member', alone: true,
      async run(s) {
        await s.serve({ devMode: true });
        s.hasMarks = false;
        const a = await s.client('A');
        while (!s.server.output.includes('Server ready!')) await s.settle();
        const at = s.server.output.length;
        s.laravel.on('presence-none', { status: 200, body: 'true' });
        a.subscribe('presence-none');
        await printed(s, 'lines', at, 'joined channel');
      },
    },
    {
      name: 'print-dev-prefix', grade: 'must', title: 'devMode: the channel of an event with its prefix', alone: true,
      async run(s) {
        await s.serve({ devMode: true, databaseConfig: { redis: { host: '127.0.0.1', port: s.stack.redis.port, keyPrefix: 'app_' } } });
        s.hasMarks = false;
        s.prefix = 'app_';
        while (!s.server.output.includes('Server ready!')) await s.settle();
        const at = s.server.output.length;
        await s.publish('orders', { event: 'E', data: 1 });
        await printed(s, 'lines', at, 'Event:');
      },
    },
    {
      name: 'print-subscribers', grade: 'must', title: 'the lines say which sources run', alone: true,
      async run(s) {
        await s.serve({ subscribers: { http: true, redis: false } });
        while (!s.server.output.includes('Server ready!')) await s.settle();
        s.note('only http', lines(s));
        await s.serve({ subscribers: { http: false, redis: true } });
        while (!s.server.output.includes('Server ready!')) await s.settle();
        s.note('only redis', lines(s));
      },
    },
  ],
};
