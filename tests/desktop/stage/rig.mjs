// One browser and one server for a file of tests, and a page that must leave the console silent.
import assert from 'node:assert/strict';
import { launch, open } from './pages.mjs';
import { serve } from './serve.mjs';

/** Gives `on(setting, act)`: a page in that setting, closed when `act` is done with it. */
export function rig({ before, after }) {
  let browser;
  let server;
  before(async () => {
    [browser, server] = await Promise.all([launch(), serve()]);
  });
  after(async () => {
    await browser.close();
    server.close();
  });
  return async (setting, act) => {
    const opened = await open(browser, server.at, setting);
    try {
      await act(opened.page);
      assert.deepEqual(opened.complaints, [], 'the console is silent');
    } finally {
      await opened.context.close();
    }
  };
}
