// The chaos run: three nodes on one Redis, publishers of every road, good pages and hostile clients, and faults by a seed.
//
//   node tests/chaos/run.mjs              exits 1 when a promise was broken; says the seed, the time and the last faults
//   MINUTES=60 SEED=1 node tests/chaos/run.mjs
//
// ROUNDS=2 instead of MINUTES; WINDOW_MS: how long faults happen in a round; ROUND=7: begin with this round's faults;
// KINDS='kill sidecar,flush Redis': only these; EXCEPT: all but these; HOSTILE=0: no strangers. docs/reliability.md says what is looked at.

import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { canIsolate, insideOwnNamespace } from '../support/namespaces.mjs';
import { FAKETIME, PROJECT } from '../support/tools.mjs';
import { pause, within } from '../support/wait.mjs';
import { Auditor, FIGURES } from './audit.mjs';
import { now } from './clock.mjs';
import { Faults } from './faults.mjs';
import { Hostile } from './hostile.mjs';
import { prove } from './inject.mjs';
import { CHANNELS } from './laravel.mjs';
import { Pages } from './pages.mjs';
import { KINDS, plan, said } from './plan.mjs';
import { Publishers } from './publishers.mjs';
import { Quiet } from './quiet.mjs';
import { Random } from './random.mjs';
import { readRecord, Record } from './record.mjs';
import { SETTINGS, Stage } from './stage.mjs';

const number = (name, otherwise) => (process.env[name] ? Number(process.env[name]) : otherwise);
const SEED = process.env.SEED || String(Date.now() % 1_000_000);
const MINUTES = number('MINUTES', 10);
const ROUNDS = number('ROUNDS', Infinity);
const FIRST = number('ROUND', 1);
const WINDOW_MS = number('WINDOW_MS', 20_000);
const NODES = number('NODES', 3);
const PAGES = number('PAGES', 8);
const PAUSE_MS = number('PAUSE_MS', 100);
const WHISPER_MS = 300;
const PROVED_ROUNDS = 2;
const ROUND_MS = 600_000;
/** A machine that stands still for so long is noted: everything on it stood still. */
const STALL_MS = 1_500;

/** What the auditor knows of the settings, in milliseconds. */
export const RULES = {
  channels: CHANNELS,
  nodes: NODES,
  leaseMs: SETTINGS.leaseMs,
  recoveryMs: SETTINGS.recoverySeconds * 1_000,
  /** A page that is connected again so long after its sidecar's start is back in time, with its subscriptions to come. */
  backMs: SETTINGS.settleMs / 2,
  /** After an `unsubscribe` so long an event may still have been published. */
  leaveMs: 3_000,
  /** "the moment after it has given a receipt" */
  momentMs: 1_000,
  /** So long after the last fault at Redis every node listens there again. */
  redisBackMs: 10_000,
  rememberMs: 90_000,
};

class Run {
  constructor() {
    this.begun = now();
    this.output = path.join(PROJECT, 'var', 'chaos', `${new Date().toISOString().slice(0, 19).replaceAll(':', '')}-seed-${SEED}`);
    mkdirSync(this.output, { recursive: true });
    this.record = new Record(path.join(this.output, 'record.jsonl'));
    this.auditor = new Auditor(RULES);
    this.faults = [];
    this.counts = {};
    this.lines = [];
    this.note = (record) => {
      this.record.write(record);
      this.auditor.take(record);
      if (record.is === 'fault') {
        this.counts[record.kind] = (this.counts[record.kind] ?? 0) + 1;
        this.faults.push(record);
      }
    };
  }

  say(line) {
    this.lines.push(line);
    console.log(line);
  }

  /** Minutes and seconds since the begin, or of another time. */
  clock(time = now()) {
    const seconds = Math.max(0, Math.round((time - this.begun) / 1_000));
    return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  }

  async go() {
    const [only, except] = [process.env.KINDS || Object.keys(KINDS).join(), process.env.EXCEPT ?? ''].map((list) => list.split(','));
    const kinds = only.filter((kind) => !except.includes(kind) && (FAKETIME || kind !== 'jump the clock'));
    this.note({ is: 'run', seed: SEED, nodes: NODES, pages: PAGES * NODES, windowMs: WINDOW_MS, settings: SETTINGS, rules: RULES, kinds, t: now() });
    this.say(`chaos: seed ${SEED}, ${NODES} nodes, ${NODES * PAGES} pages; the record: ${path.relative(PROJECT, this.output)}/record.jsonl`);
    if (!FAKETIME) this.say('clocks do not jump: libfaketime not found (scripts/setup.sh test)');
    const { note } = this;
    this.stage = await Stage.make({ nodes: NODES, workers: 4, note, output: this.output });
    this.pages = new Pages({ stage: this.stage, note, perNode: PAGES });
    const random = new Random(SEED, 'publishers');
    this.publishers = new Publishers({ stage: this.stage, pages: this.pages, note, random, pauseMs: PAUSE_MS });
    this.quiet = new Quiet({ stage: this.stage, pages: this.pages, publishers: this.publishers, note });
    this.pages.open();
    this.#watchTheMachine();
    this.hostile = process.env.HOSTILE === '0' ? undefined : new Hostile({ stage: this.stage, seed: SEED, note });
    await this.#round(0, []);
    const end = this.begun + MINUTES * 60_000;
    for (let round = FIRST; round < FIRST + ROUNDS && (ROUNDS !== Infinity || now() < end); round += 1) {
      await this.#round(round, plan({ seed: SEED, round, nodes: NODES, windowMs: WINDOW_MS, kinds }));
    }
    await this.hostile?.stop();
    this.pages.close();
    await this.stage.stop();
    await this.record.close();
  }

