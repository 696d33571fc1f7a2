// Does the faults of a plan to a stage, and undoes them. Two faults of the same part wait for each other.

import { closeSync, openSync, unlinkSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { pause, until } from '../support/wait.mjs';
import { now } from './clock.mjs';

/** Which part of its target a fault needs for itself. */
const PARTS = {
  sidecar: ['kill sidecar', 'restart sidecar', 'stop sidecar', 'reload the configuration'],
  redis: ['kill Redis', 'restart Redis', 'stop Redis', 'flush Redis'],
  front: ['cut link to clients', 'slow link to clients'],
  back: ['cut link to Redis', 'slow link to Redis'],
  fpm: ['kill php-fpm workers', 'stop php-fpm worker'],
  disk: ['fill the spool\'s disk'],
};
/** A sidecar that is stopped reads nothing. */
const RELOAD_MS = 30_000;
const partOf = (kind) => Object.keys(PARTS).find((part) => PARTS[part].includes(kind)) ?? kind;

export class Faults {
  #busy = new Map();

  constructor(stage, pages, note) {
    Object.assign(this, { stage, pages, note });
  }

  /** Does one fault, and is done when it is over; `random` is its own. */
  async run(fault, random) {
    const key = `${partOf(fault.kind)} ${fault.on}`;
    const turn = (this.#busy.get(key) ?? Promise.resolve()).then(() => this.#timed(fault, random));
    this.#busy.set(key, turn.catch(() => {}));
    await turn;
  }

  async #timed(fault, random) {
    const node = this.stage.nodes.find(({ name }) => name === fault.on);
    const record = { is: 'fault', ...fault, t: now(), from: now() };
    this.note({ ...record, is: 'fault begins' });
    await DO[fault.kind]({ fault, node, random, stage: this.stage, pages: this.pages, record });
    record.t = record.to = now();
    this.note(record);
  }
}

async function forAWhile({ fault }, begin, end) {
  await begin();
  await pause(fault.ms);
  await end();
}

const signal = (pid, name) => {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error; // it has just ended
  }
};

/** Sends a signal to a process for a while, and the other one after it. */
const halt = (about, pid) => forAWhile(about, () => signal(pid, 'SIGSTOP'), () => signal(pid, 'SIGCONT'));

const DO = {
  'kill sidecar': (about) => forAWhile(about, () => about.node.end('SIGKILL'), () => about.node.start()),
  'restart sidecar': (about) => forAWhile(about, () => about.node.end('SIGTERM'), () => about.node.start()),
  'stop sidecar': (about) => halt(about, about.node.pid),
  'kill Redis': (about) => forAWhile(about, () => about.stage.redis.stop('SIGKILL'), () => about.stage.redis.start()),
  'restart Redis': (about) => forAWhile(about, () => about.stage.redis.stop('SIGTERM'), () => about.stage.redis.start()),
  'stop Redis': (about) => halt(about, about.stage.redis.server.child.pid),
  'flush Redis': ({ stage }) => stage.redis.cli('FLUSHALL'),
  'kill php-fpm workers': ({ node, fault, random }) => {
    for (const pid of node.fpmWorkers()) if (random.chance(fault.share)) signal(pid, 'SIGKILL');
  },
  'stop php-fpm worker': (about) => halt(about, about.random.pick(about.node.fpmWorkers())),
  'cut link to Redis': (about) => forAWhile(about, () => about.node.place.back.cut(), () => about.node.place.back.heal()),
  'cut link to clients': (about) => forAWhile(about, () => about.node.place.front.cut(), () => about.node.place.front.heal()),
  'slow link to Redis': (about) => forAWhile(about, () => about.node.place.back.slow(), () => about.node.place.back.quicken()),
  'slow link to clients': (about) => forAWhile(about, () => about.node.place.front.slow(), () => about.node.place.front.quicken()),
  'break connections': ({ node, fault, random, pages }) => {
    for (const page of pages.of(node)) if (random.chance(fault.share)) page.breakConnection();
  },
  'fill the spool\'s disk': (about) => {
    const file = path.join(about.node.spool, 'filler');
    return forAWhile(about, () => fill(file), () => unlinkSync(file));
  },
  'jump the clock': ({ node, fault, pages }) => {
    // a session that waits for its client may not be taken for one that waits too long
    if (fault.breaks) pages.of(node).forEach((page) => page.breakConnection());
    // never so far that spooled events are older than spool.ttl
    node.offset = fault.seconds;
    writeFileSync(node.clock, `${node.offset < 0 ? '' : '+'}${node.offset}s`);
  },
  'reload the configuration': ({ node, fault }) => {
    const whole = node.settings({ whispersPerSecond: fault.whispersPerSecond });
    const text = JSON.stringify(whole, null, 2);
    writeFileSync(node.sidecar.file, fault.broken ? text.slice(0, text.length / 2) : text);
    const { process } = node.sidecar;
    const said = () => process.output.split('SIGHUP:').length;
    const before = said();
    signal(node.pid, 'SIGHUP');
    return until('the sidecar to say what it read', () => process.ended || said() > before, RELOAD_MS)
      .finally(() => writeFileSync(node.sidecar.file, text));
  },
  'pages come and go': async ({ fault, random, pages }) => {
    const gone = pages.all.filter((page) => page.mayGo && random.chance(fault.share));
    for (const page of gone) page.close(fault.abrupt);
    await pause(fault.ms);
    for (const page of gone) pages.replace(page);
  },
  'channels are left and joined': async ({ fault, random, pages }) => {
    const left = pages.all.filter((page) => page.mayGo && random.chance(fault.share)).map((page) => [page, random.pick(page.channels)]);
    for (const [page, channel] of left) page.leave(channel);
    await pause(fault.ms);
    for (const [page, channel] of left) page.subscribe(channel);
  },
};

/** Writes until there is no room. */
function fill(file) {
  const handle = openSync(file, 'w');
  const block = Buffer.alloc(65_536, 1);
  try {
    for (let size = block.length; size >= 1;) {
      try {
        writeSync(handle, block, 0, size);
      } catch (error) {
        if (error.code !== 'ENOSPC') throw error;
        size = Math.floor(size / 2);
      }
    }
  } finally {
    closeSync(handle);
  }
}
