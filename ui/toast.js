// A word at the edge that goes by itself. What must not be missed belongs into the view.
import { h } from './dom.js';
import { icon } from './icons.js';

/** How long does a word stay? */
const STAYS_MS = 4500;

export function toast(text, tone = 'check') {
  const said = h('div', { class: 'toast' }, icon(tone), h('span', {}, text.replaceAll('`', '')));
  document.querySelector('.toasts').append(said);
  setTimeout(() => said.remove(), STAYS_MS);
}

export const toastRefusal = (refusal) => toast(sentence(refusal.cause ? `${refusal.error_description}: ${refusal.cause}` : refusal.error_description), 'warn');

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
