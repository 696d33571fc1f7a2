// What ended laravel-echo-server when any connected client, known or not, sent it. Absent in rustecho.

import { aftermath } from '../support/aftermath.mjs';
import { crashed } from '../support/runner.mjs';

/** A scenario in which somebody who is connected sends frames. */
const frames = (name, title, ...sent) => ({
  name, title, grade: 'bug', alone: true, fault: crashed,
  async run(s) {
    await s.serve();
    const a = await s.client('A');
    for (const frame of sent) a.send(frame);
    await aftermath(s);
    s.note('afterwards', s.server.ended ?? 'running');
  },
});

export default {
  title: 'crashes by clients',
  scenarios: [
    frames('crash-subscribe-nothing', 'subscribe without a payload, by anybody', '42["subscribe"]'),
    frames('crash-subscribe-null', 'subscribe with null', '42["subscribe",null]'),
    frames('crash-unsubscribe-nothing', 'unsubscribe without a payload', '42["unsubscribe"]'),
    frames('crash-unsubscribe-null', 'unsubscribe with null', '42["unsubscribe",null]'),
    frames('crash-whisper-null', 'a client event with null', '42["client event",null]'),
    frames('crash-whisper-nothing', 'a client event without a payload', '42["client event"]'),
    frames('crash-whisper-null-text', 'a client event with the text null', '42["client event","null"]'),
    frames('crash-subscribe-constructor', 'subscribe to constructor', '42["subscribe",{"channel":"constructor"}]'),
    frames('crash-subscribe-tostring', 'subscribe to toString', '42["subscribe",{"channel":"toString"}]'),
    frames('crash-subscribe-proto', 'subscribe to names of object properties, and leave', '42["subscribe",{"channel":"valueOf"}]', '42["unsubscribe",{"channel":"valueOf"}]', '42["subscribe",{"channel":"__proto__"}]'),
    frames('crash-unsubscribe-number', 'unsubscribe from a number', '42["unsubscribe",{"channel":5}]'),
    frames('crash-unsubscribe-object', 'unsubscribe from an object', '42["unsubscribe",{"channel":{"a":1}}]'),
    frames('crash-unsubscribe-presence', 'unsubscribe from a presence channel never joined, as Echo.leave() does after a refusal', '42["unsubscribe",{"channel":"presence-never"}]'),
  ],
};
