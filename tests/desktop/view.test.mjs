// The window's view in a real browser under the window's own policy: every state is drawn without a
// finding of axe-core, a sideways scroll, a word from the console or a jump when data arrives, and the
// keyboard reaches whatever the mouse does.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { after, before, describe, test } from 'node:test';
import { ready } from './stage/pages.mjs';
import { rig } from './stage/rig.mjs';
import { SCENES } from './stage/scenes.mjs';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const VIEWS = ['sessions', 'activity', 'airflow', 'approvals', 'settings', 'doctor', 'welcome'];
/** The other two corners hold the same elements. */
const CORNERS = [{ width: 1200, theme: 'light' }, { width: 360, theme: 'dark', height: 740 }];
/** Each state is read in one of them, turn by turn, and before a release in both. */
const corners = (turn) => (process.env.DAGPASS_EVERY_CORNER ? CORNERS : [CORNERS[turn % CORNERS.length]]);
/** More presses of Tab than any view has stops. */
const STOPS = 250;

const on = rig({ before, after });

async function sound(page) {
  // By the debugger's own door: the page's policy lets no script in.
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa'] }));
  assert.deepEqual(violations.map(({ id, nodes }) => [id, ...nodes.map(({ html, failureSummary }) => `${html.slice(0, 160)} ${failureSummary}`)]), []);
}

async function noSidewaysScroll(page) {
  const wide = await page.evaluate(() => {
    const main = document.querySelector('main');
    // What is cut or scrolls inside its own box is meant so.
    const over = [...main.querySelectorAll('*')].filter((one) => one.getClientRects().length && one.getBoundingClientRect().right > main.getBoundingClientRect().right + 1 && !one.closest('.editor, .seg, .json, .clash-lines, svg, .cut, .unseen, .groups'));
    return [document.documentElement.scrollWidth > innerWidth, main.scrollWidth > main.clientWidth, over.slice(0, 3).map((one) => one.outerHTML.slice(0, 120))];
  });
  assert.deepEqual(wide, [false, false, []]);
}

describe('every state', () => {
  for (const [turn, scene] of SCENES.entries()) {
    for (const corner of corners(turn)) {
      test(`${scene.name} at ${corner.width} in ${corner.theme}`, () => on({ ...scene, ...corner }, async (page) => {
        await scene.play?.(page);
        await sound(page);
        await noSidewaysScroll(page);
      }));
    }
  }
});

describe('nothing jumps', () => {
  for (const view of VIEWS) {
    for (const width of [1200, 700, 360]) {
      test(`${view} at ${width} when its data arrives, and more after it`, () => on({ view, width, hold: true, motion: 'no-preference' }, async (page) => {
        await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        await page.evaluate(() => window.__stage.release());
        await ready(page);
        for (let turn = 0; turn < 3; turn += 1) {
          await page.evaluate(() => {
            window.__stage.record();
            window.__stage.change('prod', { signed_in_at: Date.now() / 1000 });
          });
          await page.clock.runFor(1100);
          await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
        }
        assert.deepEqual(await page.evaluate(() => window.__shifts), []);
      }));
    }
  }
});

