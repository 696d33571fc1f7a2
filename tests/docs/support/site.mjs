// What the reader of a page has before: a Laravel application, the web server it runs under, and browsers to look at it.

import { appendFileSync, chmodSync, cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { openBrowser } from '../../support/browser.mjs';
import { Process, run } from '../../support/process.mjs';
import { PHP_FPM, PROJECT, TESTS, tool } from '../../support/tools.mjs';
import { until } from '../../support/wait.mjs';
import { Reader } from './reader.mjs';

export const APP = '/var/www/your-site';
const FOLDERS = ['bootstrap/cache', 'database', 'public/js', 'storage/logs', 'storage/framework/sessions', 'storage/framework/views',
  'storage/framework/cache/data'];
/** Composer finds everything on this machine. */
export const OFFLINE = { COMPOSER_DISABLE_NETWORK: '1', COMPOSER_ALLOW_SUPERUSER: '1', COMPOSER_NO_INTERACTION: '1', COMPOSER_HOME: '/tmp/composer' };

// What is done here to a machine would stay on one's own, and be in the way of everything after it.
if (process.env.RUSTECHO_MACHINE !== '1') throw new Error('this needs a machine of its own: tests/docs/run.sh PAGE');

/** The application of tests/app as somebody has it who has never heard of rustecho; `env` is added to its .env. */
export async function haveApp(env = {}) {
  rmSync(APP, { recursive: true, force: true });
  cpSync(path.join(TESTS, 'app'), APP, { recursive: true });
  for (const left of ['app/Events', 'routes/publish.php']) rmSync(path.join(APP, left), { recursive: true });
  cpSync(path.join(TESTS, 'docs/app'), APP, { recursive: true });
  FOLDERS.forEach((folder) => mkdirSync(path.join(APP, folder), { recursive: true }));
  const dotenv = readFileSync(path.join(APP, 'env'), 'utf8');
  const more = Object.entries(env).map(([key, value]) => `${key}=${value}\n`).join('');
  writeFileSync(path.join(APP, '.env'), dotenv.split('\n').filter((line) => !(line.split('=')[0] in env)).join('\n') + more);
  writeFileSync(path.join(APP, 'composer.json'), await run('php', [path.join(TESTS, 'docs/support/composer-json.php')]));
  await run('composer', ['install', '--quiet'], { cwd: APP, env: { ...process.env, ...OFFLINE } });
  command('npm', NPM);
  command('make', MAKE);
  return APP;
}

/** There is no registry: `npm install` takes what the tests have. The rest is npm's. */
const NPM = `#!/bin/sh
if [ "$1" != install ]; then PATH=$PATH:${PROJECT}/console/node_modules/.bin exec npm.real "$@"; fi
shift
mkdir -p node_modules
for name; do
  case $name in laravel-echo) from=echo2 ;; socket.io-client) from=sio4 ;; socket.io-client@2) from=sio2 name=socket.io-client ;; *) echo "not at hand: $name" >&2; exit 1 ;; esac
  ln -sfn ${TESTS}/node_modules/$from node_modules/$name
done
`;

/** Everything has been built before: these targets have to be there, and what they make. */
const MAKE = `#!/bin/sh
[ "$1" = -C ] && [ "$2" = /opt/rustecho ] || exec make.real "$@"
case $3 in build) file=rustecho ;; build-ext | install-ext) file=librustecho.so ;; *) exec make.real "$@" ;; esac
make.real -C /opt/rustecho --dry-run "$3" >/dev/null && test -f /opt/rustecho/target/release/$file
`;

/** A command in the place of the machine's own, which is called NAME.real. */
export function command(name, text) {
  const own = tool(name);
  const real = `/usr/local/sbin/${name}.real`;
  rmSync(real, { force: true });
  if (own !== name) symlinkSync(own, real);
  writeFileSync(`/usr/local/sbin/${name}`, text);
  chmodSync(`/usr/local/sbin/${name}`, 0o755);
}

/** What Laravel 8 has for broadcasting, with the provider no longer commented out, and an event. */
export function legacyBroadcasting() {
  const file = (name, text) => {
    mkdirSync(path.dirname(path.join(APP, name)), { recursive: true });
    writeFileSync(path.join(APP, name), text);
  };
  file('app/Providers/BroadcastServiceProvider.php', `<?php

namespace App\\Providers;

use Illuminate\\Support\\Facades\\Broadcast;
use Illuminate\\Support\\ServiceProvider;

class BroadcastServiceProvider extends ServiceProvider
{
    public function boot()
    {
        Broadcast::routes();
        require base_path('routes/channels.php');
    }
}
`);
  const config = path.join(APP, 'config/app.php');
  const provider = 'App\\Providers\\AppServiceProvider::class,';
  writeFileSync(config, readFileSync(config, 'utf8').replace(provider, `${provider}\n        App\\Providers\\BroadcastServiceProvider::class,`));
  file('app/Events/NewsPublished.php', `<?php

namespace App\\Events;

use Illuminate\\Broadcasting\\Channel;
use Illuminate\\Contracts\\Broadcasting\\ShouldBroadcastNow;

class NewsPublished implements ShouldBroadcastNow
{
    public $title = 'from Laravel';

    public function broadcastOn()
    {
        return new Channel('news');
    }
}
`);
  appendFileSync(path.join(APP, 'routes/console.php'), `
Illuminate\\Support\\Facades\\Artisan::command('news', fn () => event(new App\\Events\\NewsPublished()));
`);
  rmSync(path.join(APP, 'bootstrap/cache/config.php'), { force: true });
}

/** The site under nginx and php-fpm, as Debian has them; `https` with a certificate that the machine trusts. */
export async function haveSite({ https = false } = {}) {
  await run('chown', ['-R', 'www-data:', APP]);
  if (https) await certificate();
  mkdirSync('/etc/nginx/snippets', { recursive: true });
  const listen = https ? 'listen 443 ssl; ssl_certificate /etc/ssl/your-site.crt; ssl_certificate_key /etc/ssl/your-site.key;' : 'listen 80;';
  rmSync('/etc/nginx/sites-enabled/default', { force: true });
  writeFileSync('/etc/nginx/sites-enabled/your-site', `server {
  ${listen}
  server_name your-site.example;
  root ${APP}/public;
  location / { try_files $uri /index.php$is_args$args; }
  location = /index.php {
    include fastcgi_params;
    fastcgi_param SCRIPT_FILENAME $document_root/index.php;
    fastcgi_pass unix:/run/php-site.sock;
  }
}
`);
  writeFileSync('/tmp/fpm.conf', `[global]
error_log = /var/log/php-fpm-site.log
[www]
user = www-data
group = www-data
listen = /run/php-site.sock
listen.owner = www-data
pm = static
pm.max_children = 4
`);
  const fpm = new Process('php-fpm', PHP_FPM, ['--nodaemonize', '--fpm-config', '/tmp/fpm.conf']);
  const nginx = new Process('nginx', tool('nginx'), ['-g', 'daemon off;']);
  writeFileSync('/run/php-fpm.pid', String(fpm.child.pid));
  command('systemctl', `#!/bin/sh
# No systemd runs here. A service is told to reload by its signal; ours is started as its unit says.
case "$1 $2" in
  'restart rustecho' | 'enable --now')
    [ "\${3:-rustecho}" = rustecho ] || exit
    unit() { sed -n "s/^$1=//p" /etc/systemd/system/rustecho.service; }
    # One that has ended and is waited for by nobody has no program any more.
    old=$(cat /run/rustecho.pid 2>/dev/null) && kill "$old" && while readlink "/proc/$old/exe" >/dev/null; do sleep 0.1; done
    cd "$(unit WorkingDirectory)" || exit
    setpriv --reuid="$(unit User)" --regid="$(unit User)" --init-groups $(unit ExecStart) >>/var/log/rustecho.log 2>&1 &
    echo $! >/run/rustecho.pid
    for _ in $(seq 100); do curl -sf -o /dev/null http://127.0.0.1:6001/ && exit; sleep 0.1; done
    cat /var/log/rustecho.log
    exit 1 ;;
  'disable --now')
    [ "$3" = rustecho ] || exit
    if [ -e /run/rustecho.pid ]; then kill "$(cat /run/rustecho.pid)"; fi
    exit ;;
  'reload nginx')
    workers() { pgrep -P "$(cat /run/nginx.pid)" -f 'worker process$' | sort; }
    old=$(workers)
    nginx -s reload
    # until none of the old ones takes connections any more, and new ones do
    for worker in $old; do while workers | grep -qx "$worker"; do sleep 0.1; done; done
    while [ -z "$(workers)" ]; do sleep 0.1; done
    exit ;;
  'reload php8.2-fpm')
    fpm=$(cat /run/php-fpm.pid)
    old=$(pgrep -P "$fpm")
    kill -USR2 "$fpm"
    for worker in $old; do while kill -0 "$worker" 2>/dev/null; do sleep 0.1; done; done
    exit ;;
esac
echo "systemctl $*: not on this machine" >&2
exit 1
`);
  const url = `http${https ? 's' : ''}://your-site.example`;
  await fpm.ready('to listen', async () => (await run('test', ['-S', '/run/php-site.sock'])) === '');
  await nginx.ready('to answer', async () => (await run('curl', ['-sSf', '-o', '/dev/null', url])) === '');
  return url;
}

/** Puts a line into the site's server block, and makes nginx read it. */
export async function includeInSite(line) {
  const file = '/etc/nginx/sites-enabled/your-site';
  writeFileSync(file, readFileSync(file, 'utf8').replace(/\}\n$/, `  ${line}\n}\n`));
}

