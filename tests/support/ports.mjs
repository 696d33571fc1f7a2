// Free ports of 127.0.0.1.

import net from 'node:net';

/** Below those that the system gives to whoever connects, so that nobody has one by accident before it is listened on; above those that browsers refuse. */
const [FIRST, LAST] = [11_000, 32_000];
const given = new Set();

/** A port on which nobody listens, another one each time. */
export async function freePort() {
  for (;;) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (!given.has(port) && await canListen(port)) {
      given.add(port);
      return port;
    }
  }
}

function canListen(port) {
  return new Promise((done) => {
    const server = net.createServer();
    server.once('error', () => done(false));
    server.listen(port, '127.0.0.1', () => server.close(() => done(true)));
  });
}

/** Whether somebody accepts connections at `port`. */
export function accepts(port) {
  return new Promise((done) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => (socket.destroy(), done(true)));
    socket.once('error', () => done(false));
  });
}
