// What a person does with leases in the window: looks at them, takes one back, signs out of all of it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { called } from './stage/acts.mjs';
import { rig } from './stage/rig.mjs';

const on = rig({ before, after });

describe('leases', () => {
  const lease = (page, id) => page.locator(`.lease[data-lease="${id}"]`);

  test('a lease stands in its tree with what it is on, who used it and until when, and is taken back once that is confirmed', () => on({ view: 'sessions' }, async (page) => {
    const tree = page.getByRole('region', { name: 'dagpass run run-4Kq8mZ1xW0aBc2Ye' });
    const text = await tree.innerText();
    for (const words of ['By the sign-in of prod', 'https://warehouse.corp.example, warehouse:read', 'warehouse_api, load_orders.extract, report_daily.render (revoked), python3.12 48213', '2 tokens, 214 times; good until', 'lane agent']) assert.ok(text.includes(words), `${words}\n${text}`);
    const one = lease(page, 'ls-3fa29c1b02');
    await one.getByRole('button').focus();
    await page.keyboard.press('Enter');
    await page.locator('[data-action="keep"]').click();
    assert.equal(await one.getAttribute('data-state'), 'holds');
    await one.getByRole('button').click();
    await page.getByText('is good until').first().waitFor();
    await page.locator('[data-action="confirm-revoke"]').click();
    await page.locator('.lease[data-lease="ls-3fa29c1b02"][data-state="revoked"]').waitFor();
    assert.deepEqual(await called(page, 'revoke_lease'), { id: 'ls-3fa29c1b02' });
    assert.equal(await one.getByRole('button').count(), 0);
    await page.getByText('Revoked: what is out is good until').waitFor();
  }));

  test('each lane says what it has had, what is left, and who asked last', () => on({ view: 'sessions' }, async (page) => {
    const text = await page.getByRole('region', { name: 'Lanes' }).innerText();
    for (const words of ['Lane agent', '41 of 60 tokens this hour, 19 left; 2 of 3 audiences this hour, 1 left', 'asked last by python3.12 48213', 'run-agent-4Kq8mZ1xW0aBc2Ye', 'Lane nightly', 'spent until', 'In any lane, for all that is seen of it', 'No quota: nothing is counted']) assert.ok(text.includes(words), `${words}\n${text}`);
  }));

  test('a lease that changes is shown as it is when the record tells of an issue', () => on({ view: 'sessions' }, async (page) => {
    await page.evaluate(() => {
      window.__stage.lease('ls-90c2d41e77', { times: 4 });
      window.__stage.record({ event: 'issue' });
    });
    await page.clock.runFor(2000);
    await lease(page, 'ls-90c2d41e77').getByText('1 token, 4 times').waitFor();
  }));

  test('signing out everywhere says what is confirmed, what is owed and what stays good until when', () => on({ view: 'sessions' }, async (page) => {
    await page.locator('[data-action="sign-out-everywhere"]').click();
    await page.locator('[data-action="confirm-everywhere"]').click();
    const sheet = page.locator('dialog.sheet');
    const text = await sheet.innerText();
    for (const words of ['Ping confirmed that the refresh token is revoked', 'Airflow staging may take its token until', 'the revocation is tried again', '3 leases ended', 'one that checks offline does not', 'https://warehouse.corp.example, warehouse:read until']) assert.ok(text.includes(words), `${words}\n${text}`);
    assert.equal(await page.locator('.lease').count(), 0);
  }));
});