async function certificate() {
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-keyout', '/etc/ssl/your-site.key', '-out',
    '/etc/ssl/your-site.crt', '-subj', '/CN=your-site.example', '-addext', 'subjectAltName=DNS:your-site.example']);
  cpSync('/etc/ssl/your-site.crt', '/usr/local/share/ca-certificates/your-site.crt');
  await run('update-ca-certificates', []);
}

/** rustecho as docs/production.md has it, without following the page. */
export async function haveRustecho(reader) {
  await run(path.join(PROJECT, 'deploy/install.sh'), []);
  reader.run(`composer config repositories.rustecho path ${PROJECT}/composer-package && composer require 'rustecho/laravel:*@dev'`);
  reader.run('php artisan rustecho:install --no-interaction && cp /opt/rustecho/deploy/nginx/rustecho.conf /etc/nginx/snippets/');
  await includeInSite('include /etc/nginx/snippets/rustecho.conf;');
  await run('systemctl', ['reload', 'nginx']);
  const settings = '/etc/rustecho/rustecho.json';
  writeFileSync(settings, readFileSync(settings, 'utf8').replace('"http://localhost"', '"http://your-site.example"'));
  await run('systemctl', ['restart', 'rustecho']);
}

/** A site that has rustecho and, for its pages, Echo; and somebody who goes on from there by a page of the documentation. */
export async function haveEverything(t) {
  await haveApp({ APP_URL: 'http://your-site.example' });
  const reader = new Reader({ app: APP, environment: OFFLINE });
  t.after(() => reader.leave());
  const url = await haveSite();
  await haveRustecho(reader);
  reader.run('npm install laravel-echo socket.io-client');
  return { reader, url };
}

/** A person with a browser of their own. */
export async function person(t) {
  const browser = await openBrowser({ ignoreHTTPSErrors: true });
  t.after(() => browser.stop());
  return {
    /** Opens an address in a tab; what its console says is in `says`. */
    open: async (url) => {
      const tab = await browser.context.newPage();
      const lines = [];
      tab.on('console', (line) => lines.push(line.text()));
      tab.on('pageerror', (error) => lines.push(`error: ${error.message}`));
      await tab.goto(url);
      return {
        tab, lines,
        says: (wanted, count = 1) => until(`the console to say "${wanted}"`, () => {
          if (lines.filter((line) => line === wanted).length >= count) return true;
          throw new Error(`it says ${JSON.stringify(lines)}`);
        }, 15_000),
      };
    },
    context: browser.context,
  };
}
