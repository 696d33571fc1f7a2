// A test event.

import { request } from './api';
import { byId } from './dom';
import { several } from './format';
import { ask } from './why';

const form = byId<HTMLFormElement>('send');
const button = form.querySelector<HTMLButtonElement>('button')!;
const output = byId('sent');

export function allow(may: boolean): void {
  byId('send-locked').hidden = may;
  button.disabled = !may;
}

form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const fields = new FormData(form);
  const say = (tone: string, text: string) => { output.className = tone; output.textContent = text; };
  let data: unknown;
  try {
    data = JSON.parse(String(fields.get('data')));
  } catch (error) {
    return say('bad', `The data is not JSON: ${(error as Error).message}`);
  }
  try {
    const body = JSON.stringify({ channel: fields.get('channel'), event: fields.get('event'), data });
    const answer = await request('/api/publish', { method: 'POST', body, headers: { 'content-type': 'application/json' } });
    const { sockets } = await answer.json() as { sockets: number };
    if (sockets > 0) return say('good', `Accepted: ${several(sockets, 'socket')} got it.`);
    const why = await ask(String(fields.get('channel')));
    say('warn', `Accepted, and nobody got it: ${why.answer}.`);
  } catch (error) {
    say('bad', (error as Error).message);
  }
});
