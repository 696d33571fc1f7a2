// Websockets (RFC 6455): framing, control frames, reserved bits, opcodes, fragments, UTF-8, close, limits.
//
// The categories are those of the Autobahn test suite.

import assert from 'node:assert/strict';
import { joined } from './support/socketio.mjs';
import { subscribed } from './support/servers.mjs';
import { cases, unique } from './support/suite.mjs';
import { frame, OP } from './support/websocket.mjs';
import { pause } from './support/wait.mjs';

const MAX = 100_000;

/** Shows that a websocket is open, and that frames before this one have been read. */
async function lives({ raw }, payload = Buffer.from(unique('ping'))) {
  raw.write(frame(OP.ping, payload));
  for (;;) {
    const next = await raw.frame();
    assert.ok(next !== undefined && next.opcode !== OP.close, 'the connection was closed');
    if (next.opcode !== OP.pong) continue;
    assert.deepEqual(next.payload, payload);
    return;
  }
}

/** Shows that the connection is closed with one of `codes`. */
async function closes({ raw }, ...codes) {
  const { code } = await raw.closed();
  assert.ok(codes.includes(code), `closed with ${code}, not ${codes}`);
}

/** An event that subscribes, as text of `length` bytes. */
function asking(channel, length) {
  const text = `42["subscribe",{"channel":"${channel}","more":""}]`;
  return text.replace('"more":""', () => `"more":"${'x'.repeat(Math.max(0, length - text.length))}"`);
}

cases('frames', { maxHttpBufferSize: MAX }, (conforms) => {
  for (const length of [125, 126, 127, 128, 65_535, 65_536, 65_537, MAX]) {
    conforms(`a text of ${length} bytes is taken whole`, async ({ server, eio }) => {
      const [session, channel] = [await joined(server, eio), unique('size')];
      session.raw.write(frame(OP.text, asking(channel, length)));
      await subscribed(server, channel);
    });
  }

  for (const pieces of [1, 7, 997]) {
    conforms(`a text whose bytes come ${pieces} at a time`, async ({ server, eio }) => {
      const [session, channel] = [await joined(server, eio), unique('chopped')];
      const bytes = frame(OP.text, asking(channel, pieces === 1 ? 140 : 10_000));
      for (let at = 0; at < bytes.length; at += pieces) {
        session.raw.write(bytes.subarray(at, at + pieces));
        await new Promise(setImmediate);
      }
      await subscribed(server, channel);
    });
  }

  conforms('many frames in one segment are all taken', async ({ server, eio }) => {
    const session = await joined(server, eio);
    const channels = Array.from({ length: 50 }, () => unique('burst'));
    session.raw.write(Buffer.concat(channels.map((channel) => frame(OP.text, asking(channel, 0)))));
    for (const channel of channels) await subscribed(server, channel);
  });

  for (const length of [0, 1, 125]) {
    conforms(`a ping of ${length} bytes is answered with its bytes`, async ({ server, eio }) => {
      await lives(await joined(server, eio), Buffer.alloc(length, 0xfe));
    });
  }

  // A ping that waits for its answer when the next one comes need not be answered any more (RFC 6455, 5.5.3).
  conforms('of ten pings the last is answered, and no answer comes twice or out of order', async ({ server, eio }) => {
    const session = await joined(server, eio);
    const pings = Array.from({ length: 10 }, (_, number) => `ping ${number}`);
    session.raw.write(Buffer.concat(pings.map((payload) => frame(OP.ping, payload))));
    const answered = [];
    while (answered.at(-1) !== pings.at(-1)) {
      const { opcode, payload, fin } = await session.raw.frame();
      assert.deepEqual({ opcode, fin }, { opcode: OP.pong, fin: true });
      answered.push(payload.toString());
    }
    assert.deepEqual(answered, pings.filter((payload) => answered.includes(payload)));
  });

  conforms('a pong that nobody asked for is ignored', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(Buffer.concat([frame(OP.pong), frame(OP.pong, 'unasked')]));
    await lives(session);
  });

  const control = { ping: OP.ping, pong: OP.pong, close: OP.close };
  for (const [name, opcode] of Object.entries(control)) {
    conforms(`a ${name} of 126 bytes breaks the protocol`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(frame(opcode, Buffer.concat([Buffer.from([0x03, 0xe8]), Buffer.alloc(124, 0x2a)])));
      await closes(session, 1002);
    });

    conforms(`a ${name} in fragments breaks the protocol`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(frame(opcode, '', { fin: false }));
      await closes(session, 1002);
    });
  }

  for (const rsv of [1, 2, 3, 4, 5, 6, 7]) {
    conforms(`reserved bits ${rsv.toString(2)} break the protocol`, async ({ server, eio }) => {
      for (const opcode of [OP.text, OP.binary, OP.ping, OP.close]) {
        const session = await joined(server, eio);
        session.raw.write(frame(opcode, opcode === OP.close ? '' : '3', { rsv }));
        await closes(session, 1002);
      }
    });
  }

  for (const opcode of [3, 4, 5, 6, 7, 11, 12, 13, 14, 15]) {
    conforms(`opcode ${opcode} breaks the protocol`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(frame(opcode, 'x'));
      await closes(session, 1002);
    });
  }

  conforms('a frame that is not masked breaks the protocol', async ({ server, eio }) => {
    for (const opcode of [OP.text, OP.binary, OP.ping, OP.close]) {
      const session = await joined(server, eio);
      session.raw.write(frame(opcode, '', { masked: false }));
      await closes(session, 1002);
    }
  });
});

