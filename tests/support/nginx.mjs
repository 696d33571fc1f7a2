// An nginx of our own: the Laravel application, the clients' files, and `/socket.io/` handed on to the sidecar by the file that
// users install.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { accepts } from './ports.mjs';
import { Process } from './process.mjs';
import { shipped } from './shipped.mjs';
import { TESTS, tool } from './tools.mjs';

export async function startNginx(folder, { port, fpmPort, app, sidecarPort }) {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const own = path.join(folder, 'nginx');
  mkdirSync(own, { recursive: true });
  writeFileSync(path.join(own, 'rustecho.conf'), shipped('nginx', sidecarPort));
  const config = path.join(own, 'nginx.conf');
  writeFileSync(config, `${process.getuid() === 0 ? 'user root;\n' : ''}daemon off;
worker_processes 1;
pid ${own}/nginx.pid;
error_log ${own}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 64m;
${temporary.map((name) => `  ${name}_temp_path ${own}/${name};`).join('\n')}
  types { text/html html; text/javascript js; }
  server {
    listen 127.0.0.1:${port};
    root ${app}/public;
    location / {
      include /etc/nginx/fastcgi_params;
      fastcgi_param SCRIPT_FILENAME ${app}/public/index.php;
      fastcgi_param SCRIPT_NAME /index.php;
      fastcgi_pass 127.0.0.1:${fpmPort};
    }
    location /clients/ { alias ${TESTS}node_modules/; }
    location = /favicon.ico { return 204; }
    include ${own}/rustecho.conf;
  }
}
`);
  const nginx = new Process('nginx', tool('nginx'), ['-e', `${own}/error.log`, '-p', own, '-c', config]);
  await nginx.ready('to listen', () => accepts(port));
  return { stop: () => nginx.stop('SIGTERM') };
}
