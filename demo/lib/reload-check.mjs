// Whether `make dev` takes up what is changed: a file of each kind is touched or added, and put back as it was.

import { rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { green } from './terminal.mjs';

const WITHIN_MS = 180_000; // the sidecar is compiled

async function until(what, ask) {
  const end = Date.now() + WITHIN_MS;
  while (!await ask()) {
    if (Date.now() > end) throw new Error(`waited ${WITHIN_MS} ms for ${what}`);
    await delay(50);
  }
  console.log(`      ${green('✓')} ${what}`);
}

const text = (url) => fetch(url).then((response) => (response.ok ? response.text() : `status ${response.status}`));

/** Throws when one is not taken up. */
export async function checkReload({ root, url, consoleUrl, services, places }) {
  const added = join(root, 'demo/app/public/reload-check.txt');
  const main = join(root, 'sidecar/src/main.rs');
  const { atime, mtime } = statSync(main);
  try {
    writeFileSync(added, 'one');
    await until('a new file of the application is served', async () => await text(`${url}reload-check.txt`) === 'one');
    rmSync(added);
    await until('and gone when it is removed', async () => (await fetch(`${url}reload-check.txt`)).status !== 200
      || await text(`${url}reload-check.txt`) !== 'one');

    await until('the console comes from Vite, with its sidecar behind it', async () => (await text(consoleUrl)).includes('/@vite/client')
      && (await fetch(`${consoleUrl}ready`)).status === 200);

    const before = services.sidecar.child.pid;
    utimesSync(main, new Date(), new Date());
    await until('another sidecar after a change of Rust', async () => services.sidecar.child.pid !== before && !services.sidecar.ended
      && (await fetch(`http://127.0.0.1:${places.ports.sidecar}/socket.io/?EIO=4&transport=polling`).catch(() => ({}))).ok === true);
  } finally {
    rmSync(added, { force: true });
    // cargo compiles what is newer than it remembers: nobody has changed this file.
    utimesSync(main, atime, mtime);
  }
}
