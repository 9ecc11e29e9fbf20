// Tabs with their panels: arrows walk them, one stop for Tab.
import { freshId, h } from './dom.js';

/** entries: [{key, label, panel}]. */
export function tabs(label, entries, { chosen } = {}) {
  const set = entries.map(({ key, label: words, panel }) => {
    const [tab, id] = [freshId('tab'), panel.id || freshId('panel')];
    panel.id = id;
    panel.setAttribute('role', 'tabpanel');
    panel.setAttribute('aria-labelledby', tab);
    const button = h('button', { type: 'button', id: tab, role: 'tab', 'aria-controls': id, data: { tab: key, action: `tab-${key}` }, onclick: () => choose(key) }, words);
    return { key, button, panel };
  });
  const list = h('div', { class: 'seg wide', role: 'tablist', 'aria-label': label }, set.map(({ button }) => button));
  list.addEventListener('keydown', (event) => {
    const at = set.findIndex(({ button }) => button === document.activeElement);
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const to = { Home: 0, End: set.length - 1 }[event.key] ?? (step ? (at + step + set.length) % set.length : null);
    if (at < 0 || to === null) return;
    event.preventDefault();
    choose(set[to].key);
    set[to].button.focus();
  });

  function choose(key) {
    for (const one of set) {
      const here = one.key === key;
      one.button.setAttribute('aria-selected', String(here));
      one.button.tabIndex = here ? 0 : -1;
      one.panel.hidden = !here;
    }
    chosen?.(key);
  }
  choose(entries[0].key);
  return { list, choose, panels: set.map(({ panel }) => panel) };
}

/** One of a few, as radio buttons in a row. */
export function choice(label, entries, value, changed) {
  const buttons = entries.map(([key, words]) => h('button', { type: 'button', role: 'radio', data: { value: key }, onclick: () => pick(key) }, words));
  const node = h('div', { class: 'seg', role: 'radiogroup', 'aria-label': label }, buttons);
  let now = value;
  const mark = () => buttons.forEach((one) => {
    one.setAttribute('aria-checked', String(one.dataset.value === now));
    one.tabIndex = one.dataset.value === now ? 0 : -1;
  });
  const pick = (key) => {
    now = key;
    mark();
    changed(key);
  };
  node.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.findIndex((one) => one.dataset.value === now);
    const next = buttons[(at + step + buttons.length) % buttons.length];
    pick(next.dataset.value);
    next.focus();
  });
  mark();
  return {
    node,
    value: () => now,
    set: (key) => {
      now = key;
      mark();
    },
    disable: () => {
      node.setAttribute('aria-disabled', 'true');
      for (const one of buttons) one.disabled = true;
    },
  };
}
