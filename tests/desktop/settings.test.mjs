// What a person does in the settings: profiles by form, config.toml itself, what keeps unsaved work and what
// another program wrote meanwhile.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { called, calls, change } from './stage/acts.mjs';
import { rig } from './stage/rig.mjs';

const on = rig({ before, after });

describe('settings', () => {
  test('what the machine’s config locks is shown locked, by whom, and its profile is there without a table of one’s own', () => on({ view: 'settings', stage: 'managed' }, async (page) => {
    await page.getByRole('note').getByText('issuer, client-id, flow, notifications, default-profile').waitFor();
    await page.getByRole('tab', { name: 'config.toml' }).click();
    await page.getByText('is locked by /etc/dagpass/config.toml, which has').waitFor();
    await page.getByText('/etc/dagpass/config.toml:2').waitFor();
    assert.equal(await page.locator('.gutter .wrong').textContent(), '4', 'the machine’s lines are not one’s own');
    await page.getByRole('tab', { name: 'Profiles' }).click();
    const corp = page.locator('[data-settings="corp"]');
    await corp.getByText('managed').waitFor();
    await corp.locator('[data-action="edit-profile"]').click();
    assert.equal(await corp.getByLabel('Client id').inputValue(), 'corp');
    assert.ok(await corp.getByLabel('Client id').isDisabled());
    assert.ok(await corp.getByRole('radio', { name: 'Code' }).isDisabled());
    assert.equal(await corp.getByText('Locked by /etc/dagpass/config.toml').count(), 2);
    assert.equal(await corp.locator('[data-action="remove-profile"]').count(), 0);
    // What is not locked is written into one's own.
    await corp.getByLabel('CA file').fill('own.pem');
    await corp.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved: corp').waitFor();
    assert.deepEqual((await calls(page, 'edit_config')).find(({ edit }) => !edit.dry_run).edit.set, { 'profile.corp.ca-file': 'own.pem' });
    const own = page.locator('[data-settings="dev"]');
    await own.locator('[data-action="edit-profile"]').click();
    assert.ok(await own.getByLabel('Client id').isEnabled(), 'one of the person’s own is judged by the agent');
    await page.getByRole('tab', { name: 'This computer' }).click();
    assert.ok(await page.getByLabel('Default profile').isDisabled());
    assert.ok(await page.getByLabel('Sign-in needed').isDisabled());
  }));

  test('a field is judged while typed, saved as one edit, and emptied to unset its key', () => on({ view: 'settings' }, async (page) => {
    const { digest } = await page.evaluate(() => window.__stage.write({}));
    await page.locator('[data-settings="prod"] [data-action="edit-profile"]').click();
    const form = page.locator('[data-settings="prod"]');
    await form.getByLabel('Ping session lasts').fill('nonsense');
    await form.getByText('is no time').waitFor();
    assert.equal((await called(page, 'edit_config')).edit.dry_run, true);
    await form.getByLabel('Ping session lasts').fill('');
    await form.getByRole('radio', { name: 'Code' }).click();
    await form.getByLabel('Redirect ports').fill('21217, 0');
    await form.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction(() => window.__stage.calls.some(({ args }) => args.edit?.dry_run === false));
    assert.deepEqual((await calls(page, 'edit_config')).find(({ edit }) => !edit.dry_run).edit, { set: { 'profile.prod.flow': 'device', 'profile.prod.redirect-ports': [21217, 0] }, unset: ['profile.prod.session-lifetime'], dry_run: false, digest });
  }));

  test('unsaved work holds the way until it is discarded', () => on({ view: 'settings' }, async (page) => {
    await page.locator('[data-settings="dev"] [data-action="edit-profile"]').click();
    await page.locator('[data-settings="dev"]').getByLabel('Client id').fill('another');
    await page.keyboard.press('Escape');
    await page.keyboard.press('1');
    await page.getByRole('button', { name: 'Keep editing' }).click();
    assert.equal(await page.locator('[data-settings="dev"]').getByLabel('Client id').inputValue(), 'another');
    assert.match(page.url(), /#\/settings$/);
    await page.locator('.tab[data-view="activity"]').click();
    await page.getByRole('button', { name: 'Discard it' }).click();
    await page.locator('section[data-view="activity"]:visible').waitFor();
    await page.keyboard.press('5');
    assert.equal(await page.locator('[data-settings="dev"]').getByLabel('Client id').inputValue(), 'dagpass-dev');
  }));

  test('saving one profile leaves what is typed in another', () => on({ view: 'settings' }, async (page) => {
    for (const name of ['prod', 'dev']) await page.locator(`[data-settings="${name}"] [data-action="edit-profile"]`).click();
    await page.locator('[data-settings="dev"]').getByLabel('Client id').fill('another');
    await page.locator('[data-settings="prod"]').getByLabel('CA file').fill('corp.pem');
    await page.locator('[data-settings="prod"]').getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved: prod').waitFor();
    await change(page, 'dev', { state: 'signed_out' });
    await page.locator('[data-settings="dev"]').getByText('Signed out').waitFor();
    assert.equal(await page.locator('[data-settings="dev"]').getByLabel('Client id').inputValue(), 'another');
  }));

  test('a text that is refused is not lost, and its line is shown', () => on({ view: 'settings?tab=text' }, async (page) => {
    const area = page.getByRole('textbox', { name: 'Text of config.toml' });
    const text = (await area.inputValue()).replace('"device"', '"devise"');
    await area.fill(text);
    await page.keyboard.press('Control+s');
    await page.getByText('Not saved: what was there stays in force').waitFor();
    assert.equal(await area.inputValue(), text);
    assert.equal(await page.locator('.gutter .wrong').textContent(), '14');
    assert.equal(await area.evaluate((one) => one.value.slice(one.selectionStart, one.selectionEnd)), 'flow      = "devise"');
    await area.fill(text.replace('"devise"', '"browser"'));
    await page.keyboard.press('Control+s');
    await page.getByText('config.toml is saved and in force').waitFor();
  }));

  test('a text that another program changed meanwhile is shown beside its own, and nothing is lost', () => on({ view: 'settings?tab=text' }, async (page) => {
    const area = page.getByRole('textbox', { name: 'Text of config.toml' });
    const text = await area.inputValue();
    const [mine, theirs] = [text.replace('"12h"', '"8h"'), `${text.replace('"device"', '"browser"')}\n# theirs\n`];
    const vim = (anew) => page.evaluate((to) => window.__stage.write({ text: to }), anew);
    const both = page.getByRole('region', { name: 'Both versions of config.toml' });
    const meet = async (anew) => {
      await area.fill(mine);
      await vim(anew);
      await page.keyboard.press('Control+s');
      await both.waitFor();
    };
    await meet(theirs);
    const differs = await both.getByRole('region', { name: 'What differs' }).innerText();
    for (const line of ['session-lifetime = "12h"', 'session-lifetime = "8h"', 'flow      = "device"', '# theirs']) assert.ok(differs.includes(line), line);
    assert.equal(await area.inputValue(), mine, 'what was typed stays');

    await both.getByRole('button', { name: 'Put both together' }).click();
    assert.equal(await area.inputValue(), theirs.replace('"12h"', '"8h"'));
    await page.keyboard.press('Control+s');
    await page.getByText('config.toml is saved and in force').waitFor();

    await area.fill(text);
    await page.keyboard.press('Control+s');
    await page.waitForFunction((all) => window.__stage.calls.filter(({ name }) => name === 'save_config').length === all, 3);
    await meet(text.replace('"12h"', '"1h"'));
    await both.getByRole('button', { name: 'Put both together' }).click();
    await page.getByText('1 place was changed in both').waitFor();
    assert.match(await area.inputValue(), /# on disk:\nsession-lifetime = "1h"\n# yours:\nsession-lifetime = "8h"\n# end of both/);

    await meet(`${text}# again\n`);
    await both.getByRole('button', { name: 'Take what is on disk' }).click();
    assert.equal(await area.inputValue(), `${text}# again\n`);
    await meet(text);
    await both.getByRole('button', { name: 'Keep mine' }).click();
    await page.waitForFunction((wanted) => window.__stage.calls.at(-2)?.args.text === wanted || window.__stage.calls.at(-1)?.args.text === wanted, mine);
    await both.waitFor({ state: 'detached' });
  }));

  test('a text with the line ends of Windows is none that was changed, and keeps them', () => on({ view: 'settings' }, async (page) => {
    const read = (await calls(page, 'config')).length;
    await page.evaluate(() => window.__stage.write({ text: window.__stage.config.replaceAll('\n', '\r\n') }));
    await page.keyboard.press('1');
    await page.keyboard.press('5');
    // What was read before it was written looks the same in a text area.
    await called(page, 'config', read + 1);
    await page.getByRole('tab', { name: 'config.toml' }).click();
    const area = page.getByRole('textbox', { name: 'Text of config.toml' });
    await page.waitForFunction(() => document.querySelector('.editor textarea').value.includes('partner'));
    assert.equal(await page.getByRole('button', { name: 'Save' }).last().isDisabled(), true);
    await area.fill(`${await area.inputValue()}# mine\n`);
    await page.keyboard.press('Control+s');
    const { text } = await called(page, 'save_config');
    assert.equal(text.replaceAll('\r\n', '').includes('\n'), false);
    assert.ok(text.endsWith('# mine\r\n'));
  }));

  test('a key that another program changed meanwhile is shown before it is written over; any other stands in nobody’s way', () => on({ view: 'settings' }, async (page) => {
    const form = page.locator('[data-settings="prod"]');
    const vim = (more) => page.evaluate((change) => {
      const { table } = structuredClone(window.__stage.write({}));
      Object.assign(table.profile.prod, change);
      window.__stage.write({ table });
    }, more);
    const written = () => page.evaluate(() => window.__stage.write({}).table.profile.prod);
    await form.locator('[data-action="edit-profile"]').click();
    await form.getByLabel('CA file').fill('mine.pem');
    await vim({ flow: 'device', 'session-lifetime': '8h' });
    await form.getByRole('button', { name: 'Save' }).click();
    await page.getByText('Saved: prod').waitFor();
    const { flow, 'ca-file': ca, 'session-lifetime': lasts } = await written();
    assert.deepEqual([flow, ca, lasts], ['device', 'mine.pem', '8h']);
    assert.equal(await form.getByLabel('Ping session lasts').inputValue(), '8h');

    await form.getByLabel('CA file').fill('another.pem');
    await vim({ 'ca-file': 'theirs.pem' });
    await form.getByRole('button', { name: 'Save' }).click();
    await form.getByText('Config.toml says theirs.pem since').waitFor();
    assert.equal((await written())['ca-file'], 'theirs.pem');
    await form.getByRole('button', { name: 'Save' }).click();
    await page.waitForFunction(() => window.__stage.write({}).table.profile.prod['ca-file'] === 'another.pem');
  }));

  test('a late answer fills no other product’s form, and leaves scopes that were typed', () => on({ view: 'welcome', stage: 'empty' }, async (page) => {
    await page.evaluate(() => window.__stage.delay('discover'));
    await page.getByLabel('Environment id').fill('4f6c1a52-8f0e');
    await called(page, 'discover');
    await page.getByRole('radio', { name: 'PingFederate' }).click();
    await page.evaluate(() => window.__stage.arrive('discover'));
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    await page.getByText('What Ping answers there shows here').waitFor();
    await page.getByLabel('Client id').fill('c');
    assert.equal(await page.getByRole('button', { name: 'Add the profile' }).isDisabled(), true);

    await page.getByLabel('Scopes').fill('openid airflow');
    await page.getByLabel('PingFederate URL').fill('https://elsewhere.corp.example');
    await page.getByText('Its document is elsewhere').waitFor();
    assert.equal(await page.getByLabel('Scopes').inputValue(), 'openid airflow');
    await page.getByRole('button', { name: 'Add the profile' }).click();
    const { set } = (await called(page, 'edit_config')).edit;
    assert.deepEqual(set['profile.prod'], { issuer: 'https://login.corp.example', 'client-id': 'c', scopes: ['openid', 'airflow'] });
    assert.equal(set['profile.prod.endpoints.discovery'], 'https://elsewhere.corp.example/.well-known/openid-configuration');
  }));

  test('a profile is looked up while one types, and written with what was found', () => on({ view: 'welcome', stage: 'empty' }, async (page) => {
    await page.getByLabel('Environment id').pressSequentially('4f6c1a52-8f0e');
    await page.getByText('https://auth.pingone.eu/4f6c1a52-8f0e/as').waitFor();
    assert.ok((await calls(page, 'discover')).length < 4, 'not a question a key');
    const add = page.getByRole('button', { name: 'Add the profile' });
    assert.equal(await add.isDisabled(), true, 'no client id yet');
    await page.getByLabel('Client id').fill('b7d5');
    await add.click();
    const { digest, ...edit } = (await called(page, 'edit_config')).edit;
    assert.match(digest, /^[0-9a-f]+$/, 'made from the file as it was');
    assert.deepEqual({ edit }, { edit: { set: { 'profile.prod': { issuer: 'https://auth.pingone.eu/4f6c1a52-8f0e/as', 'client-id': 'b7d5', scopes: ['openid', 'profile', 'email'] }, 'default-profile': 'prod' }, unset: [], dry_run: false } });
    await page.getByRole('radio', { name: 'PingAM' }).click();
    await page.getByLabel('PingAM URL').fill('https://nowhere.example/am');
    await page.getByText('The discovery document cannot be had').waitFor();
    assert.deepEqual((await calls(page, 'discover')).at(-1), { ask: { kind: 'pingam', url: 'https://nowhere.example/am', realm: 'alpha' } });
  }));

  test('an issuer whose answers are anonymous gets a callback of its own, and its document is written down', () => on({ view: 'welcome', stage: 'empty' }, async (page) => {
    await page.getByRole('radio', { name: 'Issuer' }).click();
    await page.getByLabel('Issuer URL').fill('https://sso.partner.example');
    await page.getByText('Found the issuer').waitFor();
    await page.getByLabel('Profile name').fill('partner');
    await page.getByLabel('Client id').fill('b7d5');
    assert.match(await page.locator('details.register').textContent(), /http:\/\/127\.0\.0\.1:21217\/callback\/partner/);
    await page.getByRole('button', { name: 'Add the profile' }).click();
    const { edit } = await called(page, 'edit_config');
    assert.equal(edit.set['profile.partner']['redirect-path'], '/callback/partner');
    assert.equal(edit.set['profile.partner.endpoints.discovery'], 'https://sso.partner.example/.well-known/openid-configuration?policy_id=desk');
  }));
});
