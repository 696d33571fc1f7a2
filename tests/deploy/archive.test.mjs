// The release archive: what is in it, which machines its binary runs on, and that it is the same whoever makes it.

import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { freePort } from '../support/ports.mjs';
import { Process, run } from '../support/process.mjs';
import { needs, PROJECT, SIDECAR } from '../support/tools.mjs';

const TARGET = process.env.CARGO_TARGET_DIR ?? path.join(PROJECT, 'target');
const QUICK = path.join(TARGET, 'dist-quick');
const DIST = path.join(PROJECT, 'scripts/dist.sh');
// What CentOS 7's kernel, 3.10, has not got and newer programs ask for.
const NEW_CALLS = 'getrandom,statx,memfd_create,copy_file_range,clone3,rseq,faccessat2,close_range,openat2,pidfd_open,epoll_pwait2,renameat2,membarrier,preadv2,pwritev2';

describe('the release archive', needs('sidecar', 'objdump', 'strace', 'sha256sum'), () => {
  let [folder, tree, archive] = [];
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-archive-'));
    archive = readdirSync(QUICK).find((name) => name.endsWith('.tar.gz'));
    if (!archive) throw new Error('target/dist-quick has no archive: scripts/dist.sh --quick');
    await run('sha256sum', ['--check', 'SHA256SUMS'], { cwd: QUICK });
    await run('tar', ['-xzf', path.join(QUICK, archive), '-C', folder]);
    tree = path.join(folder, archive.replace('.tar.gz', ''));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test('has the binary, the files of deploy/, documents, and checksums of all of them', async () => {
    assert.match(archive, /^rustecho-\d+\.\d+\.\d+-[a-z0-9_]+-linux\.tar\.gz$/);
    const sums = readFileSync(path.join(tree, 'SHA256SUMS'), 'utf8');
    for (const name of ['rustecho', 'LICENSE', 'README.md', 'docs/configuration.md', 'man/rustecho.1', 'deploy/install.sh',
      'deploy/rustecho.json', 'deploy/nginx/rustecho.conf', 'deploy/systemd/rustecho.service']) assert.match(sums, new RegExp(`  ${name}$`, 'm'));
    await run('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: tree });
    assert.match(await run('tar', ['-tvzf', path.join(QUICK, archive)]), /^-rwxr-xr-x 0\/0 .*\/rustecho$/m);
  });

  test('has a binary for glibc 2.17; one that asks for more is refused by name', async () => {
    assert.match(await run(DIST, ['--check', path.join(tree, 'rustecho')]), /runs with glibc 2\.(\d|1[0-7]) and newer/);
    // Built on this machine and for it.
    await assert.rejects(run(DIST, ['--check', SIDECAR]), /asks for GLIBC_2\.[2-9]\d, where 2\.17 is the limit: .*__libc_start_main/);
  });

  test('serves on a kernel that lacks what is newer than 3.10', async (t) => {
    const port = await freePort();
    writeFileSync(path.join(folder, 'rustecho.json'), JSON.stringify({
      host: '127.0.0.1', port, admin: false, graceMs: 500, unixSocket: { path: path.join(folder, 'rustecho.sock') },
    }));
    // -D: our child is the sidecar itself, which ends on our signal; strace blocks it.
    const old = new Process('rustecho', 'strace', ['-D', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${NEW_CALLS}:error=ENOSYS`,
      path.join(tree, 'rustecho'), 'start'], { cwd: folder });
    t.after(() => old.stop());
    await old.ready('to be ready', () => old.output.includes('Server ready!'), 30_000);
    assert.equal((await fetch(`http://127.0.0.1:${port}/socket.io/?EIO=4&transport=polling`)).status, 200);
  });

  test('is the same to the last byte when it is made again, by somebody with other habits', async () => {
    const sums = readFileSync(path.join(QUICK, 'SHA256SUMS'), 'utf8');
    await run('bash', ['-c', 'umask 077 && exec "$0" --quick', DIST], { env: { ...process.env, TZ: 'Asia/Tokyo', LC_ALL: 'C' }, deadlineMs: 600_000 });
    assert.equal(readFileSync(path.join(QUICK, 'SHA256SUMS'), 'utf8'), sums);
  });
});
