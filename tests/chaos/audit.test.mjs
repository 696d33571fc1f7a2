// The auditor on records written by hand: what it reports, and what it does not hold against the sidecar.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FIGURES } from './audit.mjs';
import { audit, INJECTIONS, prove } from './inject.mjs';
import { plan, KINDS } from './plan.mjs';
import { slope } from './slope.mjs';

const RULES = {
  channels: ['orders.0', 'private-team.0', 'private-team.1', 'presence-room.0'], nodes: 2,
  leaseMs: 1_000, recoveryMs: 20_000, backMs: 3_000, leaveMs: 1_000, momentMs: 1_000, redisBackMs: 10_000, rememberMs: 60_000,
};
const EVERY_MS = 10;

/**
 * A run without fault: pages `a` (node 1, user 3), `b` (node 2, user 6) and `d` (node 1, user 4) hear events 1 to `count`, one each
 * 10 ms from `t` on, on all their channels in turn.
 */
function world({ count = 40, begin = 1_000 } = {}) {
  const records = [];
  const pages = [
    { c: 'a', node: 'node 1', user: 3, recovers: true, transport: 'websocket', has: ['orders.0', 'private-team.0', 'presence-room.0'] },
    { c: 'b', node: 'node 2', user: 6, recovers: false, transport: 'websocket', has: ['orders.0', 'private-team.0', 'presence-room.0'] },
    { c: 'd', node: 'node 1', user: 4, recovers: true, transport: 'websocket', has: ['orders.0', 'private-team.1'] },
  ];
  for (const { has, ...page } of pages) {
    records.push({ is: 'page', ...page, t: 0 }, { is: 'session', c: page.c, sid: `sid ${page.c}`, recovered: false, t: 1 });
    for (const ch of has) {
      records.push({ is: 'asked', c: page.c, ch, t: 2 });
      if (ch !== 'orders.0') records.push({ is: 'grant', user: page.user, ch, granted: true, t: 3 });
      if (ch.startsWith('presence-')) records.push({ is: 'here', c: page.c, ch, users: [3, 6], t: 4 });
    }
  }
  for (let n = 1; n <= count; n += 1) {
    const t0 = begin + n * EVERY_MS;
    const ch = RULES.channels[n % RULES.channels.length];
    const said = { n, pub: 'p1', s: t0 * 1e6 };
    records.push({ is: 'publish', ...said, ch: [ch], node: 'node 1', road: 'extension', t0, t1: t0 + 1, fate: 'emitted', t: t0 + 1 });
    for (const { c, has } of pages) if (has.includes(ch)) records.push({ is: 'heard', c, sid: `sid ${c}`, ch, ...said, published: t0, t: t0 + 2 });
  }
  const end = begin + (count + 1) * EVERY_MS;
  records.push({ is: 'whisper', c: 'a', sid: 'sid a', ch: 'private-team.0', k: 1, link: 1, t: end });
  records.push({ is: 'whispered', c: 'b', sid: 'sid b', ch: 'private-team.0', from: 'a', k: 1, t: end + 1 });
  for (const node of ['node 1', 'node 2']) records.push({ is: 'listed', node, ch: 'presence-room.0', users: [3, 6], t: end + 2 });
  records.push({ is: 'quiet', t: end + 3 });
  return records;
}

const figures = (auditor) => Object.fromEntries(Object.entries(auditor.totals).filter(([, count]) => count > 0));
const quietAt = (records) => records.at(-1).t;

/** `records` with others put in by their time. */
const with_ = (records, ...more) => [...records, ...more].map((record, index) => [record, index])
  .sort(([a, i], [b, j]) => (a.t ?? 0) - (b.t ?? 0) || i - j).map(([record]) => record);

const heardBy = (c, from, to = Infinity) => (record) => record.is === 'heard' && record.c === c && record.t >= from && record.t < to;
const fault = (kind, on, from, to) => ({ is: 'fault', kind, on, from, to, t: to });

