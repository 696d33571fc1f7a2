// The Debian packages: installed, upgraded, removed and purged by dpkg, on a machine that is thrown away afterwards.

import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { differences, earlier, machine, packageFile, rights, sh, state, throwaway } from './support.mjs';

const CALLS = '/tmp/systemctl.calls';

/** A systemd that only notes what it is asked: what packages do where one is at work. */
function noteSystemctl() {
  mkdirSync('/run/systemd/system', { recursive: true });
  rmSync('/usr/sbin/policy-rc.d', { force: true });
  rmSync('/var/lib/man-db/auto-update', { force: true }); // seconds at each step, for nothing that is looked at
  renameSync('/usr/bin/systemctl', '/usr/bin/systemctl.real');
  // Links are made without a systemd; the rest needs one.
  writeFileSync('/usr/bin/systemctl', `#!/bin/sh
echo "$*" >> ${CALLS}
case " $* " in
  *" is-enabled "*) echo enabled ;;
  *" enable "* | *" disable "* | *" preset "* | *" mask "* | *" unmask "*) exec systemctl.real "$@" ;;
esac
`);
  chmodSync('/usr/bin/systemctl', 0o755);
  return () => {
    const calls = existsSync(CALLS) ? readFileSync(CALLS, 'utf8') : '';
    rmSync(CALLS, { force: true });
    return ['start', 'restart', 'stop'].filter((verb) => new RegExp(`(^| )${verb} .*rustecho\\.service`, 'm').test(calls));
  };
}

const php = throwaway('php').skip ? undefined : sh('php', '-r', 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;');
const loaded = () => sh('php', '-r', 'echo extension_loaded("rustecho") ? "loaded" : "absent";');

describe('the Debian packages', throwaway('php', 'systemd-analyze', 'systemd-sysusers', 'systemd-tmpfiles'), () => {
  test('rustecho: installed, upgraded, removed, purged; nothing is left', () => {
    const [file, conffile] = [packageFile('rustecho'), '/etc/rustecho/rustecho.json'];
    const old = earlier(file, conffile.slice(1));
    const asked = noteSystemctl();
    const before = machine();

    sh('dpkg', '-i', old);
    assert.equal(state('rustecho'), 'installed');
    assert.deepEqual(asked(), ['start']);
    assert.match(sh('getent', 'passwd', 'rustecho'), /:\/var\/lib\/rustecho:\/usr\/sbin\/nologin$/m);
    assert.match(sh('id', '-nG', 'rustecho'), /^rustecho www-data$/m);
    assert.deepEqual(
      ['/run/rustecho', '/var/spool/rustecho', '/var/lib/rustecho', conffile].map(rights),
      ['rustecho:www-data 2750', 'rustecho:www-data 3770', 'rustecho:rustecho 750', 'root:rustecho 640'],
    );
    const wants = (unit) => existsSync(`/etc/systemd/system/${unit}`);
    assert.ok(wants('multi-user.target.wants/rustecho.service'));
    assert.ok(!wants('sockets.target.wants/rustecho.socket'), 'the socket is for who wants it');
    assert.equal(sh('systemd-analyze', 'verify', '--man=no', 'rustecho.service', 'rustecho.socket'), '');
    assert.match(sh('rustecho', 'check-config'), /\/etc\/rustecho\/rustecho\.json/);
    // What the file offers in comments can be used as it stands there.
    const offered = readFileSync(conffile, 'utf8').replace(/^( *)\/\/ ("\w+":)/gm, '$1$2');
    writeFileSync('/tmp/rustecho.json', offered);
    const said = sh('sh', '-c', 'rustecho check-config --config=/tmp/rustecho.json 2>&1');
    assert.ok(['clients', 'databaseConfig', 'trustedOrigins', 'admin'].every((key) => new RegExp(`^ *"${key}"`, 'm').test(offered)));
    assert.doesNotMatch(said, /warning/i);
    assert.ok(existsSync('/usr/share/man/man1/rustecho-start.1.gz'));

    const settings = readFileSync(conffile, 'utf8').replace('"http://localhost"', '"http://shop.test"');
    writeFileSync(conffile, settings);
    sh('dpkg', '--force-confdef', '-i', file);
    assert.deepEqual(asked(), ['restart'], 'an upgrade does not stop the sidecar before the new one is there');
    assert.equal(readFileSync(conffile, 'utf8'), settings);
    assert.equal(rights(conffile), 'root:rustecho 640');

    sh('dpkg', '-r', 'rustecho');
    assert.equal(state('rustecho'), 'config-files');
    assert.deepEqual(asked(), ['stop']);
    assert.equal(readFileSync(conffile, 'utf8'), settings);
    assert.ok(!existsSync('/usr/bin/rustecho'));
    sh('dpkg', '-i', file);
    assert.equal(readFileSync(conffile, 'utf8'), settings);
    assert.ok(wants('multi-user.target.wants/rustecho.service') && !wants('rustecho.service'), 'enabled again, and no mask is left');

    writeFileSync('/var/spool/rustecho/left.spool', 'nobody came for it');
    sh('dpkg', '--purge', 'rustecho');
    assert.equal(state('rustecho'), '');
    assert.deepEqual(differences(before, machine()), []);
  });

  test('the extension: installed, upgraded, removed, purged; nothing is left', () => {
    const name = `php${php}-rustecho`;
    const [file, ini] = [packageFile(name), `/etc/php/${php}/mods-available/rustecho.ini`];
    const old = earlier(file, ini.slice(1));
    assert.equal(loaded(), 'absent');
    const before = machine();

    sh('dpkg', '-i', old);
    assert.equal(loaded(), 'loaded');
    assert.match(sh(`php-fpm${php}`, '-m'), /^rustecho$/m);
    writeFileSync(ini, `${readFileSync(ini, 'utf8')}rustecho.timeout_ms=77\n`);
    sh('dpkg', '--force-confdef', '-i', file);
    assert.equal(sh('php', '-r', 'echo ini_get("rustecho.timeout_ms");'), '77');

    sh('dpkg', '-r', name);
    assert.equal(loaded(), 'absent');
    assert.ok(existsSync(ini));
    sh('dpkg', '-i', file);
    assert.equal(loaded(), 'loaded');

    sh('dpkg', '--purge', name);
    assert.equal(state(name), '');
    assert.deepEqual(differences(before, machine()), []);
  });
});
