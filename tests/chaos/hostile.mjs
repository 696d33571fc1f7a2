// Hostile clients beside the good ones, in a process of their own: garbage, half handshakes, floods, huge frames, slow readers,
// and thieves that want what they were not granted. They come from an address of their own, as the limits by address expect.

import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { createInterface } from 'node:readline';
import WebSocket from 'ws';
import { Process } from '../support/process.mjs';
import { pause } from '../support/wait.mjs';
import { now } from './clock.mjs';
import { CHANNELS } from './laravel.mjs';
import { Random } from './random.mjs';

const SELF = fileURLToPath(import.meta.url);
const THIEF = 666;

/** The process, seen from the run. What its thieves hear is noted like what pages hear. */
export class Hostile {
  constructor({ stage, seed, note }) {
    const targets = stage.nodes.map(({ place, sidecar }) => ({ address: place.address, port: sidecar.port, from: place.stranger, socket: sidecar.socket }));
    this.process = new Process('hostile clients', process.execPath, [SELF, JSON.stringify({ seed, targets })], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.counts = {};
    createInterface({ input: this.process.child.stdout }).on('line', (line) => {
      const record = JSON.parse(line);
      if (record.is === 'counts') this.counts = record.counts;
      else note(record);
    });
    this.process.exit.then((status) => {
      if (!this.stopping) note({ is: 'crash', t: now(), on: 'the hostile clients', status, output: this.process.output.slice(-2_000) });
    });
  }

  get summary() {
    return Object.entries(this.counts).map(([what, count]) => `${count} × ${what}`).join(', ') || 'none';
  }

  async stop() {
    this.stopping = true;
    this.process.child.stdin.end();
    await this.process.exit;
  }
}

const GARBAGE = [
  '', '4', '42', '42[', '42[]', '42[1]', '42["subscribe"]', '42["subscribe",null]', '42["subscribe",{"channel":{"a":1}}]', '42["subscribe",{"channel":["private-team.0"]}]',
  '42["subscribe",{"channel":"private-team.0","auth":[]}]', '42["client event",{}]', '42["client event",{"channel":"private-team.0","event":"client-w","data":{"from":"nobody","k":1}}]',
  '42["client event",{"channel":"presence-room.0","event":"presence:leaving","data":{}}]', '451-["subscribe",{"_placeholder":true,"num":0}]', '459999999999-["x"]', '40/admin,', '41', '41/x', '44{}', '0{}', '1', '2probe', '3', '5', '6', '9',
  `42${'['.repeat(20_000)}`, `42["subscribe",{"channel":"${'x'.repeat(5_000)}"}]`, '42["unsubscribe",{"channel":"orders.0"}]', '\u0000', '{"a":1}', '42["disconnect"]', '42["connect"]',
];
const THIEVES = ['private-team.0', 'private-team.1', 'presence-room.0', 'presence-room.1', 'private-team.0 ', ' private-team.1', 'PRIVATE-team.0', 'private-team.0\u0000', 'private-team.%30', 'x-private-team.0'];

class Stranger {
  constructor({ targets, seed, name }) {
    this.random = new Random(seed, name);
    this.targets = targets;
    this.counts = {};
    this.on = true;
    this.stolen = 0;
  }

  count(what) {
    this.counts[what] = (this.counts[what] ?? 0) + 1;
  }

  target() {
    return this.random.pick(this.targets);
  }

  /** A websocket that is open, or nothing; it is closed when `use` is done. */
  async websocket({ address, port, from }, use, path = 'EIO=4&transport=websocket') {
    const socket = new WebSocket(`ws://${address}:${port}/socket.io/?${path}`, { localAddress: from, handshakeTimeout: 3_000, perMessageDeflate: false });
    socket.on('error', () => {});
    const open = await new Promise((done) => { socket.once('open', () => done(true)); socket.once('close', () => done(false)); });
    if (open) await use(socket);
    socket.terminate();
  }

  tcp({ address, port, from }, ms, ...pieces) {
    return new Promise((done) => {
      const socket = net.connect({ host: address, port, localAddress: from });
      socket.on('error', () => {}).on('close', done).on('data', () => {});
      socket.on('connect', () => pieces.forEach((piece) => socket.write(piece)));
      setTimeout(() => socket.destroy(), ms);
    });
  }

  async garbage() {
    await this.websocket(this.target(), async (socket) => {
      if (this.random.chance(0.8)) socket.send('40');
      for (let count = this.random.below(30); count > 0; count -= 1) {
        socket.send(this.random.chance(0.2) ? this.random.bytes(this.random.below(300)) : this.random.pick(GARBAGE));
        await pause(this.random.between(0, 20));
      }
    }, this.random.chance(0.7) ? undefined : this.random.pick(['EIO=3&transport=websocket', 'EIO=99&transport=websocket', 'transport=websocket', 'EIO=4&transport=websocket&sid=AAAA']));
  }

  async 'half handshakes'() {
    const head = 'GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n';
    await this.tcp(this.target(), this.random.between(100, 8_000), head.slice(0, 1 + this.random.below(head.length)));
  }