describe('The auditor', () => {
  test('finds nothing in a run without fault, and has promises to look at', () => {
    const auditor = audit(world(), RULES);
    assert.deepEqual(figures(auditor), {});
    // not the first event of each of the channels: hearing that one is what shows the subscription
    assert.equal(auditor.counted.promised, 10 * 3 + 10 * 2 + 10 + 10 * 2 - 8 + 1);
  });

  for (const { what, figure, reported } of prove(world(), RULES)) {
    test(`reports that ${what}, as ${figure}`, () => assert.ok(reported));
  }

  test('has an injection for each figure but `stuck`, which the run itself reports', () => {
    const tried = new Set(Object.values(INJECTIONS).map(({ figure }) => figure));
    assert.deepEqual(Object.keys(FIGURES).filter((figure) => !tried.has(figure)), ['stuck']);
    assert.deepEqual(figures(audit([{ is: 'stuck', t: 0 }, ...world()], RULES)), { stuck: 1 });
  });

  test('promises nothing of what a session heard last, when the next one is new after kill -9', () => {
    const records = world().filter((record) => !heardBy('a', 1_300, 1_352)(record)).map((record) => (heardBy('a', 1_352)(record) ? { ...record, sid: 'new a' } : record));
    const killed = [
      { is: 'lost', c: 'a', why: 'transport close', last: 1_299, t: 1_300 }, { is: 'session', c: 'a', sid: 'new a', recovered: false, t: 1_350 },
      { is: 'here', c: 'a', ch: 'presence-room.0', users: [3, 6], t: 1_351 },
    ];
    const alone = with_(records, ...killed).map((record) => (record.is === 'publish' ? { ...record, node: 'node 2' } : record));
    assert.deepEqual(figures(audit(with_(alone, fault('kill sidecar', 'node 1', 1_299.5, 1_340)), RULES)), {});
    // without the kill the session had to come back; what it then missed is beside the point
    assert.deepEqual(figures(audit(alone, RULES)), { unrecovered: 1 });
  });

  test('takes a page with another socket id for another one, when a whisper of its earlier connection arrives', () => {
    const end = quietAt(world());
    const heard = (sid) => with_(world(), { is: 'whispered', c: 'a', sid, ch: 'private-team.0', from: 'a', k: 1, t: end - 0.5 });
    assert.equal(figures(audit(heard('new a'), RULES)).echoed, undefined);
    assert.equal(figures(audit(heard('sid a'), RULES)).echoed, 1);
  });

  test('holds the sidecar to what was accepted before kill -9, and to what was spooled while it was away', () => {
    const around = [
      { is: 'lost', c: 'b', why: 'transport close', last: 1_299, t: 1_301 }, { is: 'session', c: 'b', sid: 'new b', recovered: false, t: 1_345 },
      { is: 'here', c: 'b', ch: 'presence-room.0', users: [3, 6], t: 1_346 }, fault('kill sidecar', 'node 2', 1_300, 1_340),
    ];
    const moved = world().map((record) => {
      if (record.is === 'publish') return { ...record, node: 'node 2', fate: record.t0 >= 1_300 && record.t0 < 1_340 ? 'spooled' : 'emitted' };
      // the spool is drained when the page is back
      if (heardBy('b', 1_300)(record)) return { ...record, sid: 'new b', t: Math.max(record.t, 1_350) };
      return record;
    });
    const good = with_(moved, ...around);
    assert.deepEqual(figures(audit(good, RULES)), {});
    const spooled = good.find((record) => record.is === 'publish' && record.fate === 'spooled' && record.ch[0] === 'orders.0');
    assert.deepEqual(figures(audit(good.filter((record) => !(record.is === 'heard' && record.c === 'b' && record.n === spooled.n)), RULES)), { lost: 1 });
    // but not to what the page itself had caused when it was back
    const own = (sid) => good.filter((record) => !(record.is === 'heard' && record.c === 'b' && record.n === spooled.n))
      .map((record) => (record === spooled ? { ...record, except: sid } : record));
    assert.deepEqual(figures(audit(own('new b'), RULES)), {});
    assert.deepEqual(figures(audit(own('another'), RULES)), { lost: 1 });
    const accepted = good.findLast((record) => record.is === 'publish' && record.t1 < 1_300 && record.ch[0] === 'orders.0');
    assert.deepEqual(figures(audit(good.filter((record) => !(record.is === 'heard' && record.c === 'b' && record.n === accepted.n)), RULES)), { lost: 1 });
  });

  test('holds the sidecar to what was spooled just before kill -9, but for pages that poll', () => {
    const missed = 28;
    const around = (transport) => [
      { is: 'lost', c: 'b', why: 'transport close', last: 1_299, t: 1_301 }, { is: 'session', c: 'b', sid: 'new b', recovered: false, t: 1_345 },
      { is: 'here', c: 'b', ch: 'presence-room.0', users: [3, 6], t: 1_346 }, fault('kill sidecar', 'node 2', 1_300, 1_340),
      { is: 'page', c: 'b', node: 'node 2', user: 6, recovers: false, transport, t: 0 },
    ];
    const moved = world().filter((record) => !(record.is === 'page' && record.c === 'b')).filter((record) => !(heardBy('b', 1_280, 1_300)(record))).map((record) => {
      if (record.is === 'publish') return { ...record, node: 'node 2', fate: record.n === missed || (record.t0 >= 1_300 && record.t0 < 1_340) ? 'spooled' : 'emitted' };
      return heardBy('b', 1_300)(record) ? { ...record, sid: 'new b', t: Math.max(record.t, 1_350) } : record;
    });
    const judged = (transport) => audit(with_([], ...around(transport), ...moved), RULES).totals.lost;
    assert.equal(judged('polling'), 0);
    assert.ok(judged('websocket') > 0);
  });

  test('forgives that an event which was being written at kill -9 misses a page that cannot say what it has heard', () => {
    const missed = 28;
    const judged = ({ recovers, heardAt, beside = [], kind = 'kill sidecar' }) => {
      const around = [
        { is: 'lost', c: 'b', why: 'transport close', last: 1_299, t: 1_301 }, { is: 'session', c: 'b', sid: 'new b', recovered: false, t: 1_345 },
        { is: 'here', c: 'b', ch: 'presence-room.0', users: [3, 6], t: 1_346 }, fault(kind, 'node 2', 1_300, 1_340),
        { is: 'page', c: 'b', node: 'node 2', user: 6, recovers, transport: 'websocket', t: 0 },
        { is: 'page', c: 'e', node: 'node 2', user: 6, recovers: false, transport: 'websocket', t: 0 },
        { is: 'asked', c: 'e', ch: 'orders.0', t: 2 }, { is: 'session', c: 'e', sid: 'sid e', recovered: false, t: 1 },
      ];
      const records = world().filter((record) => !(record.is === 'page' && record.c === 'b')).filter((record) => !(heardBy('b', 1_240, 1_300)(record) || (heardBy('b', 0)(record) && record.n === missed))).map((record) => {
        if (record.is === 'publish') return { ...record, node: 'node 2', fate: record.n === missed || (record.t0 >= 1_300 && record.t0 < 1_340) ? 'spooled' : 'emitted' };
        return heardBy('b', 1_300)(record) ? { ...record, sid: 'new b', t: Math.max(record.t, 1_350) } : record;
      });
      const event = records.find((record) => record.is === 'publish' && record.n === missed);
      const heard = heardAt === undefined ? [] : [{ is: 'heard', c: 'e', sid: 'sid e', ch: event.ch[0], n: missed, pub: event.pub, s: event.s, published: event.t0, t: heardAt }];
      const auditor = audit(with_([], ...around, ...records, ...heard, ...beside), RULES);
      return auditor.findings.filter(({ figure, c, n }) => figure === 'lost' && c === 'b' && n === missed).length;
    };
    assert.equal(judged({ recovers: false, heardAt: 1_299 }), 0);
    assert.equal(judged({ recovers: false }), 1, 'nobody had it: nothing was in doubt');
    assert.equal(judged({ recovers: false, heardAt: 1_345 }), 1, 'heard after the kill alone');
    assert.equal(judged({ recovers: true, heardAt: 1_299 }), 1, 'this one says what it has heard');
    const whisper = { is: 'whispered', c: 'b', sid: 'sid b', ch: 'private-team.0', from: 'a', k: 9, t: 1_295 };
    assert.equal(judged({ recovers: true, heardAt: 1_299, beside: [whisper] }), 0, 'but something was written beside it');
    assert.equal(judged({ recovers: false, heardAt: 1_150 }), 1, 'it had been written long before');
    assert.equal(judged({ recovers: false, heardAt: 1_299, kind: 'restart sidecar' }), 1, 'whoever is told to stop leaves nothing in doubt');
  });

  test('forgives a killed node only what it had no moment to tell the others', () => {
    const without = (t0) => world().filter((record) => !(heardBy('b', t0)(record)));
    const killed = (records, at) => with_(records, fault('kill sidecar', 'node 1', at, at + 5));
    // the last event, and a kill right after it; pages of node 1 are not looked at here
    const last = 1_000 + 40 * EVERY_MS;
    assert.equal(audit(killed(without(last), last + 3), RULES).totals.lost, 0);
    assert.equal(audit(killed(without(last), last + 2_000), RULES).totals.lost, 1);
    assert.equal(audit(without(last), RULES).totals.lost, 1);
    // A link that was bad for 2 s is so for 2 s more.
    const late = { ...fault('kill sidecar', 'node 1', last + 1_500, last + 1_505), t: last + 5 };
    assert.equal(audit(with_(without(last), late), RULES).totals.lost, 1);
    const slow = (from, to) => with_(without(last), late, fault('slow link to Redis', 'node 1', from, to));
    assert.equal(audit(slow(last - 3_500, last - 1_500), RULES).totals.lost, 0);
    assert.equal(audit(slow(last - 3_500, last - 3_000), RULES).totals.lost, 1);
  });

  test('expects an event of a legacy publisher only where nothing had disturbed Redis or the node', () => {
    const legacy = world().map((record) => (record.is === 'publish' ? { ...record, node: null, road: 'redis', listeners: 2 } : record)).filter((record) => !heardBy('b', 1_200, 1_210)(record));
    assert.deepEqual(figures(audit(legacy, RULES)), { lost: 1 });
    for (const one of [fault('kill Redis', 'redis', 1_100, 1_110), fault('cut link to Redis', 'node 2', 1_100, 1_110)]) {
      assert.deepEqual(figures(audit(with_(legacy, one), RULES)), {});
    }
    assert.deepEqual(figures(audit(with_(legacy, fault('cut link to Redis', 'node 1', 1_100, 1_110)), RULES)), { lost: 1 });
    assert.deepEqual(figures(audit(legacy.map((record) => (record.is === 'publish' ? { ...record, listeners: 1 } : record)), RULES)), {});
  });

  test('takes a leaving for what it is when the member has gone, its node was killed or was cut off for longer than its lease', () => {
    const records = world();
    const t = quietAt(records) - 3;
    const seen = [{ is: 'leaving', c: 'a', ch: 'presence-room.0', user: 6, t }, { is: 'joining', c: 'a', ch: 'presence-room.0', user: 6, t: t + 0.5 }];
    assert.deepEqual(figures(audit(with_(records, ...seen), RULES)), { presence: 1 });
    for (const reason of [
      [{ is: 'lost', c: 'b', why: 'transport close', last: t - 5, t: t - 5 }],
      [fault('kill sidecar', 'node 2', t - 900, t - 1)],
      [fault('cut link to Redis', 'node 2', t - 1_200, t)],
    ]) assert.deepEqual(figures(audit(with_(records, ...seen, ...reason), RULES)), {});
    // those who are cut off bury nobody, and a short cut kills nobody
    for (const none of [fault('cut link to Redis', 'node 1', t - 1_200, t), fault('cut link to Redis', 'node 2', t - 300, t)]) {
      assert.deepEqual(figures(audit(with_(records, ...seen, none), RULES)), { presence: 1 });
    }
  });

  test('remembers over a quiet what was heard before it', () => {
    const records = world();
    const heard = records.find((record) => record.is === 'heard');
    const late = [...records, { ...heard, t: quietAt(records) + 5_000 }, { is: 'quiet', t: quietAt(records) + 6_000 }];
    assert.deepEqual(figures(audit(late, RULES)), { repeated: 1 });
  });

  test('begins anew with a channel that was left and joined again: what was on its way proves nothing', () => {
    const gap = world().filter((record) => !(heardBy('d', 1_300, 1_350)(record) && record.ch === 'orders.0'));
    const again = [{ is: 'left', c: 'd', ch: 'orders.0', connected: true, t: 1_299 }, { is: 'asked', c: 'd', ch: 'orders.0', t: 1_301 }];
    const first = gap.find((record) => record.is === 'publish' && record.t0 < 1_290 && record.ch[0] === 'orders.0');
    const late = { is: 'heard', c: 'd', sid: 'sid d', ch: 'orders.0', n: first.n, pub: 'p1', s: first.s, published: first.t0, t: 1_302 };
    const late_ = gap.filter((record) => !(heardBy('d', 0)(record) && record.n === first.n));
    assert.deepEqual(figures(audit(with_(late_, ...again, late), RULES)).lost, undefined);
  });

  test('does not hear of a channel after it was left', () => {
    const records = world();
    const left = [{ is: 'left', c: 'd', ch: 'orders.0', connected: true, t: 1_300 }];
    assert.deepEqual(figures(audit(with_(records.filter((record) => !(heardBy('d', 1_300)(record) && record.ch === 'orders.0')), ...left), RULES)), {});
    const long = { is: 'heard', c: 'd', sid: 'sid d', ch: 'orders.0', n: 4_000, pub: 'p9', s: 1, published: 9_000, t: 9_001 };
    assert.deepEqual(figures(audit([...with_(records.filter((record) => !(heardBy('d', 1_300)(record) && record.ch === 'orders.0')), ...left), long, { is: 'quiet', t: 9_100 }], RULES)), { unauthorised: 1 });
  });
});

describe('The plan', () => {
  const all = (seed) => Array.from({ length: 6 }, (_, index) => plan({ seed, round: index + 1, nodes: 3, windowMs: 20_000 }));

  test('is the same for the same seed, and another for another', () => {
    assert.deepEqual(all('1'), all('1'));
    assert.notDeepEqual(all('1'), all('2'));
  });

  test('has each kind of fault in its first rounds', () => {
    const kinds = new Set(all('7').flat().map(({ kind }) => kind));
    assert.deepEqual([...kinds].sort(), Object.keys(KINDS).sort());
  });
});

describe('The slope', () => {
  test('is that of a line, and its error that of the noise about it', () => {
    const line = slope(Array.from({ length: 50 }, (_, x) => [x, 100 + 2 * x]));
    assert.ok(Math.abs(line.perUnit - 2) < 1e-9 && line.error < 1e-9 && line.mean === 149);
    const noise = slope(Array.from({ length: 50 }, (_, x) => [x, 100 + (x % 2 ? 5 : -5)]));
    assert.ok(Math.abs(noise.perUnit) < 2 * noise.error);
  });
});
