// config.toml was changed while one edited it: both versions, line by line, and the three ways on.
import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { button } from '../../notice.js';
import { count } from '../../words.js';
import { compared } from './merge.js';

/** How many lines around a difference are shown? */
const AROUND = 2;
const MARKS = { same: [' ', ''], there: ['−', 'on disk: '], mine: ['+', 'yours: '] };

/** `ways` are {merge, mine, there}: what each of the buttons does. */
export function clash(there, mine, ways) {
  return h(
    'section',
    { class: 'card clash', 'aria-label': 'Both versions of config.toml' },
    h('h2', { class: 'chip waiting' }, h('span', { class: 'tone' }, icon('warn')), 'config.toml changed meanwhile'),
    h('p', { class: 'soft', role: 'alert' }, 'Another program wrote it after it was read here, so yours is not saved. What differs: ', h('span', { class: 'nowrap' }, h('span', { class: 'clash-there' }, '− on disk now'), ', ', h('span', { class: 'clash-mine' }, '+ yours')), '.'),
    h('pre', { class: 'clash-lines', tabindex: '0', role: 'region', 'aria-label': 'What differs' }, shown(compared(there, mine))),
    h('div', { class: 'actions' }, button('Put both together', { look: 'main-one', action: 'merge', onclick: ways.merge }), button('Keep mine', { action: 'keep-mine', onclick: ways.mine }), button('Take what is on disk', { action: 'take-theirs', onclick: ways.there })),
  );
}

function shown(lines) {
  const near = (at) => lines.slice(Math.max(0, at - AROUND), at + AROUND + 1).some(([kind]) => kind !== 'same');
  const nodes = [];
  let skipped = 0;
  const gap = () => {
    if (skipped) nodes.push(h('span', { class: 'soft' }, `  … ${count(skipped, 'line')} alike\n`));
    skipped = 0;
  };
  lines.forEach(([kind, text], at) => {
    if (!near(at)) {
      skipped += 1;
      return;
    }
    gap();
    const [mark, spoken] = MARKS[kind];
    nodes.push(h('span', { class: `clash-${kind}` }, h('span', { 'aria-hidden': 'true' }, `${mark} `), spoken && h('span', { class: 'unseen' }, spoken), `${text}\n`));
  });
  gap();
  return nodes;
}

/** What came of putting both together; `met` counts the places that both had changed. */
export const outcome = (met) => (met
  ? `Put together, but ${count(met, 'place was', 'places were')} changed in both: keep one of the two there, then save.`
  : 'Put together: what is on disk, and yours. Look it over, then save.');
