// Set-ups in which laravel-echo-server fell or answered nothing. Absent in rustecho.

import { aftermath, as } from '../support/aftermath.mjs';
import { crashed, fallen } from '../support/runner.mjs';

export default {
  title: 'crashes by set-up',
  scenarios: [
    {
      name: 'crash-two-servers', grade: 'bug', title: 'two servers on one Redis: each purges the other\'s members, and falls when one leaves', alone: true,
      fault: (outcome) => crashed(outcome) || outcome.steps.get('first server') !== 'running',
      async run(s) {
        const first = await s.serve();
        const a = await s.client('A');
        await s.join(a, 'presence-two', as('1:Ann'));
        await s.serve();
        const b = await s.client('B');
        await s.join(b, 'presence-two', as('2:Bob'));
        await a.vanish();
        await (s.side === 'old' ? fallen({ server: first }) : s.settle());
        s.note('first server', first.ended ?? 'running');
        await b.vanish().catch(() => {});
        await aftermath(s);
      },
    },
    {
      name: 'crash-no-auth-host', grade: 'bug', title: 'no authHost and no host, and a private channel', alone: true, fault: crashed,
      async run(s) {
        await s.serve({ authHost: null, host: null });
        const a = await s.client('A');
        a.subscribe('private-x');
        await aftermath(s);
        s.note('told', a.take());
      },
    },
    {
      name: 'crash-env-redis', grade: 'bug', title: 'REDIS_HOST in the environment and no databaseConfig.redis in the file', alone: true, fault: crashed,
      async run(s) {
        const config = s.config();
        delete config.databaseConfig;
        await s.serve(config, { bare: true, env: { LARAVEL_ECHO_SERVER_REDIS_HOST: '127.0.0.1', LARAVEL_ECHO_SERVER_REDIS_PORT: String(s.stack.redis.port) } });
        s.note('afterwards', s.server.ended ?? 'running');
      },
    },
    {
      name: 'crash-config-without-redis', grade: 'bug', title: 'an empty databaseConfig: no route answers', alone: true,
      fault: (outcome) => outcome.steps.get('api') !== 200,
      async run(s) {
        await s.serve({ databaseConfig: {} });
        s.note('api', (await s.api('/channels')).status);
        s.hasMarks = false;
        s.serves = async () => !s.server.ended;
      },
    },
  ],
};
