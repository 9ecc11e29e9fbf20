// What a person does in the view, and what the program behind it is then asked: sign-ins and their end,
// the mends, and the record as it grows.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { act, called, calls, card, change, tell } from './stage/acts.mjs';
import { rig } from './stage/rig.mjs';

const UI = join(import.meta.dirname, '../../ui');

const on = rig({ before, after });

describe('sessions', () => {
  test('a policy that does not load stands above them all, with what is judged by meanwhile', async () => {
    for (const [stage, meanwhile] of [['wrong', 'No token is served'], ['states', 'The last good one is in force']]) {
      await on({ stage }, async (page) => {
        const told = page.locator('.banner', { hasText: 'The policy does not load.' });
        for (const text of [meanwhile, 'policy.cedar:3:1']) await told.getByText(text).waitFor();
        await told.getByRole('button', { name: 'See the doctor' }).click();
      });
    }
  });

  test('a code is shown large with its picture, copied, opened by the program, and gone when signed in', () => on({}, async (page) => {
    await act(page, 'dev', 'sign-in-code');
    assert.deepEqual((await called(page, 'sign_in')).ask, { profile: 'dev', flow: 'device' });
    assert.equal(await card(page, 'dev').locator('[data-code]').textContent(), 'WDJB-MJHT');
    await card(page, 'dev').getByRole('img', { name: 'QR code of the sign-in page' }).waitFor();
    assert.deepEqual(await called(page, 'qr'), { text: 'https://auth.pingone.eu/activate?user_code=WDJB-MJHT' });
    await act(page, 'dev', 'copy-code');
    assert.deepEqual(await called(page, 'copy'), { text: 'WDJB-MJHT' });
    await card(page, 'dev').getByRole('button', { name: 'Copied' }).waitFor();
    await act(page, 'dev', 'open-page');
    assert.deepEqual(await called(page, 'open_sign_in_page'), { profile: 'dev' });
    await page.evaluate(() => {
      const who = { ...window.__stage.profile('prod').who, name: 'Grace Hopper' };
      const running = window.__stage.signIn();
      window.__stage.change('dev', { state: 'signed_in', reason: undefined, who, horizons: window.__stage.profile('prod').horizons });
      running.tell({ event: 'signed_in', status: window.__stage.profile('dev') });
      running.end();
    });
    await card(page, 'dev').getByText('Grace Hopper').waitFor();
    await page.getByText('Signed in to dev as Grace Hopper').waitFor();
    assert.equal(await card(page, 'dev').locator('[data-code]').count(), 0);
  }));

  test('the browser way takes a pasted address and can be cancelled', () => on({}, async (page) => {
    await act(page, 'partner', 'sign-in-browser');
    assert.deepEqual((await called(page, 'sign_in')).ask, { profile: 'partner', flow: 'browser' });
    await card(page, 'partner').getByRole('textbox').fill('http://127.0.0.1:21217/callback?code=x&state=y');
    await act(page, 'partner', 'paste');
    assert.deepEqual(await called(page, 'paste_callback'), { profile: 'partner', url: 'http://127.0.0.1:21217/callback?code=x&state=y' });
    await page.waitForFunction(() => document.querySelector('[data-profile="partner"] input').value === '');
    await act(page, 'partner', 'cancel');
    assert.deepEqual(await called(page, 'cancel_sign_in'), { profile: 'partner' });
    await card(page, 'partner').getByText('Signed out').waitFor();
    assert.equal(await card(page, 'partner').getByRole('alert').count(), 0, 'a cancelled sign-in is no failure');
  }));

  test('a code whose sign-in another one took the place of is shown no longer', () => on({}, async (page) => {
    await act(page, 'dev', 'sign-in-code');
    await card(page, 'dev').locator('[data-code]').waitFor();
    await page.evaluate(() => window.__stage.signIn().end('cancelled'));
    await card(page, 'dev').getByText('A sign-in is under way, begun elsewhere').waitFor();
    assert.equal(await card(page, 'dev').locator('[data-code]').count(), 0);
    assert.equal(await card(page, 'dev').getByRole('alert').count(), 0, 'nothing failed');
  }));

  test('a failed sign-in stays in its card with cause and hint until dismissed', () => on({}, async (page) => {
    await act(page, 'dev', 'sign-in-browser');
    await tell(page, { event: 'failed', error: { error: 'access_denied', error_description: 'Ping denied the sign-in', cause: 'the person has no access to this application', hint: 'ask who runs Ping' } });
    await change(page, 'dev', { state: 'login_required' });
    const alert = card(page, 'dev').getByRole('alert');
    assert.match(await alert.innerText(), /Ping denied the sign-in[^]*The person has no access[^]*Ask who runs Ping/);
    await act(page, 'dev', 'dismiss');
    await alert.waitFor({ state: 'detached' });
  }));

  test('signing in again shows how it goes on the card of whoever is signed in, and one page however often it is asked for', () => on({}, async (page) => {
    await card(page, 'prod').locator('[data-action="sign-in-browser"]').evaluate((one) => [1, 2, 3].forEach(() => one.click()));
    assert.deepEqual((await called(page, 'sign_in')).ask, { profile: 'prod', flow: 'browser', fresh: true });
    await card(page, 'prod').getByText('Go on in your browser').waitFor();
    // As the agent has it: who is signed in stays so meanwhile.
    await change(page, 'prod', { state: 'signed_in' });
    await card(page, 'prod').getByText('Go on in your browser').waitFor();
    assert.equal((await calls(page, 'sign_in')).length, 1);
    await act(page, 'prod', 'cancel');
    await card(page, 'prod').getByText('Access token').waitFor();
    for (const state of ['offline', 'degraded']) {
      await change(page, 'prod', { state });
      await act(page, 'prod', 'sign-in-browser');
      await change(page, 'prod', { state });
      await card(page, 'prod').getByText('Go on in your browser').waitFor();
      await act(page, 'prod', 'cancel');
    }
  }));

  test('an answer that other news overtook changes nothing', () => on({}, async (page) => {
    await page.evaluate(() => {
      window.__stage.delay('status');
      window.__stage.emit('agent', { state: 'up' });
    });
    await called(page, 'status', 2);
    await change(page, 'dev', { state: 'offline', reason: 'the network went' });
    await card(page, 'dev').getByText('the network went').waitFor();
    await page.evaluate(() => window.__stage.arrive('status'));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    assert.equal(await card(page, 'dev').getAttribute('data-state'), 'offline');
  }));

  test('what went wrong is said until it is dismissed, once however often it happens', () => on({ stage: 'states' }, async (page) => {
    const words = page.getByRole('alert').filter({ hasText: 'That is not the passphrase' });
    for (let turn = 0; turn < 2; turn += 1) {
      await card(page, 'locked').getByLabel('Passphrase').fill('wrong');
      await act(page, 'locked', 'mend');
      await called(page, 'unlock', turn + 1);
      await words.waitFor();
    }
    await page.clock.runFor(60_000);
    assert.equal(await words.count(), 1);
    await words.getByRole('button', { name: 'Dismiss' }).click();
    assert.equal(await words.count(), 0);
    assert.equal(await page.evaluate(() => document.activeElement.id), 'main');
    await card(page, 'locked').getByLabel('Passphrase').fill('wrong');
    await act(page, 'locked', 'mend');
    await words.waitFor();
    await page.keyboard.press('Escape');
    await words.waitFor({ state: 'detached' });
  }));

  test('figures tick and bars shrink each second', () => on({ motion: 'no-preference' }, async (page) => {
    const look = () => page.evaluate(() => {
      const one = document.querySelector('[data-profile="prod"] .horizon');
      return [one.querySelector('.horizon-figure').textContent, Number(/[\d.]+/.exec(one.querySelector('i').style.transform)[0]), one.querySelector('[role="meter"]').getAttribute('aria-valuetext')];
    });
    const [words, share, spoken] = await look();
    assert.match(words, /^41m \d\ds$/);
    assert.match(spoken, /^41 minutes( \d+ seconds?)? left$/);
    await page.clock.runFor(5000);
    const [later, smaller] = await look();
    assert.notEqual(later, words);
    assert.ok(smaller < share, `${smaller} < ${share}`);
  }));

  test('signing out asks once, and ends the session of Ping where that was ticked', () => on({}, async (page) => {
    await act(page, 'prod', 'sign-out');
    await page.getByRole('dialog').getByRole('checkbox').check();
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
    assert.deepEqual(await called(page, 'sign_out'), { profile: 'prod', sso: true });
    await card(page, 'prod').locator('[data-action="sign-in-browser"]').waitFor();
    await page.getByText('prod is signed out: Ping confirmed').waitFor();
  }));

  test('each state has the one button that mends it', () => on({ stage: 'states' }, async (page) => {
    await card(page, 'locked').getByLabel('Passphrase').fill('correct horse');
    await act(page, 'locked', 'mend');
    assert.deepEqual(await called(page, 'unlock'), { passphrase: 'correct horse' });
    assert.equal(await card(page, 'locked').getByLabel('Passphrase').inputValue(), '');
    await act(page, 'analytics', 'mend');
    assert.deepEqual(await called(page, 'try_it'), { what: { profile: 'analytics' } });
    await act(page, 'bare', 'mend');
    await page.locator('section[data-view="doctor"]:visible').waitFor();
    await page.keyboard.press('1');
    await change(page, 'prod', { state: 'misconfigured' });
    await act(page, 'prod', 'mend');
    const area = page.getByRole('textbox', { name: 'Text of config.toml' });
    await area.waitFor();
    await page.waitForFunction(() => {
      const area = document.activeElement;
      return area.tagName === 'TEXTAREA' && area.value.slice(area.selectionStart, area.selectionEnd).startsWith('[profile.prod]');
    });
  }));

  test('every button of a connection’s own session calls it by its one name', () => on({}, async (page) => {
    const own = 'prod/warehouse_api';
    await change(page, 'dev', { name: own, connection: 'warehouse_api' });
    await act(page, own, 'sign-in-code');
    assert.deepEqual((await called(page, 'sign_in')).ask, { profile: own, flow: 'device' });
    await act(page, own, 'open-page');
    assert.deepEqual(await called(page, 'open_sign_in_page'), { profile: own });
    await act(page, own, 'cancel');
    assert.deepEqual(await called(page, 'cancel_sign_in'), { profile: own });
    await act(page, own, 'sign-in-browser');
    assert.deepEqual((await called(page, 'sign_in', 2)).ask, { profile: own, flow: 'browser' });
    await card(page, own).getByRole('textbox').fill('http://127.0.0.1:21217/callback?code=x&state=y');
    await act(page, own, 'paste');
    assert.deepEqual(await called(page, 'paste_callback'), { profile: own, url: 'http://127.0.0.1:21217/callback?code=x&state=y' });
    await act(page, own, 'cancel');
    await change(page, own, { state: 'offline' });
    await act(page, own, 'mend');
    assert.deepEqual(await called(page, 'try_it'), { what: { profile: own } });
    await act(page, own, 'sign-out');
    await page.getByRole('dialog').getByRole('button', { name: 'Sign out' }).click();
    assert.deepEqual(await called(page, 'sign_out'), { profile: own, sso: false });
    await change(page, own, { state: 'misconfigured' });
    await act(page, own, 'mend');
    await page.waitForFunction(() => {
      const area = document.activeElement;
      return area.tagName === 'TEXTAREA' && area.value.slice(area.selectionStart, area.selectionEnd).startsWith('[connection.warehouse_api]');
    });
  }));

  test('a wrong config is not answered with a welcome, and says that none is in force', () => on({ stage: 'wrong' }, async (page) => {
    await page.evaluate(() => { location.hash = '#/'; });
    await page.locator('section[data-view="sessions"]:visible').waitFor();
    await page.getByText('None is in force until it is mended.').waitFor();
    await page.getByText('Sessions are kept in Key file.').waitFor();
    assert.equal(await page.getByText('No profile yet').count(), 0);
    await page.locator('[data-action="open-config"]').click();
    await page.getByRole('textbox', { name: 'Text of config.toml' }).waitFor();
  }));

  test('pause and resume, and the tray turns to a view', () => on({}, async (page) => {
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('No token is served').waitFor();
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('No token is served').waitFor({ state: 'detached' });
    await page.evaluate(() => window.__stage.emit('go', { view: 'doctor' }));
    await page.locator('section[data-view="doctor"]:visible').waitFor();
  }));

  test('a status that comes in takes no focus away', () => on({}, async (page) => {
    const out = card(page, 'prod').locator('[data-action="sign-out"]');
    await out.focus();
    await change(page, 'prod', { state: 'offline', reason: 'the network went' });
    await card(page, 'prod').getByText('the network went').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.dataset.action), 'sign-out');
    await page.evaluate(() => {
      const status = window.__stage.status();
      const first = { ...status.profiles[1], name: 'another' };
      window.__stage.emit('status', { ...status, profiles: [first, ...status.profiles.filter(({ name }) => name !== 'dev')] });
    });
    await card(page, 'another').waitFor();
    assert.deepEqual(await page.evaluate(() => [document.activeElement.dataset.action, document.activeElement.closest('[data-profile]').dataset.profile]), ['sign-out', 'prod']);
  }));

  test('an agent that goes is said in every view, and started from there', () => on({}, async (page) => {
    for (const view of ['2', '3', '4', '5', '6', '1']) await page.keyboard.press(view);
    await page.evaluate(() => window.__stage.down());
    for (const view of ['1', '2', '3', '4', '5', '6']) {
      await page.keyboard.press(view);
      await page.locator('main > section:not([hidden])').getByText('The agent is not running').waitFor();
    }
    await page.getByRole('button', { name: 'Start the agent' }).click();
    await called(page, 'start_agent');
    await page.locator('[data-check]').first().waitFor();
    await page.keyboard.press('1');
    await card(page, 'prod').waitFor();
  }));
});

