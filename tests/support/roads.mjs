// The roads an event can take to the sidecar. Each publishes one note, as the event `App\Events\Note` with `{note}` as data.

import { APP } from './sidecar.mjs';

export const EVENT = 'App\\Events\\Note';

/** `toOthers`: whether the road can leave a socket out. */
export const ROADS = [
  { name: 'event() through the extension', publish: byEvent('rustecho') },
  { name: 'event() through the pure-PHP client', publish: byEvent('rustecho-php') },
  { name: "event() through Laravel's redis driver", publish: byEvent('redis') },
  { name: 'Redis::publish', publish: byRedisFacade },
  { name: 'redis-cli PUBLISH', publish: byRedisCli },
  { name: 'POST /apps/{id}/events', publish: byHttp },
];

export const EXTENSION_ROAD = ROADS[0];

function byEvent(connection) {
  return ({ laravel }, { channel, note, socket }) => laravel.publish(
    '/event', { note, channels: [channel], connection, others: socket !== undefined }, socket ? { 'x-socket-id': socket } : {},
  );
}

function message({ note, socket = null }) {
  return JSON.stringify({ event: EVENT, data: { note, socket }, socket });
}

function byRedisFacade({ laravel }, event) {
  return laravel.publish('/redis-publish', { channel: event.channel, message: message(event) });
}

function byRedisCli({ redis }, event) {
  return redis.publish(event.channel, message(event));
}

async function byHttp({ sidecar }, { channel, note, socket }) {
  const body = { name: EVENT, channel, data: JSON.stringify({ note }), ...(socket ? { socket_id: socket } : {}) };
  const answer = await sidecar.api('/events', { method: 'POST', body: JSON.stringify(body) });
  if (answer.status !== 200) throw new Error(`POST /apps/${APP.appId}/events answered ${answer.status}: ${JSON.stringify(answer.body)}`);
}
