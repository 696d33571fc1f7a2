// Drives the demo's page as two people would, in a headless Chromium, and says what arrived.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { dim, green, red } from './lib/terminal.mjs';

const WITHIN_MS = 20_000;
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';

/** Runs every check, prints one line for each and returns whether all passed. */
export async function checkPage({ url, home, redis }) {
  const profile = mkdtempSync(join(tmpdir(), 'rustecho-chromium-'));
  const browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: FLAGS, env: { ...process.env, HOME: profile } });
  try {
    return await new Visit(browser, url, home, redis).run();
  } finally {
    await browser.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

class Visit {
  #failures = 0;
  #troubles = [];

  constructor(browser, url, home, redis) {
    Object.assign(this, { browser, url, home, redis });
  }

  async run() {
    this.ada = await this.#logIn('ada');
    this.grace = await this.#logIn('grace');
    const { ada, grace } = this;
    const roads = ['extension', 'php', 'http', ...(this.redis ? ['redis'] : [])];

    await this.#check('both are connected', () => Promise.all([ada, grace].map((page) => page.waitForSelector('#state[data-state=connected]'))));
    await this.#check('both are shown as here', () => Promise.all([ada, grace].map((page) => this.#sees(page, ['ada', 'grace']))));
    for (const road of roads) {
      await this.#check(`public event by ${road}`, () => this.#broadcast(road, 'news', [ada, grace]));
    }
    await this.#check('presence event by extension', () => this.#broadcast('extension', 'room', [ada, grace]));
    await this.#check('private event arrives at its owner alone', () => this.#broadcast('extension', 'grace', [grace], [ada]));
    await this.#check('toOthers leaves the sender out', () => this.#broadcast('extension', 'news', [grace], [ada], { others: true }));
    await this.#check('a private channel of somebody else is refused', () => this.#isRefused(ada, 'private-people.grace'));
    await this.#check('whisper: typing', () => this.#whisper(grace, ada));
    await this.#check('the road without Redis is off, and says why', () => this.redis || this.#isOff('redis'));
    await this.#screenshots();
    await this.#check('leaving', () => this.#leaves());
    await this.#check('joining again', () => this.#joins());
    await this.#check('no errors in the pages', () => this.#noTroubles());
    return this.#failures === 0;
  }

  async #check(what, body) {
    const begun = performance.now();
    try {
      const facts = await body();
      const time = `${(performance.now() - begun).toFixed(0)} ms`;
      console.log(`  ${green('✓')} ${what} ${dim(typeof facts === 'string' ? `${time}; ${facts}` : time)}`);
    } catch (error) {
      this.#failures += 1;
      console.log(`  ${red('✗')} ${what}: ${error.message}`);
    }
  }

  async #logIn(who) {
    const context = await this.browser.newContext({ colorScheme: 'light', viewport: { width: 1280, height: 880 } });
    const page = await context.newPage();
    page.setDefaultTimeout(WITHIN_MS);
    page.on('pageerror', (error) => this.#troubles.push(`${who}: ${error.message}`));
    page.on('console', (line) => line.type() === 'error' && this.#troubles.push(`${who}: ${line.text()}`));
    await page.goto(this.url);
    await page.click(`button[value=${who}]`);
    await page.waitForSelector('#composer');
    return page;
  }

  #sees(page, people) {
    return page.waitForFunction((expected) => {
      const here = [...document.querySelectorAll('#here [data-who]:not(.face)')].map((item) => item.dataset.who);
      return here.toSorted().join() === expected;
    }, people.toSorted().join());
  }

  /** Ada presses a button. It arrives with `those` once, and not with `others`: the event that follows it did arrive there. */
  async #broadcast(road, target, those, others = [], options = {}) {
    const text = await this.#press(road, target, options);
    await Promise.all(those.map((page) => page.waitForSelector(this.#event(text))));
    const next = await this.#press(road, 'news');
    await Promise.all([...those, ...others].map((page) => page.waitForSelector(this.#event(next))));

    for (const page of those) await this.#expectCount(page, text, 1);
    for (const page of others) await this.#expectCount(page, text, 0);
    const row = await those[0].innerText(this.#event(text));
    return row.split(/\s*\n\s*/).join(' | ');
  }

  async #press(road, target, { others = false } = {}) {
    const page = this.ada;
    const text = `${target} by ${road}, ${(this.presses = (this.presses ?? 0) + 1)}`;
    await page.check(`[name=target][value=${target}]`);
    await page.fill('#text', text);
    await page.setChecked('[name=others]', others);
    const [response] = await Promise.all([
      page.waitForResponse((answer) => answer.url().endsWith('/broadcast')),
      page.click(`[name=road][value=${road}]`),
    ]);
    if (!response.ok()) throw new Error(`POST /broadcast: ${response.status()} ${(await response.text()).slice(0, 300)}`);
    return text;
  }

  #event(text) {
    return `#feed .event:has(.text:text("${text}"))`;
  }

  async #expectCount(page, text, expected) {
    const count = await page.locator(this.#event(text)).count();
    if (count !== expected) throw new Error(`"${text}" is ${count} times on the page, not ${expected} times`);
  }

  #isRefused(page, channel) {
    return page.evaluate(([name, ms]) => new Promise((resolve, reject) => {
      setTimeout(() => reject(new Error(`no subscription_error for ${name}`)), ms);
      socket.on('subscription_error', (refused, status) => {
        if (refused === name) resolve(`status ${status}`);
      });
      echo.private(name.replace('private-', ''));
    }), [channel, WITHIN_MS]);
  }

  async #whisper(from, to) {
    await from.fill('#text', '');
    await from.type('#text', 'Is this the road?');
    const seen = await to.waitForFunction(() => document.getElementById('typing').textContent);
    const text = await seen.jsonValue();
    if (text !== 'Grace Hopper is typing…') throw new Error(`the page says "${text}"`);
    return text;
  }

  async #isOff(road) {
    const button = this.ada.locator(`[name=road][value=${road}]`);
    if (await button.isEnabled()) throw new Error(`the button of ${road} can be pressed`);
    const reason = (await button.textContent()).replace(/\s+/g, ' ').trim();
    if (!reason.includes('off:')) throw new Error(`no reason is given: ${reason}`);
    return reason;
  }

  async #leaves() {
    await this.grace.context().close();
    await this.#sees(this.ada, ['ada']);
    await this.ada.waitForSelector('#feed .note:text("Grace Hopper left")');
  }

  async #joins() {
    this.grace = await this.#logIn('grace');
    await this.#sees(this.ada, ['ada', 'grace']);
    await this.ada.waitForSelector('#feed .note:text("Grace Hopper came in")');
  }

  async #screenshots() {
    const page = this.ada;
    await page.fill('#text', 'Hello from Laravel');
    await page.evaluate(() => { document.getElementById('problem').textContent = ''; document.activeElement.blur(); });
    const shots = [
      ['screenshot.png', 'light', { width: 1280, height: 880 }],
      ['screenshot-dark.png', 'dark', { width: 1280, height: 880 }],
      ['screenshot-phone.png', 'light', { width: 390, height: 844 }],
    ];
    for (const [name, colorScheme, viewport] of shots) {
      await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
      await page.setViewportSize(viewport);
      const path = join(this.home, name);
      await page.screenshot({ path });
      console.log(dim(`    saved ${path}`));
    }
  }

  #noTroubles() {
    if (this.#troubles.length > 0) throw new Error(this.#troubles.join('\n    '));
  }
}
