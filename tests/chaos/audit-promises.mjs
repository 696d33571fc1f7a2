// Events and whispers: which had to be heard by whom, and what was heard.

import { KILLS, RESTARTS } from './audit-pages.mjs';

const DOWN = [...KILLS, ...RESTARTS];
const AT_REDIS = ['kill Redis', 'restart Redis', 'stop Redis', 'flush Redis'];
/** Redis in a run keeps nothing on disk. */
const FORGETS = ['kill Redis', 'restart Redis', 'flush Redis'];
const TO_REDIS = ['cut link to Redis', 'slow link to Redis'];
/** An event is being written for no longer than this. */
const WRITING_MS = 100;
/** What moves on what a page says that it has heard last. */
const NUMBERED = ['heard', 'whispered', 'joining', 'leaving'];
const OF_PAGES = ['pages come and go', 'channels are left and joined'];
const TO_CLIENTS = ['cut link to clients', 'slow link to clients', 'break connections'];

export class Promises {
  constructor(rules, find, pages) {
    this.rules = rules;
    this.find = find;
    this.pages = pages;
    this.publishes = new Map();
    this.heard = new Map();
    this.whispers = [];
    this.whispered = new Map();
    this.numbered = new Map();
    /** When an event was first heard by anybody, and by a page of each node. */
    this.first = new Map();
    this.firstAt = new Map();
  }

  take(record) {
    if (record.is === 'publish') this.publishes.set(record.n, record);
    if (record.is === 'whisper') this.whispers.push(record);
    if (record.is === 'heard') {
      this.#add(this.heard, record);
      if (!this.first.has(record.n)) this.first.set(record.n, record.t);
      const key = `${record.n} ${this.pages.pages.get(record.c)?.node}`;
      if (!this.firstAt.has(key)) this.firstAt.set(key, record.t);
    }
    if (record.is === 'whispered') this.#add(this.whispered, record);
    if (NUMBERED.includes(record.is)) this.#add(this.numbered, record);
  }

