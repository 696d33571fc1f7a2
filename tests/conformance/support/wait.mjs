// Deadlines for a machine on which four servers and hundreds of clients run at a time.

import { pause, until as soon, within as withinSoon } from '../../support/wait.mjs';

export { pause };

/** Deadline of what comes within milliseconds on a quiet machine. */
export const SOON_MS = 25_000;

export const until = (what, ask, deadlineMs = SOON_MS) => soon(what, ask, deadlineMs);
export const within = (what, promise, deadlineMs = SOON_MS) => withinSoon(what, promise, deadlineMs);
