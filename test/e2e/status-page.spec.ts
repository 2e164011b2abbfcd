import axe, { type AxeResults } from 'axe-core';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { Registry } from 'prom-client';
import { DataSource } from 'typeorm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { PrometheusMigrationsModule } from '../../lib';
import { closeApplications, sqliteModule, startApplication } from '../support/applications';
import { hasChromium, launchChromium } from '../support/browser';
import { defineMigration, defineMigrations, FIRST_TIMESTAMP } from '../support/migrations';

const STATUS = '/internal/migrations';
const PHONE = { width: 360, height: 740 };

/** What somebody would name a migration or a connection to run a script on the page. */
const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src="https://elsewhere.example/x.png" onerror="alert(2)">',
  "'-alert(3)-'",
  '</ol></details><svg onload=alert(4)>',
  '<style>@import "https://elsewhere.example/x.css";</style>',
  '<iframe srcdoc="<script>parent.alert(5)</script>"></iframe>',
  '<a href="javascript:alert(6)">click</a>',
  '<meta http-equiv="refresh" content="0; url=https://elsewhere.example">',
  '<base href="https://elsewhere.example/">',
  '&lt;script&gt;alert(7)&lt;/script&gt;',
  '\u202E<!--',
];
const hostileMigrations = HOSTILE.map((start, index) =>
  defineMigration(`${start}${FIRST_TIMESTAMP + index}`),
);
/** One word that no line has room for. */
const LONG = 'Long'.repeat(60);

// What runs in the browser is text here: the project's types know no DOM.
const REPORT_VIOLATIONS = `document.addEventListener('securitypolicyviolation', (violation) =>
  console.error('violation of ' + violation.violatedDirective + ': ' + violation.blockedURI))`;
const ADD_SCRIPT_AND_STYLE = `
  const script = document.createElement('script');
  script.textContent = 'alert(1)';
  document.body.append(script);
  document.body.setAttribute('style', 'color: red')`;
const BACKGROUND = 'getComputedStyle(document.body).backgroundColor';
const TEXT = 'getComputedStyle(document.body).color';
const FONT_SIZE = `parseFloat(getComputedStyle(document.querySelector('.verdict')).fontSize)`;
const WIDTH = 'document.documentElement.scrollWidth';
const CUT_OFF = `[...document.querySelectorAll('body *')]
  .filter(({ scrollWidth, clientWidth }) => clientWidth > 0 && scrollWidth > clientWidth)
  .map(({ tagName }) => tagName)`;
const FOCUSED = `
  document.activeElement.textContent +
  (getComputedStyle(document.activeElement).outlineStyle === 'none' ? ' not marked' : ' marked')`;
const IS_OPEN = 'document.activeElement.parentElement.open';
/** Milliseconds until all lists are laid out and painted. */
const OPEN_ALL = `(async () => {
  const startedAt = performance.now();
  for (const details of document.querySelectorAll('details')) details.open = true;
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  return performance.now() - startedAt;
})()`;

const title = `the status page in Chromium${hasChromium ? '' : ' (skipped: no chromium on the PATH)'}`;

