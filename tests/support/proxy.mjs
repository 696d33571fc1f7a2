// A TCP proxy between a page and the sidecar, for cutting what is between them. Run by itself, it is a process that can be killed:
// `node proxy.mjs PORT TARGET`.

import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { accepts, freePort } from './ports.mjs';
import { Process } from './process.mjs';

const SELF = fileURLToPath(import.meta.url);

/** Forwards every connection of `port` to the port that `target` is then, both on 127.0.0.1; `pairs` are the open ones. */
function forward(port, target) {
  const pairs = new Set();
  const server = net.createServer((near) => {
    const far = net.connect(target(), '127.0.0.1');
    const pair = [near, far];
    pairs.add(pair);
    near.pipe(far);
    far.pipe(near);
    const end = () => { pairs.delete(pair); near.destroy(); far.destroy(); };
    for (const side of pair) side.on('error', end).on('close', end);
  });
  return new Promise((done) => { server.listen(port, '127.0.0.1', () => done({ server, pairs })); });
}

/** A proxy in this process: `cut()` breaks every connection, without a word to either side that it is not the network's. */
export async function startProxy(target) {
  const port = await freePort();
  const { server, pairs } = await forward(port, () => target);
  const cut = () => pairs.forEach((pair) => pair.forEach((side) => side.resetAndDestroy()));
  /** From now on the open connections bring nothing from the target, which is not told. */
  const hold = () => pairs.forEach(([near, far]) => { far.unpipe(near); far.pause(); });
  /** New connections go to another port, as a load balancer sends them to another node. */
  const aim = (to) => { target = to; };
  return { port, url: `http://127.0.0.1:${port}`, cut, hold, aim, stop: () => { server.close(); cut(); } };
}

/** A proxy that is a process of its own: `kill()` ends it as the kernel would, `start()` puts another in its place. */
export class ProxyProcess {
  static async start(target) {
    const port = await freePort();
    return Object.assign(new ProxyProcess(), { port, target, url: `http://127.0.0.1:${port}` }).start();
  }

  async start() {
    this.process = new Process('proxy', process.execPath, [SELF, String(this.port), String(this.target)]);
    await this.process.ready('to listen', () => accepts(this.port));
    return this;
  }

  kill() {
    return this.process.stop('SIGKILL');
  }

  stop() {
    return this.kill();
  }
}

if (process.argv[1] === SELF) await forward(Number(process.argv[2]), () => Number(process.argv[3]));
