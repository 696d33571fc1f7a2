// One HTTP request on a connection of its own. What goes wrong is an answer too: {error}.

import http from 'node:http';
import https from 'node:https';

const DEADLINE_MS = 8_000;

/** `url` goes out as it is written, odd escapes included. Answers `{status, headers, body}` or `{error}`. */
export function request(method, url, { headers = {}, body, chunked = false, deadlineMs = DEADLINE_MS } = {}) {
  return new Promise((done) => {
    const { protocol, hostname, port, host } = new URL(url);
    const path = url.slice(url.indexOf(host) + host.length) || '/';
    const length = body === undefined || chunked ? {} : { 'content-length': Buffer.byteLength(body) };
    const options = { method, host: hostname, port, path, headers: { ...length, ...headers }, agent: false, rejectUnauthorized: false };
    const sent = (protocol === 'https:' ? https : http).request(options, (answer) => {
      const chunks = [];
      answer.on('data', (chunk) => chunks.push(chunk));
      answer.on('end', () => end({ status: answer.statusCode, headers: answer.headers, body: Buffer.concat(chunks).toString() }));
      answer.on('error', () => end({ error: 'answer cut off' }));
    });
    const timer = setTimeout(() => end({ error: `no answer within ${deadlineMs} ms` }), deadlineMs);
    const end = (outcome) => {
      clearTimeout(timer);
      sent.destroy();
      done(outcome);
    };
    sent.on('error', (error) => end({ error: error.code ?? error.message }));
    if (body !== undefined) sent.write(body);
    sent.end();
  });
}

/** Status, type, body (parsed where it is JSON) and the named headers of an answer: what a transcript keeps. */
export function brief(answer, ...headers) {
  if (answer.error) return { error: answer.error };
  const type = answer.headers['content-type'] ?? null;
  const named = Object.fromEntries(headers.map((name) => [name, answer.headers[name] ?? null]));
  return { status: answer.status, type, ...named, body: parsed(answer.body, /json/.test(type ?? '')) };
}

function parsed(text, isJson) {
  try {
    return isJson ? JSON.parse(text) : text;
  } catch {
    return text;
  }
}
