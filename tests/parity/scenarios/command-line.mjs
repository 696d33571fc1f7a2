// The command line: start, stop, client:add, client:remove, lock files.

import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { within } from '../../support/wait.mjs';

const FILE = 'laravel-echo-server.json';
const LOCK = 'laravel-echo-server.lock';
const write = (dir, content, file = FILE) => writeFileSync(`${dir}/${file}`, typeof content === 'string' ? content : JSON.stringify(content));
const read = (dir, file = FILE) => JSON.parse(readFileSync(`${dir}/${file}`, 'utf8'));
const files = (dir) => readdirSync(dir).sort();
/** Random ids and keys by their length. */
const hex = (text) => text.replace(/\b[0-9a-f]{16,32}\b/g, (digits) => `<${digits.length} hex digits>`);
const shown = ({ code, lines }) => ({ code, lines: lines.map(hex) });

export default {
  title: 'command line',
  scenarios: [
    {
      name: 'cli-no-config', grade: 'must', title: 'start without a file, and with one that is not JSON', alone: true,
      async run(s) {
        const cwd = s.folder();
        s.note('none', await s.cli(['start'], { cwd }));
        s.note('named, but none', await s.cli(['start', '--config=other.json'], { cwd }));
        s.note('no such folder', await s.cli(['start', '--dir=/nonexistent'], { cwd }));
        write(cwd, '{ not json');
        s.note('not JSON', await s.cli(['start'], { cwd }));
        s.note('files', files(cwd));
      },
    },
    {
      name: 'cli-lock', grade: 'must', title: 'the lock file: name, content, and when it goes', alone: true,
      async run(s) {
        for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGKILL']) {
          const server = await s.serve();
          s.note(`${signal}: lock`, readFileSync(`${server.dir}/${LOCK}`, 'utf8').replace(String(server.process.child.pid), '<pid>'));
          s.note(`${signal}: exit`, await server.stop(signal));
          s.note(`${signal}: files`, files(server.dir));
        }
      },
    },
    {
      name: 'cli-lock-names', grade: 'must', title: 'the lock is named after the configuration file and lies beside it', alone: true,
      async run(s) {
        for (const [what, file, args] of [['config', 'my.json', ['--config=my.json']], ['separate', 'my.json', ['--config', 'my.json']], ['no suffix', 'conf.txt', ['--config=conf.txt']], ['relative folder', `sub/${FILE}`, ['--dir=sub']], ['folder and file', 'sub/other.json', ['--dir=sub', '--config=other.json']]]) {
          const dir = s.folder();
          mkdirSync(`${dir}/sub`);
          const server = await s.serve({}, { dir, file, args, cwd: dir });
          s.note(what, [...files(dir), ...files(`${dir}/sub`).map((name) => `sub/${name}`)]);
          await server.stop();
        }
      },
    },
    {
      name: 'cli-second-start', grade: 'must', title: 'a second start is refused', alone: true,
      async run(s) {
        const server = await s.serve();
        const before = readFileSync(`${server.dir}/${LOCK}`, 'utf8');
        s.note('second', await s.cli(['start', `--dir=${server.dir}`], { cwd: server.dir }));
        s.note('lock unchanged', readFileSync(`${server.dir}/${LOCK}`, 'utf8') === before);
        s.note('first lives', (await s.http('GET', '/')).status);
      },
    },
    {
      name: 'cli-force', grade: 'must', title: '--force ends the first and takes its place', alone: true,
      async run(s) {
        const first = await s.serve();
        const second = await s.serve({}, { dir: first.dir, args: ['--force'], cwd: first.dir });
        s.note('warning', second.output.split('\n').filter((line) => line.includes('Warning')).map((line) => line.replace(/\d+/, '<pid>')));
        s.note('first', await within('the first server to end', first.process.exit));
        s.note('second', (await s.http('GET', '/')).status);
      },
    },
    {
      name: 'cli-force-same-port', grade: 'bug', title: '--force on the same port: the old one did not wait for it', alone: true,
      fault: ({ steps }) => steps.get('starts that failed') > 0 || steps.get('locks that were lost') > 0,
      async run(s) {
        let [failed, lost] = [0, 0];
        // The old one has to lose a race to show its fault.
        for (let n = 0; n < (s.side === 'old' ? 30 : 8) && failed + lost === 0; n += 1) {
          const first = await s.serve();
          const second = await s.serve({ port: first.port }, { dir: first.dir, args: ['--force'], cwd: first.dir, wait: false });
          await within('the first server to end', first.process.exit);
          await Promise.race([second.process.exit, s.settle()]);
          const up = async () => (await s.http('GET', '/', { deadlineMs: 500 })).status;
          const deadline = Date.now() + 3_000;
          while (!second.ended && !(await up()) && Date.now() < deadline) await s.settle();
          if (second.ended) failed += 1;
          else if (!existsSync(`${first.dir}/${LOCK}`)) lost += 1;
          if (!second.ended && failed + lost > 0 || n < 7) await second.stop();
        }
        s.note('starts that failed', failed);
        s.note('locks that were lost', lost);
        await s.serve();
      },
    },
    {
      name: 'cli-stale-lock', grade: 'must', title: 'the lock of a dead process, one that is no lock: the server starts', alone: true,
      async run(s) {
        for (const content of ['{"process": 4194303}', 'garbage', '{}', '']) {
          const dir = s.folder();
          write(dir, content, LOCK);
          const server = await s.serve({}, { dir });
          s.note(content || 'empty', { ended: server.ended, says: server.output.split('\n').filter((line) => /Error|Warning/.test(line)), lock: readFileSync(`${dir}/${LOCK}`, 'utf8').replace(String(server.process.child.pid), '<pid>') });
          await server.stop();
        }
      },
    },
    {
      name: 'cli-lock-of-a-stranger', grade: 'bug', title: 'a left-over lock names a process that is no server: start is refused', alone: true,
      fault: ({ ended }) => ended !== null,
      async run(s) {
        const dir = s.folder();
        write(dir, `{"process": ${process.pid}}`, LOCK);
        const server = await s.serve({}, { dir });
        s.note('says', server.output.split('\n').filter((line) => /Error/.test(line)));
      },
    },
    {
      name: 'cli-lock-unwritable', grade: 'must', title: 'the lock cannot be written', alone: true,
      async run(s) {
        const dir = s.folder();
        mkdirSync(`${dir}/${LOCK}`);
        write(dir, s.config());
        s.note('start', await s.cli(['start'], { cwd: dir }));
      },
    },
    {
      name: 'cli-stop', grade: 'must', title: 'stop: a running server, none, a dead one, an unreadable lock', alone: true,
      async run(s) {
        const server = await s.serve();
        s.note('running', await s.cli(['stop', `--dir=${server.dir}`], { cwd: server.dir }));
        s.note('exit', await within('the server to end', server.process.exit));
        s.note('files', files(server.dir));
        s.note('none', await s.cli(['stop', `--dir=${server.dir}`], { cwd: server.dir }));
        const cwd = s.folder();
        write(cwd, '{"process": 4194303}', LOCK);
        const dead = await s.cli(['stop'], { cwd });
        s.note('dead', { code: dead.code, says: dead.lines.filter((line) => /No running|Closed/.test(line)), files: files(cwd) });
        write(cwd, 'garbage', LOCK);
        s.note('unreadable', { ...await s.cli(['stop'], { cwd }), files: files(cwd) });
      },
    },
    {
      name: 'cli-port-in-use', grade: 'must', title: 'the port is taken: it ends, not with 0, and leaves no lock', alone: true,
      async run(s) {
        const first = await s.serve();
        const dir = s.folder();
        write(dir, s.config({ port: first.port }));
        const { code, lines } = await s.cli(['start'], { cwd: dir });
        s.note('outcome', { failed: code !== 0, says: lines.some((line) => /EADDRINUSE|in use/i.test(line)), files: files(dir) });
      },
    },
    {
      name: 'cli-client-add', grade: 'must', title: 'client:add: without an id, with one, again', alone: true,
      async run(s) {
        const cwd = s.folder();
        write(cwd, { port: '6001', clients: [] });
        for (const args of [[], ['my-app'], ['my-app']]) s.note(`add ${args} ${s.steps.size}`, shown(await s.cli(['client:add', ...args], { cwd })));
        s.note('clients', read(cwd).clients.map(({ appId, key }) => [hex(appId), hex(key)]));
        const told = await s.cli(['client:add', 'told'], { cwd });
        s.note('the key told is the key stored', told.lines.includes(`key: ${read(cwd).clients.at(-1).key}`));
        const bare = s.folder();
        write(bare, { port: 1 });
        await s.cli(['client:add', 'x'], { cwd: bare });
        s.note('a file without clients', read(bare).clients.length);
        s.note('no file', await s.cli(['client:add', 'x'], { cwd: s.folder() }));
      },
    },
    {
      name: 'cli-client-remove', grade: 'must', title: 'client:remove of a known id', alone: true,
      async run(s) {
        const cwd = s.folder();
        write(cwd, { clients: [{ appId: 'a', key: '1' }, { appId: 'b', key: '2' }, { appId: 'c', key: '3' }] });
        s.note('answer', await s.cli(['client:remove', 'b'], { cwd }));
        s.note('left', read(cwd).clients);
      },
    },
    {
      name: 'cli-client-file', grade: 'quirk', title: 'what client:add does to the rest of the file', alone: true,
      async run(s) {
        const cwd = s.folder();
        writeFileSync(`${cwd}/${FILE}`, '{\n  "port": "6001",\n  "clients": [],\n  "headers": {"a": "b"},\n  "mine": 1,\n  "authHost": "http://a"\n}\n');
        await s.cli(['client:add', 'x'], { cwd, env: { LARAVEL_ECHO_SERVER_AUTH_HOST: 'http://from-env' } });
        s.note('text', hex(readFileSync(`${cwd}/${FILE}`, 'utf8')));
      },
    },
    {
      name: 'cli-dev', grade: 'must', title: '--dev, and devMode as text', alone: true,
      async run(s) {
        const isDev = async (what, over, args) => {
          const dir = s.folder();
          const server = await s.serve(over, { dir, args, cwd: dir });
          s.note(what, /DEV mode/.test(server.output));
          await server.stop();
        };
        for (const args of [['--dev'], ['--dev=true'], ['--dev=false'], ['--no-dev'], []]) await isDev(args.join(' ') || 'without', {}, args);
        for (const devMode of ['true', 'false', true, 1, 'yes']) await isDev(`devMode ${JSON.stringify(devMode)}`, { devMode }, []);
        for (const args of [['--dev=false'], ['--no-dev']]) await isDev(`devMode true and ${args}`, { devMode: true }, args);
      },
    },
    {
      name: 'cli-environment', grade: 'must', title: 'LARAVEL_ECHO_SERVER_* before .env before the file; ${NAME}', alone: true,
      async run(s) {
        const env = { LARAVEL_ECHO_SERVER_AUTH_HOST: s.laravel.url, LARAVEL_ECHO_SERVER_REDIS_HOST: '127.0.0.1', LARAVEL_ECHO_SERVER_REDIS_PORT: String(s.stack.redis.port), LARAVEL_ECHO_SERVER_HOST: '127.0.0.1', LARAVEL_ECHO_SERVER_DEBUG: 'true' };
        const wrong = { authHost: 'http://nowhere.invalid', host: '192.0.2.1', databaseConfig: { redis: { host: '192.0.2.2', port: 1 } } };
        const works = async (what, { dotenv, ...options }) => {
          const dir = s.folder();
          if (dotenv) writeFileSync(`${dir}/.env`, Object.entries(dotenv).map(([name, value]) => `${name}=${value}`).join('\n'));
          const server = await s.serve(wrong, { dir, args: [], cwd: dir, ...options });
          const a = await s.client(what);
          await s.join(a, 'private-env');
          await s.publish('private-env', { event: 'E', data: 1 });
          await s.settle();
          s.note(what, { events: a.take(), dev: /DEV mode/.test(server.output) });
          await server.stop();
        };
        await works('environment', { env });
        await works('.env', { dotenv: env });
        await works('both', { dotenv: { ...env, LARAVEL_ECHO_SERVER_AUTH_HOST: 'http://other.invalid', LARAVEL_ECHO_SERVER_DEBUG: 'false' }, env: { LARAVEL_ECHO_SERVER_AUTH_HOST: s.laravel.url, LARAVEL_ECHO_SERVER_DEBUG: 'true' } });
        await works('${NAME}', { dotenv: { ...env, LARAVEL_ECHO_SERVER_AUTH_HOST: '${APP_URL}', APP_URL: s.laravel.url } });
      },
    },
    {
      name: 'cli-env-folder', grade: 'quirk', title: '.env beside the configuration file in another folder', alone: true,
      async run(s) {
        const [dir, cwd] = [s.folder(), s.folder()];
        writeFileSync(`${dir}/.env`, 'LARAVEL_ECHO_SERVER_DEBUG=true\n');
        const server = await s.serve({}, { dir, cwd });
        s.note('dev', /DEV mode/.test(server.output));
      },
    },
    {
      name: 'cli-exit-codes', grade: 'must', title: 'exit codes that scripts know', alone: true,
      async run(s) {
        const cwd = s.folder();
        s.note('no file', (await s.cli(['start'], { cwd })).code);
        s.note('stop without a lock', (await s.cli(['stop'], { cwd })).code);
        s.note('no command', (await s.cli([], { cwd })).code);
      },
    },
    {
      name: 'cli-help', grade: 'quirk', title: 'help, version, unknown commands', alone: true,
      async run(s) {
        const cwd = s.folder();
        for (const args of [['--help'], ['nonsense'], ['start', '--help']]) {
          const { code, lines } = await s.cli(args, { cwd });
          s.note(args.join(' '), { code, lines });
        }
      },
    },
  ],
};
