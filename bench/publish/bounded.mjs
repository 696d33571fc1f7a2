// Whatever state the sidecar is in, php-fpm's requests stay as quick as they were: prints what requests and calls took while it
// was up, hung (SIGSTOP), dead (SIGKILL) and back. Exits 1 when a call took longer than rustecho.timeout_ms and the
// scheduler's share, when an event was neither accepted nor spooled, or when the 99 % of the requests are not flat.
//
//   SECONDS=10 RATE=200 node bench/publish/bounded.mjs
//
// Requests come at a fixed rate, whether earlier ones have ended or not, as visitors do.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { runScript } from '../../tests/support/fastcgi.mjs';
import { startFpm } from '../../tests/support/fpm.mjs';
import { Sidecar } from '../../tests/support/sidecar.mjs';
import { pause } from '../../tests/support/wait.mjs';

const SECONDS = Number(process.env.SECONDS ?? 10);
const RATE = Number(process.env.RATE ?? 200);
const WORKERS = 8;
const TIMEOUT_MS = 50;
/** What a process that is not scheduled at once may lose on a busy machine. */
const SLACK_MS = Number(process.env.SLACK_MS ?? 30);
/** How much longer than with the sidecar up the slowest requests but one in a hundred may take. */
const FLAT_MS = Number(process.env.FLAT_MS ?? 15);
const SCRIPT = fileURLToPath(new URL('request.php', import.meta.url));

async function load(port) {
  const requests = [];
  const begun = performance.now();
  for (let number = 0; number < SECONDS * RATE; number++) {
    await pause(Math.max(0, begun + (number * 1000) / RATE - performance.now()));
    const start = performance.now();
    requests.push(runScript(port, SCRIPT).then((text) => {
      const [call, ...outcome] = text.split(' ');
      return { request: performance.now() - start, call: Number(call) / 1000, outcome: outcome.join(' ') };
    }));
  }
  return Promise.all(requests);
}

const quantile = (values, q) => values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * q)];

const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-bounded-'));
const undo = [() => rmSync(folder, { recursive: true, force: true })];
const wrong = [];
try {
  chmodSync(folder, 0o755);
  const sidecar = await Sidecar.start(folder, { spool: { path: path.join(folder, 'spool') } });
  undo.push(() => sidecar.stop('SIGKILL'));
  const ini = { 'rustecho.socket': sidecar.socket, 'rustecho.timeout_ms': TIMEOUT_MS };
  const fpm = await startFpm(folder, { environment: {}, workers: WORKERS, ini });
  undo.push(() => fpm.stop());
  await load(fpm.port); // warm
  console.log(`${RATE} requests a second for ${SECONDS} s in each state, ${WORKERS} workers; milliseconds\n`);
  console.log('  sidecar      request 50 %    99 %     max      call 50 %    99 %     max   longer than 10 ms   spooled');
  let flat;
  for (const [state, begin] of [
    ['up', () => {}],
    ['hung', () => sidecar.process.child.kill('SIGSTOP')],
    ['goes on', () => sidecar.process.child.kill('SIGCONT')],
    ['dead', () => sidecar.stop('SIGKILL')],
    ['back', () => sidecar.start()],
  ]) {
    await begin();
    const done = await load(fpm.port);
    const figures = ['request', 'call'].map((what) => {
      const values = done.map((one) => one[what]);
      return [0.5, 0.99, 1].map((q) => quantile(values, q).toFixed(2).padStart(8)).join('');
    });
    const slow = done.filter(({ call }) => call > 10).length;
    const spooled = done.filter(({ outcome }) => outcome === 'spooled').length;
    console.log(`  ${state.padEnd(10)} ${figures[0]}       ${figures[1]} ${String(slow).padStart(12)} of ${done.length}  ${String(spooled).padStart(8)}`);
    const p99 = quantile(done.map(({ request }) => request), 0.99);
    flat ??= p99;
    const longest = Math.max(...done.map(({ call }) => call));
    if (longest > TIMEOUT_MS + SLACK_MS) wrong.push(`${state}: a call took ${longest.toFixed(1)} ms`);
    if (p99 > flat + FLAT_MS) wrong.push(`${state}: 99 % of the requests took up to ${p99.toFixed(1)} ms, with the sidecar up ${flat.toFixed(1)} ms`);
    const odd = done.find(({ outcome }) => !['accepted', 'spooled'].includes(outcome));
    if (odd) wrong.push(`${state}: ${odd.outcome}`);
  }
  console.log(wrong.length === 0 ? '\nNo call was longer than it may be, and 99 % of the requests stay flat' : `\n${wrong.join('\n')}`);
} finally {
  for (const step of undo.reverse()) await step();
}
process.exitCode = wrong.length === 0 ? 0 : 1;
