// Waiting for named conditions with a deadline: nothing in these tests sleeps and hopes.

/** Deadline of a condition that is met within milliseconds on a quiet machine. */
export const SOON_MS = 8_000;

const POLL_MS = 20;

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/**
 * Asks until the answer is truthy, and returns that answer.
 * `what` completes the sentence "waited 8000 ms for …"; the last thing `ask` threw or answered is told with it.
 */
export async function until(what, ask, deadlineMs = SOON_MS) {
  const end = Date.now() + deadlineMs;
  let last;
  for (;;) {
    try {
      last = await ask();
      if (last) return last;
    } catch (error) {
      if (error.final) throw error;
      last = error;
    }
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}; last: ${show(last)}`);
    await pause(POLL_MS);
  }
}

/** The promise's value, or an error that names what did not come in time. */
export async function within(what, promise, deadlineMs = SOON_MS) {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`waited ${deadlineMs} ms for ${what}`)), deadlineMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function show(value) {
  return value instanceof Error ? value.message : JSON.stringify(value);
}
