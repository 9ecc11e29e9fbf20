// The window: a rail of views, the view that the fragment names, and the keys that work everywhere.
import { fill, h, redraw } from './dom.js';
import { brand, icon } from './icons.js';
import { on } from './ipc.js';
import { current, go, start, VIEWS } from './router.js';
import { question } from './sheet.js';
import { begin, known, watch } from './store.js';
import { dismissLast } from './toast.js';
import { CALLS, storeOf } from './words.js';

/** The first view is drawn before the others are read. */
const MODULES = {
  sessions: () => import('./views/sessions.js'),
  activity: () => import('./views/activity.js'),
  airflow: () => import('./views/airflow.js'),
  approvals: () => import('./views/approvals.js'),
  settings: () => import('./views/settings.js'),
  doctor: () => import('./views/doctor.js'),
  welcome: () => import('./views/welcome.js'),
};
const REST_MS = 200;
const NAMES = { sessions: 'Sessions', activity: 'Activity', airflow: 'Airflow', approvals: 'Approvals', settings: 'Settings', doctor: 'Doctor', welcome: 'Welcome' };
const main = document.getElementById('main');
const rail = document.querySelector('.rail');
const mounted = new Map();
let wanted = null;
/** The view that stands there. */
let shown = null;
/** The view that `/` was pressed for while it was still to come. */
let filterFor = null;
// Which fonts there are for code depends on the system, which CSS does not know.
document.documentElement.dataset.system = navigator.userAgent.includes('Windows') ? 'windows' : navigator.userAgent.includes('Macintosh') ? 'macos' : 'linux';

const tabs = VIEWS.map((view, at) => h(
  'a',
  { class: 'tab', href: `#/${view}`, data: { view }, tabindex: at ? '-1' : '0', title: `${NAMES[view]} (${at + 1})`, 'aria-keyshortcuts': String(at + 1) },
  h('span', { class: 'mark' }, icon(view)), h('span', { class: 'name' }, NAMES[view]), h('kbd', { 'aria-hidden': 'true' }, String(at + 1)),
));
const standing = h('div', {});
const foot = h('div', { class: 'rail-foot' }, standing, h('button', { type: 'button', class: 'words keys', data: { action: 'keys' }, onclick: () => keys() }, 'Keys', h('kbd', { 'aria-hidden': 'true' }, '?')));
fill(rail, h('div', { class: 'brand' }, brand(20), h('span', { class: 'brand-name' }, 'dagpass')), h('div', { class: 'tabs' }, tabs), foot);
rail.addEventListener('keydown', roam);

async function show({ view, params }) {
  const name = view ?? (known.status && isNew(known.status) ? 'welcome' : 'sessions');
  wanted = name;
  mark(name);
  const module = await MODULES[name]();
  if (wanted !== name) return;
  for (const [other, { section, parts }] of mounted) {
    if (other !== name && !section.hidden) parts.hide?.();
    section.hidden = other !== name;
  }
  if (!mounted.has(name)) {
    const section = h('section', { class: `view ${name}`, data: { view: name }, 'aria-label': NAMES[name] });
    main.append(section);
    mounted.set(name, { section, parts: module.mount(section) });
    if (mounted.size === 1) setTimeout(() => Object.values(MODULES).forEach((read) => read()), REST_MS);
  }
  mounted.get(name).parts.show?.(params);
  if (name !== shown) {
    main.scrollTop = 0;
    // Whoever opens the window has not been anywhere yet.
    if (shown) toView();
    shown = name;
  }
  if (filterFor === name) toFilter();
  filterFor = null;
}

/** The view's name is read out, and Tab goes on from there. */
function toView() {
  const head = main.querySelector('.view:not([hidden]) h1');
  head.tabIndex = -1;
  head.focus({ preventScroll: true });
}

/** In the view that is there; whether it has one. */
function toFilter() {
  const filter = main.querySelector('.view:not([hidden]) [data-filter]');
  filter?.focus();
  filter?.select?.();
  return Boolean(filter);
}

