// A certificate for 127.0.0.1 that nobody has reason to trust, made anew for each run.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { run } from '../../support/process.mjs';
import { tool } from '../../support/tools.mjs';
import { folder } from './programs.mjs';

/** `{key, cert, keyPath, certPath}`; with a passphrase the key is encrypted. */
export async function certificate({ passphrase, names = 'DNS:localhost,IP:127.0.0.1' } = {}) {
  const made = folder();
  const [keyPath, certPath] = [path.join(made, 'key.pem'), path.join(made, 'cert.pem')];
  const secret = passphrase ? ['-passout', `pass:${passphrase}`] : ['-nodes'];
  await run(tool('openssl'), ['req', '-x509', '-newkey', 'rsa:2048', '-days', '2', '-subj', '/CN=parity', '-addext', `subjectAltName=${names}`, '-keyout', keyPath, '-out', certPath, ...secret]);
  return { keyPath, certPath, key: readFileSync(keyPath), cert: readFileSync(certPath) };
}
