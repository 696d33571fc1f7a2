// An OpenTelemetry collector, as far as it takes traces by OTLP over HTTP. It reads the JSON that it is sent.

import { createServer } from 'node:http';

/** A value of an attribute; whole numbers of 64 bits are texts. */
const plain = ({ stringValue, intValue, arrayValue }) => stringValue ?? (intValue === undefined ? arrayValue.values.map(plain) : Number(intValue));

function spans(body) {
  return JSON.parse(body).resourceSpans.flatMap(({ resource, scopeSpans }) => scopeSpans.flatMap((scope) => scope.spans.map((span) => ({
    service: plain(resource.attributes.find((one) => one.key === 'service.name').value),
    trace: span.traceId, id: span.spanId, parent: span.parentSpanId, name: span.name,
    start: BigInt(span.startTimeUnixNano), end: BigInt(span.endTimeUnixNano),
    attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, plain(value)])),
  }))));
}

/** Collects on a free port; `spans` grows. */
export async function startCollector() {
  const collector = { spans: [], faults: [] };
  const server = createServer(async (request, response) => {
    const parts = [];
    for await (const part of request) parts.push(part);
    try {
      if (request.url !== '/v1/traces') throw new Error(`asked for ${request.url}`);
      if (request.headers['content-type'] !== 'application/json') throw new Error(`was sent ${request.headers['content-type']}`);
      collector.spans.push(...spans(Buffer.concat(parts)));
    } catch (error) {
      collector.faults.push(error.message);
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  collector.url = `http://127.0.0.1:${server.address().port}`;
  collector.stop = () => new Promise((done) => { server.close(done); server.closeAllConnections(); });
  return collector;
}
