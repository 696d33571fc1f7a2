// One event's road, or one authorisation, in full.

import { byId, h } from './dom';
import { bytes, clock, json, micros } from './format';
import type { Asked, Fact, Road } from './types';
import { because, inEcho } from './why';

export const total = (road: Road, field: 'taken' | 'closed' | 'slow' | 'leftOut') => road.channels.reduce((all, stop) => all + stop[field], 0);

/** What became of it in one sentence, and how that is to be taken. */
export function verdict(fact: Fact): [tone: 'good' | 'warn' | 'bad', text: string] {
  if (fact.kind === 'auth') {
    if (fact.result === 'granted') return ['good', fact.member ? `Granted: Laravel named the member ${fact.member}.` : 'Granted by Laravel.'];
    return ['bad', fact.reason ?? 'Refused.'];
  }
  const taken = total(fact, 'taken'), slow = total(fact, 'slow'), gone = total(fact, 'closed');
  switch (fact.result) {
    case 'refused': return ['bad', `Refused: ${fact.reason}.`];
    case 'duplicate': return ['warn', 'Not emitted again: an event with this id had been published before.'];
    case 'in_doubt': return ['warn', `The sidecar before this one was killed while it emitted it. ${taken} ${taken === 1 ? 'socket that had' : 'sockets that had'} not heard it got it now; where nobody can know, it is not repeated.`];
    case 'nobody':
      if (slow + gone > 0) return ['bad', 'Nobody got it: the subscribers read too slowly, or had just gone.'];
      if (total(fact, 'leftOut') > 0) return ['warn', 'Nobody got it: its sender is the only subscriber, and toOthers() leaves the sender out.'];
      return ['warn', 'Nobody got it: no one was subscribed at that moment.'];
    case 'emitted':
      if (slow + gone > 0) return ['warn', `${taken} sockets got it; ${slow} were too slow and ${gone} had just gone.`];
      return ['good', `${taken} ${taken === 1 ? 'socket' : 'sockets'} got it. Does a page not show it? Then it listens for another name: compare it with the line below.`];
  }
}

/** Nobody was subscribed at all. */
const isUnheard = (fact: Road) => fact.result === 'nobody' && fact.channels.every((stop) => stop.taken + stop.closed + stop.slow + stop.leftOut === 0);

const step = (text: string, took: string, tone = '') => h('li', { class: tone }, h('span', {}, text), h('span', { class: 'took' }, took));

function road(fact: Road): HTMLElement {
  const steps: HTMLElement[] = [];
  const accepted = fact.frameToAccepted !== undefined;
  if (fact.phpToFrame !== undefined) {
    steps.push(step('PHP called', clock(fact.at - fact.phpToFrame)), step('Frame received', `+ ${micros(fact.phpToFrame)}`));
  } else {
    const from = { redis: 'Received from Redis', http: 'Received by HTTP', cluster: 'Received from another node', client: 'Whispered' }[fact.source] ?? 'Frame received';
    steps.push(step(from, clock(fact.at)));
  }
  if (accepted) steps.push(step('Accepted', `+ ${micros(fact.frameToAccepted)}`));
  else steps.push(step(fact.result === 'refused' ? 'Refused' : 'Not emitted again', '', fact.result === 'refused' ? 'bad' : 'warn'));
  if (accepted) {
    const taken = total(fact, 'taken');
    steps.push(step(taken > 0 ? `Emitted to ${taken} ${taken === 1 ? 'socket' : 'sockets'}` : 'Emitted to nobody', `+ ${micros(fact.acceptedToEmitted)}`, taken > 0 ? '' : 'warn'));
    if (total(fact, 'slow') > 0) steps.push(step(`Refused for ${total(fact, 'slow')}: too slow, and closed for it`, '', 'bad'));
    if (total(fact, 'closed') > 0) steps.push(step(`Refused for ${total(fact, 'closed')}: about to go`, '', 'warn'));
    if (total(fact, 'leftOut') > 0) steps.push(step(`Left out ${total(fact, 'leftOut')}: the sender (toOthers)`, '', 'off'));
  }
  return h('ol', { class: 'road' }, ...steps);
}

const pairs = (...rows: [string, string | number | undefined][]) => h('dl', { class: 'facts' },
  ...rows.filter(([, value]) => value !== undefined && value !== '').flatMap(([name, value]) => [h('dt', {}, name), h('dd', { class: 'mono' }, value as string | number)]));

function ofRoad(fact: Road): HTMLElement[] {
  const whole = (fact.phpToFrame ?? 0) + (fact.frameToAccepted ?? 0) + (fact.acceptedToEmitted ?? 0);
  const channels = h('table', {}, h('thead', {}, h('tr', {}, ...['Channel', 'Got it', 'Slow', 'Gone', 'Left out'].map((name) => h('th', {}, name)))),
    h('tbody', {}, ...fact.channels.map((stop) => h('tr', {}, h('td', { class: 'mono' }, stop.channel), h('td', {}, stop.taken), h('td', {}, stop.slow), h('td', {}, stop.closed), h('td', {}, stop.leftOut)))));
  return [
    ...(isUnheard(fact) ? [h('h3', {}, 'Why nobody'), ...fact.channels.slice(0, 3).map((stop) => because(stop.channel))] : []),
    h('h3', {}, `Its road${fact.frameToAccepted === undefined ? '' : `, ${micros(whole)} in all`}`), road(fact),
    h('h3', {}, fact.channels.length === 1 ? 'Channel' : `${fact.channels.length} channels`), channels,
    ...(fact.channels.length > 0 && fact.event ? [h('h3', {}, 'In the page'), h('pre', { class: 'echo' }, fact.channels.slice(0, 3).map((stop) => inEcho(stop.channel, fact.event)).join('\n'))] : []),
    h('h3', {}, `Data, ${bytes(fact.dataBytes)}${fact.data.length < fact.dataBytes && fact.dataBytes > 16_384 ? ', its start' : ''}`), json(fact.data),
    h('h3', {}, 'More'), pairs(['source', fact.source], ['id', fact.id], ['left out', fact.except], ['traceparent', fact.trace]),
  ];
}

function ofAsked(fact: Asked): HTMLElement[] {
  return [
    h('h3', {}, 'The question'),
    pairs(['asked', `POST ${fact.url}`], ['form', `channel_name=${fact.channel}`], ['credentials', fact.sent.join(', ') || 'none'], ['page', fact.origin], ['socket', fact.socket]),
    h('h3', {}, 'The answer'),
    pairs(['status', fact.status ?? 'none'], ['member', fact.member], ['took', micros(fact.took)], ['at', clock(fact.at)]),
  ];
}

export function show(fact: Fact | undefined): void {
  const place = byId('detail');
  if (!fact) {
    place.replaceChildren(h('div', { class: 'empty' }, h('b', {}, 'Choose an event'), 'Its road stands here: when PHP called, when it was accepted, how many sockets got it, and who did not and why.'));
    return;
  }
  const [tone, text] = verdict(fact);
  place.replaceChildren(h('div', { class: 'detail' },
    h('div', { class: 'title' }, fact.kind === 'event' ? fact.event || '(no name)' : fact.channel),
    h('p', { class: `verdict ${tone}` }, text),
    ...(fact.kind === 'event' ? ofRoad(fact) : ofAsked(fact))));
}