/** No profile, and no config that is only to be mended. */
const isNew = ({ agent, profiles }) => !profiles.length && !agent.config_error;

function mark(name) {
  document.title = `${NAMES[name]} · dagpass`;
  for (const tab of tabs) {
    const here = tab.dataset.view === name;
    tab.toggleAttribute('aria-current', here);
    if (here) tab.setAttribute('aria-current', 'page');
    tab.tabIndex = here || (name === 'welcome' && tab === tabs[0]) ? 0 : -1;
  }
}

/** Arrows walk the rail; one stop for Tab. */
function roam(event) {
  const at = tabs.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const to = { Home: 0, End: tabs.length - 1 }[event.key] ?? (step ? (at + step + tabs.length) % tabs.length : null);
  if (at < 0 || to === null) return;
  event.preventDefault();
  for (const tab of tabs) tab.tabIndex = -1;
  tabs[to].tabIndex = 0;
  tabs[to].focus();
}

document.addEventListener('keydown', (event) => {
  const typing = event.target.closest?.('input:not([type=checkbox], [type=radio]), textarea, select');
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (typing) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  if (event.key === 'Escape' && dismissLast()) return event.preventDefault();
  const view = VIEWS[Number(event.key) - 1];
  if (view) {
    event.preventDefault();
    go(view);
  } else if (event.key === '/') {
    const here = main.querySelector('.view:not([hidden])')?.dataset.view;
    const named = current().view ?? here;
    filterFor = named === here ? null : named;
    if (filterFor || toFilter()) event.preventDefault();
  } else if (event.key === '?') keys();
});

function keys() {
  const row = (words, ...presses) => [h('dt', {}, presses.map((key) => [h('kbd', {}, key), ' '])), h('dd', {}, words)];
  question('Keys', h('dl', { class: 'facts' }, row('the six views', '1', '…', '6'), row('filter', '/'), row('through the rail, a timeline, a table', '↑', '↓'), row('open the record', 'Enter'), row('close, dismiss a word, or leave a field', 'Esc'), row('this list', '?')), [{ label: 'Close', value: null, action: 'close' }]);
}

watch(({ status, agent, about }) => {
  const calls = status?.profiles.some(({ state }) => CALLS.includes(state)) && agent === 'up';
  tabs[0].querySelector('.mark').classList.toggle('calls', Boolean(calls));
  tabs[0].querySelector('.name').textContent = 'Sessions';
  tabs[0].setAttribute('aria-label', calls ? 'Sessions, one needs you' : 'Sessions');
  const asked = agent === 'up' && status?.approvals?.length;
  const approvals = tabs[VIEWS.indexOf('approvals')];
  approvals.querySelector('.mark').classList.toggle('calls', Boolean(asked));
  approvals.setAttribute('aria-label', asked ? 'Approvals, one waits for you' : 'Approvals');
  const [tone, words] = { up: status?.agent.paused ? ['waiting', 'Paused'] : ['good', 'Agent running'], down: ['bad', 'Agent away'], failed: ['bad', 'No answer'] }[agent] ?? ['', 'Asking the agent'];
  redraw(standing, [tone, words, status?.agent.store, status?.agent.pid, about?.version], () => [
    h('div', { class: `row ${tone}`, title: status ? `pid ${status.agent.pid}, ${status.agent.socket}` : null }, h('span', { class: 'dot' }), h('span', { class: 'words' }, words)),
    agent !== 'down' && h('div', { class: 'soft words cut', title: 'Where refresh tokens are kept' }, status ? storeOf(status.agent.store) : '\u00a0'),
    h('div', { class: 'soft words figures' }, about ? `Version ${about.version}` : '\u00a0'),
  ]);
});

// The fragment names a view, and is none of the page's own places.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  toView();
});

on('go', ({ view }) => go(view));
start(show);
// With no view asked for, whoever has no profile is welcomed as soon as the agent has told.
let told = false;
watch(({ status }) => {
  if (told || !status) return;
  told = true;
  if (!current().view) show(current());
});
begin();
