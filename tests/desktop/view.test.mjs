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
const VIEWS = ['sessions', 'activity', 'airflow', 'settings', 'doctor', 'welcome'];
/** Each state is read in these; the other two corners hold the same elements. */
const CORNERS = [{ width: 1200, theme: 'light' }, { width: 360, theme: 'dark', height: 740 }];
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
    const over = [...main.querySelectorAll('*')].filter((one) => one.getClientRects().length && one.getBoundingClientRect().right > main.getBoundingClientRect().right + 1 && !one.closest('.editor, .seg, .json, svg, .cut, .unseen, .groups'));
    return [document.documentElement.scrollWidth > innerWidth, main.scrollWidth > main.clientWidth, over.slice(0, 3).map((one) => one.outerHTML.slice(0, 120))];
  });
  assert.deepEqual(wide, [false, false, []]);
}

describe('every state', () => {
  for (const scene of SCENES) {
    for (const corner of CORNERS) {
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
    for (const [at, view] of VIEWS.slice(0, 5).entries()) {
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