cases('fragments', { maxHttpBufferSize: MAX }, (conforms) => {
  /** The text in fragments of `size` bytes, with `between` after each but the last. */
  const fragments = (text, size, between = Buffer.alloc(0)) => {
    const bytes = Buffer.from(text);
    const frames = [];
    for (let at = 0; at < bytes.length; at += size) {
      const fin = at + size >= bytes.length;
      frames.push(frame(at === 0 ? OP.text : OP.continuation, bytes.subarray(at, at + size), { fin }), fin ? Buffer.alloc(0) : between);
    }
    return Buffer.concat(frames);
  };

  for (const size of [1, 2, 64, 1_000]) {
    conforms(`a text in fragments of ${size} bytes is put together`, async ({ server, eio }) => {
      const [session, channel] = [await joined(server, eio), unique('ä€𝄞')];
      session.raw.write(fragments(asking(channel, 3_000), size));
      await subscribed(server, channel);
    });
  }

  conforms('empty fragments may be at the start, in between and at the end', async ({ server, eio }) => {
    const [session, channel] = [await joined(server, eio), unique('empty')];
    const [part, bytes] = [{ fin: false }, asking(channel, 0)];
    session.raw.write(Buffer.concat([
      frame(OP.text, '', part), frame(OP.continuation, bytes.slice(0, 9), part), frame(OP.continuation, '', part),
      frame(OP.continuation, bytes.slice(9), part), frame(OP.continuation),
    ]));
    await subscribed(server, channel);
  });

  conforms('pings in between are answered', async ({ server, eio }) => {
    const [session, channel] = [await joined(server, eio), unique('between')];
    session.raw.write(fragments(asking(channel, 1_000), 100, frame(OP.ping, 'between')));
    for (let count = 0; count < 9; count += 1) {
      assert.deepEqual(await session.raw.frame(), { opcode: OP.pong, payload: Buffer.from('between'), fin: true });
    }
    await subscribed(server, channel);
  });

  const wrong = {
    'a continuation of nothing': [frame(OP.continuation, 'x')],
    'a continuation of nothing that goes on': [frame(OP.continuation, 'x', { fin: false })],
    'a continuation of what has ended': [frame(OP.text, '6'), frame(OP.continuation, 'x')],
    'a text within a text': [frame(OP.text, '4', { fin: false }), frame(OP.text, '2')],
    'bytes within a text': [frame(OP.text, '4', { fin: false }), frame(OP.binary, '2')],
    'a text within bytes': [frame(OP.binary, '4', { fin: false }), frame(OP.text, '2', { fin: false })],
  };
  for (const [what, frames] of Object.entries(wrong)) {
    conforms(`${what} breaks the protocol`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(Buffer.concat(frames));
      await closes(session, 1002);
    });
  }
});

