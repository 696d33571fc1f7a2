// The live tails of events and of authorisations. What is kept and what is in the page are both bounded.

import * as detail from './detail';
import { byId, h, holding } from './dom';
import { clock, count, micros } from './format';
import type { Fact } from './types';

const KEPT = 1000;
const SHOWN = 200;

let kind: Fact['kind'] = 'event';
let facts: Fact[] = [];
let paused = false;
let chosen: Fact | undefined;
let missed = 0;
let drawing = false;
const heard = { event: 0, auth: 0 };
const list = byId('tail');
const [channel, event, trouble] = [byId<HTMLInputElement>('filter-channel'), byId<HTMLInputElement>('filter-event'), byId<HTMLInputElement>('filter-trouble')];

/** The filters as the sidecar takes them: what nobody wants to see is not even sent. */
export const query = (): string => new URLSearchParams({ channel: channel.value.trim(), event: kind === 'event' ? event.value.trim() : '' }).toString();

function like(pattern: string, text: string): boolean {
  if (!pattern) return true;
  if (!pattern.includes('*')) return text.includes(pattern);
  const parts = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 's').test(text);
}

function wanted(fact: Fact): boolean {
  if (fact.kind !== kind) return false;
  if (trouble.checked && detail.verdict(fact)[0] === 'good') return false;
  const names = fact.kind === 'event' ? fact.channels.map((stop) => stop.channel) : [fact.channel];
  return names.some((name) => like(channel.value.trim(), name)) && (fact.kind === 'auth' || like(event.value.trim(), fact.event));
}

function row(fact: Fact): HTMLElement {
  const [tone] = detail.verdict(fact);
  const choose = () => { chosen = fact; draw(); detail.show(fact); if (matchMedia('(max-width: 860px)').matches) byId('detail').scrollIntoView({ behavior: 'smooth', block: 'start' }); };
  const parts = fact.kind === 'event'
    ? [fact.event || '(no name)', fact.channels.map((stop) => stop.channel).join(', '), fate(fact), `${fact.source} · ${micros((fact.phpToFrame ?? 0) + (fact.frameToAccepted ?? 0) + (fact.acceptedToEmitted ?? 0))}`]
    : [fact.channel, fact.socket, `${fact.status ?? 'no answer'} ${fact.result}`, micros(fact.took)];
  return h('li', {}, h('button', { type: 'button', class: 'fact', 'aria-pressed': String(fact === chosen), click: choose },
    h('time', {}, clock(fact.at)), h('span', { class: 'what' }, parts[0]), h('span', { class: `fate ${tone}` }, parts[2]),
    h('span', { class: 'where' }, parts[1]), h('span', { class: 'more' }, parts[3])));
}

function fate(fact: Extract<Fact, { kind: 'event' }>): string {
  if (fact.result === 'refused') return 'refused';
  if (fact.result === 'duplicate') return 'duplicate';
  if (fact.result === 'in_doubt') return 'in doubt';
  const taken = detail.total(fact, 'taken'), not = detail.total(fact, 'slow') + detail.total(fact, 'closed');
  if (taken === 0) return 'nobody';
  return `${count(taken)} ${taken === 1 ? 'socket' : 'sockets'}${not > 0 ? `, ${count(not)} not` : ''}`;
}

const isHeld = holding(list, draw);

function counts(): void {
  byId('count-event').textContent = count(heard.event);
  byId('count-auth').textContent = count(heard.auth);
}

function draw(): void {
  counts();
  const shown = facts.filter(wanted).slice(-SHOWN).reverse();
  const focused = document.activeElement?.closest('.fact') !== null && list.contains(document.activeElement);
  list.replaceChildren(...(shown.length > 0 ? shown.map(row) : [empty()]));
  if (focused) list.querySelector<HTMLElement>('[aria-pressed=true]')?.focus({ preventScroll: true });
  const note = byId('missed');
  note.hidden = missed === 0;
  note.textContent = `${count(missed)} more came faster than they can be shown; a filter helps.`;
}

function empty(): HTMLElement {
  const filtered = channel.value || event.value || trouble.checked;
  const [head, text] = kind === 'event'
    ? ['Waiting for an event', filtered ? 'Nothing has matched the filter since this page is open.' : 'Publish one in Laravel: if nothing appears here, it does not reach the sidecar. Look at the sources above, and run “rustecho doctor” or “php artisan rustecho:status”.']
    : ['Waiting for an authorisation', 'A page that subscribes to a private or presence channel makes the sidecar ask Laravel. If nothing appears here, the page does not ask: is it connected, and is the name right?'];
  return h('li', { class: 'empty' }, h('b', {}, head), text);
}

/** At most once in a frame, however many come. */
function later(): void {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    if (isHeld()) counts();
    else draw();
  });
}

export function hear(fact: Fact): void {
  heard[fact.kind] += 1;
  if (paused) return counts();
  facts.push(fact);
  if (facts.length > KEPT) facts = facts.slice(-KEPT);
  later();
}

export function miss(many: number): void {
  missed += many;
  later();
}

export function start(filtersChanged: () => void): void {
  let timer = 0;
  for (const input of [channel, event]) input.addEventListener('input', () => { draw(); clearTimeout(timer); timer = window.setTimeout(filtersChanged, 400); });
  trouble.addEventListener('change', draw);
  byId('pause').addEventListener('click', (click) => { paused = !paused; (click.target as HTMLElement).textContent = paused ? 'Go on' : 'Pause'; });
  byId('clear').addEventListener('click', () => { facts = []; missed = 0; chosen = undefined; heard.event = heard.auth = 0; draw(); detail.show(undefined); });
  for (const tab of document.querySelectorAll<HTMLElement>('[data-tail]')) {
    tab.addEventListener('click', () => {
      kind = tab.dataset['tail'] as Fact['kind'];
      for (const other of document.querySelectorAll('[data-tail]')) other.setAttribute('aria-selected', String(other === tab));
      event.hidden = kind === 'auth';
      draw();
      filtersChanged();
    });
  }
  draw();
  detail.show(undefined);
}
