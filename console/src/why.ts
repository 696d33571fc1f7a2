// Why nobody gets the events of a channel, and what a page has to say to get them.

import { get } from './api';
import { h } from './dom';
import { clock, several } from './format';
import type { Asked } from './types';

interface Why {
  channel: string; subscribers: number; answer: string;
  similar: { name: string; subscribers: number; why: string }[];
  refused: Asked[];
}

export const ask = (channel: string) => get<Why>(`/api/why?${new URLSearchParams({ channel })}`);

/** Filled when the sidecar has answered, which is asked if this is still in the page after `wait` milliseconds. */
export function because(channel: string, wait = 0): HTMLElement {
  const place = h('div', { class: 'why' }, h('p', { class: 'muted' }, 'Looking for channels of a similar name …'));
  setTimeout(async () => {
    if (!place.isConnected) return;
    try {
      place.replaceChildren(...answer(await ask(channel)));
    } catch (error) {
      place.replaceChildren(h('p', { class: 'error' }, (error as Error).message));
    }
  }, wait);
  return place;
}

function answer(why: Why): HTMLElement[] {
  if (why.subscribers > 0) return [h('p', {}, `Now it has ${several(why.subscribers, 'subscriber')}.`)];
  const parts: HTMLElement[] = [];
  if (why.similar.length > 0) {
    parts.push(h('p', {}, 'Channels of a similar name that somebody is subscribed to:'));
    parts.push(h('ul', {}, ...why.similar.map((one) => h('li', {}, h('b', { class: 'mono' }, one.name), ` ${several(one.subscribers, 'subscriber')}: ${one.why}`))));
  }
  if (why.refused.length > 0) {
    parts.push(h('p', {}, 'Subscriptions to it that were refused:'));
    parts.push(h('ul', {}, ...why.refused.map((one) => h('li', {}, h('b', {}, `${clock(one.at)} ${one.status ?? 'no answer'}`), ` ${one.reason ?? ''} `, h('span', { class: 'muted mono' }, one.socket)))));
  }
  return parts.length > 0 ? parts : [h('p', {}, `${why.answer}.`)];
}

const quoted = (text: string) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

/** The line of laravel-echo that hears this event. */
export function inEcho(channel: string, event: string): string {
  const [method, name] = channel.startsWith('private-') ? ['private', channel.slice(8)] : channel.startsWith('presence-') ? ['join', channel.slice(9)] : ['channel', channel];
  const heard = event === 'Illuminate\\Notifications\\Events\\BroadcastNotificationCreated' ? '.notification('
    : event.startsWith('client-') ? `.listenForWhisper(${quoted(event.slice(7))}, `
      : `.listen(${quoted(event.startsWith('App\\Events\\') ? event.slice(11).replaceAll('\\', '.') : `.${event}`)}, `;
  return `Echo.${method}(${quoted(name)})${heard}(data) => …)`;
}
