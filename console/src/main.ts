// The console of rustecho: one page for the question "why did my event not arrive?".

import { hear } from './api';
import * as channels from './channels';
import { byId } from './dom';
import * as numbers from './numbers';
import * as plots from './plots';
import * as send from './send';
import * as tail from './tail';
import type { Fact, Sample, Status } from './types';

let listening = new AbortController();

function on(kind: string, data: string): void {
  const value: unknown = JSON.parse(data);
  switch (kind) {
    case 'history': return plots.history(value as Sample[]);
    case 'status': {
      const { status, sample } = value as { status: Status; sample: Sample | null };
      numbers.show(status, sample);
      plots.sample(sample);
      return send.allow(status.mayPublish);
    }
    case 'event': case 'auth': return tail.hear(value as Fact);
    case 'missed': return tail.miss(value as number);
  }
}

function lost(error: string): void {
  const state = byId('state');
  state.textContent = error;
  state.className = 'pill bad';
}

function listen(): void {
  listening.abort();
  listening = new AbortController();
  void hear(() => `/api/live?${tail.query()}`, on, lost, listening.signal);
}

function view(name: string): void {
  for (const tab of document.querySelectorAll<HTMLElement>('[data-view]')) {
    if (tab.dataset['view'] === name) tab.setAttribute('aria-current', 'page');
    else tab.removeAttribute('aria-current');
    byId(`view-${tab.dataset['view']}`).hidden = tab.dataset['view'] !== name;
  }
  channels.open(name === 'channels');
}

for (const tab of document.querySelectorAll<HTMLElement>('[data-view]')) {
  tab.addEventListener('click', () => { location.hash = tab.dataset['view'] ?? 'live'; });
}
const fromHash = () => view(['live', 'channels', 'send'].find((name) => location.hash === `#${name}`) ?? 'live');
addEventListener('hashchange', fromHash);
fromHash();
tail.start(listen);
listen();
