// A long list of rows of one height, of which only those in sight exist. New rows push the others by a
// transform, and where one has scrolled past them the place is kept: nothing jumps.
import { arrange, h } from './dom.js';

/** How many rows beyond the edges stand ready? */
const SPARE = 8;

/** `make(item)` gives a row's cells; `height()` a row's height in pixels. */
export function rowList({ scroller, label, columns, key, make, height, open }) {
  const body = h('div', { class: 'rows-body', role: 'rowgroup' });
  const head = h('div', { class: 'rows-head', role: 'rowgroup' }, h('div', { role: 'row', class: 'record-row' }, columns.map((name) => h('span', { role: 'columnheader' }, name))));
  const node = h('div', { class: 'rows-list', role: 'grid', 'aria-label': label, 'aria-readonly': 'true' }, head, body);
  const alive = new Map();
  let items = [];
  let at = 0;
  let asked = 0;

  const top = () => body.getBoundingClientRect().top - scroller.getBoundingClientRect().top;

  function draw() {
    asked = 0;
    if (!node.isConnected || !node.offsetParent) return;
    const row = height();
    body.style.setProperty('height', `${items.length * row}px`);
    const from = Math.max(0, Math.floor(-top() / row) - SPARE);
    const to = Math.min(items.length, Math.ceil((scroller.clientHeight - top()) / row) + SPARE);
    const wanted = new Map();
    for (let index = from; index < to; index += 1) wanted.set(key(items[index]), index);
    if (items[at]) wanted.set(key(items[at]), at);
    const held = body.contains(document.activeElement);
    for (const name of alive.keys()) if (!wanted.has(name)) alive.delete(name);
    // In the order of the list, which is the order of whoever hears it.
    const order = [...wanted].sort((a, b) => a[1] - b[1]);
    for (const [name, index] of order) if (!alive.has(name)) alive.set(name, rowOf(items[index], name));
    arrange(body, order.map(([name]) => alive.get(name)));
    for (const [name, index] of order) {
      const line = alive.get(name);
      line.style.setProperty('transform', `translateY(${index * row}px)`);
      line.setAttribute('aria-rowindex', String(index + 2));
      line.tabIndex = index === at ? 0 : -1;
    }
    // The row that was stood on is filtered away.
    if (held && !body.contains(document.activeElement)) lineAt(at)?.focus({ preventScroll: true });
    node.setAttribute('aria-rowcount', String(items.length + 1));
  }
  const later = () => {
    asked ||= requestAnimationFrame(draw);
  };
  const lineAt = (index) => items[index] && alive.get(key(items[index]));

  /** A row outlives the item it was made of: what is read again is another one of the same key. */
  function rowOf(item, name) {
    const place = () => items.findIndex((one) => key(one) === name);
    return h('div', { role: 'row', class: 'record-row', tabindex: '-1', data: { record: name, action: 'open-record' }, onclick: () => open(items[place()] ?? item), onfocus: () => {
      at = Math.max(0, place());
      later();
    } }, make(item).map((cell) => h('span', { role: 'gridcell', class: cell.class ?? '', title: cell.title }, cell.content)));
  }

  node.addEventListener('keydown', (event) => {
    const page = Math.max(1, Math.floor(scroller.clientHeight / height()) - 4);
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -items.length, End: items.length }[event.key];
    if (step) {
      event.preventDefault();
      focus(Math.min(items.length - 1, Math.max(0, at + step)));
    } else if ((event.key === 'Enter' || event.key === ' ') && items[at]) {
      event.preventDefault();
      open(items[at]);
    }
  });

  function focus(index) {
    if (!items[index]) return;
    at = index;
    const row = height();
    const place = top() + index * row;
    const above = head.offsetHeight;
    if (place < above) scroller.scrollTop += place - above;
    else if (place + row > scroller.clientHeight) scroller.scrollTop += place + row - scroller.clientHeight;
    draw();
    lineAt(index)?.focus({ preventScroll: true });
  }

  scroller.addEventListener('scroll', later, { passive: true });
  new ResizeObserver(later).observe(scroller);
  return {
    node,
    draw: later,
    focus,
    show: (anew, { keep = false } = {}) => {
      const held = items[at] && key(items[at]);
      const before = items[0] && key(items[0]);
      items = anew;
      const moved = keep && before !== undefined ? items.findIndex((item) => key(item) === before) : 0;
      const again = keep && held !== undefined ? items.findIndex((item) => key(item) === held) : -1;
      at = Math.max(0, again);
      // Only rows that one has scrolled past can push what one reads.
      if (moved > 0 && top() < 0) {
        body.style.setProperty('height', `${items.length * height()}px`);
        scroller.scrollTop += moved * height();
      }
      draw();
    },
  };
}
