// What a test does with a page and asks it: a card's buttons, what the program behind was called with, and
// news of the agent.
export const calls = (page, name) => page.evaluate((wanted) => window.__stage.calls.filter((one) => one.name === wanted).map((one) => one.args), name);
/** The arguments of the call that is to come, or came. */
export async function called(page, name, amount = 1) {
  await page.waitForFunction(([wanted, least]) => window.__stage.calls.filter((one) => one.name === wanted).length >= least, [name, amount]);
  return (await calls(page, name)).at(-1);
}
export const card = (page, profile) => page.locator(`[data-profile="${profile}"]`);
export const act = (page, profile, action) => card(page, profile).locator(`[data-action="${action}"]`).click();
export const tell = (page, event) => page.evaluate((one) => window.__stage.signIn().tell(one), event);
export const change = (page, profile, more) => page.evaluate(([name, what]) => window.__stage.change(name, what), [profile, more]);