  #watchTheMachine() {
    let last = now();
    setInterval(() => {
      const t = now();
      if (t - last > STALL_MS) this.note({ is: 'fault', kind: 'the machine stands still', on: 'all', from: last, to: t, ms: Math.round(t - last), t });
      last = t;
    }, 100).unref();
  }

  /** Faults, then quiet, then the auditor's word. Round 0 is without faults: what is wrong then is wrong with the run. */
  async #round(round, faults) {
    const [begun, before] = [now(), this.auditor.findings.length];
    const counted = { ...this.auditor.counted };
    this.note({ is: 'round', round, faults, t: begun });
    this.publishers.start();
    const whispering = setInterval(() => this.pages.all[Math.floor(this.publishers.random.next() * this.pages.all.length)].whisper(), WHISPER_MS);
    const doing = new Faults(this.stage, this.pages, this.note);
    const each = faults.map(async (fault, index) => {
      await pause(fault.at);
      await doing.run(fault, new Random(SEED, `round ${round} fault ${index}`));
    });
    await Promise.all([...each, pause(faults.length > 0 ? WINDOW_MS : 3_000)]);
    clearInterval(whispering);
    await within('the publishers to stop', this.publishers.stop(), ROUND_MS);
    const quietBegins = now();
    await this.quiet.come();
    this.publishers.collect();
    this.note({ is: 'quiet', round, t: now() });
    const more = Object.fromEntries(Object.entries(this.auditor.counted).map(([name, count]) => [name, count - counted[name]]));
    const found = this.auditor.findings.slice(before);
    const what = faults.map((fault) => said(fault)).join('; ') || 'no faults';
    this.say(`${this.clock(begun)} round ${round}: ${what}\n      ${more.publishes} events, ${more.promised} promised deliveries of ${more.heard}, ${more.whispers} whispers, `
      + `${more.recovered} sessions recovered and ${more.sessions} new; quiet after ${((now() - quietBegins) / 1_000).toFixed(1)} s; ${found.length === 0 ? 'all kept' : `${found.length} BROKEN`}`);
    for (const finding of found) this.note({ is: 'finding', ...finding });
    for (const finding of summary(found)) this.say(`      ${finding}`);
  }

  async finish() {
    const { totals, counted, isClean } = this.auditor;
    const proved = isClean ? await this.#prove() : [];
    const missed = proved.filter(({ reported }) => !reported);
    this.say(`\nseed ${SEED}, ${this.clock()} minutes: ${counted.publishes} events, ${counted.whispers} whispers, ${counted.heard} deliveries heard, `
      + `${counted.promised} of them promised; ${counted.sessions} new sessions, ${counted.recovered} recovered`);
    this.say(`faults: ${Object.entries(this.counts).map(([kind, count]) => `${count} × ${kind}`).join(', ')}`);
    if (this.hostile) this.say(`hostile clients: ${this.hostile.summary}`);
    this.say(Object.entries(totals).map(([figure, count]) => `${figure} ${count}`).join(', '));
    if (isClean) this.say(`the auditor, given this record with a fault in it: reported ${proved.length - missed.length} of ${proved.length}`);
    for (const { what, figure } of missed) this.say(`  not reported as ${figure}: ${what}`);
    if (!isClean) {
      const { findings } = this.auditor;
      const t = findings[0].t ?? this.begun;
      this.say(`BROKEN first at ${this.clock(t)}, with SEED=${SEED}. Faults before it:`);
      for (const fault of this.faults.filter(({ from }) => from < t + 1_000).slice(-6)) this.say(`  ${this.clock(fault.from)} to ${this.clock(fault.to)} ${said(fault)}`);
    }
    this.say(isClean && missed.length === 0 ? 'all promises were kept' : 'NOT all promises were kept');
    writeFileSync(path.join(this.output, 'summary.txt'), `${this.lines.join('\n')}\n`);
    return isClean && missed.length === 0;
  }

  /** Whether the auditor can fail at all: it is given what it has just found clean, with one thing changed. */
  async #prove() {
    const records = [];
    let [rounds, whole] = [0, 0];
    for await (const record of readRecord(this.record.file)) {
      records.push(record);
      if (record.is !== 'quiet') continue;
      whole = records.length;
      rounds += 1;
      if (rounds > PROVED_ROUNDS) break;
    }
    return prove(records.slice(0, whole), RULES);
  }
}

/** Findings, alike ones together. */
function summary(findings) {
  const kinds = new Map();
  for (const finding of findings) {
    const key = `${finding.figure}: ${finding.why ?? FIGURES[finding.figure]}`;
    kinds.set(key, [...(kinds.get(key) ?? []), finding]);
  }
  return [...kinds].map(([what, list]) => `${list.length} × ${what}; e.g. ${JSON.stringify({ ...list[0], why: undefined, output: undefined })}`);
}

const can = canIsolate();
if (can !== true) {
  console.error(process.env.CI === 'true' ? `CI may skip nothing, but ${can}` : `skipped: ${can}`);
  process.exit(process.env.CI === 'true' ? 1 : 0);
}
await insideOwnNamespace();
const run = new Run();
try {
  await run.go();
} catch (error) {
  console.error(error);
  run.note({ is: 'stuck', t: now(), why: error.message });
  await run.stage?.stop().catch(() => {});
  await run.record.close();
}
process.exit(await run.finish() ? 0 : 1);
