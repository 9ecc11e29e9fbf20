// Dialogs: a side sheet for a whole record, a small one for a question. Escape and the ground beside it
// close both; the focus goes back by itself.
import { fill, freshId, h } from './dom.js';
import { icon } from './icons.js';

export function openSheet(title, body, ...more) {
  const id = freshId('sheet');
  const close = h('button', { type: 'button', class: 'button quiet only-icon', 'aria-label': 'Close', title: 'Close (Esc)', data: { action: 'close' }, onclick: () => dialog.close() }, icon('cross'));
  const heading = h('h2', { id, class: 'cut' }, title);
  const tools = h('div', { class: 'more' }, more, close);
  const inside = h('div', { class: 'inside', tabindex: '0', role: 'region', 'aria-labelledby': id }, body);
  const dialog = h('dialog', { class: 'sheet', 'aria-labelledby': id }, h('header', {}, heading, tools), inside);
  show(dialog);
  close.focus({ focusVisible: false });
  return {
    dialog,
    redraw: (anew, ...content) => {
      heading.textContent = anew;
      fill(inside, content);
      inside.scrollTop = 0;
    },
  };
}

/** Resolves to the answer's value, or to null where it was closed. */
export function question(title, body, answers) {
  return new Promise((resolve) => {
    const id = freshId('question');
    let answer = null;
    const buttons = answers.map(({ label, value, look = '', action }) => h('button', {
      type: 'button', class: `button ${look}`, data: { action }, onclick: () => {
        answer = typeof value === 'function' ? value() : value;
        dialog.close();
      },
    }, label));
    const dialog = h('dialog', { class: 'small', 'aria-labelledby': id }, h('h2', { id }, title), body, h('div', { class: 'actions' }, buttons));
    dialog.addEventListener('close', () => resolve(answer));
    show(dialog);
    buttons.at(-1).focus({ focusVisible: false });
  });
}

function show(dialog) {
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('pointerdown', (event) => {
    if (event.target === dialog && outside(dialog, event)) dialog.close();
  });
  document.body.append(dialog);
  dialog.showModal();
}

function outside(dialog, { clientX, clientY }) {
  const box = dialog.getBoundingClientRect();
  return clientX < box.left || clientX > box.right || clientY < box.top || clientY > box.bottom;
}
