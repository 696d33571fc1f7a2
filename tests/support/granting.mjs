// An auth endpoint that grants everything; the member is who the bearer token says. `host`: another address to listen on.

import http from 'node:http';

export async function startGranting({ host = '127.0.0.1' } = {}) {
  const server = http.createServer((request, response) => {
    const user = Number(request.headers.authorization?.split(' ')[1]);
    response.end(JSON.stringify({ channel_data: { user_id: user, user_info: { name: `user ${user}` } } }));
  });
  await new Promise((done) => server.listen(0, host, done));
  const { port } = server.address();
  return { port, url: `http://127.0.0.1:${port}`, stop: () => { server.close(); server.closeAllConnections(); } };
}
