// Elements out of values. Text goes in as text: nothing here parses markup, and styles are set by
// property, as the page's policy allows no style attribute.
const SVG = 'http://www.w3.org/2000/svg';

export const h = (name, props, ...children) => build(document.createElement(name), props, children);
export const svg = (name, props, ...children) => build(document.createElementNS(SVG, name), props, children);

function build(node, props, children) {
  for (const [key, value] of Object.entries(props ?? {})) set(node, key, value);
  node.append(...flat(children));
  return node;
}

function set(node, key, value) {
  if (value === null || value === undefined || value === false) return;
  if (key.startsWith('on')) node.addEventListener(key.slice(2), value);
  else if (key === 'data') for (const [name, word] of Object.entries(value)) data(node, name, word);
  else if (key === 'style') for (const [name, word] of Object.entries(value)) node.style.setProperty(name, word);
  else if (key === 'value' || key === 'checked' || key === 'indeterminate') node[key] = value;
  else node.setAttribute(key, value === true ? '' : value);
}

function data(node, name, word) {
  if (word !== null && word !== undefined && word !== false) node.dataset[name] = word;
}

const flat = (children) => children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false);

export function fill(node, ...children) {
  node.replaceChildren(...flat(children));
  return node;
}

/** These children in this order. None that stands right is moved: it would lose the focus. */
export function arrange(node, children) {
  const stay = new Set(children);
  for (const one of [...node.childNodes]) if (!stay.has(one)) one.remove();
  let next = node.firstChild;
  for (const one of children) {
    if (one === next) next = one.nextSibling;
    else node.insertBefore(one, next);
  }
}

/** Draws anew only where `facts` changed, and gives the focus back to the control that had it. */
export function redraw(node, facts, draw) {
  const key = JSON.stringify(facts);
  if (node.drawn === key) return false;
  node.drawn = key;
  const held = node.contains(document.activeElement) ? document.activeElement : null;
  const mark = held && place(held);
  fill(node, draw());
  if (held && !held.isConnected) {
    const controls = [...node.querySelectorAll('button, a[href], input, select, textarea')];
    const again = controls.find((one) => place(one) === mark) ?? controls.find((one) => deed(one) === deed(held)) ?? controls[0];
    again?.focus({ preventScroll: true });
  }
  return true;
}

const deed = (control) => control.dataset.action ?? control.id;
/** Rows have the same deeds, each by its own name. */
const place = (control) => `${deed(control)} ${control.getAttribute('aria-label') ?? control.textContent}`;

let last = 0;
export const freshId = (word) => `${word}-${++last}`;
