// A real browser as a person uses it: opens an authorization URL in headless Chromium, signs in at
// the provider's own form and stops on the agent's callback page. Set as $BROWSER by the tests.
//   node browser.mjs [--user alice] [--password x] [--profile DIR] [--report FILE] [--screenshot FILE] URL
// The report is one JSON object {url, status, title, text, requests}: no query, as that holds a code.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const PATIENCE_MS = 20_000;
const MOST_PAGES = 4;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    user: { type: 'string', default: 'alice' },
    password: { type: 'string', default: 'x' },
    profile: { type: 'string' },
    report: { type: 'string' },
    screenshot: { type: 'string' },
  },
});

// The flag keeps the provider's pages from asking the network for their web font.
const launch = {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost , EXCLUDE [::1]'],
};

const context = values.profile
  ? await chromium.launchPersistentContext(values.profile, launch)
  : await (await chromium.launch(launch)).newContext();
let report = {};
try {
  report = await signIn(await context.newPage(), positionals[0]);
} catch (error) {
  report = { error: error.message };
  process.exitCode = 1;
} finally {
  const text = `${JSON.stringify(report)}\n`;
  if (values.report) writeFileSync(values.report, text);
  else process.stdout.write(text);
  await context.close();
  await context.browser()?.close();
}

async function signIn(page, url) {
  page.setDefaultTimeout(PATIENCE_MS);
  let provider = new URL(url).origin;
  const requests = [];
  let status = 0;
  page.on('request', (request) => {
    const { origin, pathname } = new URL(request.url());
    // An address of the agent's own leads there.
    if (request.redirectedFrom()?.url() === url) provider = origin;
    // The provider's own pages may ask for what they like; ours may not.
    const from = request.isNavigationRequest() ? origin : new URL(request.frame().url()).origin;
    if (from !== provider) requests.push(`${origin}${pathname}`);
  });
  page.on('response', (response) => {
    if (response.request().isNavigationRequest() && new URL(response.url()).origin !== provider) status = response.status();
  });
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  for (let step = 0; step < MOST_PAGES && new URL(page.url()).origin === provider; step += 1) await answer(page);
  await page.waitForLoadState('load');
  if (values.screenshot) await page.screenshot({ path: values.screenshot });
  const at = new URL(page.url());
  return { url: at.origin + at.pathname, status, title: await page.title(), text: await page.innerText('body'), requests };
}

/** One page of a provider's own, whose words differ: who the person is, and that they agree. */
async function answer(page) {
  const user = page.locator('input[name=login], input[name=username]');
  if (await user.count()) {
    await user.fill(values.user);
    await page.fill('input[name=password]', values.password);
  }
  await Promise.all([page.waitForNavigation({ waitUntil: 'domcontentloaded' }), page.locator('input[name=allow], button[type=submit]').first().click()]);
}
