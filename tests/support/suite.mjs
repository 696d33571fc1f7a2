// A group of tests that share one stack.

import { after, before, describe } from 'node:test';
import { COMBINATIONS, visitors } from './echo.mjs';
import { startStack } from './stack.mjs';
import { needsStack } from './tools.mjs';
import { until } from './wait.mjs';

/**
 * Describes behaviour on a running stack: `body` gets an object that is the stack once the tests run. A machine that lacks
 * something skips the group and says what.
 */
export function onStack(title, { tools = [], ...settings }, body) {
  describe(title, needsStack(...tools), () => {
    const stack = {};
    before(async () => Object.assign(stack, await startStack(settings)));
    after(() => stack.stop?.());
    body(stack);
  });
}

/** The same, for each combination of laravel-echo and socket.io-client. */
export function onEveryCombination(title, body) {
  onStack(title, {}, (stack) => {
    for (const combination of COMBINATIONS) describe(combination.name, () => body(stack, combination));
  });
}

/** A way to make visitors of one combination that leave when the test ends; `user` logs them in. */
export function visiting(test, stack, combination) {
  const visit = visitors(test, { sidecar: stack.sidecar, combination });
  return async ({ user, ...options } = {}) => visit(user ? { ...options, session: await stack.laravel.login(user) } : options);
}

/** Waits until `count` sockets are on the channel. */
export function subscribed({ sidecar }, channel, count = 1) {
  return until(`${count} subscribers of ${channel}`, async () => {
    const now = await sidecar.subscribers(channel);
    if (now === count) return true;
    throw new Error(`${now} subscribers`);
  });
}
