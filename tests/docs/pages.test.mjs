// Everything that the documentation names is there: links and their headings, files, settings, variables of the environment,
// commands and their options, targets of make.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { needs, PROJECT, SIDECAR } from '../support/tools.mjs';

const read = (name) => readFileSync(path.join(PROJECT, name), 'utf8');
const LEAVE_OUT = new Set(['node_modules', 'target', 'var', 'dist', 'vendor', 'results', '.git']);

function* files(folder = '') {
  for (const entry of readdirSync(path.join(PROJECT, folder), { withFileTypes: true })) {
    const name = path.join(folder, entry.name);
    if (LEAVE_OUT.has(entry.name)) continue;
    if (entry.isDirectory()) yield* files(name);
    else yield name;
  }
}

const all = [...files()];
/** Fragments that pages are made from have their links as seen from the page. */
const pages = all.filter((name) => name.endsWith('.md') && !/^(sidecar|wire|php-ext|console)\//.test(name));
const text = Object.fromEntries(pages.map((name) => [name, read(name)]));

/** Text without blocks of code, and the code alone: blocks of these languages, and what stands between backticks. */
const prose = (page) => text[page].replace(/^```[^]*?^```/gm, '');
const blocks = (page, ...languages) => [...text[page].matchAll(/^ *```(\w*).*\n([^]*?)^ *```/gm)].filter(([, language]) => languages.includes(language)).map(([, , code]) => code);
const inline = (page) => [...prose(page).matchAll(/`([^`\n]+)`/g)].map(([, code]) => code);

/** As GitHub makes it. */
const anchor = (heading) => heading.toLowerCase().replace(/`|\[([^\]]*)\]\([^)]*\)/g, '$1').replace(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
function anchors(page) {
  const seen = new Map();
  return new Set([...prose(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) => {
    const name = anchor(heading);
    const times = seen.get(name) ?? 0;
    seen.set(name, times + 1);
    return times === 0 ? name : `${name}-${times}`;
  }));
}

/** Runs `check` for every page; what it returns is wrong there. */
function everywhere(check) {
  const wrong = pages.flatMap((page) => check(page).map((what) => `${page}: ${what}`));
  assert.deepEqual(wrong, []);
}

describe('the documentation', needs('sidecar'), () => {
  test('links lead somewhere', () => everywhere((page) => {
    const wrong = [];
    for (const [, target] of prose(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) { new URL(target); continue; }
      const [file, heading] = target.split('#');
      const name = file === '' ? page : path.join(path.dirname(page), file);
      if (!existsSync(path.join(PROJECT, name))) wrong.push(`${target} is not there`);
      else if (heading !== undefined && name.endsWith('.md') && !anchors(name).has(heading)) wrong.push(`${target}: no such heading`);
    }
    return wrong;
  }));

  test('every page is reached from docs/README.md, those that lie in docs/ by one click', () => {
    const linked = (page) => [...prose(page).matchAll(/\]\(([^)\s#]+\.md)(?:#[^)]*)?\)/g)].map(([, target]) => path.join(path.dirname(page), target));
    const first = new Set(linked('docs/README.md'));
    const own = pages.filter((page) => path.dirname(page) === 'docs' && page !== 'docs/README.md');
    assert.deepEqual(own.filter((page) => !first.has(page)), [], 'docs/README.md has no link to these');
    const reached = new Set(['docs/README.md']);
    for (const page of reached) for (const next of linked(page)) if (next in text) reached.add(next);
    assert.deepEqual(pages.filter((page) => page.startsWith('docs/') && !reached.has(page)), [], 'no link leads to these');
  });

  test('named files are there', () => {
    const tops = new Set(all.map((name) => name.split('/')[0]));
    const exists = (name) => existsSync(path.join(PROJECT, name));
    everywhere((page) => inline(page).concat(blocks(page, 'sh').flatMap((code) => code.split(/[\s'"=]/)))
      .map((code) => code.replace(/^\/opt\/rustecho\//, '').replace(/[.,:;]$/, ''))
      .filter((code) => /^[\w.-]+\/[\w./*-]*$/.test(code) && tops.has(code.split('/')[0]))
      .filter((code) => !code.split('/').some((part) => LEAVE_OUT.has(part)))
      .filter((code) => !exists(code) && !exists(path.join(path.dirname(page), code))
        && !(code.includes('*') && all.some((name) => path.matchesGlob?.(name, code) ?? name.startsWith(code.split('*')[0]))))
      .map((code) => `${code} is not there`));
  });

  test('settings exist', () => {
    const keys = [...text['docs/configuration.md'].matchAll(/^### `([^`]+)`$/gm)].map(([, key]) => key.replaceAll('[]', ''));
    const known = new Set(keys.flatMap((key) => key.split('.').map((_, at, parts) => parts.slice(0, at + 1).join('.'))));
    const tops = new Set(keys.map((key) => key.split('.')[0]));
    // a free object, keys that are passed on, and Laravel's own database.redis
    const free = (key) => /^(headers\.|otel\.headers\.|cluster\.redis\.|socketio\.|database\.redis\.)/.test(key);
    const paths = (value, prefix = '') => (Array.isArray(value) ? value.flatMap((one) => paths(one, prefix))
      : value !== null && typeof value === 'object'
        ? Object.entries(value).flatMap(([key, inner]) => [`${prefix}${key}`, ...paths(inner, `${prefix}${key}.`)]) : []);
    const named = (page) => {
      const found = inline(page).filter((code) => /^[a-z]\w*(\.[a-zA-Z]\w*)+$/.test(code) && tops.has(code.split('.')[0])
        && !/\.(rs|md|mjs|json|conf|php|service|socket|rustecho)$/.test(code));
      for (const code of blocks(page, 'json').concat(inline(page).filter((one) => /^\{? ?"\w+": /.test(one)))) {
        let value;
        try { value = JSON.parse(code.startsWith('{') ? code : `{${code}}`); } catch { continue; }
        if (Object.keys(value).some((key) => tops.has(key))) found.push(...paths(value));
      }
      return found;
    };
    everywhere((page) => named(page).filter((key) => !known.has(key) && !free(key)).map((key) => `${key} is no setting`));
  });

  test('variables of the environment exist', () => {
    const source = all.filter((name) => /\.(rs|php|mjs|sh|toml|service|ts)$|Makefile|docs\/configuration\.md/.test(name)).map(read).join('\n');
    const known = new Set(source.match(/\b(RUSTECHO|LARAVEL_ECHO_SERVER)_[A-Z0-9_]+/g));
    everywhere((page) => [...new Set(text[page].match(/\b(RUSTECHO|LARAVEL_ECHO_SERVER)_[A-Z0-9_]+(?!\*)\b/g))]
      .filter((name) => !known.has(name) && !name.endsWith('_')).map((name) => `${name} is read by nobody`));
  });

  /** What is typed: the lines of blocks and the inline code that begin with this word, comments and continuations aside. */
  const typed = (page, begin) => blocks(page, 'sh', 'ini').flatMap((code) => code.split(/\n|&&|\|\||;/)).concat(inline(page))
    .map((line) => line.replace(/(^|\s)[#;].*$/, '').replace(/^.*?(?=(?<![\w./-])(?:php artisan|rustecho|make) )/, '').trim())
    .filter((line) => line.startsWith(`${begin} `));

  /** Names that look like commands: of spans. */
  const OTHERS = new Set(['rustecho event']);

  describe('commands', () => {
    const help = new Map();
    before(() => {
      const ask = (...words) => execFileSync(SIDECAR, words, { encoding: 'utf8' });
      help.set('', ask('--help'));
      for (const [, verb] of help.get('').matchAll(/^ {2}([a-z][a-z:-]+) {2,}\S/gm)) help.set(verb, verb === 'help' ? '' : ask(verb, '--help'));
      help.set('configure', help.get('init'));
    });

    test('of rustecho, with their options', () => everywhere((page) => typed(page, 'rustecho').flatMap((line) => {
      const [, verb, ...words] = line.split(/\s+/);
      if (!/^[a-z][a-z:-]*$/.test(verb) || OTHERS.has(line)) return [];
      if (!help.has(verb)) return [`"${line}": no such command`];
      return words.filter((word) => /^--[a-z]/.test(word)).map((word) => word.split(/[=\]]/)[0])
        .filter((option) => !help.get(verb).includes(option)).map((option) => `"${line}": no option ${option}`);
    })));
  });

  test('artisan commands, with their options', () => {
    const folder = 'composer-package/src/Console';
    const options = new Map();
    for (const name of all.filter((one) => one.startsWith(folder))) {
      const signature = read(name).match(/\$signature = '((?:[^'\\]|\\.)*)'/);
      if (signature) options.set(signature[1].match(/^\S+/)[0], signature[1].match(/--[a-z]+/g) ?? []);
    }
    assert.ok(options.size > 3, 'the sources were searched in vain');
    const common = ['--no-interaction', '--force'];
    everywhere((page) => typed(page, 'php artisan').map((line) => line.split(/\s+/).slice(2)).filter(([name]) => name?.startsWith('rustecho:'))
      .flatMap(([name, ...words]) => (!options.has(name) ? [`${name}: no such command`] : words.filter((word) => /^--[a-z]/.test(word))
        .map((word) => word.split(/[=\]]/)[0]).filter((option) => !options.get(name).includes(option) && !common.includes(option))
        .map((option) => `${name}: no option ${option}`))));
  });

  test('targets of make', () => {
    const targets = new Set([...read('Makefile').matchAll(/^([a-z0-9-]+):/gm)].map(([, name]) => name));
    everywhere((page) => typed(page, 'make').map((line) => line.split(/\s+/).slice(1).filter((word, at, words) => word !== '-C' && words[at - 1] !== '-C'))
      .flatMap(([target]) => (/^[a-z][a-z0-9-]+$/.test(target ?? '') && !targets.has(target) ? [`make ${target}: no such target`] : [])));
  });

  test('pictures are small', () => {
    const folder = path.join(PROJECT, 'docs/screenshots');
    const big = readdirSync(folder).filter((name) => statSync(path.join(folder, name)).size > 200_000);
    assert.deepEqual(big, []);
  });
});
