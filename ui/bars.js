// The three horizons of a session: how much is left, as a bar that shrinks, a figure that ticks, and
// where it comes from in words.
import { h } from './dom.js';
import { eachSecond, left, now, spoken, when } from './time.js';
import { sourceOf } from './words.js';

/** Of which whole is a bar a part, where nothing tells when the token began? The smallest that holds it. */
const WHOLES = [300, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400, 604_800, 2_592_000, 7_776_000, 31_536_000];
/** Below which share, and below how many seconds, does a bar warn? */
const LOW_SHARE = 0.15;
const LOW_SECONDS = 3600;
const wholes = new Map();

/** `warns`: its end needs the person; an access token's does not, it is renewed. */
export function horizon(name, { at, source }, { key, since, warns }) {
  const head = h('div', { class: 'horizon-head' }, h('span', {}, name));
  const note = h('p', { class: 'horizon-note soft' });
  if (at === undefined || at === null) {
    head.append(h('span', { class: 'soft' }, source === 'none' ? 'none' : 'not known'));
    note.textContent = source === 'none' ? '\u00a0' : sourceOf('unknown')[0];
    return h('div', { class: 'horizon' }, head, h('div', { class: 'bar empty', 'aria-hidden': 'true' }), note);
  }
  const whole = wholeOf(`${key} ${at}`, at, since);
  const figure = h('span', { class: 'figures horizon-figure' });
  const fillBar = h('i', {});
  const bar = h('div', { class: 'bar', role: 'meter', 'aria-label': name, 'aria-valuemin': '0', 'aria-valuemax': String(Math.round(whole)) }, fillBar);
  const node = h('div', { class: 'horizon' }, head, bar, note);
  head.append(figure);
  const [origin, told] = sourceOf(source);
  note.title = told;
  eachSecond(node, () => {
    const remains = at - now();
    const over = remains <= 0;
    figure.textContent = over ? 'ended' : left(remains);
    fillBar.style.setProperty('transform', `scaleX(${Math.max(0, Math.min(1, remains / whole)).toFixed(4)})`);
    bar.setAttribute('aria-valuenow', String(Math.max(0, Math.round(remains))));
    bar.setAttribute('aria-valuetext', over ? 'ended' : `${spoken(remains)} left`);
    const low = Boolean(warns) && remains < Math.min(LOW_SECONDS, whole * LOW_SHARE);
    node.classList.toggle('waiting', low && !over);
    node.classList.toggle('bad', over && Boolean(warns));
    note.textContent = `${over ? 'since' : 'until'} ${when(at)} · ${origin}`;
  });
  return node;
}

function wholeOf(key, at, since) {
  if (!wholes.has(key)) {
    const remains = at - now();
    const ladder = WHOLES.find((one) => one >= remains) ?? remains;
    wholes.set(key, since && since < at ? at - since : ladder);
  }
  return wholes.get(key);
}
