// What happens when files change.

import { cpSync, rmSync, watch as watchFiles } from 'node:fs';
import { green, red, step } from './terminal.mjs';

const QUIET_MS = 150; // editors write a file in several steps, `git checkout` many files

/**
 * Runs `act(files)` when something below `paths` has changed; never twice at a time, and once more for what changes meanwhile. An
 * error is told, and waits for the next change.
 */
export function watch(what, paths, act) {
  const changed = new Set();
  let timer;
  let busy = false;
  const run = async () => {
    if (busy || changed.size === 0) return;
    busy = true;
    const files = [...changed];
    changed.clear();
    step(`${what}: ${files.slice(0, 3).join(', ')}${files.length > 3 ? ` and ${files.length - 3} more` : ''} changed`);
    try {
      await act(files);
      step(green(`${what} is as you wrote it`));
    } catch (error) {
      console.error(red(`${what} stays as it was: ${error.message}`));
    }
    busy = false;
    run();
  };
  for (const path of paths) {
    watchFiles(path, { recursive: true }, (_, file) => {
      if (!file || /(^|\/)(\.|4913$)|~$|\.sw.$/.test(file)) return; // what editors leave for a moment
      changed.add(file);
      clearTimeout(timer);
      timer = setTimeout(run, QUIET_MS);
    });
  }
}

/** For `watch`: brings a folder's changed files to where they are used. */
export const copier = (from, to) => async (files) => {
  for (const file of files) {
    try {
      cpSync(`${from}/${file}`, `${to}/${file}`, { recursive: true });
    } catch (error) {
      if (error.code !== 'ENOENT') throw error;
      rmSync(`${to}/${file}`, { recursive: true, force: true });
    }
  }
};
