// A TCP link that can be cut: what is sent then goes nowhere, and nobody is told, as with a cable that is pulled.

import net from 'node:net';

export async function startLink(port) {
  const pairs = new Set();
  let cut = false;
  const server = net.createServer((near) => {
    const far = net.connect(port, '127.0.0.1');
    const pair = { near, far };
    pairs.add(pair);
    const end = () => { pairs.delete(pair); near.destroy(); far.destroy(); };
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on('data', (bytes) => { if (!pair.dead && !cut) to.write(bytes); else pair.dead = true; });
      from.on('error', end);
      from.on('close', end);
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: server.address().port,
    cut: () => { cut = true; pairs.forEach((pair) => { pair.dead = true; }); },
    /** New connections get through; those of before stay silent until they are given up. */
    heal: () => { cut = false; },
    stop: () => { pairs.forEach(({ near, far }) => { near.destroy(); far.destroy(); }); return new Promise((done) => server.close(done)); },
  };
}
