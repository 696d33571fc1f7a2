// Talking to the admin listener. The key stands in a header, so that it is in no address and no log; it is kept for the tab.

import { byId } from './dom';

const STORED = 'rustecho-admin-key';
let key = sessionStorage.getItem(STORED) ?? '';

export class Refused extends Error {
  constructor(public status: number, message: string) { super(message); }
}

/** One request; asks for the key until it is right. */
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    const headers = new Headers(init.headers);
    if (key) headers.set('authorization', `Bearer ${key}`);
    const response = await fetch(path, { ...init, headers });
    if (response.ok) return response;
    const text = await response.text();
    let message = text;
    try { message = JSON.parse(text).error ?? text; } catch { /* it is no JSON: shown as it is */ }
    if (response.status !== 401) throw new Refused(response.status, message || `status ${response.status}`);
    await unlock(key ? 'That is not the key.' : '');
  }
}

export async function get<T>(path: string): Promise<T> {
  return (await request(path)).json() as Promise<T>;
}

let unlocking: Promise<void> | undefined;

function unlock(error: string): Promise<void> {
  unlocking ??= new Promise<void>((done) => {
    const dialog = byId<HTMLDialogElement>('locked');
    const input = byId<HTMLInputElement>('key');
    byId('lock-error').textContent = error;
    input.value = '';
    dialog.addEventListener('cancel', (event) => event.preventDefault());
    dialog.addEventListener('close', () => {
      key = input.value.trim();
      sessionStorage.setItem(STORED, key);
      input.value = '';
      unlocking = undefined;
      done();
    }, { once: true });
    dialog.showModal();
  });
  return unlocking;
}

/** Hears server-sent events until `signal` says stop, coming back when the connection is lost. */
export async function hear(path: () => string, on: (kind: string, data: string) => void, lost: (error: string) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      const response = await request(path(), { signal });
      const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
      let text = '';
      for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
        text += chunk.value;
        const blocks = text.split('\n\n');
        text = blocks.pop() ?? '';
        for (const block of blocks) {
          let kind = '', data = '';
          for (const line of block.split('\n')) {
            if (line.startsWith('event: ')) kind = line.slice(7);
            else if (line.startsWith('data: ')) data += line.slice(6);
          }
          if (kind) on(kind, data);
        }
      }
      lost('the sidecar has stopped');
    } catch (error) {
      if (signal.aborted) return;
      lost(error instanceof Refused ? error.message : 'the sidecar does not answer');
    }
    await new Promise((done) => setTimeout(done, 1500));
  }
}
