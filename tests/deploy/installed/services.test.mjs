// The installed sidecar as it is kept running in production: the unit's own command under the unit's user, sockets opened by
// systemd's tool, supervisord with the file as it is shipped. PHP's user publishes, others may not.

import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { io } from 'sio4';
import { Process } from '../../support/process.mjs';
import { freePort } from '../../support/ports.mjs';
import { tool } from '../../support/tools.mjs';
import { until } from '../../support/wait.mjs';
import { packageFile, rights, sh, throwaway } from './support.mjs';

const SOCKET = '/run/rustecho/rustecho.sock';
const LOCK = '/run/rustecho/rustecho.lock';
const unit = (kind) => readFileSync(`/usr/lib/systemd/system/rustecho.${kind}`, 'utf8');
const entries = (text, key) => [...text.matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(([, value]) => value);
const as = (user) => [`--reuid=${user}`, `--regid=${user}`, '--init-groups'];

/** PHP as `user` publishes `note` by the extension; the exit status says whether it was accepted. */
const publish = (user, note) => sh('setpriv', ...as(user), 'php', '-d', 'rustecho.spool=off', '-r',
  `rustecho_publish(['orders'], 'Note', '"${note}"');`);

function page(t, port) {
  const heard = [];
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], reconnectionDelay: 50, reconnectionDelayMax: 200 });
  t.after(() => socket.close());
  socket.on('connect', () => socket.emit('subscribe', { channel: 'orders', auth: { headers: {} } }));
  socket.on('Note', (channel, note) => heard.push(note));
  return { heard, socket };
}

/** Publishes until a page has heard a note of its own: subscribing has no answer that the page could wait for. */
async function hears(visitor, user, word) {
  let count = 0;
  await until(`the page to hear "${word}"`, () => {
    publish(user, `${word} ${count += 1}`);
    return visitor.heard.some((note) => note.startsWith(word));
  });
}

describe('the installed sidecar', throwaway('php', 'supervisord', 'systemd-socket-activate'), () => {
  let port;
  let env;
  before(async () => {
    const version = sh('php', '-r', 'echo PHP_MAJOR_VERSION, ".", PHP_MINOR_VERSION;');
    sh('dpkg', '-i', packageFile('rustecho'), packageFile(`php${version}-rustecho`));
  });
  const another = async () => {
    port = await freePort();
    // The shipped settings, but for the ports: another program of this machine may have them.
    env = { PATH: process.env.PATH, RUSTECHO_PORT: String(port), RUSTECHO_ADMIN_PORT: String(await freePort()) };
  };
  after(() => sh('dpkg', '--purge', 'rustecho'));

  test("runs by the unit's own command, as its user, in its folder", async (t) => {
    await another();
    const service = unit('service');
    const [[command], [user], [cwd]] = ['ExecStart', 'User', 'WorkingDirectory'].map((key) => entries(service, key));
    assert.ok(entries(service, 'ReadWritePaths')[0].split(' ').includes(cwd));
    const sidecar = new Process('rustecho', 'setpriv', [...as(user), ...command.split(' ')], { cwd, env });
    t.after(() => sidecar.stop('SIGKILL'));
    await sidecar.ready('to be ready', () => sidecar.output.includes('Server ready!'));

    assert.equal(rights(SOCKET), 'rustecho:www-data 660');
    assert.equal(JSON.parse(readFileSync(LOCK)).process, sidecar.child.pid);
    await hears(page(t, port), 'www-data', 'from PHP');
    assert.throws(() => publish('daemon', 'from a stranger'), /Permission denied|not connect/i);
    // From any folder, without a flag.
    assert.match(sh('env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), 'rustecho', 'status'), /rustecho/);

    assert.deepEqual(await sidecar.stop(), { code: 0, signal: null }, sidecar.output);
  });

  test('gets its sockets from systemd, as the socket unit names them', async (t) => {
    await another();
    const streams = entries(unit('socket'), 'ListenStream').map((one) => one.replace(/:6001$/, `:${port}`));
    assert.deepEqual(streams, [`127.0.0.1:${port}`, SOCKET]);
    assert.deepEqual(['SocketUser', 'SocketGroup', 'SocketMode'].map((key) => entries(unit('socket'), key)[0]), ['rustecho', 'www-data', '0660']);
    const listen = streams.map((one) => `--listen=${one}`);
    // Other settings than the sockets' own: they do not count.
    const activated = new Process('rustecho', 'setpriv', [
      ...as('rustecho'), tool('systemd-socket-activate'), ...listen, '--setenv=RUSTECHO_PORT=1', '--setenv=RUSTECHO_ADMIN=false', '/usr/bin/rustecho', 'start',
    ], { cwd: '/var/lib/rustecho', env: { PATH: process.env.PATH } });
    t.after(() => activated.stop('SIGKILL'));
    await activated.ready('to listen', () => activated.output.includes('Listening'));

    await hears(page(t, port), 'rustecho', 'through the inherited sockets');
    assert.deepEqual(await activated.stop(), { code: 0, signal: null }, activated.output);
  });

  test('is started, started again and stopped by supervisord', async (t) => {
    await another();
    const folder = '/tmp/supervisor';
    mkdirSync(folder);
    mkdirSync('/var/log/supervisor', { recursive: true });
    const config = `${folder}/supervisord.conf`;
    writeFileSync(config, `[supervisord]
nodaemon=true
user=root
logfile=${folder}/supervisord.log
pidfile=${folder}/supervisord.pid
childlogdir=${folder}
environment=${Object.entries(env).filter(([name]) => name !== 'PATH').map(([name, value]) => `${name}="${value}"`).join()}
[unix_http_server]
file=${folder}/control.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://${folder}/control.sock
[include]
files = /usr/share/rustecho/supervisor.conf
`);
    const supervisord = new Process('supervisord', tool('supervisord'), ['-c', config]);
    t.after(() => supervisord.stop());
    const status = () => new Process('supervisorctl', tool('supervisorctl'), ['-c', config, 'status']);
    const running = async () => {
      const ask = status();
      await ask.exit;
      return ask.output.match(/RUNNING\s+pid (\d+)/)?.[1];
    };
    await supervisord.ready('to run it', running, 20_000);
    const first = await running();
    const visitor = page(t, port);
    await hears(visitor, 'www-data', 'before');

    process.kill(Number(first), 'SIGKILL');
    await until('another process', async () => (await running() ?? first) !== first, 20_000);
    await hears(visitor, 'www-data', 'after');
    assert.match(sh(tool('supervisorctl'), '-c', config, 'stop', 'rustecho'), /rustecho: stopped/);
    assert.match(readFileSync('/var/log/supervisor/rustecho.log', 'utf8'), /Server ready!/);
  });
});
