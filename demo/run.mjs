// `make demo`: installs what is missing, builds, starts everything on free ports of 127.0.0.1, and stops it on Ctrl-C.
// `make demo CHECK=1`: drives the page in a headless browser instead of waiting for a person, and ends with 0 or 1.
// `make demo REDIS=1`: starts a Redis as well, to compare the old road with the new ones.

import { join } from 'node:path';
import { untilStopped } from './lib/life.mjs';
import { prepare, root, startAll } from './lib/stack.mjs';
import { box, green, red, step } from './lib/terminal.mjs';

const home = join(root, 'var/demo');
const check = process.env.CHECK === '1';
const redis = process.env.REDIS === '1';

await untilStopped(async (processes, finished) => {
  await prepare(processes, {
    groups: ['demo', ...(check ? ['browser'] : []), ...(redis ? ['test'] : [])],
    build: () => processes.run(join(root, 'scripts/build.sh'), ['sidecar', 'ext']),
  });
  const { url } = await startAll(processes, { home, redis });
  if (check) {
    step('the page in headless Chromium');
    const { checkPage } = await import('./check.mjs');
    if (await checkPage({ url, home, redis })) console.log(green('\nThe demo works.'));
    else return { problem: 'it does not work as it should' };
    return {};
  }
  box(['The demo is running:', '', `  ${url}`, '', 'Log in as Ada here and as Grace in a private window.', 'Ctrl-C stops everything.']);
  return finished;
}, (problem) => console.error(red(`\nThe demo failed: ${problem}\nLogs: ${join(home, 'log')}`)));
