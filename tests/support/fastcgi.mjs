// The little of FastCGI that it takes to run a script in php-fpm.

import net from 'node:net';

const BEGIN = 1;
const END = 3;
const PARAMETERS = 4;
const INPUT = 5;
const OUTPUT = 6;
const RESPONDER = Buffer.from([0, 1, 0, 0, 0, 0, 0, 0]);

function record(type, body) {
  const head = Buffer.from([1, type, 0, 1, body.length >> 8, body.length & 0xff, 0, 0]);
  return Buffer.concat([head, body]);
}

/** Name and value with lengths of four bytes each. */
function parameter(name, value) {
  const lengths = Buffer.alloc(8);
  lengths.writeUInt32BE(name.length + 0x80000000, 0);
  lengths.writeUInt32BE(Buffer.byteLength(value) + 0x80000000, 4);
  return Buffer.concat([lengths, Buffer.from(name + value)]);
}

/** Runs `script` and returns what it prints, headers aside. */
export function runScript(port, script, query = '') {
  const named = { SCRIPT_FILENAME: script, REQUEST_METHOD: 'GET', REQUEST_URI: '/', QUERY_STRING: query };
  const parameters = Buffer.concat(Object.entries(named).map(([name, value]) => parameter(name, value)));
  return new Promise((done, fail) => {
    let inbox = Buffer.alloc(0);
    let output = '';
    const socket = net.connect(port, '127.0.0.1');
    socket.once('error', fail);
    socket.once('close', () => fail(new Error(`php-fpm closed the connection after ${output.slice(0, 500)}`)));
    socket.on('data', (bytes) => {
      inbox = Buffer.concat([inbox, bytes]);
      while (inbox.length >= 8 && inbox.length >= 8 + inbox.readUInt16BE(4) + inbox[6]) {
        const length = inbox.readUInt16BE(4);
        if (inbox[1] === OUTPUT) output += inbox.toString('utf8', 8, 8 + length);
        if (inbox[1] === END) {
          socket.destroy();
          done(output.slice(output.indexOf('\r\n\r\n') + 4));
        }
        inbox = inbox.subarray(8 + length + inbox[6]);
      }
    });
    const none = Buffer.alloc(0);
    socket.write(Buffer.concat([record(BEGIN, RESPONDER), record(PARAMETERS, parameters), record(PARAMETERS, none), record(INPUT, none)]));
  });
}
