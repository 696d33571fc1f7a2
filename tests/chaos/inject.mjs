// Faults put into a record that has none, to see that the auditor reports each: a test that cannot fail is none.

import { Auditor } from './audit.mjs';

/**
 * Each takes the records of a run up to its first quiet or two, and changes one thing in them; the figure has to be reported.
 * `promised(record)` says whether a heard event was promised.
 */
export const INJECTIONS = {
  'an event is not delivered': { figure: 'lost', change: ({ records, heard }) => records.filter((record) => record !== heard) },
  'an event is delivered twice': { figure: 'repeated', change: ({ records, heard }) => after(records, heard, { ...heard, t: heard.t + 1 }) },
  'two events change places': { figure: 'reordered', change: swap },
  'an event goes to who was not granted the channel': { figure: 'unauthorised', change: leak },
  'a stranger hears': { figure: 'unauthorised', change: stranger },
  'an event goes to the socket that toOthers leaves out': { figure: 'echoed', change: ({ records, publish, heard }) => records.map((record) => (record === publish ? { ...record, except: heard.sid } : record)) },
  'an event is heard though the call failed': { figure: 'contradicted', change: ({ records, publish }) => records.map((record) => (record === publish ? { ...record, fate: 'failed' } : record)) },
  'a session that was promised is new': { figure: 'unrecovered', change: forget },
  'a node lists a ghost': { figure: 'presence', change: ({ records, listed }) => records.map((record) => (record === listed ? { ...record, users: [...record.users, 4242] } : record)) },
  'a page keeps a ghost': { figure: 'presence', change: ({ records, listed, here }) => before(records, listed, { is: 'joining', c: here.c, ch: here.ch, user: 4242, t: listed.t }) },
  'a member joins twice': { figure: 'presence', change: ({ records, listed, here }) => before(records, listed, { is: 'joining', c: here.c, ch: here.ch, user: here.users[0], t: listed.t }) },
  'a member leaves without having gone': { figure: 'presence', change: leaving },
  'a node is missing a member': { figure: 'presence', change: ({ records, listed }) => records.map((record) => (record === listed ? { ...record, users: record.users.slice(1) } : record)) },
  'a whisper is not delivered': { figure: 'lost', change: ({ records, whispered }) => records.filter((record) => record !== whispered) },
  'a whisper comes back to its sender': { figure: 'echoed', change: ({ records, whispered }) => {
    const sent = records.find((record) => record.is === 'whisper' && record.c === whispered.from && record.k === whispered.k);
    return after(records, whispered, { ...whispered, c: whispered.from, sid: sent.sid });
  } },
  'a sidecar ends by itself': { figure: 'crashed', change: ({ records }) => [{ is: 'crash', t: 0, on: 'node 1' }, ...records] },
};

const after = (records, one, more) => records.flatMap((record) => (record === one ? [record, more] : [record]));
const before = (records, one, more) => records.flatMap((record) => (record === one ? [more, record] : [record]));

function swap({ records, heard }) {
  const next = records.find((record) => record.is === 'heard' && record.c === heard.c && record.sid === heard.sid && record.pub === heard.pub && record.s > heard.s);
  return records.map((record) => (record === heard ? { ...next, t: heard.t } : record === next ? { ...heard, t: next.t } : record));
}

function leak({ records, heard }) {
  const page = records.find((record) => record.is === 'page' && record.c === heard.c);
  const granted = new Set(records.filter((record) => record.is === 'grant' && record.user === page.user && record.granted).map((record) => record.ch));
  const other = records.find((record) => record.is === 'heard' && record.ch.startsWith('private-') && !granted.has(record.ch));
  return after(records, other, { ...other, c: heard.c, sid: heard.sid });
}

function stranger({ records, heard }) {
  const [page, session] = [{ is: 'page', c: 'stranger', user: 666 }, { is: 'session', c: 'stranger', sid: 'x', t: heard.t }];
  const told = records.find((record) => record.is === 'heard' && record.ch.startsWith('presence-'));
  return [...records, page, session, { ...told, c: 'stranger', sid: 'x' }, { is: 'quiet', t: records.at(-1).t }];
}

/** The last connect of a page that can recover becomes a new session after a short break. */
function forget({ records, here }) {
  const quiet = records.findLast((record) => record.is === 'quiet');
  const t = quiet.t;
  const recovers = records.find((record) => record.is === 'page' && record.recovers && !records.some((other) => other.is === 'closed' && other.c === record.c));
  const lost = { is: 'lost', c: recovers.c, why: 'transport close', last: t, t };
  return [...records, lost, { is: 'session', c: recovers.c, sid: 'another', recovered: false, t: t + 500 }, { is: 'quiet', t: t + 1_000 }];
}

function leaving({ records }) {
  const t = records.at(-1).t + 600_000;
  const pages = records.filter((record) => record.is === 'page' && !records.some((other) => other.is === 'closed' && other.c === record.c));
  const here = records.findLast((record) => record.is === 'here' && pages.some((page) => page.c === record.c) && record.users.length > 1);
  const user = here.users.find((one) => one !== pages.find((page) => page.c === here.c).user);
  const who = { c: here.c, ch: here.ch, user };
  return [...records, { is: 'leaving', ...who, t }, { is: 'joining', ...who, t: t + 1 }, { is: 'quiet', t: t + 2 }];
}

/** Runs a fresh auditor over records. */
export function audit(records, rules) {
  const auditor = new Auditor(rules);
  for (const record of records) auditor.take(record);
  return auditor;
}

/** Tries each injection on the records of a clean run; returns those that were not reported. */
export function prove(records, rules) {
  const chosen = choose(records, rules);
  return Object.entries(INJECTIONS).map(([what, { figure, change }]) => {
    const auditor = audit(change({ records, ...chosen }), rules);
    return { what, figure, reported: auditor.totals[figure] > 0 };
  });
}

/** A heard event in the middle of a long-lived session that was surely promised, its publish, and what else is needed. */
function choose(records, rules) {
  const publishes = new Map(records.filter((record) => record.is === 'publish').map((record) => [record.n, record]));
  const heards = records.filter((record) => record.is === 'heard');
  const isGood = (record) => {
    const publish = publishes.get(record.n);
    if (publish?.fate !== 'emitted' || publish.road === 'redis' || publish.ch.length > 1 || publish.except) return false;
    const later = heards.some((other) => other.c === record.c && other.sid === record.sid && other.pub === record.pub && other.s > record.s);
    return later && heards.some((other) => other.c === record.c && other.sid === record.sid && other.ch === record.ch && other.t < publish.t0);
  };
  const heard = heards.find(isGood);
  const listed = records.findLast((record) => record.is === 'listed' && record.users.length > 1);
  const open = new Set(records.filter((record) => record.is === 'page').map((record) => record.c));
  records.filter((record) => record.is === 'closed').forEach((record) => open.delete(record.c));
  const here = records.findLast((record) => record.is === 'here' && open.has(record.c) && record.users.length > 0);
  const whispered = records.findLast((record) => record.is === 'whispered' && open.has(record.c));
  return { heard, publish: publishes.get(heard?.n), listed, here, whispered, rules };
}
