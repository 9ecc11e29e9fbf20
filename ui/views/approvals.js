// Approvals: what a rule asks the person about, with the answers, and the answers that hold.
import { fill, h, redraw } from '../dom.js';
import { ask, isAway } from '../ipc.js';
import { latest } from '../latest.js';
import { away, blank, bone, failure, part, viewHead, working } from '../notice.js';
import { watch } from '../store.js';
import { toast } from '../toast.js';
import { clock, when } from '../time.js';
import { count } from '../words.js';
import { ANSWERS, factsOf, HELD, saidOf, titleOf } from './approvals/wanted.js';

const KEPT = 'What waits is the agent’s: where none runs nothing is handed out, and answers for always are kept.';

export function mount(section) {
  const tally = h('span', { class: 'soft cut', role: 'status' });
  const body = h('div', { class: 'approvals-body' });
  fill(section, viewHead('Approvals', tally), body);
  const question = latest();
  let was = null;

  async function read() {
    const last = question();
    try {
      const list = await ask('approvals');
      if (last()) draw(list);
    } catch (refusal) {
      if (!last()) return;
      tally.textContent = '';
      body.drawn = null;
      fill(body, isAway(refusal) ? away(KEPT) : failure(refusal, read));
    }
  }

  function draw({ pending, standing }) {
    tally.textContent = pending.length ? `${count(pending.length, 'question')} for you` : 'Nothing waits';
    redraw(body, [pending, standing], () => [
      pending.length
        ? h('div', { class: 'asked-grid' }, pending.map(asked))
        : h('div', { class: 'card' }, blank('approvals', 'Nothing waits for you', 'Where a rule of your policy says `ask`, the request stands here until you answer it. Programs hear at once, and meet the answer when they ask again.')),
      standing.length > 0 && part('Answers that hold', null, null, h('div', { class: 'card rows' }, standing.map(held))),
    ]);
  }

  function asked(one) {
    const give = (answer) => async () => {
      const given = await ask('answer_approval', { id: one.id, answer });
      toast(`${said(answer, given)}${given.re_authenticated ? `, proved by ${given.re_authenticated}` : ''}`);
      await read();
    };
    const choices = ANSWERS.filter(([word]) => one.answers.includes(word));
    return h(
      'article',
      { class: 'card asked', data: { approval: one.id }, 'aria-label': titleOf(one) },
      h('header', { class: 'asked-head' }, h('h2', {}, titleOf(one)), h('p', { class: 'soft' }, `Asked ${one.times === 1 ? 'once' : `${one.times} times`}, waits until ${clock(one.expires_at)}${one.quiet ? ', without a notice' : ''}`)),
      factList(one),
      one.uncounted && h('p', { class: 'soft' }, `An answer does not count: ${one.uncounted}`),
      one.yours
        ? h('div', { class: 'asked-foot' }, choices.map(([word, label, look, title]) => working(label, give(word), { look, action: `answer-${word}`, title })))
        : h('p', { class: 'asked-foot soft' }, 'It may be this window’s own process tree that asks: answer it at the icon, or in a terminal of its own.'),
    );
  }

  function held(one) {
    const back = async () => {
      await ask('revoke_approval', { id: one.id });
      toast('Taken back: the next request asks again');
      await read();
    };
    return h(
      'div',
      { class: 'entry', data: { approval: one.id } },
      h('div', { class: 'entry-what' }, h('h3', { class: 'entry-name' }, titleOf(one), h('span', { class: 'tag' }, HELD[one.answer] ?? one.answer)), h('p', { class: 'soft' }, `Until ${when(one.until)}, by the rule ${one.rules.join(', ')}${one.cwd ? `, in ${one.cwd}` : ''}`)),
      working('Take back', back, { look: 'quiet', action: 'take-back', 'aria-label': `Take back: ${titleOf(one)}` }),
    );
  }

  watch(({ status, agent }) => {
    const facts = JSON.stringify([agent, status?.approvals]);
    if (facts === was) return;
    was = facts;
    if (agent === 'down') {
      tally.textContent = '';
      body.drawn = null;
      fill(body, away(KEPT));
    } else if (agent === 'unknown') fill(body, h('div', { class: 'card asked', 'aria-hidden': 'true' }, bone('60%', '1.5rem'), bone('80%', '7rem')));
    else read();
  });
  return {};
}

function said(answer, given) {
  if (answer === 'no') return 'Refused';
  return answer === 'once' ? 'Approved once, for those that wait' : `Approved until ${when(given.until)}`;
}

function factList(one) {
  const said = saidOf(one);
  return h('dl', { class: 'facts asked-facts' }, factsOf(one).map(([name, value]) => [h('dt', {}, name), h('dd', {}, value)]), said.length > 0 && [h('dt', {}, 'Says of itself'), h('dd', {}, said.map((text) => h('span', { class: 'tag', title: 'Nobody has checked it' }, text)))]);
}
