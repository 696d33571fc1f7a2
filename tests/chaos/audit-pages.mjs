// The auditor's knowledge of the pages: their sessions, what they asked for, what they were granted, what they heard.

const isGuarded = (channel) => channel.includes('private-') || channel.includes('presence-');

/** Kinds of faults that end a sidecar, and whether it had time to write its sessions down. */
export const KILLS = ['kill sidecar'];
/** So late may a page on a busy machine hear that it has a session; a killed sidecar is away for longer. */
const LATE_MS = 300;
export const RESTARTS = ['restart sidecar'];

export class Pages {
  constructor(rules, find) {
    this.rules = rules;
    this.find = find;
    this.pages = new Map();
    this.recovered = 0;
    this.grants = new Map();
    /** Until when a node and its pages may not hear each other. */
    this.disturbed = new Map();
  }

  take(record) {
    if (record.kind?.endsWith('link to clients')) this.disturbed.set(record.on, record.is === 'fault' ? record.to + this.rules.leaveMs : Infinity);
    if (record.is === 'page') this.#page(record);
    if (record.is === 'grant') this.grants.set(`${record.user} ${record.ch}`, record.granted || (this.grants.get(`${record.user} ${record.ch}`) ?? false));
    if (record.is === 'session') this.#session(record);
    const page = this.pages.get(record.c);
    if (!page) return;
    if (record.is === 'lost') this.#lost(page, record);
    if (record.is === 'asked') this.#asked(page, record);
    if (record.is === 'left') this.#left(page, record);
    if (record.is === 'closed') this.#closed(page, record);
    if (record.is === 'heard') this.#heard(page, record);
  }

