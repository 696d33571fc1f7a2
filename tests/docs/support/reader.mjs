// Somebody who does what a page says, word by word, on a machine of their own (machine.sh).

import { spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { until } from '../../support/wait.mjs';
import { steps } from './page.mjs';

/** Commands that stay: the reader gives each a terminal of its own, and goes on. */
const STAYS = /^(php artisan (rustecho:start|serve|queue:work)|rustecho (start|tail)|laravel-echo-server start)\b/;
const WAIT_MS = 30_000;

export class Reader {
  /** `as` is who types, `environment` what their shell knows beyond ours. */
  constructor({ app, as = 'root', environment = {} }) {
    Object.assign(this, { app, as, environment: { ...process.env, ...environment }, terminals: [] });
  }

  /**
   * Follows a page, or these sections of it. `passedOver` says which commands this machine cannot do, by their beginnings, and why;
   * each has to be met.
   */
  async follow(page, { sections, passedOver = {} } = {}) {
    const left = new Set(Object.keys(passedOver));
    let last;
    for (const step of steps(page, sections)) {
      try {
        if (step.kind === 'shell') last = await this.#type(step, left, Object.keys(passedOver));
        else if (step.kind === 'seen') await last?.shows(step.code);
        else if (step.kind === 'make') this.#make(step);
        else if (step.kind === 'add') this.#add(step);
      } catch (error) {
        const terminals = this.terminals.map(({ line, output }) => `$ ${line}\n${output.text.slice(-1500)}`).join('\n');
        throw new Error(`${step.at}: ${error.message}\n\n${step.code}\n${terminals}`);
      }
    }
    if (left.size > 0) throw new Error(`${page} no longer says: ${[...left].join(', ')}`);
  }

  async #type({ code }, left, passedOver) {
    const lines = code.trim().split('\n');
    if (lines.length === 1 && STAYS.test(lines[0])) return this.open(lines[0]);
    if (lines.some((line) => STAYS.test(line))) throw new Error('a command that stays needs a block, and a terminal, of its own');
    const kept = lines.filter((line) => {
      const skip = passedOver.find((begin) => line.startsWith(begin));
      if (skip) left.delete(skip);
      return !skip;
    });
    const output = this.run(kept.join('\n'));
    return { shows: async (wanted) => expect(output, wanted) };
  }

  /** Types it and waits for the end; a failure is an error. Returns what it printed. */
  run(code) {
    const { status, stdout, stderr } = spawnSync(...this.#shell(`exec 2>&1\n${code}`), { ...this.#options(), timeout: 180_000 });
    if (status !== 0) throw new Error(`exit ${status}:\n${stdout}${stderr}`);
    return stdout;
  }

  /** Types a command that stays, in a terminal of its own. */
  open(line) {
    const output = { text: '' };
    const child = spawn(...this.#shell(`exec 2>&1\nexec ${line}`), this.#options());
    child.stdout.setEncoding('utf8').on('data', (text) => { output.text += text; });
    const terminal = { line, output, child };
    child.once('exit', (code) => { terminal.ended = `it ended with ${code}`; });
    this.terminals.push(terminal);
    return { shows: (wanted) => until(`"${line}" to print what the page says`, () => {
      if (terminal.ended) throw Object.assign(new Error(`${terminal.ended}:\n${output.text}`), { final: true });
      return expect(output.text, wanted);
    }, WAIT_MS) };
  }

  /** Waits until the terminal of a command that stays shows this. */
  shows(begin, text) {
    const { output } = this.terminals.find(({ line }) => line.startsWith(begin));
    return until(`"${begin}" to show "${text}"`, () => {
      if (output.text.includes(text)) return true;
      throw new Error(output.text.slice(-1500));
    });
  }

  /** Ends a command that stays, as Ctrl-C does. */
  async interrupt(begin) {
    const terminal = this.terminals.find(({ line, ended }) => line.startsWith(begin) && !ended);
    terminal.child.kill('SIGINT');
    await until(`"${begin}" to end`, () => terminal.ended);
  }

  /** Types a command again until what it prints is as wanted. */
  waits(code, wanted) {
    return until(`\`${code}\` to say what is wanted`, () => {
      const printed = this.run(code);
      if (wanted(printed)) return true;
      throw new Error(printed);
    }, WAIT_MS);
  }

  /** Closes every terminal. */
  leave() {
    this.terminals.forEach(({ child }) => child.kill());
  }

  #shell(code) {
    const shell = ['bash', '-euo', 'pipefail', '-c', code];
    const words = this.as === 'root' ? shell : ['setpriv', `--reuid=${this.as}`, `--regid=${this.as}`, '--init-groups', ...shell];
    return [words[0], words.slice(1)];
  }

  #options() {
    return { cwd: this.app, env: this.environment, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] };
  }

  #file(name) {
    return path.resolve(this.app, name);
  }

  #make({ file, code }) {
    const to = this.#file(file);
    mkdirSync(path.dirname(to), { recursive: true });
    this.#write(to, code);
  }

  /** A new file belongs to whom its folder belongs to. */
  #write(to, text) {
    const isNew = !existsSync(to);
    writeFileSync(to, text);
    const { uid, gid } = statSync(path.dirname(to));
    if (isNew) chownSync(to, uid, gid);
  }

  #add({ file, code }) {
    const to = this.#file(file);
    if (!existsSync(to)) throw new Error(`there is no ${to} to add to`);
    if (path.basename(to) !== '.env') return this.#write(to, `${readFileSync(to, 'utf8')}\n${code}`);
    const keys = new Set(code.split('\n').map((line) => line.split('=')[0]).filter(Boolean));
    const kept = readFileSync(to, 'utf8').split('\n').filter((line) => line !== '' && !keys.has(line.split('=')[0]));
    return this.#write(to, `${kept.join('\n')}\n${code}`);
  }
}

/** Whether the output has the lines, in their order. Colours and what `…` stands for do not count. */
function expect(output, wanted) {
  // eslint-disable-next-line no-control-regex
  const lines = output.replace(/\x1b\[[0-9;]*m/g, '').split('\n').map((line) => line.trim().replace(/\s+/g, ' '));
  let from = 0;
  for (const line of wanted.split('\n').map((one) => one.trim().replace(/\s+/g, ' ')).filter(Boolean)) {
    const pattern = new RegExp(line.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.*'));
    const at = lines.findIndex((one, index) => index >= from && pattern.test(one));
    if (at < 0) throw new Error(`the page says that one sees\n  ${line}\nbut there is\n  ${lines.join('\n  ')}`);
    from = at + 1;
  }
  return true;
}
