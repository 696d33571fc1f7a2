// Cases, each of which runs against every server that speaks the version.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { needs } from '../../support/tools.mjs';
import { EXCEPTIONS } from './exceptions.mjs';
import { SERVERS, startServer } from './servers.mjs';

/** How long a case that is known not to hold may take to show it. */
const EXCEPTION_MS = 4_000;
/** How long any case may take. */
const CASE_MS = 60_000;
/** Cases of one server at a time: most of them wait, but the references are servers of this very process. */
const AT_ONCE = 8;
const BOTH = [3, 4];

/**
 * Describes cases on servers with `settings`. `body` is given `conforms(title, case, {versions, servers})`, which runs
 * `case({server, eio})` with each of them, or with those of `on`. A case that `EXCEPTIONS` names for a server has to fail there.
 */
export function cases(group, settings, body, { on = Object.keys(SERVERS) } = {}) {
  describe(group, { concurrency: true, ...needs('sidecar') }, () => {
    for (const [name, spoken] of Object.entries(SERVERS).filter(([server]) => on.includes(server))) {
      describe(name, { concurrency: AT_ONCE }, () => {
        const running = {};
        before(async () => { running.server = await startServer(name, settings); });
        after(() => running.server?.stop());
        body((title, run, { versions = BOTH, servers = on, deadlineMs = CASE_MS } = {}) => {
          if (!servers.includes(name)) return;
          for (const eio of versions.filter((version) => spoken.includes(version))) {
            const reason = exception(`${group}: ${title}`, name, eio);
            const whole = `${title} (${name}, EIO=${eio})`;
            if (reason === undefined) test(whole, { timeout: deadlineMs }, () => run({ server: running.server, eio }));
            else test(`${whole}, which it does not: ${reason}`, () => isException(running.server, () => run({ server: running.server, eio })));
          }
        });
      });
    }
  });
}

/** Why a server does not do what the case wants; undefined when it has to. In the table `*` stands for anything. */
export function exception(title, server, eio) {
  const fits = (pattern) => new RegExp(`^${pattern.split('*').map(literal).join('.*')}$`, 's').test(title);
  const [, known] = Object.entries(EXCEPTIONS).find(([pattern, by]) => by[server] !== undefined && fits(pattern)) ?? [];
  return typeof known?.[server] === 'object' ? known[server][eio] : known?.[server];
}

const literal = (text) => text.replace(/[.+?^${}()|[\]\\]/g, '\\$&');

async function isException(server, run) {
  let timer;
  const late = new Promise((done) => { timer = setTimeout(done, EXCEPTION_MS, 'late'); });
  const outcome = await Promise.race([run().then(() => 'conforms', () => 'fails'), late]);
  clearTimeout(timer);
  assert.notEqual(outcome, 'conforms', 'this case is listed as an exception, but holds: take it out of the table');
  assert.ok(server.alive(), 'the server has ended');
}

/** A name no other case uses. */
let named = 0;
export const unique = (word) => `${word}-${process.pid}-${++named}`;
