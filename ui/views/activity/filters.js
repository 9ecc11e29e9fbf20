// What is asked of the record: a text, five choices, and the time that was selected in the picture.
import { fill, freshId, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { clock } from '../../time.js';
import { connectionOf, dagOf, haystack, isEcho, KINDS, kindOf, processOf, profileOf, timeOf } from './record.js';

const CHOICES = [
  ['profile', 'Profile', profileOf],
  ['connection', 'Connection', connectionOf],
  ['dag', 'DAG', dagOf],
  ['process', 'Process', processOf],
];
/** Those that mean the same to the agent; its `process` is a program's path, ours the word in the row. */
const ROUTE = ['profile', 'connection', 'dag'];

export function filters(changed) {
  const asked = { text: '', kind: '', span: null, profile: '', connection: '', dag: '', process: '' };
  const text = h('input', { class: 'input', type: 'search', 'aria-label': 'Filter the records', placeholder: 'Filter', autocomplete: 'off', spellcheck: 'false', data: { filter: '' }, oninput: () => set('text', text.value.trim().toLowerCase()) });
  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape' || !text.value) return;
    event.stopPropagation();
    text.value = '';
    set('text', '');
  });
  const kind = select('kind', 'Outcome', Object.entries(KINDS).map(([value, [words]]) => [value, words]).concat([['decisions', 'All decisions']]));
  const boxes = Object.fromEntries(CHOICES.map(([name, label]) => [name, select(name, label, [])]));
  const clear = h('button', { type: 'button', class: 'link small', data: { action: 'clear' }, onclick: reset }, 'Clear the filters');
  const span = h('button', { type: 'button', class: 'button span', data: { action: 'clear-span' }, title: 'Show all times', onclick: () => set('span', null) });
  const panel = h('div', { class: 'filter-choices', id: freshId('filters') }, Object.values(boxes), kind);
  const toggle = h('button', { type: 'button', class: 'button filter-toggle', 'aria-expanded': 'false', 'aria-controls': panel.id, data: { action: 'filters' }, onclick: () => toggle.setAttribute('aria-expanded', String(panel.classList.toggle('open'))) }, icon('filter'), h('span', {}, 'Filters'));
  const node = h('div', { class: 'filters', role: 'search', 'aria-label': 'Records' }, h('div', { class: 'search' }, icon('search'), text, h('kbd', { 'aria-hidden': 'true' }, '/')), toggle, panel);
  let cleared = () => {};

  function select(name, label, options) {
    const node = h('select', { class: 'input', 'aria-label': label, data: { choice: name }, onchange: () => set(name, node.value) });
    options.unshift(['', label]);
    fill(node, options.map(([value, words]) => h('option', { value }, words)));
    return node;
  }

  function set(name, value) {
    asked[name] = value;
    if (name === 'span' && !value) cleared();
    tell();
    changed();
  }

  function reset() {
    Object.assign(asked, { text: '', kind: '', span: null, profile: '', connection: '', dag: '', process: '' });
    for (const box of [text, kind, ...Object.values(boxes)]) box.value = '';
    cleared();
    tell();
    changed();
  }

  function tell() {
    const chosen = [...CHOICES.map(([name]) => name), 'kind'].filter((name) => asked[name]).length;
    clear.hidden = !chosen && !asked.text && !asked.span;
    toggle.lastChild.textContent = chosen ? `Filters: ${chosen}` : 'Filters';
    for (const [name, box] of [...Object.entries(boxes), ['kind', kind]]) box.classList.toggle('chosen', Boolean(asked[name]));
    span.hidden = !asked.span;
    if (asked.span) fill(span, h('span', { class: 'figures' }, asked.span.map((at) => clock(at, false)).join(' – ')), icon('cross', 14));
  }
  tell();

  return {
    node,
    span,
    clear,
    asked,
    set,
    reset,
    /** Is anything left out? */
    narrows: () => Object.values(asked).some(Boolean),
    /** As far as the route takes them: what it gives holds all that is kept, and more. */
    chosen: () => Object.fromEntries(ROUTE.map((name) => [name, asked[name]]).filter(([, word]) => word)),
    onClearSpan: (heard) => (cleared = heard),
    /** Offers what the records hold; a choice that is made stays. */
    offer: (records) => {
      for (const [name, label, of] of CHOICES) {
        const words = [...new Set(records.map(of).filter(Boolean))].sort();
        if (asked[name] && !words.includes(asked[name])) words.push(asked[name]);
        if (boxes[name].offered === words.join('\n')) continue;
        boxes[name].offered = words.join('\n');
        fill(boxes[name], h('option', { value: '' }, label), words.map((value) => h('option', { value }, value)));
        boxes[name].value = asked[name];
      }
    },
    keeps: (record, { time = true } = {}) => {
      if (asked.kind === 'decisions') {
        if (record.event !== 'decision' && record.event !== 'refused') return false;
      } else if (isEcho(record) || (asked.kind && kindOf(record) !== asked.kind)) return false;
      if (CHOICES.some(([name, , of]) => asked[name] && of(record) !== asked[name])) return false;
      if (asked.text && !asked.text.split(/\s+/).every((word) => haystack(record).includes(word))) return false;
      return !time || !asked.span || (timeOf(record) >= asked.span[0] && timeOf(record) <= asked.span[1]);
    },
  };
}
