// Packets of Engine.IO 3 and Socket.IO 2 that are wrong, unknown or not for us.

/** Sends `frames` on a fresh websocket each, and notes whether it lives and what came. */
async function each(s, cases) {
  for (const [what, frames] of Object.entries(cases)) {
    const client = await s.client(what, { marked: false });
    for (const frame of [frames].flat()) client.send(frame);
    await client.flushed();
    await s.settle();
    s.note(what, { frames: client.takeFrames(), closed: client.closed });
    if (client.isOpen) await client.vanish();
  }
}

export default {
  title: 'packets',
  scenarios: [
    {
      name: 'eio-bad-packets', grade: 'must', title: 'packets that end the connection',
      run: (s) => each(s, {
        'an event that is not JSON': '42not json', 'an event that is an object': '42{"a":1}', 'an empty array': '42[]', 'null as the name': '42[null]', 'an object as the name': '42[{"a":1}]', 'an array as the name': '42[["subscribe"]]', 'true as the name': '42[true]', 'an empty message': '4', 'an unknown packet type': '9', 'a letter': 'x', 'an event without anything': '42', 'an event that is text': '42"subscribe"', 'a negative type': '-1', '7': '7', 'half an array': '42["subscribe"',
      }),
    },
    {
      name: 'eio-ignored-packets', grade: 'must', title: 'packets that are ignored',
      run: (s) => each(s, {
        'an unknown Socket.IO type': '49', 'another unknown type': '4x', 'an error packet': '44"x"', 'CONNECT again': '40', 'an ack nobody waits for': '431["x"]', 'an ack without data': '43', 'noop': '6', open: '0{"sid":"x"}', 'a number as the name': '42[5,{}]', 'an unknown event': '42["what",1,2,3]', 'an event in a namespace that was not joined': '42/foo,["subscribe",{"channel":"x"}]', 'leaving a namespace that was not joined': '41/foo,', upgrade: '5', 'an event with an empty name': '42["",1]', 'a reserved event': '42["connect"]',
      }),
    },
    {
      name: 'eio-reserved-from-client', grade: 'must', title: 'events with the names the server keeps for itself, from a client',
      run: (s) => each(s, Object.fromEntries(['error', 'disconnect', 'disconnecting', 'newListener', 'removeListener', 'connection', 'connect'].map((name) => [name, [`42["${name}","x"]`, '42["subscribe",{"channel":"still-there"}]']]))),
    },
    {
      name: 'eio-acks', grade: 'must', title: 'an ack that is asked for is never sent',
      run: (s) => each(s, { subscribe: '4212["subscribe",{"channel":"acked"}]', 'client event': '420["client event",{"channel":"private-x","event":"client-x"}]', unsubscribe: '42007["unsubscribe",{"channel":"acked"}]', unknown: '421["what"]' }),
    },
    {
      name: 'eio-namespaces', grade: 'must', title: 'another namespace is an error; the default one by its long name is not',
      run: (s) => each(s, { foo: '40/foo', 'foo with a comma': '40/foo,', 'with a query': '40/foo?x=1,', root: '40/', 'root with a comma': '40/,', 'an event in the root by name': '42/,["subscribe",{"channel":"rooted"}]' }),
    },
    {
      name: 'eio-binary', grade: 'must', title: 'binary frames without a packet that announces them, and attachments that never come',
      async run(s) {
        const client = await s.client('stray', { marked: false });
        client.socket.send(Buffer.from([4, 1, 2, 3]));
        await client.flushed();
        await s.settle();
        s.note('stray', { frames: client.takeFrames(), closed: client.closed });
        const waiting = await s.client('waiting', { marked: false });
        waiting.send('451-["subscribe",{"_placeholder":true,"num":0}]');
        waiting.send('42["subscribe",{"channel":"x"}]');
        await waiting.flushed();
        await s.settle();
        s.note('text in place of the attachment', { frames: waiting.takeFrames(), closed: waiting.closed });
        const zero = await s.client('zero', { marked: false });
        zero.send('450-["subscribe",{"channel":"zero"}]');
        await zero.flushed();
        await s.publish('zero', { event: 'E', data: 1 });
        await s.settle();
        s.note('no attachments announced', { frames: zero.takeFrames(), closed: zero.closed });
      },
    },
  ],
};
