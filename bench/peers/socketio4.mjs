// socketio4.mjs PORT REDIS_PORT    a socket.io 4 server as its documentation shows it, with Redis in

import { createServer } from 'node:http';
import Redis from 'ioredis';
import { Server } from 'socket.io';

const [port, redisPort] = process.argv.slice(2).map(Number);
const http = createServer();
const io = new Server(http);

io.on('connection', (socket) => {
  socket.on('subscribe', ({ channel }) => socket.join(channel));
});

const redis = new Redis({ host: '127.0.0.1', port: redisPort });
redis.on('pmessage', (_pattern, channel, message) => {
  const { event, data } = JSON.parse(message);
  io.to(channel).emit(event, channel, data);
});
await redis.psubscribe('*');
http.listen(port, '127.0.0.1');
