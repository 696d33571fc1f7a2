// What the tests of installed packages share. They change the machine, so they run in scripts/throwaway.sh and nowhere else.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { needs, PROJECT } from '../../support/tools.mjs';

const DIST = path.join(PROJECT, 'dist');
/** dpkg writes these for itself; they say nothing about a package. */
const OF_DPKG = /^\/(etc\/(passwd-|group-|shadow-|gshadow-|subuid-?|subgid-?|\.pwd\.lock|ld\.so\.cache)|var\/(lib\/(dpkg|systemd\/deb-systemd-helper[^/]*$)|log|cache)|run\/(lock|dpkg|systemd)|usr\/share\/man\/.*cat)/;

// What another sidecar of this machine left in the packages' folders is not theirs; it is taken out of the throw-away machine alone.
if (process.env.RUSTECHO_THROWAWAY === '1') {
  for (const folder of ['/run/rustecho', '/var/spool/rustecho']) rmSync(folder, { recursive: true, force: true });
}

/** The options of a `describe` that installs packages. */
export function throwaway(...tools) {
  if (process.env.RUSTECHO_THROWAWAY === '1') return needs('dpkg', 'setpriv', ...tools);
  if (process.env.CI === 'true') throw new Error('CI may skip nothing, but this is not run by scripts/throwaway.sh: make test-deploy');
  return { skip: 'skipped: it changes the machine; run it by `make test-deploy`' };
}

// The variables of make and of these tests would be settings of the sidecar.
const plain = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('RUSTECHO_')));

/** Runs a command; a failure is an error with the output. */
export function sh(command, ...args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, {
    encoding: 'utf8', maxBuffer: 64 << 20, env: { ...plain, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C.UTF-8' },
  });
  if (error || status !== 0) throw new Error(`\`${[command, ...args].join(' ')}\` exited ${status ?? error}:\n${stdout}${stderr}`);
  return stdout;
}

/** The built package of this name. */
export function packageFile(name) {
  const file = readdirSync(DIST).filter((one) => one.startsWith(`${name}_`) && one.endsWith('.deb')).sort().at(-1);
  if (!file) throw new Error(`dist/ has no package ${name}: make deb deb-ext`);
  return path.join(DIST, file);
}

/** The same package as it might have been a release ago: another version, and another text in its configuration file. */
export function earlier(file, conffile) {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-earlier-'));
  const tree = path.join(folder, 'tree');
  sh('dpkg-deb', '-R', file, tree);
  const change = (name, edit) => writeFileSync(path.join(tree, name), edit(readFileSync(path.join(tree, name), 'utf8')));
  change('DEBIAN/control', (text) => text.replace(/^Version: .*$/m, 'Version: 0.0.1'));
  change(conffile, (text) => `${text}\n`);
  const old = path.join(folder, 'earlier.deb');
  sh('dpkg-deb', '--root-owner-group', '-Znone', '-b', tree, old);
  return old;
}

/** `installed`, `config-files` or nothing. */
export function state(name) {
  const { stdout } = spawnSync('dpkg-query', ['-W', '-f', '${db:Status-Status}', name], { encoding: 'utf8' });
  return stdout === 'not-installed' ? '' : stdout;
}

/** Every file, folder and link of the machine that a package may touch, with owner and mode; users and groups by their lines. */
export function machine() {
  const listed = execFileSync('find', ['/etc', '/usr', '/var', '/run', '/opt', '/srv', '/home', '-xdev', '-printf', '%p %M %u:%g %l\\n'], {
    encoding: 'utf8', maxBuffer: 512 << 20, stdio: ['ignore', 'pipe', 'ignore'],
  });
  const files = listed.split('\n').filter((line) => line && !OF_DPKG.test(line.split(' ')[0]));
  const accounts = ['passwd', 'group', 'shadow', 'gshadow'].flatMap((name) => readFileSync(`/etc/${name}`, 'utf8').split('\n').map((line) => `${name}: ${line}`));
  return new Set([...files, ...accounts]);
}

/** What is there in one of two states of the machine and not in the other. */
export function differences(before, after) {
  const more = [...after].filter((line) => !before.has(line)).map((line) => `+ ${line}`);
  const less = [...before].filter((line) => !after.has(line)).map((line) => `- ${line}`);
  return [...more, ...less];
}

/** `rustecho:www-data 2750` */
export const rights = (file) => sh('stat', '-c', '%U:%G %a', file).trim();
