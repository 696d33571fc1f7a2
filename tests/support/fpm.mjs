// A php-fpm of our own with the built extension loaded in its one pool.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { accepts, freePort } from './ports.mjs';
import { Process } from './process.mjs';
import { EXTENSION, PHP_FPM } from './tools.mjs';

/** `environment` is what the application sees; `ini` are more settings of PHP. */
export async function startFpm(folder, { environment, ini = {}, workers = 4 }) {
  const port = await freePort();
  const settings = path.join(folder, 'php.d');
  mkdirSync(settings, { recursive: true });
  const lines = { extension: EXTENSION, ...ini };
  writeFileSync(path.join(settings, 'rustecho.ini'), Object.entries(lines).map(([key, value]) => `${key}=${value}\n`).join(''));
  const config = path.join(folder, 'php-fpm.conf');
  writeFileSync(config, `[global]
error_log = ${folder}/php-fpm.log
daemonize = no
[www]
listen = 127.0.0.1:${port}
pm = static
pm.max_children = ${workers}
clear_env = no
catch_workers_output = yes
`);
  // root may run the pool, as in a container; the folders belong to whoever runs the tests
  const args = ['--nodaemonize', '--fpm-config', config, ...(process.getuid() === 0 ? ['--allow-to-run-as-root'] : [])];
  const fpm = new Process('php-fpm', PHP_FPM, args, {
    env: { ...process.env, ...environment, PHP_INI_SCAN_DIR: `:${settings}` },
  });
  await fpm.ready('to listen', () => accepts(port));
  return { port, pid: fpm.child.pid, stop: () => fpm.stop('SIGTERM') };
}
