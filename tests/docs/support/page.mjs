// A page of the documentation as a list of steps: what it tells its reader to type, and to write into which file.
//
//   ```sh            is typed in a shell, in the folder of the application
//   ```text          after it, is what the page says one then sees; … stands for anything
//   "Make `FILE`:"   before any other block: the file is made of it
//   "Add to `FILE`:" before it: it is added to the end of the file, or, to .env, in the place of what is there
//
// Any other block shows something and asks for nothing.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT } from '../../support/tools.mjs';

const INSTRUCTION = /(make|add to) `([^`]+)`[^`]*:$/i;

/** The steps of a page below docs/; `sections` are the headings whose steps are wanted, in the order of the page. */
export function steps(name, sections) {
  const found = [];
  let [heading, before, fence] = ['', '', null];
  const wanted = new Set(sections);
  for (const line of readFileSync(path.join(PROJECT, name), 'utf8').split('\n')) {
    if (fence) {
      if (line.trim() !== '```') { fence.lines.push(line); continue; }
      if (!sections || wanted.has(heading)) found.push(step(name, heading, before, fence));
      [fence, before] = [null, ''];
    } else if (line.startsWith('```')) fence = { language: line.slice(3).trim().split(' ')[0], lines: [] };
    else if (/^#+ /.test(line)) heading = line.replace(/^#+ /, '');
    else if (line.trim() !== '') before = `${before} ${line.trim()}`;
    else if (!before.endsWith(':')) before = '';
  }
  for (const section of wanted) {
    if (!found.some((one) => one.heading === section)) throw new Error(`${name} has no steps below "${section}"`);
  }
  return found;
}

function step(page, heading, before, { language, lines }) {
  const code = `${lines.join('\n')}\n`;
  const at = `${page}, "${heading}"`;
  if (language === 'sh') return { kind: 'shell', heading, at, code };
  if (language === 'text') return { kind: 'seen', heading, at, code };
  const told = before.match(INSTRUCTION);
  if (told) return { kind: told[1].toLowerCase() === 'make' ? 'make' : 'add', file: told[2], heading, at, code };
  if (/`[^` ]+`:$/.test(before)) throw new Error(`${at}: neither "Make" nor "Add to" before a block: ${before}`);
  return { kind: 'shown', heading, at, code };
}
