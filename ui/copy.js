// Copying, which says that it did. The program puts the text on the clipboard, as a page here has no
// right to.
import { h } from './dom.js';
import { icon } from './icons.js';
import { ask } from './ipc.js';
import { toastRefusal } from './toast.js';

/** How long does the button say so? */
const SAID_MS = 1800;

/** `text` may be a function. `words` shows a word beside the picture. */
export function copyButton(text, { label = 'Copy', words = null, action = 'copy', look = 'quiet' } = {}) {
  const before = h('span', { class: 'chip' }, icon('copy'), words);
  const after = h('span', { class: 'chip', 'aria-hidden': 'true' }, icon('check'), words && 'Copied');
  const told = h('span', { class: 'unseen', 'aria-live': 'polite' });
  const made = h(
    'button',
    { type: 'button', class: `button ${look} ${words ? '' : 'only-icon'}`, title: words ? null : 'Copy', data: { action }, 'aria-label': label },
    h('span', { class: 'two' }, before, after),
    told,
  );
  let timer = 0;
  const say = (copied) => {
    before.toggleAttribute('data-off', copied);
    before.setAttribute('aria-hidden', String(copied));
    after.setAttribute('aria-hidden', String(!copied));
    made.setAttribute('aria-label', copied ? 'Copied' : label);
    if (!words) made.title = copied ? 'Copied' : 'Copy';
    told.textContent = copied ? 'Copied' : '';
  };
  made.addEventListener('click', async () => {
    try {
      await ask('copy', { text: typeof text === 'function' ? text() : text });
      say(true);
      clearTimeout(timer);
      timer = setTimeout(() => say(false), SAID_MS);
    } catch (refusal) {
      toastRefusal(refusal);
    }
  });
  return made;
}
