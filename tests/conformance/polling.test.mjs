// HTTP long-polling: bodies of both protocols, and what two requests at once mean.

import assert from 'node:assert/strict';
import { CUT, join, joinOctets, orCut, Polling, request, split } from './support/http.mjs';
import { connected, event, joined, subscribe, works } from './support/socketio.mjs';
import { subscribed } from './support/servers.mjs';
import { cases, unique } from './support/suite.mjs';
import { pause, until } from './support/wait.mjs';

const LETTERS = 'ä€𝄞\u2028"\\\n';

/** A body is refused, or taken with the session's end. */
async function endsWith(session, answer) {
  const { status } = await orCut(answer);
  assert.ok(status === 'cut' || status === 200 || (status >= 400 && status < 500), `answered ${status}`);
  await session.ended();
  assert.equal((await orCut(session.get())).status, 400);
}

cases('polling', { maxHttpBufferSize: 10_000 }, (conforms) => {
  conforms('several packets in one body are taken in their order', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const [first, second] = [unique('first'), unique('second')];
    const ask = (what, channel) => `42["${what}",{"channel":"${channel}"}]`;
    await session.send(ask('subscribe', first), ask('subscribe', second), ask('unsubscribe', first));
    await subscribed(server, second);
    assert.equal(await server.subscribers(first), 0);
  });

  conforms('what has piled up comes in one answer, in its order', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const channel = unique('piled');
    await subscribe(session, channel);
    for (let note = 0; note < 5; note += 1) await server.publish(channel, 'Note', note);
    for (let note = 0; note < 5; note += 1) assert.equal((await event(session)).data, note);
  });

  conforms('letters beyond ASCII go both ways', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const channel = unique('ä€𝄞');
    await subscribe(session, channel);
    for (const note of [LETTERS, 'plain']) await server.publish(channel, 'Note', note);
    assert.deepEqual(await event(session), { name: 'Note', channel, data: LETTERS });
    assert.equal((await event(session)).data, 'plain');
  });

  conforms('a GET waits until there is something to say', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const channel = unique('waits');
    await subscribe(session, channel);
    let early = true;
    const waiting = session.get().then((answer) => (assert.ok(!early, `answered at once: ${answer.text}`), answer));
    await pause(150);
    early = false;
    await server.publish(channel, 'Note', 1);
    assert.match(split(eio, await waiting)[0], /^42\["Note"/);
  });

  conforms('a POST is answered with ok', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const answer = await session.post(join(eio, [eio === 3 ? '2' : '3']));
    assert.deepEqual([answer.status, answer.text], [200, 'ok']);
  });

  for (const length of [125, 126, 1_000, 9_000]) {
    conforms(`a packet of ${length} letters goes both ways`, async ({ server, eio }) => {
      const session = await joined(server, eio, 'polling');
      const channel = unique('long');
      await session.send(`42["subscribe",{"channel":"${channel}","more":"${'€'.repeat(length / 5)}${'x'.repeat(length / 5)}"}]`);
      await subscribed(server, channel);
      const data = 'ü'.repeat(length);
      await server.publish(channel, 'Note', data);
      assert.equal((await event(session)).data, data);
    });
  }

  conforms('attachments go both ways in base64', async ({ server, eio }) => {
    const [from, to] = [await joined(server, eio, 'polling', { more: '&b64=1' }), await joined(server, eio, 'polling', { more: '&b64=1' })];
    await whisper(server, from, to, Buffer.from([0, 1, 255]), Buffer.from([254, 0x1e, 10]));
  });

  conforms('attachments come as bytes to who takes them, and are taken as bytes', async ({ server, eio }) => {
    const [from, to] = [await joined(server, eio, 'polling'), await joined(server, eio, 'polling')];
    const channel = unique('private-bytes');
    await subscribe(from, channel);
    await subscribe(to, channel, 2);
    const packet = `451-["client event",{"channel":"${channel}","event":"client-b","data":{"_placeholder":true,"num":0}}]`;
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const { text } = await from.post(joinOctets([packet, bytes]), { 'content-type': 'application/octet-stream' });
    assert.equal(text, 'ok');
    const answer = await to.get();
    assert.equal(answer.headers['content-type'], 'application/octet-stream');
    const [head, attachment] = split(eio, answer);
    assert.match(head, /^451-\["client-b"/);
    assert.deepEqual(attachment, bytes);
  }, { versions: [3] });

  conforms('the old form without padding is base64 too', async ({ server, eio }) => {
    const [from, to] = [await joined(server, eio, 'polling'), await joined(server, eio, 'websocket')];
    const channel = unique('private-pad');
    await subscribe(from, channel);
    await subscribe(to, channel, 2);
    const packet = `451-["client event",{"channel":"${channel}","event":"client-b","data":{"_placeholder":true,"num":0}}]`;
    await from.send(packet, 'b4AQIDBA');
    assert.deepEqual((await event(to)).data, Buffer.from([1, 2, 3, 4]));
  }, { versions: [3] });

  conforms('two GETs at once: one is refused, the session ends', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const answers = await Promise.all([orCut(session.get()), orCut(session.get())]);
    const refused = answers.filter(({ status }) => status !== 200);
    assert.ok(refused.length >= 1, 'both were answered');
    refused.forEach(({ status }) => assert.ok(status === 'cut' || status >= 400, `answered ${status}`));
    if (eio === 4) assert.ok(refused.some(({ status }) => status === 400 || status === 'cut'), `refused with ${refused.map(({ status }) => status)}`);
    assert.equal((await orCut(session.get())).status, 400);
  });

  conforms('a GET that is broken off ends the session', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const channel = unique('off');
    await subscribe(session, channel);
    await until('the session to be gone', async () => {
      const waiting = session.get();
      waiting.catch(() => {});
      await pause(200); // a busy server may not have taken it up yet
      waiting.cancel();
      return (await server.subscribers(channel)) === 0;
    });
    assert.equal((await session.get()).status, 400);
  });

  conforms('a body over the bound is refused and ends the session', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const answer = await orCut(session.post(join(eio, [`42["x","${'x'.repeat(20_000)}"]`])));
    assert.ok(eio === 3 ? [413, 'cut'].includes(answer.status) : answer.status === 413 || answer === CUT, `answered ${answer.status}`);
    await session.ended();
  });

  conforms('a body just under the bound is taken', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    await session.send(`42["x","${'x'.repeat(9_900)}"]`);
    await works(session, unique('under'));
  });

  const wrong = {
    3: ['abc', '5:4', '1:x', '-1:4', '1e3:4', '99999999999999999999:4', '2:4', ':4', '4', 'x:4'],
    4: ['abc', '9', '4\x1eabc', '\x1e', '3\x1e\x1e3', 'bé!'],
  };
  for (const eio of [3, 4]) {
    for (const body of wrong[eio]) {
      conforms(`the body ${JSON.stringify(body)} ends the session`, async ({ server }) => {
        const session = await joined(server, eio, 'polling');
        await endsWith(session, session.post(body));
      }, { versions: [eio] });
    }
  }

  conforms('a close packet ends the session and lets the waiting GET go', async ({ server, eio }) => {
    const session = await joined(server, eio, 'polling');
    const channel = unique('close');
    await subscribe(session, channel);
    const waiting = session.get();
    await pause(500);
    await session.send('1');
    assert.deepEqual(split(eio, await waiting), ['6']);
    await subscribed(server, channel, 0);
    assert.equal((await session.get()).status, 400);
  });

  conforms('clients of both protocols hear each other', async ({ server, eio }) => {
    const [from, to] = [await joined(server, eio, 'polling'), await joined(server, 7 - eio, 'polling')];
    await whisper(server, from, to);
  }, { servers: ['lean', 'socketioxide', 'socket.io 4'] });
});

