// Starting, waiting for and stopping processes, by the handles of those we started and nothing else.

import { spawn } from 'node:child_process';
import { openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const STOP_WITHIN_MS = 12_000;

/** `count` ports of 127.0.0.1 on which nobody listens. */
export async function freePorts(count) {
  const servers = await Promise.all(Array.from({ length: count }, () => new Promise((resolve, reject) => {
    const server = createServer().once('error', reject).listen(0, '127.0.0.1', () => resolve(server));
  })));
  const ports = servers.map((server) => server.address().port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

/** Everything that this run has started, last first. */
export class Processes {
  #running = [];
  #command;
  #stopping = false;
  /** Told how, and which, when a service ends that nobody asked to end. */
  onUnexpectedEnd = () => {};

  /** Runs a command to its end, its output on the terminal; throws when it fails. */
  run(program, args, options = {}) {
    return new Promise((resolve, reject) => {
      const child = spawn(program, args, { stdio: 'inherit', ...options });
      this.#command = child;
      child.once('error', (error) => reject(new Error(`${program} cannot be run: ${error.message}`)));
      child.once('exit', (code, signal) => {
        this.#command = undefined;
        if (code === 0) resolve();
        else reject(new Error(`${program} ${args.join(' ')} failed (${signal ?? `exit ${code}`})`));
      });
    });
  }

  /** Starts a service whose output goes to `log`. A process group of its own keeps Ctrl-C for us: we stop it, in order. */
  start(name, program, args, log, options = {}) {
    const out = openSync(log, 'w');
    const child = spawn(program, args, { stdio: ['ignore', out, out], detached: true, ...options });
    const service = { name, child, log, ended: undefined };
    service.end = new Promise((resolve) => {
      const end = (how) => {
        service.ended = how;
        resolve();
        if (!this.#stopping && !service.stopping) this.onUnexpectedEnd(describe(service), service);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ?? `exit ${code}`));
    });
    this.#running.unshift(service);
    return service;
  }

  /** Polls until `isReady` says so; throws when the service ends first or the time is up. */
  async waitFor(service, isReady, withinMs = 30_000) {
    const deadline = performance.now() + withinMs;
    for (;;) {
      if (service.ended) throw new Error(describe(service));
      if (await isReady().catch(() => false)) return;
      if (performance.now() > deadline) throw new Error(`${service.name} is not ready after ${withinMs} ms\n${tail(service.log)}`);
      await delay(50);
    }
  }

  async stopAll() {
    this.#stopping = true;
    this.#command?.kill('SIGTERM');
    for (const service of this.#running) await this.stop(service);
  }

  /** Stops one service; whoever does not stop in time is killed. */
  async stop(service) {
    if (service.ended) return;
    service.stopping = true;
    service.child.kill('SIGTERM');
    const late = AbortSignal.timeout(STOP_WITHIN_MS);
    await Promise.race([service.end, new Promise((resolve) => late.addEventListener('abort', resolve))]);
    if (service.ended) return;
    console.error(`${service.name} did not stop within ${STOP_WITHIN_MS} ms and is killed`);
    process.kill(-service.child.pid, 'SIGKILL');
    await service.end;
  }
}

function describe(service) {
  return `${service.name} ended (${service.ended})\n${tail(service.log)}`;
}

/** The last lines of a log, for an error message. */
function tail(log) {
  const lines = readFileSync(log, 'utf8').trimEnd().split('\n').slice(-15);
  return [`the end of ${log}:`, ...lines].join('\n  ');
}

/** Whether a GET is answered with 200; for `waitFor`. */
export async function answers(url) {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  await response.arrayBuffer();
  return response.ok;
}
