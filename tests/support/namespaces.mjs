// A network namespace for each node, with two links: one to the pages, one to Redis. Each can be cut and slowed by itself.
//
// The whole run is in a namespace of its own (see `insideOwnNamespace`), so that nothing of this touches the machine and the
// kernel takes it away with the last process.

import { spawn, spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { Process, run } from './process.mjs';
import { until } from './wait.mjs';

const INSIDE = 'CHAOS_INSIDE';
/** How slow a slow link is where the kernel cannot delay packets: what does not fit waits. */
const SLOW_RATE = ['tbf', 'rate', '600kbit', 'burst', '8kb', 'latency', '3000ms'];
const SLOW_DELAY = ['netem', 'delay', '300ms', '100ms', 'distribution', 'normal', 'loss', '1%'];

/** Runs this program again in namespaces of its own, unless it is there already; ends with its status. */
export function insideOwnNamespace() {
  if (process.env[INSIDE]) return;
  const flags = ['--net', '--mount', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user'])];
  const child = spawn('unshare', [...flags, process.execPath, ...process.execArgv, ...process.argv.slice(1)], { stdio: 'inherit', env: { ...process.env, [INSIDE]: '1' } });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  return new Promise((_, fail) => {
    child.on('error', () => fail(new Error('unshare not found: scripts/setup.sh test')));
    child.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
  });
}

/** Whether this machine lets us have namespaces; else why not. */
export function canIsolate() {
  const flags = ['--net', '--mount', ...(process.getuid() === 0 ? [] : ['--user', '--map-root-user'])];
  const tried = spawnSync('unshare', [...flags, 'ip', 'link', 'set', 'lo', 'up'], { encoding: 'utf8' });
  return tried.status === 0 || `no network namespaces here: ${tried.error?.message ?? tried.stderr}`;
}

export async function prepareNetwork() {
  await run('ip', ['link', 'set', 'lo', 'up']);
}

class Link {
  constructor(name, inside, enter) {
    Object.assign(this, { name, inside, enter });
  }

  /** Nothing gets through, and nobody is told. */
  cut() {
    return run('ip', ['link', 'set', this.name, 'down']);
  }

  heal() {
    return run('ip', ['link', 'set', this.name, 'up']);
  }

  async slow() {
    for (const [device, wrap] of [[this.name, []], [this.inside, this.enter]]) await this.#shape(device, wrap);
  }

  async #shape(device, wrap) {
    const add = (how) => run(...command([...wrap, 'tc', 'qdisc', 'add', 'dev', device, 'root', ...how]));
    // not every kernel has netem
    await add(SLOW_DELAY).catch(() => add(SLOW_RATE));
  }

  async quicken() {
    for (const [device, wrap] of [[this.name, []], [this.inside, this.enter]]) {
      await run(...command([...wrap, 'tc', 'qdisc', 'del', 'dev', device, 'root']));
    }
  }
}

const command = ([name, ...args]) => [name, args];

/** The namespace of one node: `front` leads to the pages, `back` to Redis; `enter` begins a command that runs in it. */
export class Place {
  static async make(number) {
    const place = new Place();
    place.holder = new Process(`namespace ${number}`, 'unshare', ['--net', 'sleep', 'infinity']);
    const { pid } = place.holder.child;
    const ours = readlinkSync('/proc/self/ns/net');
    await place.holder.ready('to have a namespace', () => readlinkSync(`/proc/${pid}/ns/net`) !== ours);
    place.enter = ['nsenter', `--net=/proc/${pid}/ns/net`];
    await run(...command([...place.enter, 'ip', 'link', 'set', 'lo', 'up']));
    const nets = { front: `10.77.${number}`, back: `10.78.${number}` };
    for (const [name, net] of Object.entries(nets)) {
      const device = `${name}${number}`;
      await run('ip', ['link', 'add', device, 'type', 'veth', 'peer', 'name', name, 'netns', String(pid)]);
      await run('ip', ['address', 'add', `${net}.1/24`, 'dev', device]);
      // strangers have an address of their own
      await run('ip', ['address', 'add', `${net}.9/24`, 'dev', device]);
      await run('ip', ['link', 'set', device, 'up']);
      await run(...command([...place.enter, 'ip', 'address', 'add', `${net}.2/24`, 'dev', name]));
      await run(...command([...place.enter, 'ip', 'link', 'set', name, 'up']));
      place[name] = new Link(device, name, place.enter);
    }
    Object.assign(place, { address: `${nets.front}.2`, outside: `${nets.front}.1`, stranger: `${nets.front}.9`, redis: `${nets.back}.1` });
    return place;
  }

  stop() {
    return this.holder.stop('SIGKILL');
  }
}

/** A small disk of its own for a folder. */
export async function mountDisk(folder, megabytes) {
  await run('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m,mode=0755`, 'rustecho-chaos', folder]);
  return { unmount: () => until('the disk to be let go', () => run('umount', [folder]).then(() => true)) };
}