  #add(lists, record) {
    if (!lists.has(record.c)) lists.set(record.c, []);
    lists.get(record.c).push(record);
  }

  judge(faults, counted) {
    this.faults = faults;
    this.counted = counted;
    counted.publishes += this.publishes.size;
    counted.whispers += this.whispers.length;
    for (const page of this.pages.pages.values()) {
      const heard = this.heard.get(page.c) ?? [];
      counted.heard += heard.length;
      this.#compare(page, heard);
      this.#miss(page, heard);
      this.#whispers(page, this.whispered.get(page.c) ?? []);
    }
  }

  forget() {
    this.publishes.clear();
    this.heard.clear();
    this.whispers = [];
    this.whispered.clear();
    this.numbered.clear();
    this.first.clear();
    this.firstAt.clear();
  }

  /** What was heard: once, in order, and by nobody who was left out. */
  #compare(page, heard) {
    for (const { n, ch, pub, s, sid, t } of heard) {
      const said = { c: page.c, n, ch, pub, t };
      const publish = this.publishes.get(n);
      if (page.marks.set(n, this.#bit(ch))) this.find('repeated', said);
      else if (s < (page.order.get(pub) ?? 0)) this.find('reordered', { ...said, before: page.order.get(pub) - s });
      page.order.set(pub, Math.max(s, page.order.get(pub) ?? 0));
      if (publish?.except !== undefined && publish.except === sid) this.find('echoed', { ...said, sid });
      if (publish?.fate === 'failed') this.find('contradicted', { ...said, why: publish.why });
    }
  }

  #bit(channel) {
    return this.rules.channels.indexOf(channel);
  }

  /** What had to be heard and was not. */
  #miss(page, heard) {
    const sessions = page.sessions.map((session, index) => this.#session(page, session, page.sessions[index + 1], heard));
    for (const event of this.publishes.values()) {
      if (event.fate !== 'emitted' && event.fate !== 'spooled') continue;
      for (const ch of event.ch) {
        const why = sessions.map((session) => this.#promise(page, session, event, ch)).find(Boolean);
        if (!why) continue;
        if (this.#isExempt(event, page)) {
          this.counted.optional += 1;
          continue;
        }
        this.counted.promised += 1;
        if (!page.marks.has(event.n, this.#bit(ch))) {
          this.find('lost', { c: page.c, n: event.n, ch, pub: event.pub, node: event.node, road: event.road, fate: event.fate, t: event.t0, why });
        }
      }
    }
  }

  /** A session with what its order proves: where each publisher had got to when it was last heard. */
  #session(page, session, next, heard) {
    const [reached, accepted] = [new Map(), new Map()];
    const most = (map, key, value) => map.set(key, Math.max(value, map.get(key) ?? 0));
    const past = session.past.map((stay) => ({ ...stay, reached: new Map() }));
    for (const { n, ch, pub, s, sid, t } of heard) {
      if (sid !== session.sid) continue;
      most(reached, pub, s);
      for (const stay of past) if (stay.ch === ch && !(stay.again < t)) most(stay.reached, pub, s);
      const publish = this.publishes.get(n);
      if (publish?.fate === 'emitted' && publish.node) most(accepted, publish.node, publish.t0);
    }
    const stays = [...session.channels].map(([ch, { since }]) => ({ ch, since }));
    return { session, next, reached, accepted, stays: [...stays, ...past] };
  }

  /** Why a session had to hear an event, if it had. */
  #promise(page, { session, next, reached, accepted, stays }, event, ch) {
    if (event.except !== undefined && event.except === session.sid) return undefined;
    const stay = stays.find((one) => one.ch === ch && one.since < event.t0 && !(one.until < event.t1));
    if (!stay) return undefined;
    const isOpen = !session.end && stay.until === undefined;
    if (event.road === 'redis') return isOpen && this.#heardByRedis(event, page.node) ? 'its node listened to Redis, undisturbed' : undefined;
    if (isOpen) return 'it was subscribed before the call, and still is';
    if (stay.until !== undefined) {
      return stay.reached.get(event.pub) > event.s ? 'a later event of this publisher was heard on this channel' : undefined;
    }
    if (reached.get(event.pub) > event.s) return 'a later event of this publisher was heard in this session';
    if (event.fate === 'emitted' && event.t1 < accepted.get(event.node)) {
      return 'an event that was accepted later at the same node was heard in this session';
    }
    return this.#overRestart(page, session, next, event, ch);
  }

  /** "nothing is emitted before as many subscriptions as there were are back, channel by channel, or spool.settleMs has passed" */
  #overRestart(page, session, next, event, ch) {
    const { node } = page;
    if (session.end.how !== 'new session' || !next || event.node !== node || !['extension', 'php'].includes(event.road)) return undefined;
    // The page's own, from when it had come back.
    if (event.except !== undefined && event.except === next.sid) return undefined;
    const downs = this.faults.during(DOWN, node, event.t0 - 1_000, Infinity);
    const down = downs.find(({ from }) => from > session.from && from <= next.from);
    // Twice down is two promises in one; and a page has to have been connected when the sidecar went down.
    if (!down || downs.length > 1 || !this.pages.isConnected(page, Math.min(event.t0, down.from - 20), down.from - 20)) return undefined;
    if (this.faults.any(TO_CLIENTS, node, Math.min(event.t0, down.from) - 3_000, next.from + 3_000)) return undefined;
    // What waits for the next poll is in the sidecar's memory. That may be true of what was spooled, too: a sidecar that was slow
    // to answer while it was up has it by its socket as well.
    const isUnsure = page.transport !== 'websocket' && event.t0 < down.from;
    if (event.fate === 'emitted') return event.t1 < down.from && !isUnsure ? 'it was accepted before the sidecar went down' : undefined;
    if (isUnsure || this.#isInDoubt(page, session, event, down)) return undefined;
    // Who counts subscriptions takes one page for another: where pages change at the same time, nobody can say.
    if (this.faults.any(OF_PAGES, undefined, down.from - 3_000, down.to + 2 * this.rules.backMs)) return undefined;
    const isBack = next.channels.get(ch)?.since <= down.to + this.rules.backMs && !next.end;
    return isBack && event.t0 < down.to ? 'it was spooled, and the page was back in time' : undefined;
  }

  /**
   * "To these an event in doubt is not repeated": the sidecar was killed between two sockets of it, and the page cannot say whether
   * it has heard it.
   */
  #isInDoubt(page, session, event, down) {
    const { node } = page;
    const first = this.firstAt.get(`${event.n} ${node}`);
    if (!KILLS.includes(down.kind) || !(event.t0 < down.from && first < down.to)) return false;
    if (first < down.from - WRITING_MS && !this.faults.any(['stop sidecar'], node, first, down.from)) return false;
    if (!page.recovers) return true;
    const begun = Math.max(session.from, ...this.faults.during(DOWN, node, session.from, event.t0).map(({ to }) => to));
    const times = (this.numbered.get(page.c) ?? []).map(({ t }) => t).filter((t) => t > begun && t < session.end.t);
    // What it heard beside the event may have been written after it; what it heard from another sidecar says nothing.
    return times.length === 0 || times.some((t) => t >= event.t0);
  }

  /** Redis forgets what nobody listens to: a legacy event is promised where nothing had disturbed Redis or the node for a while. */
  #heardByRedis({ t0, t1, listeners }, node) {
    const [from, to] = [t0 - this.rules.redisBackMs, t1 + 3_000];
    return listeners >= this.rules.nodes && !this.faults.any(AT_REDIS, undefined, from, to)
      && !this.faults.any([...DOWN, ...TO_REDIS, 'stop sidecar'], node, from, to);
  }

  /**
   * "What is done early ... only then can a node be killed between a receipt and telling the others", and "what a node has to tell
   * while Redis is away is in its memory".
   */
  #isExempt(event, page) {
    if (event.node === null || event.node === page.node) return false;
    const emitted = event.fate === 'emitted' ? event.t1 : this.first.get(event.n);
    if (emitted === undefined) return false;
    return this.faults.during(DOWN, event.node, event.t0, Infinity).some(({ kind, from: killed }) => {
      if (killed < event.t0 || (event.fate === 'spooled' && killed < emitted - 1_000)) return false;
      // "keeps what it has to tell" while Redis is away: in its memory
      const kept = this.faults.any(AT_REDIS, undefined, emitted - 1_000, killed) || this.#isBadLink(event.node, emitted - 1_000, killed);
      return kept || (KILLS.includes(kind) && (killed - emitted < this.rules.momentMs || this.#isGone(emitted, killed, page.node)));
    });
  }

  /**
   * "A link that was bad is bad for as long again": each time TCP sends something again it waits twice as long as before (RFC 6298, 5.5),
   * so at the end as long as it has waited already.
   */
  #isBadLink(node, from, to) {
    return this.faults.during(TO_REDIS, node, -Infinity, to).some((fault) => fault.to + (fault.to - fault.from) >= from);
  }

  /** "a node could not say again what Redis had lost": it was told and kept, Redis lost it, its teller was killed, and this node had not read it. */
  #isGone(emitted, killed, node) {
    return this.faults.during(FORGETS, undefined, emitted - 1_000, Infinity)
      .some(({ from }) => this.faults.any([...DOWN, ...TO_REDIS, 'stop sidecar'], node, emitted - 1_000, Math.max(from, killed)));
  }

  /**
   * Whispers. "What a client sends while the connection breaks is not repeated": one is promised where the sender's connection
   * has lasted, or brought a later one.
   */
  #whispers(page, heard) {
    page.whispered ??= new Map();
    const reached = new Map();
    for (const { from, k, ch, t, sid } of heard) {
      const said = { c: page.c, from, k, ch, t };
      const sent = this.#sent(from, k);
      // What was on its way when a page without recovery came back with another socket id may reach it: to the server it is another page.
      if (from === page.c && (sent?.sid ?? sid) === sid) this.find('echoed', said);
      if (!page.whispered.has(from)) page.whispered.set(from, new Set());
      const seen = page.whispered.get(from);
      if (seen.has(k)) this.find('repeated', said);
      seen.add(k);
      const link = sent?.link;
      const key = `${from} ${link} ${sid}`;
      if (link !== undefined && k < (reached.get(key) ?? 0)) this.find('reordered', said);
      reached.set(key, Math.max(k, reached.get(key) ?? 0));
    }
    for (const whisper of this.whispers) {
      if (whisper.c === page.c) continue;
      const sender = this.pages.pages.get(whisper.c);
      const lasted = sender?.open && sender.links === whisper.link;
      const why = page.sessions.map((session) => {
        const stay = [...session.channels].find(([ch, { since }]) => ch === whisper.ch && since < whisper.t);
        if (!stay) return undefined;
        if (!session.end && lasted) return 'the sender is still connected, and so is the page';
        return reached.get(`${whisper.c} ${whisper.link} ${session.sid}`) > whisper.k ? 'a later whisper of the same connection was heard' : undefined;
      }).find(Boolean);
      if (!why) continue;
      this.counted.promised += 1;
      if (!page.whispered.get(whisper.c)?.has(whisper.k)) {
        this.find('lost', { c: page.c, from: whisper.c, k: whisper.k, ch: whisper.ch, road: 'whisper', t: whisper.t, why });
      }
    }
  }

  #sent(from, k) {
    return this.whispers.find((whisper) => whisper.c === from && whisper.k === k);
  }
}