describe('activity', () => {
  const first = (page) => page.evaluate(() => [...document.querySelectorAll('[data-record]')].map((one) => [one.getBoundingClientRect().top, one.dataset.record]).sort((a, b) => a[0] - b[0]).find(([top]) => top > 60));

  test('a new record comes in on top, and moves nothing that is being read further down', () => on({ view: 'activity' }, async (page) => {
    await page.evaluate(() => window.__stage.record());
    await page.locator('[data-record="301"]').waitFor();
    await page.locator('main').evaluate((main) => (main.scrollTop = 1500));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const before = await first(page);
    await page.evaluate(() => window.__stage.record());
    await page.waitForFunction(() => document.querySelector('[role="grid"]').getAttribute('aria-rowcount') === '303');
    assert.deepEqual(await first(page), before);
  }));

  test('a gap in what was heard is asked for', () => on({ view: 'activity' }, async (page) => {
    await page.evaluate(() => window.__stage.record());
    await page.locator('[data-record="301"]').waitFor();
    assert.equal((await calls(page, 'activity')).length, 1);
    await page.evaluate(() => window.__stage.record({ seq: 399 }));
    await called(page, 'activity', 2);
    await page.locator('[data-record="399"]').waitFor();
    await page.evaluate(() => window.__stage.emit('missed', null));
    await called(page, 'activity', 3);
  }));

  test('where the agent holds more than was read, a choice is put to it', () => on({ view: 'activity', stage: 'more' }, async (page) => {
    await page.getByRole('combobox', { name: 'DAG' }).selectOption('etl_daily');
    await page.getByRole('combobox', { name: 'Connection' }).selectOption('lake_trino');
    await page.waitForFunction(() => window.__stage.calls.some(({ args }) => args.query?.connection));
    const { query } = await called(page, 'activity');
    assert.deepEqual([query.dag, query.connection, query.profile], ['etl_daily', 'lake_trino', undefined]);
  }));

  test('a filter finds what stands further back than what was read, and says none when it has looked', () => on({ view: 'activity', stage: 'more' }, async (page) => {
    await page.getByText('of the newest').waitFor();
    const newest = await page.evaluate(() => Number(document.querySelector('[role="grid"]').getAttribute('aria-rowcount')) - 1);
    assert.ok(newest <= 100, `${newest} of 300`);
    await page.evaluate(() => window.__stage.delay('activity'));
    await page.getByRole('combobox', { name: 'Outcome' }).selectOption('denied');
    await page.getByText(/looking further back/i).first().waitFor();
    assert.equal(await page.getByText('No record matches').count(), 0);
    await page.evaluate(() => window.__stage.arrive('activity'));
    await page.waitForFunction(() => document.querySelector('[role="grid"]').getAttribute('aria-rowcount') === '8');
    await page.getByText('7 records').waitFor();
    const asked = (await calls(page, 'activity')).map(({ query }) => query.before);
    assert.deepEqual(asked, [undefined, 201, 101], 'page by page, to the last');
    await page.getByRole('searchbox', { name: 'Filter the records' }).fill('nobody');
    await page.getByText('No record matches').waitFor();
    await page.getByRole('button', { name: 'Clear the filters' }).first().click();
    await page.getByText('of the newest').waitFor();
  }));

  test('filters narrow the picture and the rows alike, and are all taken back at once', () => on({ view: 'activity' }, async (page) => {
    const rows = () => page.evaluate(() => Number(document.querySelector('[role="grid"]').getAttribute('aria-rowcount')) - 1);
    const all = await rows();
    await page.getByRole('combobox', { name: 'Connection' }).selectOption('lake_trino');
    const some = await rows();
    await page.getByRole('combobox', { name: 'DAG' }).selectOption('etl_daily');
    const fewer = await rows();
    assert.ok(all > some && some > fewer && fewer > 0, `${all} > ${some} > ${fewer} > 0`);
    assert.equal(await page.locator('.track-name').count(), 1);
    await page.getByRole('button', { name: 'Clear the filters' }).click();
    assert.equal(await rows(), all);
    await page.getByRole('combobox', { name: 'Outcome' }).selectOption('denied');
    assert.equal(await rows(), 7);
    await page.keyboard.press('Tab');
    await page.keyboard.press('/');
    await page.keyboard.type('nobody');
    await page.getByText('No record matches').waitFor();
  }));

  test('the sheet copies the record as JSON, and arrows turn its pages', () => on({ view: 'activity' }, async (page) => {
    await page.locator('[data-record]').first().click();
    const shown = await page.locator('dialog .json').textContent();
    await page.locator('dialog [data-action="copy-json"]').click();
    const { text } = await called(page, 'copy');
    assert.deepEqual(JSON.parse(text), JSON.parse(shown));
    await page.keyboard.press('ArrowRight');
    assert.equal(JSON.parse(await page.locator('dialog .json').textContent()).seq, JSON.parse(shown).seq - 1);
  }));
});

