// docs/compatibility.md as the tests read it: the differences that are meant, and what is fixed.
//
// `### diff: <scenario>` opens an entry. A line `Steps: `a`, `b`.` in it limits it to these steps of the scenario; without one
// every step may differ. The rest of it is the reason. A table row that begins with `fixed: <scenario>` names a fixed fault.

import { readFileSync } from 'node:fs';

const FILE = new URL('../../../docs/compatibility.md', import.meta.url);
const SHORTEST_REASON = 40;

/** `{diffs: Map(scenario → {steps, reason}), fixed: Set(scenario)}`. */
export function compatibility(text = readFileSync(FILE, 'utf8')) {
  const diffs = new Map();
  const fixed = new Set([...text.matchAll(/^\| `fixed: ([\w-]+)` \|/gm)].map((row) => row[1]));
  for (const section of text.split(/^(?=#{1,3} )/m)) {
    const heading = /^### diff: ([\w-]+)\n/.exec(section);
    if (!heading) continue;
    const name = heading[1];
    const listed = /^Steps: (.*(?:\n(?!\n).*)*)$/m.exec(section);
    const steps = listed && [...listed[1].matchAll(/`([^`]+)`/g)].map((quoted) => quoted[1]);
    const reason = section.slice(heading[0].length).replace(listed?.[0] ?? '', '').trim();
    if (diffs.has(name)) throw new Error(`docs/compatibility.md has two entries for ${name}`);
    if (reason.length < SHORTEST_REASON) throw new Error(`docs/compatibility.md gives no reason for ${name}`);
    diffs.set(name, { steps, reason });
  }
  return { diffs, fixed };
}
