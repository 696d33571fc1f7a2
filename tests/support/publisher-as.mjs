// A publisher that runs as another user: started by `PublisherAs`, which tells it what to do, one word a line.
//   hold N         opens so many idle connections, and says how many the sidecar took
//   flood N        writes on so many connections as fast as it can; half of them never read what they are answered
//   publish N      publishes so many events, each when the receipt of the one before is there, and says how long each took

import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { KIND, Publisher, hello, idOf, publish } from './frames.mjs';

const [socket, mark] = process.argv.slice(2);
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);

/** Connects and says hello: whether the sidecar takes it, or why it does not. */
async function open() {
  const publisher = await Publisher.connect(socket);
  const { kind, body } = await publisher.write(hello()).next();
  return kind === KIND.welcome ? { publisher } : { refusal: body.toString('latin1') };
}

const DOES = {
  async hold(count) {
    let held = 0;
    for (; held < count; held += 1) {
      const { refusal } = await open();
      if (refusal) return { held, refusal };
    }
    return { held };
  },

  async flood(count) {
    // Without an id each of them is an event of its own.
    const frames = Buffer.concat(Array(500).fill(publish({ channels: ['flooded'], event: 'E', json: JSON.stringify('x'.repeat(200)), id: Buffer.alloc(16) })));
    for (let lane = 0; lane < count; lane += 1) {
      const { publisher } = await open();
      publisher.socket.removeAllListeners('data');
      if (lane % 2) publisher.socket.pause();
      else publisher.socket.resume();
      const write = () => { while (!publisher.closed && publisher.socket.write(frames)); };
      publisher.socket.on('drain', write);
      write();
    }
    return { flooding: count };
  },

  async publish(count) {
    const publisher = await Publisher.connect(socket);
    const times = [];
    for (let number = 1; number <= count; number += 1) {
      const began = performance.now();
      publisher.write(publish({ channels: ['orders'], event: 'N', json: String(number), id: idOf(Number(mark) * 1_000 + number) }));
      if (publisher.read.length < 8) await once(publisher.socket, 'data');
      const { kind, body } = await publisher.next();
      if (kind !== KIND.receipt) return { times, refusal: body.toString('latin1') };
      times.push(performance.now() - began);
    }
    publisher.end();
    return { times };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const [what, count] = line.split(' ');
  say(await DOES[what](Number(count)).catch((error) => ({ error: error.message })));
}
process.exit();
