// Presence: what each page was told, and whether all lists are equal and true when there is quiet.

import { KILLS, RESTARTS } from './audit-pages.mjs';

export class Members {
  constructor(rules, find, pages) {
    this.rules = rules;
    this.find = find;
    this.pages = pages;
    /** By page and channel: the users of whom the page has been told. */
    this.views = new Map();
    this.left = [];
    this.listed = new Map();
  }

  take(record) {
    const { is, c, ch, t } = record;
    const key = `${c} ${ch}`;
    const view = this.views.get(key);
    if (is === 'session' && !record.recovered) this.#clear(c);
    if (is === 'closed') this.#clear(c);
    if (is === 'left') this.views.delete(key);
    if (is === 'listed') this.listed.set(`${record.node} ${ch}`, record);
    if (is === 'here') {
      this.views.set(key, new Set(record.users));
      if (new Set(record.users).size !== record.users.length) this.find('presence', { c, ch, t, why: `here has a user twice: ${record.users}` });
    }
    if (is === 'joining' && view) {
      if (view.has(record.user)) this.find('presence', { c, ch, t, user: record.user, why: 'joining, and was there' });
      view.add(record.user);
    }
    if (is === 'leaving' && view) {
      if (!view.delete(record.user)) this.find('presence', { c, ch, t, user: record.user, why: 'leaving, and was not there' });
      this.left.push(record);
    }
  }

  #clear(c) {
    for (const key of this.views.keys()) if (key.startsWith(`${c} `)) this.views.delete(key);
  }

  judge(faults, counted) {
    for (const record of this.left) this.#judgeLeaving(record, faults);
    for (const ch of this.rules.channels.filter((name) => name.startsWith('presence-'))) {
      const pages = [...this.pages.pages.values()].filter((page) => page.open && page.asked.has(ch) && page.user !== undefined);
      const real = sorted(new Set(pages.map((page) => page.user)));
      counted.members += real.length;
      for (const { c } of pages) this.#equal(real, this.views.get(`${c} ${ch}`), { c, ch, what: 'what the page knows' });
      for (const [key, { node, users }] of this.listed) {
        if (key === `${node} ${ch}`) this.#equal(real, users, { node, ch, what: 'what the node says' });
      }
    }
  }

  #equal(real, told, about) {
    const said = told && sorted(told);
    if (said && said.join() === real.join()) return;
    const ghosts = said?.filter((user) => !real.includes(user));
    const missing = said && real.filter((user) => !said.includes(user));
    this.find('presence', { ...about, ghosts, missing, why: said ? 'differs from who is there' : 'was never told who is there' });
  }

  /** "Nobody on a presence channel sees it leave or join": whoever left must have had a reason. */
  #judgeLeaving({ c, ch, user, t }, faults) {
    const [from, to] = [t - this.rules.rememberMs, t + this.rules.rememberMs];
    const theirs = [...this.pages.pages.values()].filter((page) => page.user === user);
    const wentAway = theirs.some((page) => page.ended.some((end) => end.t > from && end.t < to && (end.ch === undefined || end.ch === ch)));
    const unheard = ({ node }) => faults.any(KILLS, node, from, t)
      || faults.during(['stop sidecar', 'cut link to Redis', 'slow link to Redis', ...RESTARTS], node, t - 3 * this.rules.leaseMs, t)
        .some((fault) => fault.to - fault.from > this.rules.leaseMs * 0.5);
    const stood = faults.during(['the machine stands still'], undefined, t - 3 * this.rules.leaseMs, t).some((fault) => fault.to - fault.from > this.rules.leaseMs * 0.5);
    if (wentAway || stood || theirs.some(unheard)) return;
    this.find('presence', { c, ch, user, t, why: 'leaving, without having gone' });
  }

  forget() {
    this.left = [];
  }
}

const sorted = (users) => [...users].sort((a, b) => a - b);
