// A child process with its output kept; it ends with the test process at the latest.

import { spawn } from 'node:child_process';
import { until, within } from './wait.mjs';

const STOP_MS = 15_000;
const running = new Set();
// nginx and php-fpm end their workers on SIGTERM; after SIGKILL those would stay
process.on('exit', () => running.forEach((child) => child.kill('SIGTERM')));
['SIGINT', 'SIGTERM', 'SIGHUP'].forEach((signal) => process.once(signal, () => process.exit(1)));

export class Process {
  /** `name` is for messages. The child's output is in `output`, standard error included. */
  constructor(name, command, args, options = {}) {
    this.name = name;
    this.output = '';
    this.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const keep = (text) => { this.output += text; };
    this.child.stdout.setEncoding('utf8').on('data', keep);
    this.child.stderr.setEncoding('utf8').on('data', keep);
    running.add(this.child);
    this.exit = new Promise((done) => {
      const end = (status) => { running.delete(this.child); this.ended = status; done(status); };
      // `close`, not `exit`: the output is complete then
      this.child.once('close', (code, signal) => end({ code, signal }));
      this.child.once('error', (error) => { keep(`${error.message}\n`); end({ code: null, signal: null }); });
    });
  }

  /** Waits for a condition; a child that ends before it is met is an error with its output. */
  async ready(what, ask, deadlineMs) {
    try {
      await until(`${this.name}: ${what}`, async () => {
        if (this.ended) throw Object.assign(new Error(`it ended with ${JSON.stringify(this.ended)}`), { final: true });
        return ask();
      }, deadlineMs);
    } catch (error) {
      await this.stop('SIGKILL');
      throw new Error(`${this.name} did not start: ${error.message}\n${this.output.slice(-4000)}`);
    }
    return this;
  }

  /** Ends the child and returns `{code, signal}`. */
  async stop(signal = 'SIGTERM') {
    if (!this.ended) this.child.kill(signal);
    return within(`${this.name} to end after ${signal}`, this.exit, STOP_MS);
  }
}

/** Runs a command to its end; a failure is an error with the output. Returns the output. */
export async function run(command, args, options = {}) {
  const line = [command, ...args].join(' ');
  const process = new Process(line, command, args, options);
  const { code } = await within(`\`${line}\` to end`, process.exit, options.deadlineMs ?? 120_000).catch(async (error) => {
    await process.stop('SIGKILL');
    throw error;
  });
  if (code !== 0) throw new Error(`\`${line}\` exited ${code}:\n${process.output.slice(-4000)}`);
  return process.output;
}
