// What the tests need from the machine, and what to say where it is missing.

import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { canIsolate } from './namespaces.mjs';

export const TESTS = fileURLToPath(new URL('..', import.meta.url));
export const PROJECT = path.dirname(path.resolve(TESTS));
const BUILT = path.join(process.env.CARGO_TARGET_DIR ?? path.join(PROJECT, 'target'), 'release');

/** Paths, each of which the environment can set: `RUSTECHO_TEST_SIDECAR=/usr/bin/rustecho`. */
export const SIDECAR = process.env.RUSTECHO_TEST_SIDECAR ?? path.join(BUILT, 'rustecho');
export const EXTENSION = process.env.RUSTECHO_TEST_EXTENSION ?? path.join(BUILT, 'librustecho.so');
export const CHROMIUM = process.env.RUSTECHO_TEST_CHROMIUM ?? '/usr/bin/chromium';
export const LARAVEL = '/usr/share/php/Illuminate';
export const PHP_FPM = onPath('php-fpm8.2', 'php-fpm', 'php-fpm8.4', 'php-fpm8.3');

/** libfaketime, by which a program sees another wall clock. */
export const FAKETIME = existsSync('/usr/lib') ? readdirSync('/usr/lib')
  .map((folder) => `/usr/lib/${folder}/faketime/libfaketimeMT.so.1`).find(existsSync) : undefined;

const BUILD = 'scripts/build.sh sidecar ext';
const APT = 'scripts/setup.sh test';
const NEEDS = {
  sidecar: () => existsSync(SIDECAR) || `${SIDECAR} not found: ${BUILD}`,
  extension: () => existsSync(EXTENSION) || `${EXTENSION} not found: ${BUILD}`,
  laravel: () => existsSync(`${LARAVEL}/autoload.php`) || `Debian's Laravel not found: ${APT}`,
  'php-fpm': () => PHP_FPM !== undefined || `php-fpm not found: ${APT}`,
  console: () => existsSync(path.join(PROJECT, 'console/dist/app/index.html')) || `the console is not built: ${BUILD}`,
  faketime: () => FAKETIME !== undefined || `libfaketime not found: ${APT}`,
  namespaces: canIsolate,
  esbuild: () => existsSync(path.join(PROJECT, 'console/node_modules/.bin/esbuild')) || `esbuild not found: ${BUILD}`,
  chromium: () => existsSync(CHROMIUM) || `${CHROMIUM} not found: scripts/setup.sh browser`,
};
const STACK = ['sidecar', 'extension', 'laravel', 'php', 'php-fpm', 'composer', 'nginx', 'redis-server', 'redis-cli'];

/** The options of a `describe` that needs the whole stack and `more`. */
export const needsStack = (...more) => needs(...STACK, ...more);

/**
 * The options of a `describe` that needs these tools: nothing special where all are there; where one is missing, a skip that
 * says so, or, in CI, where nothing may be skipped, an error.
 */
export function needs(...tools) {
  const missing = tools
    .map((tool) => (NEEDS[tool] ?? (() => onPath(tool) !== undefined || `${tool} not found: ${APT}`))())
    .filter((answer) => answer !== true);
  if (missing.length === 0) return {};
  if (process.env.CI === 'true') throw new Error(`CI may skip nothing, but ${missing.join('; ')}`);
  return { skip: `skipped: ${missing.join('; ')}` };
}

/** The first of `names` that is an executable of PATH or of the administrators' folders. */
function onPath(...names) {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/sbin', '/sbin', '/usr/local/sbin'];
  return names.flatMap((name) => folders.map((folder) => path.join(folder, name))).find(executable);
}

function executable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The path of a tool that `needs` has checked. */
export function tool(name) {
  return onPath(name) ?? name;
}
