// Where a server is known not to do what a case wants, and why. The cases named here run all the same and have to fail: an
// exception that is none any more is found. docs/conformance.md shows the table.

const NUMBERS = 'its errors have the number as a text, or none';
const NO_BINARY = 'this edge drops attachments';
const NO_JSONP = 'socketioxide has no JSONP';

const NO_CODE = 'socketioxide closes without a code';
const ENDED_BY_PROBE = 'a probe that fails takes the session along in socketioxide';
const ONE_ID = 'socketioxide has one id for the session and the socket';
const ERROR_FORM = 'it sends the object of the newer protocol';
const IGNORED = 'socketioxide ignores it';
const RESERVED = 'socketioxide takes events of reserved names';
const NEW_RULES = 'it is as strict with old clients as with new ones';

/** By `group: case`, `*` being anything, then by server: the reason, or the reason by the version of Engine.IO. */
export const EXCEPTIONS = {
  'handshake: a transport that is missing or unknown is refused with 0': { socketioxide: NUMBERS },
  'handshake: an unknown session id is refused with 1': { socketioxide: NUMBERS },
  'handshake: a handshake is a GET: other methods are refused with 2': { socketioxide: NUMBERS },
  'handshake: transport=websocket without an upgrade is refused with 3': { socketioxide: NUMBERS },
  'handshake: a session of one transport is not served by the other': { socketioxide: NUMBERS },
  'handshake: a session of one protocol is not served in the other': {
    socketioxide: 'socketioxide does not compare the versions', 'socket.io 2': 'it knows one version only',
  },
  'handshake: without EIO it is protocol 3': { socketioxide: 'socketioxide wants EIO' },
  'handshake: more parameters, in any order and form, do not matter': { socketioxide: 'socketioxide does not decode the query' },
  'websocket handshake: a request that is not one for a websocket is refused': { socketioxide: 'socketioxide takes a key of any length' },
  'polling: attachments go both ways in base64': { socketioxide: NO_BINARY },
  'polling: attachments come as bytes to who takes them, and are taken as bytes': { socketioxide: NO_BINARY },
  'polling: the old form without padding is base64 too': { socketioxide: NO_BINARY },
  'polling: a GET that is broken off ends the session': { socketioxide: 'socketioxide waits for the heartbeat' },
  'frames: * break* the protocol': { socketioxide: NO_CODE },
  'fragments: * breaks the protocol': { socketioxide: NO_CODE },
  'UTF-8: * is refused with 1007': { socketioxide: NO_CODE },
  'UTF-8: a wrong fragment is refused at once, not at the end of its message': {
    socketioxide: NO_CODE, 'socket.io 4': 'it waits for the end', 'socket.io 2': 'it waits for the end',
  },
  'close: a close of one byte breaks the protocol': { socketioxide: NO_CODE },
  'close: a reason that is not UTF-8 is refused': { socketioxide: NO_CODE },
  'limits: * refused*': { socketioxide: NO_CODE },
  'websocket: attachments go both ways as binary frames': { socketioxide: NO_BINARY },
  'websocket: with b64=1 attachments come as text': { socketioxide: NO_BINARY },
  'websocket: clients of both protocols and both transports hear each other': { socketioxide: NO_BINARY },
  'Socket.IO by *: many attachments keep their numbers': { socketioxide: NO_BINARY },
  'websocket: a noop and an open packet from a client do nothing': { socketioxide: 'socketioxide ends the connection' },
  'websocket: a close packet ends the session': { 'socket.io 4': 'it looks at close packets of polling clients only' },
  'upgrade: polling goes on while a websocket is probed': { socketioxide: ENDED_BY_PROBE },
  'upgrade: a websocket that says * in place of a probe is closed, and polling goes on': { socketioxide: ENDED_BY_PROBE },
  'upgrade: a websocket that breaks off in the middle of the change leaves polling alone': { socketioxide: ENDED_BY_PROBE },
  'upgrade: two websockets that probe one session at a time: one at most gets it': { socketioxide: 'socketioxide lets both wait' },
  'Socket.IO by *: CONNECT is answered with a socket id, which is not the session id': { socketioxide: ONE_ID },
  'Socket.IO by *: DISCONNECT leaves the channels, and the connection stays': { socketioxide: { 4: ONE_ID } },
  'Socket.IO by *: CONNECT to *, which there is not, is answered with an error': {
    socketioxide: { 3: ERROR_FORM }, 'socket.io 4': { 3: ERROR_FORM },
  },
  'Socket.IO by *: CONNECT with * ends the connection': { socketioxide: IGNORED },
  'Socket.IO by *: 42/nope,["x"] before CONNECT ends the connection': { socketioxide: IGNORED },
  'Socket.IO by *: a second CONNECT ends the connection': { socketioxide: IGNORED },
  'Socket.IO by *: a second CONNECT does nothing': { 'socket.io 4': NEW_RULES },
  'Socket.IO by *: an event for a namespace that was not joined': { socketioxide: { 4: IGNORED }, 'socket.io 4': { 3: NEW_RULES } },
  'Socket.IO by *: 41{} ends the connection': { socketioxide: IGNORED },
  'Socket.IO by *: 42["connect"] ends the connection': { socketioxide: RESERVED },
  'Socket.IO by *: 42["disconnect"] ends the connection': { socketioxide: RESERVED },
  'polling: a body over the bound is refused and ends the session': { 'socket.io 4': 'it refuses the body and keeps the session' },
  'cookie: a polling handshake sets the cookie io to the session id': { socketioxide: 'socketioxide sets no cookie' },
  'JSONP: a client without cross-origin requests polls by scripts and posts forms': { socketioxide: NO_JSONP },
  'JSONP: the index is made of digits, whatever was sent': { socketioxide: NO_JSONP },
};
