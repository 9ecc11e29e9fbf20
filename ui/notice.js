// What a view shows instead of, or above, its own matter: nothing yet, an error, the agent away.
import { copyButton } from './copy.js';
import { fill, h } from './dom.js';
import { icon } from './icons.js';
import { ask } from './ipc.js';
import { refresh } from './store.js';
import { toastRefusal } from './toast.js';
import { upper } from './words.js';

/** Text whose `backticked` words are code. */
export function prose(text) {
  return String(text ?? '').split('`').map((piece, at) => (at % 2 ? h('code', {}, piece) : piece));
}

/** The one command a hint names, if it names just one. */
export function commandIn(hint) {
  const commands = [...String(hint ?? '').matchAll(/`(dagpass [^`]+)`/g)];
  return commands.length === 1 ? commands[0][1] : null;
}

export function command(text) {
  return h('div', { class: 'command' }, h('code', {}, text), copyButton(text, { label: `Copy: ${text}` }));
}

export function button(label, { look = '', glyph, action, onclick, ...rest } = {}) {
  return h('button', { type: 'button', class: `button ${look}`, data: { action }, onclick, ...rest }, glyph && icon(glyph), h('span', {}, label));
}

/** A button whose work takes a while: busy meanwhile, and a refusal is said. */
export function working(label, work, props = {}) {
  const made = button(label, {
    ...props,
    onclick: async () => {
      if (made.getAttribute('aria-busy') === 'true') return;
      made.setAttribute('aria-busy', 'true');
      try {
        await work(made);
      } catch (refusal) {
        toastRefusal(refusal);
      } finally {
        made.setAttribute('aria-busy', 'false');
      }
    },
  });
  return made;
}

export function banner(tone, glyph, title, text, ...actions) {
  return h(
    'div',
    { class: `banner ${tone}` },
    icon(glyph),
    h('div', { class: 'what' }, h('strong', {}, title), text && [' ', h('span', { class: 'soft' }, prose(text))]),
    actions,
  );
}

export function blank(glyph, title, text, actions = [], tone = '') {
  return h(
    'div',
    { class: `blank ${tone}` },
    h('div', { class: 'sign' }, icon(glyph, 20)),
    h('h2', {}, title),
    text && h('p', {}, prose(text)),
    h('div', { class: 'actions' }, actions),
  );
}

/** A refusal with its cause, its hint and the way to try again. */
export function failure(refusal, retry) {
  const only = commandIn(refusal.hint);
  return h(
    'div',
    { class: 'card' },
    h(
      'div',
      { class: 'blank bad', role: 'alert' },
      h('div', { class: 'sign' }, icon('warn', 20)),
      h('h2', {}, prose(upper(refusal.error_description))),
      refusal.cause && h('p', {}, prose(upper(refusal.cause))),
      refusal.hint && h('p', {}, prose(upper(refusal.hint))),
      only && command(only),
      retry && h('div', { class: 'actions' }, working('Try again', retry, { look: 'main-one', glyph: 'again', action: 'retry' })),
    ),
  );
}

/** The agent is away: `kept` says what that means for this view. */
export function away(kept) {
  const start = async () => {
    await ask('start_agent');
    await refresh();
  };
  return h('div', { class: 'card' }, blank('away', 'The agent is not running', kept, [
    working('Start the agent', start, { look: 'main-one', glyph: 'play', action: 'start-agent' }),
  ]));
}

export const bone = (width, height = '1rem') => h('span', { class: 'bone', style: { display: 'block', width, height }, 'aria-hidden': 'true' });

/** The head of a view: its name and what can be done with all of it. */
export function viewHead(title, ...more) {
  return h('header', { class: 'view-head' }, h('h1', {}, title), h('div', { class: 'more' }, more));
}

/** A titled part of a view. */
export function part(title, note, more, ...body) {
  const heading = h('h2', {}, title);
  return h('section', { class: 'part' }, h('div', { class: 'part-head' }, heading, note && h('p', { class: 'soft' }, note), more && h('div', { class: 'more' }, more)), body);
}

export const loading = (node, what) => fill(node, h('p', { class: 'unseen' }, `Loading ${what}`));
