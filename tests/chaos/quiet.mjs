// Waiting for quiet after the faults: everybody is connected and hears everybody, nothing waits anywhere, all lists are equal.
//
// What is waited for here is not judged here: when the time is over, the run goes on and the auditor sees what there is.

import { readdirSync } from 'node:fs';
import { until } from '../support/wait.mjs';
import { now } from './clock.mjs';
import { CHANNELS } from './laravel.mjs';
import { Legacy } from './publishers.mjs';
import { SETTINGS } from './stage.mjs';

const CONNECTED_MS = 60_000;
const HEARD_MS = 4_000;
const TRIES = 8;
/** A member whose machine was switched off stays for `recovery.seconds` after the heartbeat has found out. */
const LISTS_MS = SETTINGS.recoverySeconds * 1_000 + SETTINGS.pingInterval + SETTINGS.pingTimeout + SETTINGS.leaseMs + 10_000;

export class Quiet {
  constructor({ stage, pages, publishers, note }) {
    Object.assign(this, { stage, pages, publishers, note });
  }

  async come() {
    await this.#step('every page to be connected', CONNECTED_MS, () => {
      const away = this.#open().filter((page) => !page.socket.connected);
      return away.length === 0 || fail(away.map((page) => page.c));
    });
    await this.#step('empty spools', CONNECTED_MS, () => {
      const left = this.stage.nodes.flatMap((node) => readdirSync(node.spool).filter((name) => name.endsWith('.spool')));
      return left.length === 0 || fail(left);
    });
    await this.#step('every node to hear the others', CONNECTED_MS, () => this.#nodesAreWell());
    await this.#step('everybody to hear everybody', TRIES * HEARD_MS * 2, () => this.#barrier());
    await this.#step('equal lists', LISTS_MS, () => this.#listsAreEqual());
    for (const record of await this.#lists()) this.note(record);
  }

  #open() {
    return this.pages.all.filter((page) => !page.isClosed);
  }

  async #step(what, ms, ask) {
    try {
      await until(what, ask, ms);
    } catch (error) {
      this.note({ is: 'late', t: now(), why: error.message.slice(0, 2_000) });
      // what is not equal in time is the auditor's; the rest has no other judge
      if (what !== 'equal lists') this.note({ is: 'stuck', t: now(), why: error.message.slice(0, 2_000) });
    }
  }

  async #nodesAreWell() {
    for (const node of this.stage.nodes) {
      const ready = await node.asked('/ready');
      if (ready.status !== 200) return fail(`${node.name}: ${ready.body}`);
      const { cluster } = JSON.parse((await node.asked('/health')).body);
      const isWell = cluster.connected && cluster.nodes === this.stage.nodes.length && cluster.backlogBytes === 0;
      if (!isWell) return fail(`${node.name}: ${JSON.stringify(cluster)}`);
    }
    return true;
  }

  /**
   * A round of events by every node and by Redis on every channel, and a whisper of each page: who hears them has heard what
   * came before. Repeated, with new numbers, until all have heard all of one round.
   */
  async #barrier() {
    const { pages, publishers } = this;
    pages.tracked.on = true;
    pages.all.forEach((page) => page.heard.forEach((numbers) => numbers.clear()));
    const said = new Map(CHANNELS.map((channel) => [channel, []]));
    const legacy = new Legacy('barrier', this.stage.redis);
    try {
      for (const channel of CHANNELS) {
        for (const node of this.stage.nodes) {
          const event = publishers.event(channel);
          said.get(channel).push(event.n);
          await publishers.post(node, { pub: `barrier ${event.n}`, begun: 0 }, event);
        }
        const event = publishers.event(channel);
        said.get(channel).push(event.n);
        await publishers.tell(legacy, event);
      }
    } finally {
      legacy.close();
    }
    pages.all.forEach((page) => page.whisper());
    const missing = () => this.#open().flatMap((page) => page.channels
      .filter((channel) => said.get(channel).some((n) => !page.heard.get(channel)?.has(n)))
      .map((channel) => `${page.c} on ${channel}`));
    const unheard = () => this.#open().flatMap((page) => this.#open()
      .filter((other) => other !== page && other.user % 3 === page.user % 3 && (page.whispers.get(other.c) ?? 0) < other.k)
      .map((other) => `${page.c}: whisper of ${other.c}`));
    try {
      await until('the barrier to be heard', () => (missing().length === 0 && unheard().length === 0) || fail([...missing(), ...unheard()]), HEARD_MS);
    } finally {
      pages.tracked.on = false;
      // only that a channel was heard at all is of interest now
      pages.all.forEach((page) => page.heard.forEach((numbers) => numbers.clear()));
    }
    return true;
  }

  async #lists() {
    const channels = CHANNELS.filter((name) => name.startsWith('presence-'));
    return Promise.all(this.stage.nodes.flatMap((node) => channels.map(async (ch) => {
      const { body } = await node.api(`/channels/${ch}/users`);
      return { is: 'listed', node: node.name, ch, users: JSON.parse(body).users.map((user) => user.id), t: now() };
    })));
  }

  async #listsAreEqual() {
    for (const { node, ch, users } of await this.#lists()) {
      const real = new Set(this.#open().filter((page) => page.channels.includes(ch)).map((page) => page.user));
      const isTrue = users.length === real.size && users.every((user) => real.has(user));
      if (!isTrue) return fail(`${node}, ${ch}: ${users} instead of ${[...real]}`);
    }
    return true;
  }
}

function fail(what) {
  throw new Error(typeof what === 'string' ? what : JSON.stringify(what.slice(0, 20)));
}
