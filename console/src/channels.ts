// Who listens to what. Only the rows in sight are in the page, so that ten thousand channels cost what twenty do.

import { get } from './api';
import { byId, h, holding } from './dom';
import { bytes, count, json, several } from './format';
import { because } from './why';

const ROW = 34;
type Channel = [name: string, subscribers: number, members: number | null];
interface One {
  name: string; guarded: boolean; presence: boolean; subscribers: number; members: unknown[];
  sockets: { id: string; transport: string; generation: number; address: string | null; origin: string | null; queuedBytes: number }[];
}

let all: Channel[] = [];
let total = 0;
let found: Channel[] = [];
let chosen = '';
let timer = 0;
/** What was looked for and not found, while that is shown. */
let missing = '';
const box = byId('channels');
const sheet = box.firstElementChild as HTMLElement;
const search = byId<HTMLInputElement>('channel-search');

function filter(): void {
  const word = search.value.trim().toLowerCase();
  found = word ? all.filter(([name]) => name.toLowerCase().includes(word)) : all;
  byId('channel-total').textContent = word ? `${count(found.length)} of ${count(total)}` : several(total, 'channel');
  draw();
}

const isHeld = holding(box, draw);

function draw(): void {
  sheet.style.height = `${Math.max(found.length * ROW, 1)}px`;
  if (found.length === 0) {
    const wanted = search.value.trim();
    if (wanted && wanted === missing) return;
    missing = wanted;
    sheet.replaceChildren(h('div', { class: 'empty' }, h('b', {}, wanted ? 'No such channel' : 'No channels'), wanted ? 'Nobody is subscribed to a channel of that name.' : 'Nobody is subscribed to anything.', wanted ? because(wanted, 300) : null));
    return;
  }
  missing = '';
  const first = Math.max(0, Math.floor(box.scrollTop / ROW) - 5);
  const last = Math.min(found.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + 5);
  sheet.replaceChildren(...found.slice(first, last).map(([name, subscribers, members], at) => {
    const line = h('button', { type: 'button', class: 'channel', role: 'option', 'aria-selected': String(name === chosen), title: name, click: () => choose(name) },
      h('span', {}, name), h('span', {}, count(subscribers)), h('span', {}, members === null ? '–' : count(members)));
    line.style.top = `${(first + at) * ROW}px`;
    return line;
  }));
}

function choose(name: string): void {
  chosen = name;
  draw();
  void one(true);
}

async function one(isNew: boolean): Promise<void> {
  const place = byId('channel');
  if (!chosen) {
    place.replaceChildren(h('div', { class: 'empty' }, h('b', {}, 'Choose a channel'), 'Its sockets and members stand here.'));
    return;
  }
  const channel = await get<One>(`/api/channel?${new URLSearchParams({ name: chosen })}`);
  if (channel.name !== chosen) return;
  const kind = channel.presence ? 'presence channel' : channel.guarded ? 'private channel' : 'public channel: everybody may listen';
  const scroll = place.scrollTop;
  place.replaceChildren(h('div', { class: 'detail' },
    h('div', { class: 'title mono' }, channel.name),
    h('p', { class: 'muted' }, `${kind} · ${several(channel.subscribers, 'subscriber')}`),
    ...(channel.presence ? [h('h3', {}, `Members, ${several(channel.members.length, 'socket')}`), json(JSON.stringify(channel.members))] : []),
    h('h3', {}, channel.sockets.length < channel.subscribers ? `The first ${channel.sockets.length} sockets` : 'Sockets'),
    h('table', {}, h('thead', {}, h('tr', {}, ...['Socket', 'Transport', 'Waiting'].map((name) => h('th', {}, name)))),
      h('tbody', {}, ...channel.sockets.map((socket) => h('tr', {},
        h('td', { class: 'mono', title: socket.origin ?? '' }, socket.id, socket.address ? h('div', { class: 'muted' }, `${socket.address} ${socket.origin ?? ''}`) : null),
        h('td', {}, `${socket.transport} EIO ${socket.generation}`), h('td', {}, bytes(socket.queuedBytes))))))));
  place.scrollTop = isNew ? 0 : scroll;
  if (isNew && matchMedia('(max-width: 860px)').matches) place.scrollIntoView({ behavior: 'smooth', block: 'start' });
}

async function refresh(): Promise<void> {
  try {
    const answer = await get<{ total: number; channels: Channel[] }>('/api/channels');
    [all, total] = [answer.channels, answer.total];
    if (!isHeld()) filter();
    await one(false);
  } catch { /* the pill in the head says that the sidecar is away */ }
}

export function open(isOpen: boolean): void {
  clearInterval(timer);
  if (!isOpen) return;
  void refresh();
  timer = window.setInterval(() => { if (!document.hidden) void refresh(); }, 3000);
}

box.addEventListener('scroll', draw, { passive: true });
new ResizeObserver(draw).observe(box);
search.addEventListener('input', () => { box.scrollTop = 0; filter(); });