describe.skipIf(!hasChromium)(title, () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await launchChromium();
  });

  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    await closeApplications();
  });

  afterAll(async () => {
    await browser.close();
  });

  /** Opens the page in a browser that keeps whatever goes wrong. */
  async function open(url: string, options: BrowserContextOptions = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    const requests: string[] = [];
    page.on('dialog', (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
    page.on('console', (message) => complaints.push(`console: ${message.text()}`));
    context.on('request', (request) => requests.push(request.url()));
    await page.addInitScript({ content: REPORT_VIOLATIONS });
    const response = await page.goto(url);
    expect(response?.status()).toBe(200);
    return { page, complaints, requests };
  }

  async function start(imports: Parameters<typeof startApplication>[0]['imports'] = []): Promise<string> {
    const { app } = await startApplication({
      imports: [
        ...imports,
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), statusPath: STATUS, maxAge: 0 }),
      ],
    });
    return `${await app.getUrl()}${STATUS}`;
  }

  /** An application with something of everything on its page. */
  function startVaried(): Promise<string> {
    return start([
      sqliteModule(defineMigrations(4), { applied: 2 }),
      sqliteModule(defineMigrations(3), { name: 'up_to_date', applied: 3 }),
      sqliteModule([defineMigration('NoTimestamp')], { name: 'unreadable' }),
      sqliteModule([defineMigration(`${LONG}${FIRST_TIMESTAMP}`)], { name: LONG }),
    ]);
  }

  /** 1,000 names each that are unapplied, unknown and out of order. */
  async function startLarge(): Promise<string> {
    const { app } = await startApplication({
      imports: [
        sqliteModule(defineMigrations(1_000, FIRST_TIMESTAMP + 1_000), { applied: 1_000 }),
        PrometheusMigrationsModule.forRoot({ registry: new Registry(), statusPath: STATUS, maxAge: 0 }),
      ],
    });
    const others = Array.from({ length: 1_000 }, (_, index) =>
      defineMigration(`Other${FIRST_TIMESTAMP + index}`),
    );
    Object.assign(app.get(DataSource), { migrations: others.map((migration) => new migration()) });
    return `${await app.getUrl()}${STATUS}`;
  }

  it('shows hostile names as text, runs nothing of them, and asks nobody else for anything', async () => {
    const url = await start([
      sqliteModule(hostileMigrations),
      ...HOSTILE.map((name) => sqliteModule(defineMigrations(1), { name })),
    ]);

    const { page, complaints, requests } = await open(url);
    await page.waitForLoadState('networkidle');

    expect(await page.locator('li').allTextContents()).toEqual(
      expect.arrayContaining(HOSTILE.map((name, index) => `${name}${FIRST_TIMESTAMP + index}`)),
    );
    expect(await page.locator('h2').allTextContents()).toEqual(expect.arrayContaining(HOSTILE));
    expect(await page.locator('script, img, svg, iframe, a, base, main style').count()).toBe(0);
    expect(complaints).toEqual([]);
    expect(requests).toEqual([url]);
  });

  it('forbids a script and a style that got into the page all the same', async () => {
    const { page, complaints } = await open(await startVaried());

    await page.evaluate(ADD_SCRIPT_AND_STYLE);

    await expect
      .poll(() => complaints.filter((complaint) => complaint.startsWith('console: violation of')))
      .toEqual([
        'console: violation of script-src-elem: inline',
        'console: violation of style-src-attr: inline',
      ]);
    expect(complaints.join()).not.toContain('dialog');
  });

  it.each([
    ['OK', () => start([sqliteModule(defineMigrations(2), { applied: 2 })])],
    ['2 unapplied', () => start([sqliteModule(defineMigrations(4), { applied: 2 })])],
    ['Unreadable', () => start([sqliteModule([defineMigration('NoTimestamp')])])],
    ['3 unapplied, 1 unreadable', startVaried],
  ] as const)('says %s so that it can be read from three metres', async (words, started) => {
    const { page, complaints } = await open(await started(), { viewport: { width: 1000, height: 700 } });

    expect(await page.locator('.verdict').textContent()).toBe(words);
    expect(await page.title()).toBe(`${words}: migrations`);
    // Letters of 15 mm and above, at CSS's 96 pixels to the inch: 1/200 of the distance.
    expect(await page.evaluate(FONT_SIZE)).toBeGreaterThan(80);
    expect(complaints).toEqual([]);
  });

  it.each([
    ['light', { background: 'bright', text: 'dark' }],
    ['dark', { background: 'dark', text: 'bright' }],
  ] as const)('follows the %s colour scheme', async (colorScheme, expected) => {
    const { page } = await open(await startVaried(), { colorScheme });

    const colours = {
      background: shadeOf(await page.evaluate<string>(BACKGROUND)),
      text: shadeOf(await page.evaluate<string>(TEXT)),
    };

    expect(colours).toEqual(expected);
  });

  it('changes with the colour scheme while it is open', async () => {
    const { page } = await open(await startVaried(), { colorScheme: 'light' });
    const light = await page.evaluate<string>(BACKGROUND);

    await page.emulateMedia({ colorScheme: 'dark' });

    expect(await page.evaluate<string>(BACKGROUND)).not.toBe(light);
  });

  it('fits 360 pixels without scrolling sideways, long names included', async () => {
    const { page } = await open(await startVaried(), { viewport: PHONE });

    for (const closed of await page.locator('details:not([open]) > summary').all()) await closed.click();

    expect(await page.evaluate(WIDTH)).toBe(PHONE.width);
    expect(await page.evaluate(CUT_OFF)).toEqual([]);
  });

  it('is opened by keyboard: Tab goes from list to list, Enter opens and closes', async () => {
    const { page } = await open(await startLarge());
    const focused = () => page.evaluate<string>(FOCUSED);
    const isOpen = () => page.evaluate<boolean>(IS_OPEN);

    const reached: string[] = [];
    for (let list = 0; list < 3; list += 1) {
      await page.keyboard.press('Tab');
      reached.push(await focused());
      expect(await isOpen()).toBe(false);
    }
    expect(reached).toEqual([
      'Unapplied (1,000) marked',
      'Unknown to this code (1,000) marked',
      'Out of order (1,000) marked',
    ]);

    await page.keyboard.press('Enter');
    expect(await isOpen()).toBe(true);
    await page.keyboard.press('Enter');
    expect(await isOpen()).toBe(false);
    await page.keyboard.press('Shift+Tab');
    expect(await focused()).toBe('Unknown to this code (1,000) marked');
  });

  it('opens a list of 1,000 names without freezing', async () => {
    const { page, complaints } = await open(await startLarge(), { viewport: PHONE });

    const milliseconds = await page.evaluate<number>(OPEN_ALL);

    expect(await page.locator('li:visible').count()).toBe(3_000);
    expect(milliseconds).toBeLessThan(2_000);
    expect(complaints).toEqual([]);
  });

  it.each([
    ['with something of everything', startVaried, {}],
    ['with something of everything, on a phone', startVaried, { viewport: PHONE }],
    ['where all is up to date', () => start([sqliteModule(defineMigrations(2), { applied: 2 })]), {}],
    ['where names are hostile', () => start([sqliteModule(hostileMigrations)]), {}],
    ['without a connection', () => start(), {}],
  ] as const)('is accessible in light and dark %s', async (_, started, options) => {
    const { page } = await open(await started(), options);
    for (const closed of await page.locator('details:not([open]) > summary').all()) await closed.click();

    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme });
      expect(await violationsIn(page), colorScheme).toEqual([]);
    }
  });
});

function shadeOf(rgb: string): 'bright' | 'dark' {
  return Number(/\d+/.exec(rgb)?.[0]) > 127 ? 'bright' : 'dark';
}

/** What axe finds, by every rule that it has. */
async function violationsIn(page: Page): Promise<string[]> {
  await page.evaluate(axe.source);
  const { violations, passes } = await page.evaluate<AxeResults>('axe.run()');
  // Contrast is what it can tell in a real browser only.
  expect(passes.map(({ id }) => id)).toContain('color-contrast');
  return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
}
