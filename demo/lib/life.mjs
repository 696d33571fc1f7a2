// From the start of a program that starts others to its end: by Ctrl-C, by a service that ends, or because all is done.

import { Processes } from './processes.mjs';
import { bold } from './terminal.mjs';

/**
 * Runs `work(processes, finished)`, which returns `{}` or `{ problem }`; `finished` is fulfilled by a signal or a service that ends.
 * Stops everything that was started, and then this process with 0 or 1.
 */
export async function untilStopped(work, complain) {
  const processes = new Processes();
  let finish;
  const finished = new Promise((done) => { finish = done; });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => finish({ signal }));
  processes.onUnexpectedEnd = (how) => finish({ problem: how });

  const working = work(processes, finished).catch((error) => ({ problem: error.message }));
  const outcome = await Promise.race([finished, working]);
  if (outcome.signal) console.log(`\n${bold('stopping')}`);
  await processes.stopAll();
  if (outcome.problem) complain(outcome.problem);
  process.exit(outcome.problem ? 1 : 0);
}
