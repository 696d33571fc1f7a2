// The Laravel application of the demo, assembled in var/demo/app as the README tells a user to do it: first the package, by
// `composer require`, and only then BROADCAST_DRIVER=rustecho.

import { randomBytes } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const WRITABLE = ['bootstrap/cache', 'storage/logs', 'storage/framework/sessions', 'storage/framework/views'];

const FROM_NPM = [
  ['laravel-echo', 'dist/echo.iife.js'],
  ['socket.io-client', 'dist/socket.io.min.js'],
];

export async function assemble(processes, { root, home, env }) {
  const app = join(home, 'app');
  rmSync(app, { recursive: true, force: true });
  cpSync(join(root, 'demo/app'), app, { recursive: true });
  for (const folder of WRITABLE) mkdirSync(join(app, folder), { recursive: true });
  copyClients(root, join(app, 'public/vendor'));

  const dotenv = { APP_KEY: `base64:${randomBytes(32).toString('base64')}`, ...env };
  writeEnv(app, dotenv);
  const composer = {
    cwd: app,
    env: {
      ...process.env,
      COMPOSER_ALLOW_SUPERUSER: '1',
      COMPOSER_NO_INTERACTION: '1',
      COMPOSER_HOME: join(home, 'composer'),
      COMPOSER_DISABLE_NETWORK: '1',
    },
  };
  await processes.run('php', [join(root, 'demo/offline-composer.php'), app, join(root, 'composer-package')]);
  await processes.run('composer', ['install', '--no-progress', '--quiet'], composer);
  await processes.run('composer', ['require', '--no-progress', 'rustecho/laravel:*@dev'], composer);
  writeEnv(app, { ...dotenv, BROADCAST_DRIVER: 'rustecho' });
  return app;
}

function copyClients(root, to) {
  mkdirSync(to, { recursive: true });
  for (const [name, file] of FROM_NPM) {
    for (const path of [file, `${file}.map`]) {
      const from = join(root, 'demo/node_modules', name, path);
      if (existsSync(from)) cpSync(from, join(to, path.replace('dist/', '')));
    }
  }
}

function writeEnv(app, values) {
  const lines = Object.entries(values).map(([key, value]) => `${key}="${value}"\n`);
  writeFileSync(join(app, '.env'), lines.join(''), { mode: 0o600 });
}