cases('UTF-8', { maxHttpBufferSize: MAX }, (conforms) => {
  const bytes = (hex) => Buffer.from(hex.replaceAll(' ', ''), 'hex');
  const event = (middle) => Buffer.concat([Buffer.from('42["x","'), middle, Buffer.from('"]')]);
  const valid = {
    'letters of one to four bytes': 'ceba e1bdb9 cf83 f09d849e 7f',
    'the first and last of each length': 'c280 dfbf e0a080 efbfbf f0908080 f48fbfbf',
    'no characters that are': 'efbfbe efbfbf f09fbfbe f09fbfbf efb790',
    'around the surrogates': 'ed9fbf ee8080 efbfbd',
  };
  for (const [what, hex] of Object.entries(valid)) {
    conforms(`${what} are taken, whole and cut at every byte`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      const whole = event(bytes(hex));
      session.raw.write(frame(OP.text, whole));
      for (let at = 1; at < whole.length; at += 1) {
        session.raw.write(Buffer.concat([frame(OP.text, whole.subarray(0, at), { fin: false }), frame(OP.continuation, whole.subarray(at))]));
      }
      await lives(session);
    });
  }

  const invalid = {
    'a continuation alone': '80', 'continuations alone': '80bf80', 'a lead alone': 'c3', 'half of three': 'e282', 'three of four': 'f09d84', 'a byte that never is': 'ff', 'another': 'fe',
    'a slash of two bytes': 'c0af', 'a slash of three': 'e080af', 'a slash of four': 'f08080af', 'NUL of two': 'c080', 'the last overlong ones': 'c1bf e09fbf f08fbfbf',
    'five bytes': 'f888808080', 'six bytes': 'fc8480808080', 'above the last': 'f4908080', 'a high surrogate': 'eda080', 'a low one': 'edbfbf', 'a pair of them': 'eda080edb080',
  };
  for (const [what, hex] of Object.entries(invalid)) {
    conforms(`${what} is refused with 1007`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(frame(OP.text, event(bytes(hex))));
      await closes(session, 1007);
    });
  }

  conforms('a text that ends within a letter is refused with 1007', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.text, Buffer.concat([Buffer.from('42["x","'), bytes('f09d84')])));
    await closes(session, 1007);
  });

  conforms('a wrong fragment is refused at once, not at the end of its message', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.text, Buffer.concat([Buffer.from('42["x'), bytes('f4')]), { fin: false }));
    await pause(20);
    session.raw.write(frame(OP.continuation, bytes('90'), { fin: false }));
    await closes(session, 1007);
  });
});

cases('close', { maxHttpBufferSize: MAX }, (conforms) => {
  const close = (code, reason = '') => {
    const payload = Buffer.alloc(2);
    payload.writeUInt16BE(code);
    return frame(OP.close, Buffer.concat([payload, Buffer.from(reason)]));
  };

  conforms('a close without a code is answered, and the connection ends', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.close));
    assert.ok([null, 1000, 1005].includes(await session.raw.gone()));
  });

  for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]) {
    conforms(`a close with ${code} is answered, and the connection ends`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(close(code, 'a reason: ä€𝄞'));
      assert.ok([null, 1000, code].includes(await session.raw.gone()));
    });
  }

  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]) {
    conforms(`a close with ${code}, which may not be sent, breaks the protocol`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(close(code));
      await closes(session, 1002);
    });
  }

  conforms('a close of one byte breaks the protocol', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.close, Buffer.from([3])));
    await closes(session, 1002);
  });

  conforms('a reason that is not UTF-8 is refused', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.close, Buffer.from([0x03, 0xe8, 0xce, 0xba, 0xed, 0xa0, 0x80])));
    await closes(session, 1007, 1002);
  });

  conforms('what comes after a close is not read', async ({ server, eio }) => {
    const [session, channel] = [await joined(server, eio), unique('after')];
    session.raw.write(Buffer.concat([close(1000), frame(OP.text, asking(channel, 0)), frame(OP.ping, 'after')]));
    await session.raw.gone();
    assert.equal(await server.subscribers(channel), 0);
  });
});

cases('limits', { maxHttpBufferSize: MAX }, (conforms) => {
  conforms('a frame over the bound is refused with 1009, before its bytes are there', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.text, '42["x"', { length: MAX + 1 }));
    await closes(session, 1009);
  });

  conforms('fragments that together are over the bound are refused with 1009', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.text, 'x'.repeat(MAX - 10), { fin: false }));
    session.raw.write(frame(OP.continuation, 'x'.repeat(20)));
    await closes(session, 1009);
  });

  for (const length of [2n ** 32n, 2n ** 53n, 2n ** 62n]) {
    conforms(`a frame that says it has ${length} bytes is refused with 1009`, async ({ server, eio }) => {
      const session = await joined(server, eio);
      session.raw.write(frame(OP.binary, '', { length, form: 64 }));
      await closes(session, 1009);
    });
  }

  conforms('a length with its highest bit set is refused', async ({ server, eio }) => {
    const session = await joined(server, eio);
    session.raw.write(frame(OP.binary, '', { length: 2n ** 63n + 5n, form: 64 }));
    await closes(session, 1002, 1009);
  });
});