  #page({ c, node, user, recovers, transport }) {
    this.pages.set(c, {
      c, node, user, recovers, transport, asked: new Map(), leftAt: new Map(), sessions: [], links: 0, connects: [], lost: [], ended: [],
      // what was heard, and each publisher's last place
      marks: new Marks(), order: new Map(), open: true,
    });
  }

  /** A connection that got a session, new or its own. */
  #session({ c, t, sid, recovered }) {
    const page = this.pages.get(c);
    const last = page.sessions.at(-1);
    page.open = true;
    page.links += 1;
    page.connects.push(t);
    if (recovered && last && !last.end) {
      this.recovered += 1;
      return;
    }
    if (last && !last.end) {
      last.end = { t, how: 'new session', lost: page.lost.at(-1) };
      page.ended.push({ t, how: 'new session' });
    }
    page.sessions.push({ sid, from: t, channels: new Map(), past: [], end: undefined, isNew: true });
  }

  #lost(page, record) {
    page.lost.push(record);
    if (!page.recovers) page.ended.push({ t: record.t, how: 'lost' });
  }

  #asked(page, record) {
    page.asked.set(record.ch, record);
    // what comes from now on may be of the new subscription
    for (const stay of page.sessions.at(-1)?.past ?? []) if (stay.ch === record.ch) stay.again ??= record.t;
  }

  #left(page, { ch, t, connected }) {
    page.asked.delete(ch);
    page.ended.push({ t, how: 'left', ch });
    page.leftAt.set(ch, { t, connected });
    const session = page.sessions.at(-1);
    const stay = session?.channels.get(ch);
    if (!stay) return;
    session.channels.delete(ch);
    session.past.push({ ch, ...stay, until: t });
  }

  #closed(page, record) {
    page.ended.push({ t: record.t, how: 'closed' });
    page.open = false;
    const session = page.sessions.at(-1);
    if (session && !session.end) session.end = { t: record.t, how: 'closed' };
  }

  #heard(page, record) {
    const { ch, t, sid, published } = record;
    this.#authorised(page, record);
    const session = page.sessions.findLast((one) => one.sid === sid) ?? page.sessions.at(-1);
    if (!session) return;
    // That something is heard proves the subscription, from then on; unless it was on its way when the channel was left.
    // While its link is cut or slow, the sidecar does not know yet that it was.
    const asked = page.asked.get(ch);
    const isNew = page.leftAt.has(ch) && published <= Math.max(asked?.t, this.disturbed.get(page.node) ?? 0);
    if (asked && !isNew && published > asked.t && !session.end && !session.channels.has(ch)) session.channels.set(ch, { since: t });
  }

  /** Public channels have to be asked for; guarded ones have to be granted to this user as well. */
  #authorised(page, { ch, t, n, published }) {
    const { c, user } = page;
    if (isGuarded(ch) && !this.grants.get(`${user} ${ch}`)) {
      this.find('unauthorised', { c, ch, n, t, why: `user ${user} was not granted it` });
      return;
    }
    if (page.asked.has(ch)) return;
    const left = page.leftAt.get(ch);
    if (!left) {
      this.find('unauthorised', { c, ch, n, t, why: 'it never asked for it' });
      return;
    }
    // "Channels left before the connection broke are not brought back." What was on its way may still come.
    const broke = page.lost.some((lost) => lost.t >= left.t - 1_000 && lost.last <= left.t + 2_000);
    if (left.connected && !broke && published > left.t + this.rules.leaveMs) {
      this.find('unauthorised', { c, ch, n, t, why: `it left the channel ${Math.round(published - left.t)} ms before the event was published` });
    }
  }

  /** Sessions that were new though the old one was promised. */
  judge(faults, counted) {
    counted.recovered = this.recovered;
    for (const page of this.pages.values()) {
      page.sessions.forEach((session, index) => {
        if (!session.isNew) return;
        session.isNew = false;
        counted.sessions += 1;
        const before = page.sessions[index - 1];
        if (before?.end?.how === 'new session' && page.recovers) this.#recovered(page, before, session, faults);
      });
    }
  }

  #recovered(page, before, session, faults) {
    const { c, node } = page;
    const lost = before.end.lost;
    // "away for longer than recovery.seconds": counted from the last that it got
    if (!lost || session.from - lost.last > this.rules.recoveryMs - 1_000) return;
    // "sidecar killed: there was no time to write anything down"
    if (faults.during(KILLS, node, before.from - LATE_MS, session.from).some(({ from }) => from > before.from - LATE_MS)) return;
    // a spool's disk that is full cannot take the sessions either: "written whole or not at all"
    const restarts = faults.during(RESTARTS, node, lost.last - 1_000, session.from);
    if (restarts.some(({ from, to }) => faults.any(['fill the spool\'s disk'], node, from - 1_000, to))) return;
    this.find('unrecovered', { c, sid: session.sid, t: session.from, was: before.sid, away: Math.round(session.from - lost.last), why: lost.why });
  }

  /** Whether a page was connected all the time between two moments. */
  isConnected(page, from, to) {
    const last = (times) => times.findLast((t) => t <= to) ?? -Infinity;
    const lost = last(page.lost.map(({ t }) => t));
    return lost < from && lost < last(page.connects);
  }

  /** Keeps of each page its last session, and of what happened as much as presence needs. */
  forget(now) {
    const since = now - this.rules.rememberMs;
    for (const [c, page] of this.pages) {
      for (const list of ['lost', 'ended']) page[list] = page[list].filter(({ t }) => t > since);
      page.connects = page.connects.slice(-20);
      page.sessions = page.sessions.slice(-1);
      page.sessions.forEach((session) => { session.past = []; });
      if (!page.open && page.ended.length === 0) this.pages.delete(c);
    }
  }
}

/** What a page has heard, a byte for each event: a bit for each of eight channels. */
class Marks {
  #bytes = new Uint8Array(1 << 12);

  /** Notes it; whether it was noted before. */
  set(n, bit) {
    if (n >= this.#bytes.length) {
      const more = new Uint8Array(2 ** Math.ceil(Math.log2(n + 1)));
      more.set(this.#bytes);
      this.#bytes = more;
    }
    const was = this.has(n, bit);
    this.#bytes[n] |= 1 << bit;
    return was;
  }

  has(n, bit) {
    return n < this.#bytes.length && (this.#bytes[n] & (1 << bit)) !== 0;
  }
}