  async 'bad requests'() {
    const body = this.random.pick(['x', '4', '99999999:x', '42["subscribe"]', '\u001e\u001e\u001e']);
    const request = this.random.pick([
      'GET /socket.io/?EIO=4&transport=polling&sid=nobody HTTP/1.1\r\nHost: x\r\n\r\n',
      `POST /socket.io/?EIO=4&transport=polling&sid=nobody HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      'POST /apps/tests/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wrong\r\nContent-Length: 2\r\n\r\n{}',
      'POST /apps/tests/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc', `GET /${'x'.repeat(70_000)} HTTP/1.1\r\n\r\n`,
    ]);
    await this.tcp(this.target(), 500, request);
  }

  async 'slow readers'() {
    await this.websocket(this.target(), async (socket) => {
      socket.send('40');
      for (const channel of ['orders.0', 'orders.1']) socket.send(`42${JSON.stringify(['subscribe', { channel }])}`);
      await pause(200);
      socket.pause();
      await pause(this.random.between(2_000, 15_000));
    });
  }

  async floods() {
    await this.websocket(this.target(), async (socket) => {
      socket.send('40');
      for (let count = 0; count < 1_500 && socket.readyState === WebSocket.OPEN; count += 1) {
        const channel = this.random.chance(0.5) ? this.random.pick(CHANNELS) : `flood.${this.random.below(2_000)}`;
        const what = this.random.pick(['subscribe', 'subscribe', 'unsubscribe', 'client event']);
        socket.send(`42${JSON.stringify([what, { channel, event: 'client-w', data: { from: 'nobody', k: 1 } }])}`);
        if (count % 50 === 0) await pause(5);
      }
      await pause(200);
    });
  }

  async 'huge frames'() {
    await this.websocket(this.target(), async (socket) => {
      socket.send('40');
      socket.send(`42["subscribe",{"channel":"${'y'.repeat(1_000_000 + this.random.below(2_000_000))}"}]`);
      await pause(500);
    });
  }

  /** Asks for what it is not granted, in many words, with somebody else's number and none. */
  async thieves() {
    const { random } = this;
    const c = `thief ${this.stolen++}`;
    await this.websocket(this.target(), async (socket) => {
      say({ is: 'page', c, user: THIEF, t: now() });
      say({ is: 'session', c, sid: c, t: now() });
      socket.on('message', (bytes) => {
        const text = bytes.toString();
        if (text === '2') socket.send('3');
        if (!text.startsWith('42[')) return;
        const [name, ch, data] = JSON.parse(text.slice(2));
        // public channels are anybody's
        if (name === 'N' && !ch.startsWith('orders.')) say({ is: 'heard', c, sid: c, ch, n: data.n, pub: data.pub, s: data.s, published: data.s / 1e6, t: now() });
      });
      socket.send('40');
      for (const channel of THIEVES) {
        const headers = random.pick([{}, { Authorization: 'Bearer 666' }, { Authorization: `Bearer ${THIEF}` }, { Authorization: ['Bearer 999'] }, { authorization: 'Bearer NaN' }]);
        socket.send(`42${JSON.stringify(['subscribe', { channel, auth: { headers } }])}`);
      }
      await pause(random.between(1_000, 6_000));
    });
    say({ is: 'closed', c, t: now() });
  }

  async 'bad frames on the Unix socket'() {
    await new Promise((done) => {
      const socket = net.connect(this.target().socket);
      socket.on('error', () => {}).on('close', done).on('data', () => {});
      const header = Buffer.from([0x52, 0x45, 1, this.random.below(8), this.random.below(256), 0, 0, this.random.below(256)]);
      socket.on('connect', () => socket.write(this.random.chance(0.5) ? header : this.random.bytes(1 + this.random.below(100))));
      setTimeout(() => socket.destroy(), this.random.between(10, 1_000));
    });
  }

  async lane(what, pauseMs) {
    while (this.on) {
      await this[what]();
      this.count(what);
      await pause(this.random.between(0.5, 1.5) * pauseMs);
    }
  }
}

const say = (record) => process.stdout.write(`${JSON.stringify(record)}\n`);

if (process.argv[1] === SELF) {
  const { seed, targets } = JSON.parse(process.argv[2]);
  const stranger = new Stranger({ seed, targets, name: 'hostile' });
  process.stdin.on('end', () => { stranger.on = false; }).resume();
  const lanes = { garbage: 150, 'half handshakes': 200, 'bad requests': 150, 'slow readers': 500, floods: 1_500, 'huge frames': 1_000, thieves: 300, 'bad frames on the Unix socket': 200 };
  await Promise.race([
    Promise.all(Object.entries(lanes).map(([what, ms]) => stranger.lane(what, ms))),
    new Promise((done) => { process.stdin.on('end', () => setTimeout(done, 1_000)); }),
  ]);
  say({ is: 'counts', counts: stranger.counts });
  process.exit(0);
}
