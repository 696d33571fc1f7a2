// Redis outages that ended laravel-echo-server. Slow: it takes ten seconds to fall.

import { aftermath, as } from '../support/aftermath.mjs';
import { crashed } from '../support/runner.mjs';

export default {
  title: 'Redis outages',
  scenarios: [
    {
      name: 'crash-redis-away', grade: 'bug', title: 'Redis is away for more than ten seconds while somebody joins a presence channel', alone: true, fault: crashed,
      async run(s) {
        const redis = await s.startRedis();
        await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } } });
        s.hasMarks = false;
        const a = await s.client('A');
        await redis.process.stop('SIGKILL');
        a.subscribe('presence-away', as('1:Ann'));
        const fallen = await Promise.race([s.server.process.exit, new Promise((done) => setTimeout(done, 13_000, null))]);
        s.note('afterwards', fallen ?? 'running');
        await redis.again();
        s.redis = redis.client;
        s.hasMarks = true;
      },
    },
    {
      name: 'crash-no-redis-at-start', grade: 'bug', title: 'Redis is not there for more than ten seconds after the start', alone: true, fault: crashed,
      async run(s) {
        const redis = await s.startRedis();
        await redis.process.stop('SIGKILL');
        await s.serve({ databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } } });
        const fallen = await Promise.race([s.server.process.exit, new Promise((done) => setTimeout(done, 13_000, null))]);
        s.note('afterwards', fallen ?? 'running');
        await redis.again();
        s.redis = redis.client;
      },
    },
  ],
};
