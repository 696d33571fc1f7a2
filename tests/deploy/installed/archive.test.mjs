// The release archive installed by its own script, on a machine that is thrown away afterwards.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { PROJECT } from '../../support/tools.mjs';
import { differences, machine, rights, sh, throwaway } from './support.mjs';

const QUICK = path.join(process.env.CARGO_TARGET_DIR ?? path.join(PROJECT, 'target'), 'dist-quick');

describe('the release archive', throwaway('systemd-analyze', 'systemd-sysusers', 'systemd-tmpfiles'), () => {
  test('is installed, installed again, and taken away', () => {
    const archive = readdirSync(QUICK).find((name) => name.endsWith('.tar.gz'));
    sh('tar', '-xzf', path.join(QUICK, archive), '-C', '/tmp');
    const install = `/tmp/${archive.replace('.tar.gz', '')}/deploy/install.sh`;
    const [before, settings] = [machine(), '/etc/rustecho/rustecho.json'];

    assert.match(sh(install), /rustecho \d+\.\d+\.\d+ is installed/);
    assert.equal(sh('systemd-analyze', 'verify', '--man=no', 'rustecho.service', 'rustecho.socket'), '');
    assert.deepEqual(readdirSync('/usr/share/rustecho'), ['apache.conf', 'nginx.conf', 'supervisor.conf']);
    assert.match(sh('rustecho', 'check-config'), /\/etc\/rustecho\/rustecho\.json/);
    assert.deepEqual(['/run/rustecho', '/var/spool/rustecho', settings].map(rights), ['rustecho:www-data 2750', 'rustecho:www-data 3770', 'root:rustecho 640']);

    writeFileSync(settings, '{"port": 7001}');
    sh(install);
    assert.equal(readFileSync(settings, 'utf8'), '{"port": 7001}');
    sh(install, '--uninstall');
    assert.ok(!existsSync('/usr/bin/rustecho') && existsSync(settings));
    sh(install, '--purge');
    assert.deepEqual(differences(before, machine()), []);
  });
});
