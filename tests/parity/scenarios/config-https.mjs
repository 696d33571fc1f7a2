// protocol https.

import { certificate } from '../support/certificate.mjs';
import { hears } from '../support/hears.mjs';
import { brief } from '../support/http.mjs';

export default {
  title: 'configurations of TLS',
  scenarios: [
    {
      name: 'config-https', grade: 'must', title: 'protocol https: API, polling and websocket on one port; plain HTTP is refused', alone: true,
      async run(s) {
        const { certPath, keyPath } = await certificate();
        await s.serve({ protocol: 'https', sslCertPath: certPath, sslKeyPath: keyPath });
        s.note('root', brief(await s.http('GET', '/')));
        s.note('hears', await hears(s, 'A'));
        const polling = s.polling();
        s.note('polling', (await polling.open()).status);
        s.server.url = s.server.url.replace('https', 'http');
        s.note('plain', (await s.http('GET', '/', { deadlineMs: 2000 })).error ? 'refused' : 'answered');
        s.server.url = s.server.url.replace('http', 'https');
      },
    },
    {
      name: 'config-https-hangup', grade: 'quirk', title: 'SIGHUP with https', alone: true,
      async run(s) {
        const { certPath, keyPath } = await certificate();
        const server = await s.serve({ protocol: 'https', sslCertPath: certPath, sslKeyPath: keyPath });
        const a = await s.client('A');
        server.process.child.kill('SIGHUP');
        await Promise.race([server.process.exit, s.settle().catch(() => {})]);
        s.note('server', server.ended ?? 'running');
        s.note('client', a.isOpen ? 'connected' : 'cut off');
      },
    },
    {
      name: 'config-https-passphrase', grade: 'must', title: 'an encrypted key with sslPassphrase, a chain', alone: true,
      async run(s) {
        const { certPath, keyPath } = await certificate({ passphrase: 'word' });
        await s.serve({ protocol: 'https', sslCertPath: certPath, sslKeyPath: keyPath, sslCertChainPath: certPath, sslPassphrase: 'word' });
        s.note('root', brief(await s.http('GET', '/')));
      },
    },
    {
      name: 'config-https-incomplete', grade: 'must', title: 'https without paths', alone: true,
      async run(s) {
        const server = await s.serve({ protocol: 'https' });
        s.note('ended', server.ended);
        s.note('says', server.output.includes('SSL paths are missing in server config.'));
      },
    },
  ],
};
