// The proxies' files of deploy/, as users install them.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { PROJECT } from './tools.mjs';

const PRODUCTION = '127.0.0.1:6001';

/** The file for this proxy, changed in one thing: the sidecar's port. */
export function shipped(proxy, port) {
  const text = readFileSync(path.join(PROJECT, 'deploy', proxy, 'rustecho.conf'), 'utf8');
  if (!text.includes(PRODUCTION)) throw new Error(`deploy/${proxy}/rustecho.conf does not name ${PRODUCTION}`);
  return text.replaceAll(PRODUCTION, `127.0.0.1:${port}`);
}

/** The settings that packages install, without their comments. */
export const settings = () => JSON.parse(readFileSync(path.join(PROJECT, 'deploy', 'rustecho.json'), 'utf8').replace(/^\s*\/\/.*$/gm, ''));
