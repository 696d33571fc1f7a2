// /metrics while a sidecar works: each number that somebody may watch is there, and moves when what it counts happens.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import io2 from 'sio2';
import { io as io4 } from 'sio4';
import { startAuthEndpoint } from '../support/auth-endpoint.mjs';
import { hello, idOf, publish as frame, Publisher } from '../support/frames.mjs';
import { freePort } from '../support/ports.mjs';
import { run } from '../support/process.mjs';
import { startProxy } from '../support/proxy.mjs';
import { startRedis } from '../support/redis.mjs';
import { Sidecar } from '../support/sidecar.mjs';
import { unique } from '../support/stack.mjs';
import { EXTENSION, needs, PROJECT, SIDECAR } from '../support/tools.mjs';
import { until } from '../support/wait.mjs';

const script = (name) => fileURLToPath(new URL(`../support/${name}`, import.meta.url));
const LONG_MS = 20_000;
const REMEMBERED = 20;
const LIMITS = { queueBytesPerSocket: 1_000_000, authInFlight: 1, authQueued: 1 };

describe('The metrics', needs('sidecar', 'extension', 'laravel', 'php', 'redis-server', 'redis-cli', 'flock'), () => {
  let folder, redis, laravel, node, other;
  const start = async (name, config) => {
    const [own, port] = [path.join(folder, name), await freePort()];
    mkdirSync(own);
    const sidecar = await Sidecar.start(own, {
      authHost: laravel.url, authTimeoutMs: 1_000, admin: port, database: 'redis', subscribers: { http: true, redis: true },
      databaseConfig: { redis: { host: '127.0.0.1', port: redis.port } }, cluster: { redis: true, secret: 'of the two nodes' },
      ...config,
    });
    return Object.assign(sidecar, { admin: `http://127.0.0.1:${port}` });
  };
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'rustecho-metrics-'));
    [redis, laravel] = await Promise.all([startRedis(folder), startAuthEndpoint()]);
    node = await start('node', { limits: LIMITS, recovery: { channelEvents: REMEMBERED } });
    other = await start('other', {});
    await until('the nodes to hear each other', async () => (await read()).get('rustecho_cluster_nodes') === 2);
  });
  after(async () => {
    await Promise.all([node?.stop(), other?.stop()]);
    await redis?.stop();
    await laravel?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Every series with its number. */
  const read = async () => new Map((await (await fetch(`${node.admin}/metrics`)).text()).split('\n')
    .filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.match(/^(.*) (\S+)$/)).map(([, name, number]) => [name, Number(number)]));
  /** Waits until these series have these numbers, or numbers that a function is content with. */
  const shows = (wanted) => until(`the metrics to show ${Object.keys(wanted)}`, async () => {
    const now = await read();
    const wrong = Object.entries(wanted).filter(([name, right]) => !(typeof right === 'function' ? right(now.get(name)) : now.get(name) === right));
    if (wrong.length === 0) return now;
    throw new Error(wrong.map(([name]) => `${name} is ${now.get(name)}`).join('; '));
  }, LONG_MS);
  /** Does something, upon which these series grow; those that stay are a fault, those that are not there as well. */
  const grow = async (series, action) => {
    const earlier = await read();
    await action();
    await shows(Object.fromEntries(series.map((name) => [name, (number) => number > (earlier.get(name) ?? Infinity)])));
  };
  const above = (least) => (number) => number > least;
  const connect = async (t, { io = io4, transport = 'websocket', url = node.url, ...more } = {}) => {
    const socket = io(url, { transports: [transport], forceNew: true, reconnectionDelay: 50, reconnectionDelayMax: 100, ...more });
    t.after(() => socket.disconnect());
    await until('a socket to connect', () => socket.connected);
    return socket;
  };
  const subscribe = async (socket, channel) => {
    socket.emit('subscribe', { channel, auth: { headers: {} } });
    await until(`a subscriber of ${channel}`, async () => await node.subscribers(channel) > 0);
  };
  const publish = async (channel, data = '{}', { to = node, name = 'E', status = 200 } = {}) => {
    const answer = await to.api('/events', { method: 'POST', body: JSON.stringify({ channel, name, data }) });
    assert.equal(answer.status, status, JSON.stringify(answer.body));
  };

  test('connections by transport and generation', async (t) => {
    const sockets = [];
    for (const [io, generation] of [[io2, 3], [io4, 4]]) {
      for (const transport of ['polling', 'websocket']) {
        const series = `rustecho_connections{transport="${transport}",generation="${generation}"}`;
        assert.equal((await read()).get(series), 0);
        await grow(['rustecho_connections_opened_total'], async () => { sockets.push(await connect(t, { io, transport })); });
        await shows({ [series]: 1 });
      }
    }
    sockets.forEach((socket) => socket.disconnect());
    await shows({ 'rustecho_connections{transport="polling",generation="3"}': 0, 'rustecho_connections{transport="websocket",generation="4"}': 0 });
  });

  test('subscriptions, channels and presence members', async (t) => {
    await shows({ rustecho_subscriptions: 0, rustecho_presence_members: 0 });
    const socket = await connect(t);
    for (const channel of ['orders', 'private-fine-1', 'presence-fine-1']) await subscribe(socket, channel);
    const kinds = ['public', 'private', 'presence'].map((kind) => `rustecho_channels{kind="${kind}"}`);
    await shows({ ...Object.fromEntries(kinds.map((kind) => [kind, 1])), rustecho_subscriptions: 3, rustecho_presence_members: 1 });
    socket.disconnect();
    await shows({ ...Object.fromEntries(kinds.map((kind) => [kind, 0])), rustecho_subscriptions: 0, rustecho_presence_members: 0 });
  });

  test('publishes by source and result, deliveries, bytes, and the stages from PHP to the socket', async (t) => {
    const channel = unique('orders');
    await subscribe(await connect(t), channel);
    const series = (source, result) => `rustecho_publishes_total{source="${source}",result="${result}"}`;
    const stages = ['php_to_frame', 'frame_to_accepted', 'accepted_to_emitted', 'publish_to_emit'];
    await grow([
      series('unix', 'accepted'), 'rustecho_deliveries_total', 'rustecho_delivered_bytes_total',
      ...stages.flatMap((stage) => [`rustecho_stage_seconds_count{stage="${stage}"}`, `rustecho_stage_seconds_sum{stage="${stage}"}`]),
    ], () => run('php', ['-d', `extension=${EXTENSION}`, '-d', `rustecho.socket=${node.socket}`, script('numbered.php'), '9', '0', JSON.stringify([[channel]])]));
    await grow([series('http', 'accepted')], () => publish(channel));
    await grow([series('http', 'refused')], () => publish(channel, '{}', { name: 'connection', status: 400 }));
    await grow([series('cluster', 'accepted'), 'rustecho_cluster_messages_total{result="taken"}'], () => publish(channel, '{}', { to: other }));
    await redis.listenedTo();
    await grow([series('redis', 'accepted')], () => redis.publish(channel, '{"event":"E","data":{}}'));
    await grow([series('redis', 'refused')], () => redis.publish(channel, '{"event":"connection","data":{}}'));
    await grow([series('redis', 'not_an_event')], () => redis.publish(channel, 'hello'));
    const publisher = await Publisher.connect(node.socket);
    t.after(() => publisher.end());
    publisher.write(hello());
    const event = { channels: [channel], event: 'E', json: '{}', id: idOf(1) };
    await grow([series('unix', 'accepted'), series('unix', 'duplicate')], () => publisher.write(frame(event)).write(frame(event)));
    await grow([series('unix', 'refused')], () => publisher.write(frame({ ...event, event: 'connection', id: idOf(2) })));
    await grow(['rustecho_refused_publishers_total{reason="bad_frame"}'], () => publisher.write(Buffer.from('no frame at all')));
  });

  test('what waits for a slow client, and what is dropped with it', async (t) => {
    const [channel, proxy] = [unique('orders'), await startProxy(node.port)];
    t.after(() => proxy.stop());
    await subscribe(await connect(t, { url: proxy.url }), channel);
    proxy.hold();
    const much = JSON.stringify('x'.repeat(200_000));
    await until('something to wait', async () => { await publish(channel, much); return (await read()).get('rustecho_queue_bytes') > 0; }, LONG_MS);
    await grow(['rustecho_dropped_total{reason="slow_client"}', 'rustecho_slow_clients_closed_total{reason="queue_full"}'], () => until('a slow client',
      async () => { await publish(channel, much); return (await read()).get('rustecho_slow_clients_closed_total{reason="queue_full"}') > 0; }, LONG_MS));
    await shows({ rustecho_queue_bytes: 0 });
  });

  test('auth requests by result, and how long each takes', async (t) => {
    const socket = await connect(t);
    const ask = (...channels) => channels.forEach((channel) => socket.emit('subscribe', { channel, auth: { headers: {} } }));
    const both = (result) => ['requests_total', 'request_seconds_count', 'request_seconds_sum'].map((name) => `rustecho_auth_${name}{result="${result}"}`);
    const inBucket = (result) => `rustecho_auth_request_seconds_bucket{le="+Inf",result="${result}"}`;
    await grow([...both('granted'), inBucket('granted')], () => ask('private-fine-2'));
    await grow([...both('denied'), inBucket('denied')], () => ask('private-broken-1'));
    await grow([...both('failed'), inBucket('failed')], () => ask('private-reset-1'));
    // One is asked about, one waits for its turn, and there is no room for more.
    await grow([...both('busy').slice(0, 2), 'rustecho_over_limit_total{limit="limits.authQueued"}'], () => ask('private-never-1', 'private-never-2', 'private-never-3'));
    const now = await read();
    for (const result of ['granted', 'denied', 'failed', 'busy']) assert.equal(now.get(both(result)[0]), now.get(both(result)[1]), result);
  });

  test('recovery, tried and with what result', async (t) => {
    const [channel, proxy] = [unique('orders'), await startProxy(node.port)];
    t.after(() => proxy.stop());
    const socket = await connect(t, { url: proxy.url });
    const got = [];
    socket.on('E', (name, data) => got.push(data));
    await subscribe(socket, channel);
    const kept = (await read()).get('rustecho_recovery_sessions');
    const away = async (count) => {
      proxy.aim(1); // nobody listens there
      proxy.cut();
      await shows({ rustecho_recovery_sessions: kept + 1 });
      for (let number = 0; number < count; number += 1) await publish(channel);
      proxy.aim(node.port);
    };
    await publish(channel);
    await until('the first event', () => got.length === 1);
    const result = (name) => `rustecho_recoveries_total{result="${name}"}`;
    await grow([result('recovered')], () => away(3));
    await until('what was missed', () => got.length === 4);
    await shows({ rustecho_recovery_sessions: kept, rustecho_recovery_history_bytes: above(0) });
    await grow([result('too_old')], () => away(REMEMBERED + 5));
    await grow([result('unknown')], async () => {
      const stranger = io4(node.url, { transports: ['websocket'], forceNew: true, autoConnect: false });
      t.after(() => stranger.disconnect());
      Object.assign(stranger, { _pid: 'a'.repeat(24), _lastOffset: 'aaaaaaaa1' });
      stranger.connect();
    });
  });

  test('what waits in the spool, and for how long', async (t) => {
    await node.stop();
    const spooled = await run('php', ['-d', `extension=${EXTENSION}`, script('spool-writer.php'), 'extension', node.socket, 'a', '5']);
    assert.equal(spooled, '5');
    const spool = path.join(node.folder, 'spool');
    const [file] = readdirSync(spool).filter((name) => name.endsWith('.spool'));
    // As long as its publisher has it, the sidecar waits for it.
    const holder = spawn('flock', ['--no-fork', path.join(spool, file), 'cat'], { stdio: ['pipe', 'ignore', 'inherit'] });
    t.after(() => holder.kill());
    await until('the file to be held', () => readFileSync('/proc/locks', 'utf8').includes(` ${holder.pid} `));
    await node.start();
    await shows({ rustecho_spool_files: 1, rustecho_spool_bytes: above(0), rustecho_spool_age_seconds: above(0) });
    await grow(['rustecho_spool_age_seconds'], () => {});
    // What is in the file is taken at once, and looked at again when its publisher has let go of it: then the file goes.
    holder.kill();
    await shows({ rustecho_spool_drained_total: above(4), rustecho_spool_files: 0, rustecho_spool_bytes: 0, rustecho_spool_age_seconds: 0 });
  });

  test('Redis, the cluster, and whether this node is ready', async () => {
    const up = ['rustecho_redis_up{use="events"}', 'rustecho_redis_up{use="presence"}', 'rustecho_source_up{source="redis"}', 'rustecho_cluster_connected', 'rustecho_ready'];
    const ready = async () => { const answer = await fetch(`${node.admin}/ready`); return [answer.status, await answer.text()]; };
    const all = (number) => Object.fromEntries(up.map((series) => [series, number]));
    await shows({ ...all(1), rustecho_cluster_nodes: 2, rustecho_cluster_lag_seconds: above(0) });
    assert.equal((await ready())[0], 200);
    await grow(['rustecho_redis_lost_total'], () => redis.stop());
    await shows({ ...all(0), rustecho_cluster_lag_seconds: above(0.5) });
    const [status, reasons] = await ready();
    assert.equal(status, 503);
    assert.match(reasons, /redis: not connected/);
    assert.equal((await fetch(`${node.admin}/health`)).status, 200, 'it is alive all the same');
    await publish(unique('orders'));
    await shows({ rustecho_cluster_backlog_bytes: above(0) });
    await redis.start();
    await shows({ ...all(1), rustecho_cluster_backlog_bytes: 0, rustecho_cluster_lag_seconds: (seconds) => seconds < 0.5 });
  });

  test('the release', async () => {
    const [version] = (await run(SIDECAR, ['version'])).match(/\d+\.\d+\.\d+\S*/);
    await shows({ [`rustecho_build_info{version="${version}"}`]: 1 });
  });

  test('the dashboard asks for nothing that is not there, labels included', async () => {
    const names = [...(await read()).keys()];
    const series = names.map((name) => name.match(/^(\w+)(?:\{(.*)\})?$/)).map(([, name, labels = '']) => ({ name, labels: labels.split(',') }));
    const asked = [...readFileSync(path.join(PROJECT, 'deploy/grafana/rustecho.json'), 'utf8').matchAll(/"expr": "(.*)"/g)].map(([, expr]) => JSON.parse(`"${expr}"`));
    assert.ok(asked.length > 20);
    for (const expr of asked) {
      const by = (expr.match(/by \(([^)]*)\)/)?.[1] ?? '').split(', ').filter(Boolean);
      const selectors = [...expr.matchAll(/((?:rustecho|process)_\w+)\{([^}]*)\}/g)];
      assert.ok(selectors.length > 0, expr);
      for (const [selector, name, labels] of selectors) {
        const wanted = labels.split(',').filter((label) => !/^(job|instance)=/.test(label));
        assert.ok(wanted.every((label) => /^\w+="[^"]*"$/.test(label)), `${selector}: this test does not know how to look for it`);
        const found = series.some((one) => one.name === name && wanted.every((label) => one.labels.includes(label))
          && by.every((label) => one.labels.some((own) => own.startsWith(`${label}=`))));
        assert.ok(found, `${expr}: no series has what ${selector} by (${by}) asks for`);
      }
    }
  });
});
