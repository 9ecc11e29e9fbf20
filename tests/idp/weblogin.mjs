// A person at Airflow's web login: headless Chromium goes in by the provider, looks at the API with
// the session's cookies, and logs out again. One JSON object on standard output.
//   node weblogin.mjs --user alice --profile DIR AIRFLOW
// {authorize: {…}, landed, read, trigger, me, signedOut: {asked, landed, read, formAgain}}; queries
// are reported by name, and by value only where that is no secret.
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';

const PATIENCE_MS = 20_000;
const TOLD = ['code_challenge_method', 'max_age', 'response_type', 'redirect_uri', 'client_id', 'post_logout_redirect_uri'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { user: { type: 'string', default: 'alice' }, profile: { type: 'string' } },
});
const airflow = new URL(positionals[0]).origin;

// The flag keeps the provider's pages from asking the network for their web font.
const context = await chromium.launchPersistentContext(values.profile, {
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost , EXCLUDE [::1]'],
});
const report = {};
try {
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const seen = [];
  page.on('request', (request) => request.isNavigationRequest() && seen.push(new URL(request.url())));
  await signIn(page);
  report.authorize = told(seen.find((url) => url.searchParams.has('code_challenge')));
  report.landed = new URL(page.url()).pathname;
  Object.assign(report, await look());
  if (report.read === 200) report.signedOut = await signOut(page, seen);
} catch (error) {
  report.error = error.message;
} finally {
  process.stdout.write(`${JSON.stringify(report)}\n`);
  await context.close();
}

async function signIn(page) {
  await page.goto(`${airflow}/auth/login/ping`, { waitUntil: 'domcontentloaded' });
  await page.fill('input[name=login]', values.user);
  await page.fill('input[name=password]', 'x');
  await Promise.all([page.waitForURL((at) => at.origin === airflow), page.click('button[type=submit]')]);
}

async function look() {
  const get = (path) => context.request.get(airflow + path, { maxRedirects: 0 });
  const run = { data: { logical_date: null }, maxRedirects: 0 };
  const me = await get('/ui/auth/me');
  return {
    read: (await get('/api/v2/dags/dagpass_roles')).status(),
    trigger: (await context.request.post(`${airflow}/api/v2/dags/dagpass_roles/dagRuns`, run)).status(),
    me: me.ok() ? (await me.json()).username : null,
  };
}

async function signOut(page, seen) {
  seen.length = 0;
  await page.goto(`${airflow}/api/v2/auth/logout`, { waitUntil: 'domcontentloaded' });
  const asked = told(seen.find((url) => url.origin !== airflow));
  await Promise.all([page.waitForURL((at) => at.origin === airflow), page.click('button[name=logout]')]);
  const landed = new URL(page.url()).pathname;
  const { read } = await look();
  await page.goto(`${airflow}/auth/login/ping`, { waitUntil: 'domcontentloaded' });
  return { asked, landed, read, formAgain: (await page.locator('input[name=login]').count()) === 1 };
}

function told(url) {
  if (!url) return null;
  const named = [...url.searchParams].map(([name, value]) => [name, TOLD.includes(name) ? value : true]);
  return { path: url.pathname, ...Object.fromEntries(named) };
}
