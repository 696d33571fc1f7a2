// What runs during the demo: php-fpm with the extension, nginx, the sidecar, and Redis when asked for. Each with its own
// configuration and folder; nothing of the system's services is touched.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { answers } from './processes.mjs';

const PRODUCTION_ADDRESS = '127.0.0.1:6001'; // in deploy/nginx/rustecho.conf

// Not Debian's fastcgi_params: it cuts the port off HTTP_HOST, and the demo's port is not 80.
const FASTCGI = {
  SCRIPT_FILENAME: '$document_root/index.php',
  REQUEST_METHOD: '$request_method',
  REQUEST_URI: '$request_uri',
  QUERY_STRING: '$query_string',
  CONTENT_TYPE: '$content_type',
  CONTENT_LENGTH: '$content_length',
  SERVER_PROTOCOL: '$server_protocol',
  SERVER_PORT: '$server_port',
  REMOTE_ADDR: '$remote_addr',
  HTTP_HOST: '$http_host',
};

const isRoot = process.getuid() === 0;
const sbin = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` };

/** The environment without what the sidecar would take for settings of its own. */
function withoutSettings(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^(RUSTECHO|LARAVEL_ECHO_SERVER)_/.test(name)));
}

export async function startRedis(processes, { logs, ports }) {
  const args = ['--port', ports.redis, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
  const redis = processes.start('redis-server', 'redis-server', args.map(String), join(logs, 'redis.log'));
  await processes.waitFor(redis, async () => readFileSync(join(logs, 'redis.log'), 'utf8').includes('Ready to accept connections'));
}

export async function startSidecar(processes, { run, logs, ports, socket, api, redis, binary }) {
  const config = join(run, 'rustecho.json');
  writeFileSync(config, JSON.stringify({
    host: '127.0.0.1',
    port: ports.sidecar,
    authHost: `http://127.0.0.1:${ports.site}`,
    authEndpoint: '/broadcasting/auth',
    unixSocket: { path: socket },
    clients: [{ appId: api.id, key: api.key }],
    subscribers: { http: true, redis },
    ...(redis && { databaseConfig: { redis: { host: '127.0.0.1', port: ports.redis, keyPrefix: 'demo_' } } }),
    admin: { host: '127.0.0.1', port: ports.admin },
    devMode: true,
  }, null, 2), { mode: 0o600 });

  const log = join(logs, 'sidecar.log');
  const sidecar = processes.start('rustecho', binary, ['start', `--config=${config}`], log, {
    cwd: run,
    env: withoutSettings(process.env),
  });
  await processes.waitFor(sidecar, async () => readFileSync(log, 'utf8').includes('Server ready!'));
  await processes.waitFor(sidecar, () => answers(`http://127.0.0.1:${ports.sidecar}/socket.io/?EIO=4&transport=polling`));
  return sidecar;
}

export function startPhp(processes, { target, run, logs, fpm, socket }) {
  const version = execFileSync('php', ['-r', 'echo PHP_MAJOR_VERSION.".".PHP_MINOR_VERSION;'], { encoding: 'utf8' });
  const config = join(run, 'php-fpm.conf');
  const who = isRoot ? 'user = root\ngroup = root\n' : '';
  writeFileSync(config, `[global]
error_log = ${join(logs, 'php-fpm.log')}

[demo]
${who}listen = ${fpm}
pm = static
pm.max_children = 4
catch_workers_output = yes
php_admin_value[error_log] = ${join(logs, 'php.log')}
`);
  const args = ['-F', ...(isRoot ? ['-R'] : []), '-y', config, '-d', `extension=${join(target, 'release/librustecho.so')}`,
    '-d', `rustecho.socket=${socket}`];
  return processes.start('php-fpm', `php-fpm${version}`, args, join(logs, 'php-fpm.out.log'), { env: sbin });
}

export async function startNginx(processes, { root, run, logs, app, fpm, ports }) {
  // The very file that a user installs, but for the port.
  const snippet = readFileSync(join(root, 'deploy/nginx/rustecho.conf'), 'utf8');
  if (!snippet.includes(PRODUCTION_ADDRESS)) throw new Error(`deploy/nginx/rustecho.conf does not name ${PRODUCTION_ADDRESS}`);
  writeFileSync(join(run, 'rustecho.nginx.conf'), snippet.replace(PRODUCTION_ADDRESS, `127.0.0.1:${ports.sidecar}`));

  const fastcgi = Object.entries(FASTCGI).map(([name, value]) => `      fastcgi_param ${name} ${value};`).join('\n');
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `  ${kind}_temp_path "${run}/nginx-${kind}";`);
  const config = join(run, 'nginx.conf');
  writeFileSync(config, `${isRoot ? 'user root;\n' : ''}worker_processes 1;
daemon off;
pid "${run}/nginx.pid";
error_log stderr;
events { worker_connections 1024; }
http {
  include /etc/nginx/mime.types;
  access_log "${logs}/access.log";
${temporary.join('\n')}
  server {
    listen 127.0.0.1:${ports.site};
    root "${app}/public";
    location / { try_files $uri /index.php$is_args$args; }
    location = /index.php {
${fastcgi}
      fastcgi_pass "unix:${fpm}";
    }
    include "${run}/rustecho.nginx.conf";
  }
}
`);
  const nginx = processes.start('nginx', 'nginx', ['-e', 'stderr', '-p', run, '-c', config], join(logs, 'nginx.log'), { env: sbin });
  await processes.waitFor(nginx, () => answers(`http://127.0.0.1:${ports.site}/`));
  await processes.waitFor(nginx, () => answers(`http://127.0.0.1:${ports.site}/socket.io/?EIO=4&transport=polling`));
}
