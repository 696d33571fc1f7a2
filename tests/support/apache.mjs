// An Apache of our own with deploy/apache/rustecho.conf as it is shipped, but for the sidecar's port.

import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { accepts } from './ports.mjs';
import { Process } from './process.mjs';
import { shipped } from './shipped.mjs';
import { tool } from './tools.mjs';

const MODULES = '/usr/lib/apache2/modules';
// Those that the file names, and what Debian has switched on.
const LOADED = ['mpm_event', 'authz_core', 'proxy', 'proxy_http', 'headers'];

export async function startApache(folder, { port, sidecarPort }) {
  const own = path.join(folder, 'apache');
  mkdirSync(own, { recursive: true });
  writeFileSync(path.join(own, 'rustecho.conf'), shipped('apache', sidecarPort));
  const config = path.join(own, 'apache.conf');
  const modules = LOADED.filter((name) => existsSync(`${MODULES}/mod_${name}.so`));
  writeFileSync(config, `ServerRoot ${own}
ServerName 127.0.0.1
DefaultRuntimeDir ${own}
PidFile ${own}/apache.pid
ErrorLog ${own}/error.log
Listen 127.0.0.1:${port}
${modules.map((name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`).join('\n')}
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
Include ${own}/rustecho.conf
`);
  const apache = new Process('apache2', tool('apache2'), ['-d', own, '-f', config, '-D', 'FOREGROUND']);
  await apache.ready('to listen', () => accepts(port));
  return { stop: () => apache.stop('SIGTERM') };
}
