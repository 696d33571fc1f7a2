// The auditor: its own record of what was promised, and what came of it.
//
// It takes records in the order in which they were written (docs/reliability.md lists them) and judges when there is quiet: every
// fault is over, every page is connected, every spool is empty. It knows nothing of the sidecar's state and asks it for nothing.
// What it holds the sidecar to is docs/publishing.md, docs/recovery.md and docs/scaling-out.md; each exemption names its sentence.

import { Pages } from './audit-pages.mjs';
import { Members } from './audit-members.mjs';
import { Promises } from './audit-promises.mjs';

/** What is counted; each has to be 0. */
export const FIGURES = {
  lost: 'promised, and not heard',
  repeated: 'heard twice',
  reordered: 'heard before an earlier event of its publisher',
  unauthorised: 'heard on a channel that was not granted, or not asked for',
  echoed: 'heard by the socket that toOthers leaves out, or by the whisper\'s own sender',
  contradicted: 'heard though the call had said that it failed',
  unrecovered: 'a new session where docs/recovery.md promises the old one',
  presence: 'a member too many or too few, or a joining or leaving that was none',
  stuck: 'no quiet in time after the faults were over',
  crashed: 'a process ended that nobody had ended',
};

/** `rules`: settings of the sidecars, and what the run calls them. */
export class Auditor {
  constructor(rules) {
    this.rules = rules;
    this.findings = [];
    this.totals = Object.fromEntries(Object.keys(FIGURES).map((name) => [name, 0]));
    this.counted = { publishes: 0, heard: 0, promised: 0, optional: 0, whispers: 0, sessions: 0, recovered: 0, members: 0 };
    const find = (figure, what) => this.#find(figure, what);
    this.pages = new Pages(rules, find);
    this.members = new Members(rules, find, this.pages);
    this.promises = new Promises(rules, find, this.pages);
    this.faults = [];
    this.now = 0;
  }

  #find(figure, what) {
    this.totals[figure] += 1;
    this.findings.push({ figure, ...what });
  }

  take(record) {
    this.now = Math.max(this.now, record.t ?? 0);
    switch (record.is) {
      case 'fault': this.faults.push(record); this.pages.take(record); break;
      case 'crash': this.#find('crashed', record); break;
      case 'stuck': this.#find('stuck', record); break;
      case 'quiet': this.judge(); break;
      default:
        this.pages.take(record);
        this.members.take(record);
        this.promises.take(record);
    }
  }

  /** Judges what has been taken since the last time. */
  judge() {
    const faults = new Faults(this.faults, this.rules);
    this.pages.judge(faults, this.counted);
    this.promises.judge(faults, this.counted);
    this.members.judge(faults, this.counted);
    this.pages.forget(this.now);
    this.promises.forget();
    this.members.forget();
    this.faults = this.faults.filter((fault) => fault.to > this.now - this.rules.rememberMs);
  }

  get isClean() {
    return Object.values(this.totals).every((count) => count === 0);
  }
}

/** The faults of a round, as questions about them. */
class Faults {
  constructor(list, rules) {
    this.list = list;
    this.rules = rules;
  }

  /** Those of some kinds on something, that overlap a time; `on` may be left open. */
  during(kinds, on, from, to) {
    return this.list.filter((fault) => kinds.includes(fault.kind)
      && (on === undefined || fault.on === on) && fault.from <= to && fault.to >= from);
  }

  any(...query) {
    return this.during(...query).length > 0;
  }
}
