// Every state that is drawn: by name, where it begins and what is done to reach it.
const click = (action) => (page) => page.locator(`main [data-action="${action}"]:visible`).first().click();
const of = (profile, action) => (page) => page.locator(`[data-profile="${profile}"] [data-action="${action}"]`).click();

export const SCENES = [
  { name: 'sessions', view: 'sessions' },
  { name: 'sessions-states', view: 'sessions', stage: 'states' },
  { name: 'sessions-services', view: 'sessions', stage: 'services' },
  { name: 'sessions-code', view: 'sessions', play: async (page) => {
    await of('dev', 'sign-in-code')(page);
    await page.locator('svg.qr').waitFor();
  } },
  { name: 'sessions-browser', view: 'sessions', play: of('dev', 'sign-in-browser') },
  { name: 'sessions-failed', view: 'sessions', play: async (page) => {
    await of('dev', 'sign-in-browser')(page);
    await page.evaluate(() => {
      const running = window.__stage.signIn();
      running.tell({ event: 'failed', error: { error: 'subject_changed', error_description: 'another person signed in on profile `dev`', cause: 'it was `ada`, now it is `bob`', hint: 'if that is meant, run `dagpass login dev --accept-subject bob`' } });
      running.end();
      window.__stage.change('dev', { state: 'login_required' });
    });
  } },
  { name: 'sessions-again', view: 'sessions', play: of('prod', 'sign-in-browser') },
  { name: 'sessions-said', view: 'sessions', stage: 'states', play: async (page) => {
    await page.getByLabel('Passphrase').fill('wrong');
    await of('locked', 'mend')(page);
    await page.locator('.toast.wrong').waitFor();
  } },
  { name: 'sessions-keys', view: 'sessions', play: (page) => page.keyboard.press('?') },
  { name: 'sessions-sign-out', view: 'sessions', play: of('prod', 'sign-out') },
  { name: 'sessions-leases', view: 'sessions', play: (page) => page.locator('.lease-tree').first().evaluate((one) => one.closest('.part').scrollIntoView()) },
  { name: 'sessions-everywhere', view: 'sessions', play: async (page) => {
    await click('sign-out-everywhere')(page);
    await page.locator('[data-action="confirm-everywhere"]').click();
    await page.locator('dialog.sheet').waitFor();
  } },
  { name: 'activity', view: 'activity' },
  { name: 'activity-record', view: 'activity', play: async (page) => {
    await page.locator('[data-record]').nth(3).click();
    await page.locator('dialog.sheet').waitFor();
  } },
  { name: 'activity-brush', view: 'activity', play: async (page) => {
    const box = await page.locator('.timeline').boundingBox();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.85, box.y + 60, { steps: 4 });
    await page.mouse.up();
  } },
  { name: 'activity-tip', view: 'activity', play: async (page) => {
    await page.keyboard.press('/');
    await page.locator('.timeline').focus();
    for (let press = 0; press < 9; press += 1) await page.keyboard.press('ArrowLeft');
  } },
  { name: 'activity-filters', view: 'activity', play: async (page) => {
    const toggle = page.locator('[data-action="filters"]');
    if (await toggle.isVisible()) await toggle.click();
    await page.getByRole('combobox', { name: 'DAG' }).selectOption('etl_daily');
    await page.getByRole('combobox', { name: 'Outcome' }).selectOption('refresh');
  } },
  { name: 'activity-none', view: 'activity', play: (page) => page.locator('[data-filter]').fill('nothing has this name') },
  { name: 'activity-further', view: 'activity', stage: 'more', play: async (page) => {
    await page.evaluate(() => window.__stage.delay('activity'));
    await page.locator('[data-filter]').fill('unheard');
    await page.getByText('Looking further back').waitFor();
  } },
  { name: 'airflow', view: 'airflow' },
  { name: 'airflow-tried', view: 'airflow', play: async (page) => {
    for (const at of [0, 1]) await page.locator('[data-action="try"]').nth(at).click();
    await page.locator('[data-action="compare-roles"]').first().click();
    await page.locator('.differs').waitFor();
  } },
  { name: 'airflow-code', view: 'airflow', play: async (page) => {
    const row = page.locator('[data-connection="databricks_prod"]');
    await row.locator('[data-action="try"]').click();
    await row.locator('[data-action="sign-in-code"]').click();
    await row.locator('svg.qr').waitFor();
    await row.evaluate((node) => node.scrollIntoView());
  } },
  { name: 'airflow-signed-out', view: 'airflow', play: async (page) => {
    const row = page.locator('[data-connection="databricks_prod"]');
    await row.locator('[data-action="try"]').click();
    await row.locator('[data-action="sign-in-code"]').waitFor();
    await row.evaluate((node) => node.scrollIntoView());
  } },
  { name: 'sessions-wrong', view: 'sessions', stage: 'wrong' },
  { name: 'settings', view: 'settings' },
  { name: 'settings-managed', view: 'settings', stage: 'managed', play: (page) => page.locator('[data-settings="corp"] [data-action="edit-profile"]').click() },
  { name: 'settings-managed-text', view: 'settings?tab=text', stage: 'managed' },
  { name: 'settings-edit', view: 'settings', play: async (page) => {
    await click('edit-profile')(page);
    await page.getByLabel('Ping session lasts').fill('nonsense');
    await page.locator('.wrong:visible').first().waitFor();
  } },
  { name: 'settings-add', view: 'settings', play: async (page) => {
    await click('add-profile')(page);
    await page.getByLabel('Environment id').fill('4f6c1a52-8f0e-4c1c-9d55-6b1c2a7e9b10');
    await page.locator('.found-facts').waitFor();
    await page.locator('.adding').evaluate((node) => node.scrollIntoView());
  } },
  { name: 'settings-computer', view: 'settings?tab=computer' },
  { name: 'settings-text', view: 'settings?tab=text', stage: 'states' },
  { name: 'settings-clash', view: 'settings?tab=text', play: async (page) => {
    const area = page.getByRole('textbox', { name: 'Text of config.toml' });
    const text = await area.inputValue();
    await area.fill(text.replace('"12h"', '"8h"'));
    await page.evaluate((anew) => window.__stage.write({ text: anew }), `${text.replace('"device"', '"browser"')}\n[airflow.test]\nurl = "https://airflow.test.corp.example"\n`);
    await page.keyboard.press('Control+s');
    await page.locator('.clash').waitFor();
  } },
  { name: 'doctor', view: 'doctor' },
  { name: 'welcome', view: 'welcome', stage: 'empty' },
  { name: 'welcome-add', view: 'welcome', stage: 'empty', play: async (page) => {
    await page.getByLabel('Environment id').fill('nowhere');
    await page.locator('.found .bad').waitFor();
  } },
  { name: 'welcome-done', view: 'welcome' },
  { name: 'approvals', view: 'approvals' },
  ...['sessions', 'activity', 'airflow', 'approvals', 'settings', 'doctor'].flatMap((view) => [
    { name: `${view}-empty`, view, stage: 'empty' },
    { name: `${view}-away`, view, stage: 'away' },
    { name: `${view}-error`, view, stage: 'error' },
    { name: `${view}-loading`, view, hold: true },
  ]),
  { name: 'welcome-away', view: 'welcome', stage: 'away' },
  { name: 'welcome-error', view: 'welcome', stage: 'error' },
];
