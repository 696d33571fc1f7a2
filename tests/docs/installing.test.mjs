// docs/installing.md: from source, under supervisord, with the files for web servers, and taken away again.

import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { Process, run } from '../support/process.mjs';
import { needsStack, PROJECT } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';
import { Reader } from './support/reader.mjs';
import { APP, haveApp, haveSite, includeInSite, OFFLINE } from './support/site.mjs';

const PAGE = 'docs/installing.md';

test('installing', needsStack('supervisord'), async (t) => {
  await haveApp();
  const url = await haveSite();
  const reader = new Reader({ app: APP, environment: OFFLINE });
  t.after(() => reader.leave());
  const page = readFileSync(`${PROJECT}/${PAGE}`, 'utf8');
  const fromSource = page.match(/^\| from source .*`(make build)`, `(deploy\/install\.sh)` \|$/m);
  reader.run(`cd /opt/rustecho && make -C /opt/rustecho ${fromSource[1].split(' ')[1]} && ${fromSource[2]}`);
  for (const [, name] of page.split('## What is installed')[1].split('\n## ')[0].matchAll(/`(\/[a-z/.]+)`/g)) {
    assert.ok(existsSync(name) || name.startsWith('/etc/tmpfiles.d'), `${name} is named and not there`);
  }

  const supervisor = new Process('supervisord', 'supervisord', ['--nodaemon', '--configuration', '/etc/supervisor/supervisord.conf']);
  await supervisor.ready('to answer', async () => (await run('supervisorctl', ['version'])) !== '');
  await reader.follow(PAGE, { sections: ['supervisord'] });
  await reader.waits('supervisorctl status rustecho || true', (text) => text.includes('RUNNING'));
  assert.match(readFileSync('/var/log/supervisor/rustecho.log', 'utf8'), /Server ready!/);
  assert.match(reader.run('rustecho status'), /ready +yes/);

  await includeInSite(page.match(/`(include [^`]+;)`/)[1]);
  await run('systemctl', ['reload', 'nginx']);
  assert.match(reader.run(`curl -sSf '${url}/socket.io/?EIO=4&transport=polling'`), /^0\{"sid"/);
  mkdirSync('/etc/apache2/conf-available', { recursive: true });
  await reader.follow(PAGE, { sections: ['nginx and Apache'], passedOver: {
    a2enmod: 'it comes with the whole of Apache; tests/deploy/proxies has the same file in an Apache of its own', a2enconf: 'the same',
  } });

  await supervisor.stop();
  await reader.follow(PAGE, { sections: ['Upgrading, removing'], passedOver: {
    'apt-get': 'packages are tried in tests/deploy/installed', 'systemctl stop rustecho && ': 'no systemd here; tried in tests/deploy/installed',
  } });
  for (const left of ['/usr/bin/rustecho', '/usr/share/rustecho', '/etc/rustecho', '/var/spool/rustecho', '/var/lib/rustecho']) {
    assert.ok(!existsSync(left), `${left} is left`);
  }
  await until('the user to be gone', async () => !(await run('getent', ['passwd'])).includes('\nrustecho:'));
});
