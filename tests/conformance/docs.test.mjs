// The table of exceptions in docs/conformance.md is the one the cases run with. `RUSTECHO_WRITE_DOCS=1` writes it.

import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { PROJECT } from '../support/tools.mjs';
import { EXCEPTIONS } from './support/exceptions.mjs';

const FILE = path.join(PROJECT, 'docs', 'conformance.md');
const [BEGIN, END] = ['<!-- exceptions -->\n', '<!-- /exceptions -->\n'];

/** One table for each server, in the order of the list. */
function tables() {
  const servers = [...new Set(Object.values(EXCEPTIONS).flatMap((by) => Object.keys(by)))].sort();
  return servers.map((server) => {
    const rows = Object.entries(EXCEPTIONS).filter(([, by]) => by[server] !== undefined).map(([title, by]) => {
      const known = by[server];
      const versions = typeof known === 'object' ? Object.keys(known).map((eio) => `EIO=${eio}`).join(', ') : 'all';
      return `| ${title.replaceAll('|', '\\|')} | ${versions} | ${typeof known === 'object' ? Object.values(known)[0] : known} |`;
    });
    return `### ${server}\n\n| case | versions | why |\n|---|---|---|\n${rows.join('\n')}\n`;
  }).join('\n');
}

test('docs/conformance.md shows the exceptions there are', () => {
  const text = readFileSync(FILE, 'utf8');
  const [from, to] = [text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END)];
  const wanted = `${text.slice(0, from)}\n${tables()}\n${text.slice(to)}`;
  if (process.env.RUSTECHO_WRITE_DOCS === '1') writeFileSync(FILE, wanted);
  else assert.equal(text, wanted, 'run RUSTECHO_WRITE_DOCS=1 make test-conformance');
});
