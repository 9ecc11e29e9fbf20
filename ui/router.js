// Which view is shown: the fragment `#/view?key=value` is the one truth. A view with unsaved work may
// hold the way.
export const VIEWS = ['sessions', 'activity', 'airflow', 'approvals', 'settings', 'doctor'];
const ALL = [...VIEWS, 'welcome'];
let show = () => {};
let guard = null;
let shown = '';

export function start(shows) {
  show = shows;
  window.addEventListener('hashchange', () => turn());
  turn();
}

export function go(view, params = {}) {
  const query = new URLSearchParams(params).toString();
  const to = `#/${view}${query ? `?${query}` : ''}`;
  if (location.hash === to) turn(true);
  else location.hash = to;
}

/** `may()` resolves to whether the view may be left; null lifts it. */
export function hold(may) {
  guard = may;
}

export function current() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  return { view: ALL.includes(path) ? path : null, params: Object.fromEntries(new URLSearchParams(query)) };
}

async function turn(same = false) {
  const to = location.hash;
  if (guard && to !== shown && current().view !== viewOf(shown)) {
    const held = guard;
    history.replaceState(null, '', shown);
    if (!(await held())) return;
    guard = null;
    history.replaceState(null, '', to);
  }
  if (to === shown && !same && shown) return;
  shown = to;
  show(current());
}

const viewOf = (hash) => hash.replace(/^#\/?/, '').split('?')[0];