describe('by keyboard alone', () => {
  for (const view of VIEWS) {
    test(`Tab reaches every control of ${view}`, () => on({ view }, async (page) => {
      const wanted = await page.evaluate(() => {
        // A row of choices is one stop, whose arrows lead on.
        const stops = [...document.querySelectorAll('button, a[href], input, select, textarea, [tabindex="0"], summary')].filter((one) => one.getClientRects().length && !one.disabled && one.tabIndex >= 0 && one.id !== 'main');
        stops.forEach((one, at) => (one.dataset.stop = at));
        return stops.map((one) => `${one.dataset.stop} ${one.textContent.trim() || one.getAttribute('aria-label') || one.className}`);
      });
      const met = new Set();
      for (let press = 0; press < STOPS && met.size < wanted.length; press += 1) {
        await page.keyboard.press('Tab');
        const at = await page.evaluate(() => document.activeElement?.dataset.stop);
        if (at !== undefined) met.add(at);
      }
      assert.deepEqual(wanted.filter((name) => !met.has(name.split(' ')[0])), []);
    }));
  }

  test('1 to 5 turn to the views, / goes to the filter, Escape leaves it', () => on({}, async (page) => {
    for (const [at, view] of VIEWS.slice(0, 6).entries()) {
      await page.keyboard.press(String(at + 1));
      await page.locator(`section[data-view="${view}"]:visible`).waitFor();
    }
    // In one breath: the view is still to come when its filter is asked for.
    await page.evaluate(() => ['2', '/'].forEach((key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))));
    await page.waitForFunction(() => document.activeElement.getAttribute('aria-label') === 'Filter the records');
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.tagName), 'BODY');
  }));

  test('arrows walk the rail and the rows, Enter opens a record, Escape closes it and gives the focus back', () => on({ view: 'activity' }, async (page) => {
    await page.locator('.tab[data-view="activity"]').focus();
    await page.keyboard.press('ArrowDown');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.view), 'airflow');
    await page.locator('[data-record][tabindex="0"]').focus();
    for (let press = 0; press < 40; press += 1) await page.keyboard.press('ArrowDown');
    const row = await page.evaluate(() => document.activeElement.dataset.record);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    assert.match(await page.locator('dialog .json').textContent(), new RegExp(`"seq": ${row},`));
    await page.keyboard.press('Escape');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.record), row);
  }));

  test('skipping the rail leads into the view that is there, and a change of view leads to its name', () => on({ view: 'doctor' }, async (page) => {
    const at = () => page.evaluate(() => [document.activeElement.tagName, document.activeElement.textContent, location.hash]);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    assert.deepEqual(await at(), ['H1', 'Doctor', '#/doctor']);
    await page.keyboard.press('Tab');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.action), 'check');
    for (const [key, name] of [['3', 'Airflow'], ['1', 'Sessions']]) {
      await page.keyboard.press(key);
      await page.waitForFunction((wanted) => document.activeElement.textContent === wanted, name);
      assert.equal((await at())[0], 'H1');
    }
    // From a button that is no more to be seen.
    await page.evaluate(() => window.__stage.emit('status', { ...structuredClone(window.__stage.status()), profiles: [] }));
    await page.locator('[data-action="welcome"]').click();
    await page.waitForFunction(() => document.activeElement.textContent === 'One sign-in a day');
    await page.locator('.tab[data-view="activity"]').focus();
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.activeElement.textContent === 'Activity');
  }));

  test('rows are heard in the order they are seen, walked and opened, while new ones come in and all are read again', () => on({ view: 'activity' }, async (page) => {
    const look = () => page.evaluate(() => {
      const rows = [...document.querySelectorAll('[data-record]')];
      const seen = [...rows].sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
      return { heard: rows.map((one) => one.dataset.record), seen: seen.map((one) => one.dataset.record), index: rows.map((one) => Number(one.getAttribute('aria-rowindex'))), stops: rows.filter((one) => one.tabIndex === 0).length, on: document.activeElement.dataset.record };
    });
    const settle = () => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    const isSound = async (stands) => {
      await settle();
      const { heard, seen, index, stops, on: row } = await look();
      assert.deepEqual(heard, seen);
      assert.deepEqual(index, [...index].sort((a, b) => a - b));
      assert.deepEqual([stops, row], [1, stands]);
    };
    await page.locator('[data-record][tabindex="0"]').focus();
    await page.keyboard.press('ArrowDown');
    await isSound('299');
    for (let turn = 0; turn < 3; turn += 1) await page.evaluate(() => window.__stage.record());
    await page.locator('[data-record="303"]').waitFor({ state: 'attached' });
    await isSound('299');
    // Every record is another object then, and each row the same.
    await page.evaluate(() => window.__stage.emit('missed', null));
    await page.waitForFunction(() => window.__stage.calls.filter(({ name }) => name === 'activity').length === 2);
    await isSound('299');
    await page.keyboard.press('ArrowDown');
    await isSound('298');
    await page.keyboard.press('ArrowUp');
    await page.keyboard.press('ArrowUp');
    await isSound('300');
    await page.keyboard.press('Enter');
    assert.match(await page.locator('dialog .json').textContent(), /"seq": 300,/);
    await page.keyboard.press('Escape');
    for (const key of ['End', 'Home', 'PageDown']) {
      await page.keyboard.press(key);
      await page.evaluate(() => window.__stage.record());
      await settle();
      await isSound((await look()).on);
    }
    // Its row goes: whoever stood on it stands on the first of those that are left.
    await page.evaluate(() => {
      const box = document.querySelector('[data-choice="kind"]');
      box.value = 'denied';
      box.dispatchEvent(new Event('change'));
    });
    await isSound((await look()).seen[0]);
    await sound(page);
  }));

  test('the timeline says each mark, and Shift with the arrows selects a time', () => on({ view: 'activity' }, async (page) => {
    await page.keyboard.press('/');
    await page.locator('.timeline').focus();
    await page.keyboard.press('End');
    assert.match(await page.locator('.timeline').getAttribute('aria-valuetext'), /^\d\d:\d\d:\d\d [A-Z].*python3\.11$/);
    const all = await page.locator('.activity-told p').textContent();
    for (let press = 0; press < 5; press += 1) await page.keyboard.press('Shift+ArrowLeft');
    assert.match(await page.locator('.activity-told p').textContent(), /^\d+ records in$/);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.activity-told p').textContent(), all);
  }));
});
