// The Laravel application of tests/app, installed by Composer as a user would: offline, with Laravel from Debian's packages.

import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './process.mjs';
import { LARAVEL, PROJECT, TESTS } from './tools.mjs';

const SOURCE = path.join(TESTS, 'app');
const PACKAGE = path.join(PROJECT, 'composer-package');
const BUILDS = path.join(PROJECT, 'var', 'e2e');
const LEAVE_OUT = new Set(['vendor', 'composer.lock', 'tests', 'node_modules']);

/** Installs the application once for each state of its sources and the package's; returns its folder. */
export async function installApp() {
  const app = path.join(BUILDS, `app-${fingerprint([SOURCE, PACKAGE, LARAVEL + '/Foundation/Application.php'])}`);
  if (existsSync(app)) return app;
  mkdirSync(BUILDS, { recursive: true });
  const draft = mkdtempSync(path.join(BUILDS, 'draft-'));
  try {
    cpSync(SOURCE, draft, { recursive: true });
    ['bootstrap/cache', 'storage/logs'].forEach((folder) => mkdirSync(path.join(draft, folder), { recursive: true }));
    // the package's own development files stay out, as they would of a release
    const copy = path.join(draft, 'packages', 'rustecho-laravel');
    cpSync(PACKAGE, copy, { recursive: true, filter: (file) => !LEAVE_OUT.has(path.basename(file)) });
    writeFileSync(path.join(draft, 'composer.json'), JSON.stringify(await requirements(), null, 2));
    const env = { ...process.env, COMPOSER_HOME: path.join(draft, '.composer'), COMPOSER_DISABLE_NETWORK: '1',
      COMPOSER_ALLOW_SUPERUSER: '1', COMPOSER_NO_INTERACTION: '1', BROADCAST_DRIVER: 'null' };
    await run('composer', ['install', '--quiet'], { cwd: draft, env });
    await run('composer', ['require', 'rustecho/laravel:*'], { cwd: draft, env });
    renameSync(draft, app);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(app)) throw error; // else another test file was quicker
  }
  return app;
}

/** The composer.json of the application: no Packagist, the package by its folder, Laravel by Debian's. */
async function requirements() {
  const version = (await run('php', ['-r', "require 'Illuminate/autoload.php'; echo Illuminate\\Foundation\\Application::VERSION;"])).trim();
  const parts = readdirSync(LARAVEL, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== 'Foundation');
  // what else the package asks for, and Debian's autoload file of Laravel brings
  const brought = { 'psr/log': (await run('dpkg-query', ['-W', '-f', '${Version}', 'php-psr-log'])).match(/^[\d.]+/)[0] };
  const kebab = (name) => name.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase();
  return {
    name: 'rustecho/tests-app',
    type: 'project',
    repositories: [
      { 'packagist.org': false },
      { type: 'path', url: 'packages/rustecho-laravel', options: { symlink: false, versions: { 'rustecho/laravel': 'dev-main' } } },
      { type: 'package', package: {
        name: 'laravel/framework',
        version,
        replace: { ...brought, ...Object.fromEntries(parts.map((part) => [`illuminate/${kebab(part.name)}`, 'self.version'])) },
        dist: { type: 'path', url: LARAVEL, reference: version },
        'transport-options': { symlink: true },
        autoload: { files: ['autoload.php'] },
      } },
    ],
    require: { 'laravel/framework': version },
    autoload: { 'psr-4': { 'App\\': 'app/' } },
    scripts: { 'post-autoload-dump': ['@php artisan package:discover --ansi'] },
    'minimum-stability': 'dev',
  };
}

/** A name for the content of these files and folders. */
function fingerprint(roots) {
  const hash = createHash('sha256');
  const add = (file, isFolder) => {
    if (LEAVE_OUT.has(path.basename(file))) return;
    if (!isFolder) return hash.update(file).update(readFileSync(file));
    return readdirSync(file, { withFileTypes: true })
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .forEach((entry) => add(path.join(file, entry.name), entry.isDirectory()));
  };
  roots.forEach((root) => add(root, !root.endsWith('.php')));
  return hash.digest('hex').slice(0, 16);
}

/** The running application, as its visitors see it. */
export class Laravel {
  constructor(url) {
    this.url = url;
  }

  /** Logs a user in; returns `{cookie, csrf}` of the new Laravel session. */
  login(user) {
    return this.#session(`/login/${user}`);
  }

  /** A visit without login; returns `{cookie, csrf}` of the new Laravel session. */
  visit() {
    return this.#session('/visit');
  }

  async #session(route) {
    const response = await fetch(`${this.url}${route}`);
    if (response.status !== 200) throw new Error(`${route} answered ${response.status}: ${await response.text()}`);
    const cookie = response.headers.getSetCookie().map((line) => line.split(';')[0]).join('; ');
    return { cookie, csrf: (await response.json()).csrf };
  }

  /** Posts JSON to a route of routes/publish.php; returns `{status, body}`. */
  async post(route, input, headers = {}) {
    const response = await fetch(`${this.url}${route}`, {
      method: 'POST', body: JSON.stringify(input), headers: { 'content-type': 'application/json', accept: 'application/json', ...headers },
    });
    const text = await response.text();
    try {
      return { status: response.status, body: JSON.parse(text) };
    } catch {
      throw new Error(`${route} answered ${response.status} and no JSON: ${text.slice(0, 500)}`);
    }
  }

  /** As `post`, but a publish that throws is an error. */
  async publish(route, input, headers) {
    const { status, body } = await this.post(route, input, headers);
    if (status !== 200) throw new Error(`${route} answered ${status}: ${JSON.stringify(body)}`);
    return body.result;
  }
}
