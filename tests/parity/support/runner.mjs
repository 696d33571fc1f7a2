// Plays a scenario on both sides and judges it by its grade.
//
// must:  the transcripts are equal.
// quirk: equal, but for what docs/compatibility.md names.
// bug:   laravel-echo-server shows the fault (`fault` says so of its outcome), rustecho does not, and serves afterwards.

import assert from 'node:assert/strict';
import { differences } from './compare.mjs';
import { Laravel } from './laravel.mjs';
import { Redis } from './redis.mjs';
import { Scene } from './scene.mjs';
import { Server } from './programs.mjs';

const LONGEST_FALL_MS = 10_000;

export const GRADES = ['must', 'quirk', 'bug'];

/** What a group of scenarios shares on one side: Redis, Laravel, and a server with the usual configuration. */
export class Stack {
  static async start(side) {
    const [redis, laravel] = await Promise.all([Redis.start(), Laravel.start()]);
    return Object.assign(new Stack(), { side, redis, laravel });
  }

  /** A scene on the shared server, or, for a scenario that is `alone`, on none yet. */
  async scene({ alone = false }) {
    this.laravel.reset();
    await this.redis.client.flushall();
    if (alone) return new Scene(this.side, { ...this, server: undefined });
    if (!this.server || this.server.ended) this.server = await Server.start(this.side, new Scene(this.side, this).config());
    return new Scene(this.side, this);
  }

  async stop() {
    await this.server?.stop('SIGKILL');
    await Promise.all([this.redis.stop(), this.laravel.stop()]);
  }
}

/** Plays `scenario` on both stacks at once and throws what is wrong with the outcome. */
export async function judge(scenario, stacks, { diffs, fixed }) {
  const [old, now] = await Promise.all(stacks.map((stack) => play(scenario, stack)));
  try {
    if (scenario.grade === 'bug') await fault(scenario, old, now, fixed);
    else equal(scenario, old, now, diffs);
  } finally {
    await Promise.all([old.scene.end(), now.scene.end()]);
  }
}

async function play(scenario, stack) {
  const scene = await stack.scene(scenario);
  const outcome = { scene };
  try {
    await scenario.run(scene);
  } catch (error) {
    outcome.error = error;
  }
  if (scene.side === 'old' && scenario.fault === crashed) await fallen(scene);
  return Object.assign(outcome, { steps: scene.transcript(), ended: scene.server?.ended ?? null });
}

/** A process that is about to end on a busy machine is given the time for it. */
export async function fallen({ server }) {
  const enough = new Promise((done) => { setTimeout(done, LONGEST_FALL_MS).unref(); });
  await Promise.race([server?.process.exit, enough]);
}

function failed(outcomes) {
  for (const { error, scene } of outcomes) {
    if (error) throw new Error(`${scene.side}: ${error.message}\n${scene.server?.output.slice(-1500) ?? ''}`, { cause: error });
  }
}

function equal({ name, grade }, old, now, diffs) {
  failed([old, now]);
  assert.notEqual(old.steps.size, 0, `${name} observes nothing`);
  const differ = differences(old.steps, now.steps);
  const entry = diffs.get(name);
  assert(!(entry && grade === 'must'), `docs/compatibility.md excuses ${name}, which must be equal`);
  const meant = entry ? (entry.steps ?? [...differ.keys()]) : [];
  const unmeant = [...differ].filter(([step]) => !meant.includes(step)).map(([, text]) => text);
  assert.equal(unmeant.length, 0, `${name} differs${grade === 'quirk' ? ' and docs/compatibility.md does not say so' : ''}:\n${unmeant.join('\n')}`);
  const vain = entry && (entry.steps ?? ['anything']).filter((step) => (entry.steps ? !differ.has(step) : differ.size === 0));
  assert.deepEqual(vain ?? [], [], `docs/compatibility.md has an entry for ${name}, but these do not differ (any more)`);
}

async function fault({ name, fault: shows }, old, now, fixed) {
  failed([now]);
  assert(await shows(old), `laravel-echo-server does not show the fault: ${text(old)}`);
  assert(!(await shows(now)), `rustecho shows the fault too: ${text(now)}`);
  assert.equal(now.scene.server ? await now.scene.serves() : true, true, 'rustecho does not serve afterwards');
  assert(fixed.has(name), `docs/compatibility.md does not say that ${name} is fixed (a table row "\`fixed: ${name}\`")`);
}

const text = ({ steps, ended, error }) => JSON.stringify({ steps: Object.fromEntries(steps), ended, error: error?.message });

/** The fault of most: the process has ended. */
export const crashed = ({ ended }) => ended !== null && ended.code !== 0;