test('trying a connection tells what came of it, and no token', () => on({ view: 'airflow' }, async (page) => {
  await page.getByRole('button', { name: 'Try warehouse_api' }).first().click();
  assert.deepEqual(await called(page, 'try_it'), { what: { connection: 'warehouse_api' } });
  await page.getByText('Token from the cache').waitFor();
  await page.getByRole('button', { name: 'Try warehouse_api' }).nth(1).click();
  assert.deepEqual(await called(page, 'try_it', 2), { what: { connection: 'warehouse_api', env: 'dev' } });
  await page.getByText('profile dev needs you to sign in again').waitFor();
}));

test('a connection with a sign-in of its own is signed in from its row, and tried again', () => on({ view: 'airflow' }, async (page) => {
  const row = page.locator('[data-connection="databricks_prod"]');
  await row.getByRole('button', { name: 'Try databricks_prod' }).click();
  await row.getByText('Connection databricks_prod is not signed in').waitFor();
  await row.locator('[data-action="sign-in-code"]').click();
  assert.deepEqual((await called(page, 'sign_in')).ask, { profile: 'prod', connection: 'databricks_prod', flow: 'device' });
  assert.equal(await row.locator('[data-code]').textContent(), 'WDJB-MJHT');
  await row.locator('[data-action="cancel"]').click();
  assert.deepEqual(await called(page, 'cancel_sign_in'), { profile: 'prod' });
  await row.getByText('Connection databricks_prod is not signed in').waitFor();
  await row.locator('[data-action="sign-in-browser"]').click();
  await row.getByText('Go on in your browser').waitFor();
  await page.evaluate(() => window.__stage.signIn().tell({ event: 'signed_in', status: window.__stage.profile('prod') }));
  await row.getByText('Token from the cache').waitFor();
  await page.getByText('Signed in to databricks_prod as').waitFor();
}));

