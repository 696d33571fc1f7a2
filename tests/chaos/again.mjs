// Judges a record again: after a change of the auditor, or to look closer.
//
//   node tests/chaos/again.mjs var/chaos/…/record.jsonl

import { Auditor } from './audit.mjs';
import { readRecord } from './record.mjs';

let auditor;
for await (const record of readRecord(process.argv[2])) {
  if (record.is === 'run') auditor = new Auditor(record.rules);
  // what was found then is not looked at
  if (['run', 'finding'].includes(record.is)) continue;
  const before = auditor.findings.length;
  auditor.take(record);
  if (record.is !== 'quiet') continue;
  const found = auditor.findings.slice(before);
  console.log(`round ${record.round}: ${found.length === 0 ? 'all kept' : `${found.length} broken`}`);
  for (const finding of found) console.log(`  ${JSON.stringify(finding)}`);
}
console.log(Object.entries(auditor.totals).map(([figure, count]) => `${figure} ${count}`).join(', '));
process.exit(auditor.isClean ? 0 : 1);
