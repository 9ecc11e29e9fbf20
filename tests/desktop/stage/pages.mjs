// Opens the view in headless Chromium, in one width and theme, on one state of the stage.
import { chromium } from 'playwright-core';

/** The moment that every picture shows. */
export const MOMENT = new Date('2026-11-24T14:41:00Z');
const PATIENCE_MS = 30_000;

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none'] });

/** `complaints` gathers what the console and the policy said. */
export async function open(browser, at, { view = 'sessions', stage = 'rich', width = 1200, height = 800, theme = 'light', hold = false, motion = 'reduce' } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme, reducedMotion: motion, timezoneId: 'Europe/Vienna', locale: 'en-GB', deviceScaleFactor: 1 });
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const complaints = [];
  page.on('console', (message) => ['error', 'warning'].includes(message.type()) && complaints.push(message.text()));
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.clock.install({ time: MOMENT });
  await page.addInitScript(() => {
    window.__shifts = [];
    new PerformanceObserver((list) => {
      for (const one of list.getEntries()) window.__shifts.push({ value: one.value, nodes: one.sources.map(({ node, previousRect: before, currentRect: after }) => `${node?.className ?? node?.textContent} ${[before.x, before.y, before.width, before.height]} -> ${[after.x, after.y, after.width, after.height]}`) });
    }).observe({ type: 'layout-shift', buffered: true });
  });
  await page.goto(`${at}/index.html?stage=${stage}${hold ? '&hold' : ''}#/${view}`);
  await page.locator(`[data-view="${view.split('?')[0]}"]:not(a)`).waitFor();
  if (!hold) await ready(page);
  return { page, context, complaints };
}

/** The answers are drawn: no row stands in any more. */
export async function ready(page) {
  await page.waitForFunction(() => {
    const view = document.querySelector('main > section:not([hidden])');
    return view && [...view.querySelectorAll('.bone')].every((one) => !one.offsetParent) && !view.classList.contains('standing-in');
  });
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
