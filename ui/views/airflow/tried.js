// "Try it": the agent gets the token and keeps it; only what came of it is told here.
import { fill, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { ask } from '../../ipc.js';
import { command, commandIn, prose, working } from '../../notice.js';
import { now, rough } from '../../time.js';
import { upper } from '../../words.js';

const SERVED = { cache: 'from the cache', refresh: 'after a refresh', exchange: 'after an exchange' };

export function tried(what, name) {
  const outcome = h('div', { class: 'outcome', role: 'status' });
  const button = working('Try it', async () => {
    try {
      fill(outcome, told(await ask('try_it', { what })));
    } catch (refusal) {
      fill(outcome, wrong(refusal));
    }
  }, { glyph: 'bolt', action: 'try', 'aria-label': `Try ${name}` });
  return { button, outcome };
}

function told(reply) {
  if (!reply.ok) return wrong(reply.error ?? { error_description: 'no token' }, reply.took_ms);
  const audience = Array.isArray(reply.audience) ? reply.audience.join(', ') : reply.audience;
  const facts = [
    ['Ends', reply.expires_at && `in ${rough(reply.expires_at - now())}`],
    ['Scopes', reply.scopes?.join(' ')],
    ['Audience', audience || 'not visible'],
    ['Token', reply.fingerprint && h('code', {}, reply.fingerprint)],
  ].filter(([, value]) => value);
  return h(
    'div',
    { class: 'outcome-box good' },
    h('p', {}, h('span', { class: 'tone' }, icon('check')), h('strong', {}, `Token ${SERVED[reply.served] ?? 'served'}`), h('span', { class: 'soft figures' }, `${reply.took_ms} ms`)),
    h('dl', { class: 'outcome-facts' }, facts.map(([key, value]) => h('div', {}, h('dt', {}, key), h('dd', {}, value)))),
  );
}

function wrong(refusal, took) {
  const only = commandIn(refusal.hint);
  return h(
    'div',
    { class: 'outcome-box bad' },
    h('p', {}, h('span', { class: 'tone' }, icon('cross')), h('strong', {}, prose(upper(refusal.error_description))), took !== undefined && h('span', { class: 'soft figures' }, `${took} ms`)),
    refusal.cause && h('p', {}, prose(upper(refusal.cause))),
    refusal.hint && h('p', { class: 'soft' }, prose(upper(refusal.hint))),
    only && command(only),
  );
}