async function whisper(server, from, to, ...attachments) {
  const channel = unique('private-w');
  await subscribe(from, channel);
  await subscribe(to, channel, 2);
  const data = { list: attachments.map((_, num) => ({ _placeholder: true, num })), text: LETTERS };
  const packet = `4${attachments.length > 0 ? `5${attachments.length}-` : '2'}["client event",${JSON.stringify({ channel, event: 'client-w', data })}]`;
  await from.send(packet, ...attachments);
  assert.deepEqual(await event(to), { name: 'client-w', channel, data: { list: attachments, text: LETTERS } });
}

cases('cross-origin', {}, (conforms) => {
  const headers = { Origin: 'http://app.test:8080' };

  conforms('a page of another origin may read every answer, with its cookies', async ({ server, eio }) => {
    const session = await Polling.open(server, eio, { headers });
    const answers = [session.first, await session.post(join(eio, [eio === 3 ? '2' : '3']))];
    for (const answer of answers) {
      assert.equal(answer.headers['access-control-allow-origin'], headers.Origin);
      assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    }
  });

  conforms('a page may read why it is refused', async ({ server, eio }) => {
    const answer = await request(server, `/socket.io/?EIO=${eio}&transport=polling&sid=nobody`, { headers });
    assert.equal(answer.headers['access-control-allow-origin'], headers.Origin);
  });

  conforms('a preflight is allowed', async ({ server, eio }) => {
    const session = await Polling.open(server, eio, { headers });
    const asks = { ...headers, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'content-type' };
    const answer = await request(server, session.target, { method: 'OPTIONS', headers: asks });
    assert.ok([200, 204].includes(answer.status), `answered ${answer.status}`);
    assert.equal(answer.headers['access-control-allow-origin'], headers.Origin);
    assert.match(answer.headers['access-control-allow-headers'], /content-type/i);
  });
});

