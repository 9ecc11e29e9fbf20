// A word at the edge. What went well goes by itself; what went wrong stays until it is dismissed.
import { h } from './dom.js';
import { icon } from './icons.js';

/** How long does a word stay that nobody has to do anything about? */
const STAYS_MS = 4500;
const place = () => document.querySelector('.toasts');

export function toast(text, tone = 'check') {
  const said = h('div', { class: 'toast' }, icon(tone), h('span', {}, plain(text)));
  place().append(said);
  setTimeout(() => said.remove(), STAYS_MS);
}

export const toastRefusal = ({ error_description: what, cause, hint }) => warn(cause ? `${what}: ${cause}` : what, hint);

/** Said once, however often it happens. */
export function warn(text, hint) {
  const words = sentence(plain(text));
  const key = `${words}\n${hint ?? ''}`;
  [...place().querySelectorAll('.toast.wrong')].find((one) => one.said === key)?.remove();
  const close = h('button', { type: 'button', class: 'toast-close', 'aria-label': 'Dismiss', title: 'Dismiss (Esc)', data: { action: 'dismiss-word' }, onclick: () => dismiss(said) }, icon('cross'));
  const said = h('div', { class: 'toast wrong', role: 'alert' }, icon('warn'), h('div', {}, h('p', {}, words), hint && h('p', { class: 'toast-hint' }, sentence(plain(hint)))), close);
  said.said = key;
  place().append(said);
}

/** The newest of what went wrong; whether there was one. */
export function dismissLast() {
  const last = [...place().querySelectorAll('.toast.wrong')].at(-1);
  if (last) dismiss(last);
  return Boolean(last);
}

/** Whoever stood on it goes on to the next, or back to the view. */
function dismiss(said) {
  const held = said.contains(document.activeElement);
  said.remove();
  if (held) (place().querySelector('button') ?? document.getElementById('main')).focus();
}

const plain = (text) => String(text ?? '').replaceAll('`', '');
const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
