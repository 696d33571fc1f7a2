// `make dev`: the demo for whoever changes rustecho. Everything runs, and what is changed is taken up: Rust is compiled (unoptimised)
// and the sidecar restarted, the extension rebuilt, PHP and the demo's files are there at once, the console comes from Vite.
// `make dev CHECK=1`: changes something of each kind, sees that it is taken up, and ends with 0 or 1.

import { join } from 'node:path';
import { checkReload } from './lib/reload-check.mjs';
import { untilStopped } from './lib/life.mjs';
import { answers, freePorts } from './lib/processes.mjs';
import { startPhp, startSidecar } from './lib/services.mjs';
import { prepare, root, startAll, target } from './lib/stack.mjs';
import { bold, box, green, red, step } from './lib/terminal.mjs';
import { copier, watch } from './lib/watch.mjs';

const home = join(root, 'var/dev');
const check = process.env.CHECK === '1';

async function startVite(processes, { logs, ports }) {
  const [port] = await freePorts(1);
  const vite = processes.start('vite', join(root, 'console/node_modules/.bin/vite'),
    ['--host', '127.0.0.1', '--port', String(port), '--strictPort', '--clearScreen', 'false'], join(logs, 'vite.log'),
    { cwd: join(root, 'console'), env: { ...process.env, RUSTECHO_DEV_ADMIN: `http://127.0.0.1:${ports.admin}` } });
  await processes.waitFor(vite, () => answers(`http://127.0.0.1:${port}/`));
  return `http://127.0.0.1:${port}/`;
}

await untilStopped(async (processes, finished) => {
  const buildSidecar = () => processes.run('cargo', ['build', '--quiet', '-p', 'rustecho-sidecar', '--bin', 'rustecho'], { cwd: root });
  const buildExt = () => processes.run(join(root, 'scripts/build.sh'), ['ext']);
  await prepare(processes, {
    groups: ['demo'],
    build: async () => {
      await processes.run(join(root, 'scripts/npm-ci.sh'), [join(root, 'console')]);
      await buildSidecar();
      await buildExt();
    },
  });
  const binary = join(target, 'debug/rustecho');
  const { url, places, services } = await startAll(processes, { home, binary });
  const consoleUrl = await startVite(processes, places);

  // A sidecar that a change has broken is no reason to stop: the next change may mend it.
  const end = processes.onUnexpectedEnd;
  processes.onUnexpectedEnd = (how, service) => {
    if (service.name === 'rustecho') console.error(red(`${how}\nwaiting for a change`));
    else end(how);
  };
  const restart = async (name, start) => {
    await processes.stop(services[name]);
    services[name] = await start(processes, places);
  };
  const in_ = (...folders) => folders.map((folder) => join(root, folder));
  watch('the sidecar', in_('sidecar/src', 'sidecar/Cargo.toml', 'wire/src'), async () => {
    await buildSidecar();
    await restart('sidecar', startSidecar);
  });
  watch('the extension', in_('php-ext/src', 'php-ext/Cargo.toml', 'wire/src'), async () => {
    await buildExt();
    await restart('php', startPhp);
  });
  watch('the demo application', in_('demo/app'), copier(join(root, 'demo/app'), places.app));

  if (check) {
    step('changing something of each kind');
    await checkReload({ root, url, consoleUrl, services, places });
    console.log(green('\nWhat is changed is taken up.'));
    return {};
  }
  box([
    'Everything is running:', '', `  ${url}   the demo's page, by Laravel`, `  ${consoleUrl}   the console, by Vite`, '',
    'Change a file, and look here.', `Logs: ${places.logs}`, 'Ctrl-C stops everything.',
  ]);
  console.log(`  ${bold('rustecho')}: ${binary} tail --config=${join(places.run, 'rustecho.json')}\n`);
  return finished;
}, (problem) => console.error(red(`\nmake dev failed: ${problem}\nLogs: ${join(home, 'log')}`)));
