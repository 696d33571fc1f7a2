// The files for Docker. Images are built only where a Docker engine runs; what can be looked at without one is looked at.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { run } from '../support/process.mjs';
import { shipped } from '../support/shipped.mjs';
import { needs, PROJECT, tool } from '../support/tools.mjs';

const DOCKER = path.join(PROJECT, 'deploy/docker');
const dockerfile = readFileSync(path.join(DOCKER, 'Dockerfile'), 'utf8');
const engine = spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0;

describe('the files for Docker', needs('docker-compose', 'nginx'), () => {
  test('compose.yml is one that compose understands', async () => {
    const file = path.join(DOCKER, 'compose.yml');
    const whole = await run('docker-compose', ['-f', file, 'config'], { env: { ...process.env, APP: '/srv/app' } });
    for (const target of whole.matchAll(/target: (\w+)/g)) assert.match(dockerfile, new RegExp(`^FROM .* AS ${target[1]}$`, 'm'));
    assert.match(whole, /RUSTECHO_TRUSTED_PROXIES: "?127\.0\.0\.1,::1"?$/m);
    await assert.rejects(run('docker-compose', ['-f', file, 'config'], { env: { ...process.env, APP: '' } }), /name the folder of your Laravel application/);
  });

  test('the Dockerfile copies and runs what there is', () => {
    const instructions = dockerfile.replace(/\\\n/g, ' ').split('\n');
    const own = instructions.filter((line) => /^COPY (?!--from)/.test(line)).flatMap((line) => line.split(/\s+/).slice(1, -1));
    const scripts = instructions.flatMap((line) => line.match(/scripts\/\S+/g) ?? []);
    assert.ok(own.length > 0 && scripts.length > 0);
    for (const name of [...own, ...scripts]) assert.ok(existsSync(path.join(PROJECT, name)), `${name} is not there`);
    const stages = instructions.flatMap((line) => line.match(/^FROM \S+ AS (\w+)$/)?.[1] ?? []);
    for (const [, from] of dockerfile.matchAll(/--from=(\w+)/g)) assert.ok(stages.includes(from), `there is no stage ${from}`);
  });

  test("nginx takes the site's file", async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-compose-'));
    try {
      writeFileSync(path.join(folder, 'snippet.conf'), shipped('nginx', 6001));
      // The container's names are not this machine's.
      const site = readFileSync(path.join(DOCKER, 'nginx.conf'), 'utf8').replace('php:9000', '127.0.0.1:9000')
        .replace('/etc/nginx/snippets/rustecho.conf', `${folder}/snippet.conf`).replace('include fastcgi_params', 'include /etc/nginx/fastcgi_params')
        .replace('listen 80', 'listen 127.0.0.1:8080');
      writeFileSync(path.join(folder, 'nginx.conf'), `pid ${folder}/pid;\nevents {}\nhttp {\n${site}\n}\n`);
      await run(tool('nginx'), ['-t', '-e', `${folder}/error.log`, '-p', folder, '-c', path.join(folder, 'nginx.conf')]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  for (const target of ['sidecar', 'php']) {
    test(`the image ${target} is built`, { skip: engine ? false : 'skipped: no Docker engine runs here', timeout: 3_600_000 }, () => (
      run('docker', ['build', '-f', path.join(DOCKER, 'Dockerfile'), '--target', target, PROJECT], { deadlineMs: 3_600_000 })
    ));
  }
});
