// How it is now: the row of numbers, the sources, and what was dropped.

import { byId, h } from './dom';
import { ago, bytes, count, micros, several } from './format';
import type { Sample, Status } from './types';

/** Counters that mean that somebody did not get something, in words. */
const LOSSES: Record<string, string> = {
  refused_unix: 'events refused from PHP', refused_redis: 'events refused from Redis', refused_http: 'events refused from HTTP',
  refused_cluster: 'events refused from other nodes', refused_redis_messages: 'Redis messages that are no event',
  dropped_slow: 'packets for clients that read too slowly', dropped_closed: 'packets for clients that had just gone',
  duplicates: 'events published twice, emitted once', in_doubt: 'events a killed sidecar may have emitted',
  spool_expired: 'spooled events that were too old', spool_refused: 'spooled events that were not valid', spool_torn: 'damaged spool files',
  auth_denied: 'subscriptions denied by Laravel', auth_failed: 'subscriptions for which Laravel could not be asked',
  bad_frames: 'publishers with bad frames', refused_peers: 'publishers with a wrong uid', redis_lost: 'times Redis was lost',
  cluster_lost: 'messages of other nodes lost', ignored_requests: 'client requests that made no sense',
  recovery_too_old: 'clients that came back too late for what they missed', recovery_unknown: 'clients whose session was not known any more',
  refused_whispers: 'whispers refused', refused_origins: 'connections of foreign origins refused',
  refused_subscriptions: 'subscriptions over limits.subscriptionsPerSocket', refused_connections: 'connections over limits.connections',
  refused_connections_per_ip: 'connections over limits.connectionsPerIp', refused_for_memory: 'connections refused for memory',
  refused_admin_requests: 'admin requests with a wrong key, or from another site',
  dropped_oldest: 'oldest events of slow clients', closed_full: 'clients closed for a full queue', closed_stalled: 'clients closed for taking nothing',
  spool_foreign: 'strange files in the spool', cluster_refused: 'messages of other nodes refused', tail_missed: 'events this console was too slow for',
  traces_failed: 'traced events the collector did not take', traces_dropped: 'traced events that waited too long for the collector',
};
/** Counters that came later than the words above. */
const LOSS = /^(refused|dropped|closed|late|slow|surplus)_|_(refused|dropped|failed|missed|lost|expired)$/;

const number = (name: string, value: string, more: string, tone = '') =>
  h('div', { class: 'number' }, h('dl', {}, h('dt', {}, name), h('dd', { class: tone }, value)), h('small', { title: more }, more));

export function show(status: Status, sample: Sample | null): void {
  const state = byId('state');
  state.textContent = status.ready ? 'ready' : 'not ready';
  state.className = `pill ${status.ready ? 'good' : 'bad'}`;
  state.title = status.reasons.join('; ');
  byId('about').textContent = `${status.version} · up ${ago(status.uptime)}${status.memoryBytes ? ` · ${bytes(status.memoryBytes)}` : ''}`;

  const { groups, total, queuedBytes } = status.connections;
  const by = groups.filter((group) => group.count > 0).map((group) => `${count(group.count)} ${group.transport} EIO ${group.generation}`).join(', ');
  const channels = status.channels.public + status.channels.private + status.channels.presence;
  const minute = status.latency['minute'];
  byId('numbers').replaceChildren(
    number('Connections', count(total), by || (queuedBytes ? `${bytes(queuedBytes)} waiting` : 'nobody is connected')),
    number('Channels', count(channels), `${count(status.channels.private)} private, ${count(status.channels.presence)} presence`),
    number('Subscriptions', count(status.subscriptions), several(status.members, 'presence member')),
    number('Events / s', count(sample?.events ?? 0), `${count(sum(status, ['published_unix', 'published_redis', 'published_http', 'published_cluster']))} since the start`),
    number('Deliveries / s', count(sample?.deliveries ?? 0), `${count(status.counters['emitted'] ?? 0)} since the start`),
    number('Publish to emit', micros(minute?.p50), minute?.count ? `95 %: ${micros(minute.p95)} · 99 %: ${micros(minute.p99)}` : 'no event in the last minute'),
  );

  byId('sources').replaceChildren(
    ...status.sources.map((source) => h('span', { class: `source ${source.state}`, title: source.place },
      h('b', {}, source.name), source.state === 'off' ? 'off' : source.state === 'down' ? `not connected to ${source.place}` : source.place)),
    ...(status.spool && status.spool.files > 0 ? [h('span', { class: 'source down' }, h('b', {}, 'spool'), `${status.spool.files} files wait, ${bytes(status.spool.bytes)}`)] : []),
    ...(queuedBytes > 0 ? [h('span', { class: 'source' }, h('b', {}, 'queues'), `${bytes(queuedBytes)} wait for slow clients`)] : []),
  );

  const lost = Object.keys(status.counters).filter((name) => (name in LOSSES || LOSS.test(name)) && (status.counters[name] ?? 0) > 0);
  byId('drops').replaceChildren(...(lost.length === 0
    ? [h('li', { class: 'muted' }, 'Nothing since the start.')]
    : lost.map((name) => h('li', {}, h('b', {}, count(status.counters[name] ?? 0)), LOSSES[name] ?? name.replaceAll('_', ' ')))));
}

const sum = (status: Status, names: string[]) => names.reduce((all, name) => all + (status.counters[name] ?? 0), 0);