test('no module parses markup, and the page has nothing inline', () => {
  const files = readdirSync(UI, { recursive: true }).filter((name) => /\.(js|html|css)$/.test(name));
  assert.ok(files.length > 30, `${files.length} files`);
  for (const name of files) {
    const text = readFileSync(join(UI, name), 'utf8');
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|localStorage|https?:\/\/(?!www\.w3\.org)(?![^'\s]*(example|127\.0\.0\.1|forgeblocks))[a-z]/, name);
    if (name.endsWith('.html')) assert.doesNotMatch(text, /\sstyle=|\son[a-z]+=|<style|<script(?![^>]*src=)/, name);
  }
});

describe('approvals', () => {
  const asked = (page, id) => page.locator(`[data-approval="${id}"]`);

  test('a question says who wants what by which rule, marks what nobody checked, and is answered by one click', () => on({ view: 'approvals' }, async (page) => {
    const one = asked(page, 'ap-7k2m9q4x1c');
    const text = await one.innerText();
    for (const words of ['python3.12 wants a token for warehouse_api', 'Asked 14 times', 'production', '/usr/bin/python3.12, process 48213', '/opt/venv/bin/airflow < /usr/bin/zsh', '/dev/pts/3', '/home/ada/src/etl']) assert.ok(text.includes(words), `${words}\n${text}`);
    assert.match(text, /Says of itself[^]*dag_id load_orders/);
    await one.locator('[data-action="answer-run"]').click();
    assert.deepEqual(await called(page, 'answer_approval'), { id: 'ap-7k2m9q4x1c', answer: 'run' });
    await page.getByText('Approved until').waitFor();
    await one.locator('[data-action="take-back"]').waitFor();
    await page.getByText('1 question for you').waitFor();
  }));

  test('what may be asked by the window itself has no answer here, and one that does not count is told', () => on({ view: 'approvals' }, async (page) => {
    const one = asked(page, 'ap-0b8d5f2h6j');
    for (const words of ['It may be this window’s own process tree that asks', 'An answer does not count: polkit’s question was closed']) await one.getByText(words).waitFor();
    assert.equal(await one.getByRole('button').count(), 0);
  }));

  test('an answer that holds is taken back, and one that came too late is said', () => on({ view: 'approvals' }, async (page) => {
    await asked(page, 'ap-4w6y8a1c3e').locator('[data-action="take-back"]').click();
    assert.deepEqual(await called(page, 'revoke_approval'), { id: 'ap-4w6y8a1c3e' });
    await asked(page, 'ap-4w6y8a1c3e').waitFor({ state: 'detached' });
    await page.evaluate(() => window.__stage.expire('ap-7k2m9q4x1c'));
    await asked(page, 'ap-7k2m9q4x1c').locator('[data-action="answer-once"]').click();
    await page.getByRole('alert').getByText('There is no approval ap-7k2m9q4x1c').waitFor();
  }));
});
