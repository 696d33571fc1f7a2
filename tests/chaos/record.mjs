// The machine-readable record of a run: one JSON object a line.

import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';

/** Times in the file are milliseconds since the run's begin would be friendlier, but PHP and node agree on the system's clock. */
export class Record {
  constructor(file) {
    this.file = file;
    this.stream = createWriteStream(file);
  }

  write(record) {
    this.stream.write(`${JSON.stringify(record, (_, value) => (typeof value === 'number' && !Number.isInteger(value) ? Math.round(value * 100) / 100 : value))}\n`);
  }

  close() {
    return new Promise((done) => this.stream.end(done));
  }
}

/** The records of a file, one after the other. */
export async function* readRecord(file) {
  for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
    if (line) yield JSON.parse(line);
  }
}
