// An auth endpoint that behaves as badly as the channel's name says: `private-redirect`, `presence-garbage`, …

import http from 'node:http';

const HUGE = 10 * 1024 * 1024;
const MEMBER = '{"channel_data":{"user_id":1,"user_info":{"name":"user 1"}}}';

/** How it answers, by the second word of the channel's name. */
const ANSWERS = {
  fine: (response, channel) => response.end(channel.startsWith('presence-') ? MEMBER : 'true'),
  never: () => {},
  drip: (response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    const timer = setInterval(() => response.write(' '), 50);
    response.on('close', () => clearInterval(timer));
  },
  redirect: (response) => response.writeHead(302, { location: '/login' }).end(),
  circle: (response) => response.writeHead(307, { location: '/broadcasting/auth' }).end(),
  garbage: (response) => response.end('<html>Please log in</html>'),
  bytes: (response) => response.end(Buffer.from([0xff, 0xfe, 0x00])),
  empty: (response) => response.end(),
  huge: (response) => response.end(' '.repeat(HUGE) + MEMBER),
  brackets: (response) => response.end('['.repeat(100_000)),
  broken: (response) => response.writeHead(500).end('Whoops'),
  reset: (response) => response.socket.destroy(),
  half: (response) => {
    response.writeHead(200, { 'content-length': 1000 });
    response.write('{"channel_data":');
    response.socket.end();
  },
};

export async function startAuthEndpoint() {
  const asked = [];
  const server = http.createServer(async (request, response) => {
    let body = '';
    for await (const piece of request) body += piece;
    const channel = new URLSearchParams(body).get('channel_name');
    asked.push({ url: request.url, channel, headers: request.headers });
    const [, word] = channel.split('-');
    ANSWERS[word](response, channel);
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    asked,
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => new Promise((done) => { server.close(done); server.closeAllConnections(); }),
  };
}