cases('cookie', {}, (conforms) => {
  const servers = ['lean', 'socketioxide', 'socket.io 2'];

  conforms('a polling handshake sets the cookie io to the session id', async ({ server }) => {
    const session = await Polling.open(server, 3);
    const [cookie] = session.first.headers['set-cookie'] ?? [];
    assert.match(cookie ?? '', new RegExp(`^io=${session.sid}; Path=/; HttpOnly`));
  }, { versions: [3], servers });

  conforms('a client of protocol 4 gets none', async ({ server }) => {
    assert.equal((await Polling.open(server, 4)).first.headers['set-cookie'], undefined);
  }, { versions: [4] });
});

cases('no cookie', { cookie: false }, (conforms) => {
  conforms('cookie: false sets none', async ({ server, eio }) => {
    assert.equal((await Polling.open(server, eio)).first.headers['set-cookie'], undefined);
  });
});

cases('JSONP', {}, (conforms) => {
  /** What the script would call, and with which text. */
  const called = ({ status, text }, index) => {
    assert.equal(status, 200);
    const start = `___eio[${index}](`;
    assert.ok(text.startsWith(start) && text.endsWith(');'), text);
    return JSON.parse(text.slice(start.length, -2));
  };
  const form = (body) => `d=${encodeURIComponent(body.replaceAll('\\n', '\\\\n').replaceAll('\n', '\\n'))}`;

  conforms('a client without cross-origin requests polls by scripts and posts forms', async ({ server, eio }) => {
    const base = `/socket.io/?EIO=${eio}&transport=polling`;
    const packets = (answer, index) => split(eio, { headers: {}, body: Buffer.from(called(answer, index)) });
    const first = await request(server, `${base}&j=7`);
    const [open, ...rest] = packets(first, 7);
    const { sid } = JSON.parse(open.slice(1));
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    const post = async (packet) => {
      const answer = await request(server, `${base}&j=7&sid=${sid}`, { method: 'POST', headers, body: form(join(eio, [packet])) });
      assert.deepEqual([answer.status, answer.text], [200, 'ok']);
    };
    if (eio === 4) {
      await post('40');
      connected(packets(await request(server, `${base}&j=7&sid=${sid}`), 7)[0]);
    } else if (rest.length === 0) {
      assert.deepEqual(packets(await request(server, `${base}&j=7&sid=${sid}`), 7), ['40']);
    }
    const channel = unique('jsonp +&=%é');
    await post(`42["subscribe",${JSON.stringify({ channel, text: 'line\nline' })}]`);
    await subscribed(server, channel);
    await server.publish(channel, 'Note', '\u2028</script>"\n');
    const answer = await request(server, `${base}&j=7&sid=${sid}`);
    assert.ok(!answer.text.includes('\u2028'), 'a line separator would end the script');
    assert.deepEqual(JSON.parse(packets(answer, 7)[0].slice(2)).slice(0, 3), ['Note', channel, '\u2028</script>"\n']);
  });

  conforms('the index is made of digits, whatever was sent', async ({ server, eio }) => {
    const answer = await request(server, `/socket.io/?EIO=${eio}&transport=polling&j=1);alert(2`);
    called(answer, 12);
  });
});
