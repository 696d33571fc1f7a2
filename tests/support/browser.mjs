// A headless Chromium with a fresh profile, and pages in it that have laravel-echo.

import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { CHROMIUM } from './tools.mjs';
import { until } from './wait.mjs';

const QUIET = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

/** One person's browser: its own cookies, as many tabs as wanted. `options` are Playwright's. */
export async function openBrowser(options = {}) {
  const profile = mkdtempSync(path.join(os.tmpdir(), 'rustecho-chromium-'));
  const context = await chromium.launchPersistentContext(profile, { executablePath: CHROMIUM, headless: true, args: QUIET, ...options });
  return {
    context,
    stop: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/**
 * A tab with Echo connected to `host`, `io` and `echo` being the addresses of the two scripts. `user` logs in first. In the page,
 * `echo` is the Echo and `heard` the list of what `note(event)` was called with.
 */
export async function openTab({ context }, laravel, { user, io, echo, host, options = {} }) {
  const tab = await context.newPage();
  const faults = [];
  tab.on('pageerror', (error) => faults.push(error.message));
  if (user) await tab.goto(`${laravel.url}/login/${user}`);
  await tab.goto(`${laravel.url}/page?${new URLSearchParams({ io, echo })}`);
  await tab.evaluate(({ host, options }) => {
    window.heard = [];
    window.note = (event) => (data) => window.heard.push({ event, data });
    const Echo = window.Echo.default ?? window.Echo;
    window.echo = new Echo({ broadcaster: 'socket.io', client: window.io, host, ...options });
    window.echo.connector.socket.on('subscription_error', (channel, status) => window.note('subscription_error')({ channel, status }));
  }, { host, options });
  return {
    faults,
    run: (script, argument) => tab.evaluate(script, argument),
    close: () => tab.close(),
    /** Waits until `event` was noted `count` times; returns what was noted with it. */
    async hears(event, count = 1) {
      const heard = () => tab.evaluate((name) => window.heard.filter((one) => one.event === name).map((one) => one.data), event);
      await until(`${count} × ${event} in the page`, async () => {
        if ((await heard()).length >= count) return true;
        throw new Error(`heard ${JSON.stringify(await tab.evaluate('heard'))}; faults: ${faults.join('; ')}`);
      });
      return heard();
    },
  };
}
