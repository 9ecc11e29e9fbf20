// Pictures of every view and state, in both widths and themes, to look at.
//   node shots.mjs [FOLDER] [NAME…]
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { launch, open } from './stage/pages.mjs';
import { serve } from './stage/serve.mjs';
import { SCENES } from './stage/scenes.mjs';

const [folder = '/tmp/dagpass-shots', ...names] = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const [browser, server] = await Promise.all([launch(), serve()]);
for (const scene of SCENES.filter(({ name }) => !names.length || names.some((one) => name.startsWith(one)))) {
  for (const width of [1200, 360]) {
    for (const theme of ['light', 'dark']) {
      const { page, context, complaints } = await open(browser, server.at, { ...scene, width, theme, height: width > 800 ? 800 : 740 });
      await scene.play?.(page);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      await page.screenshot({ path: join(folder, `${scene.name}-${width}-${theme}.png`) });
      if (complaints.length) console.log(scene.name, width, theme, complaints);
      await context.close();
    }
  }
}
await browser.close();
server.close();
