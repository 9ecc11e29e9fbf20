// "Try it": the agent gets the token and keeps it; only what came of it is told here. Where nobody is
// signed in, the way to is beside the refusal, and the try is made again once somebody is.
import { fill, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { ask } from '../../ipc.js';
import { latest } from '../../latest.js';
import { button, command, commandIn, prose, working } from '../../notice.js';
import { go } from '../../router.js';
import { now, rough } from '../../time.js';
import { upper } from '../../words.js';
import { signing } from '../sessions/signing.js';

const SERVED = { cache: 'from the cache', refresh: 'after a refresh' };

/** `own` is {profile, connection} of a connection that has a sign-in of its own. */
export function tried(what, name, own) {
  const outcome = h('div', { class: 'outcome', role: 'status' });
  const flow = own && signing(own.profile, follow, own.connection);
  const question = latest();
  const attempt = async () => {
    const last = question();
    try {
      const reply = await ask('try_it', { what });
      if (last()) fill(outcome, reply.ok ? told(reply, what) : refused(reply.error ?? { error_description: 'no token' }, reply.took_ms));
    } catch (refusal) {
      if (last()) fill(outcome, refused(refusal));
    }
  };
  const refused = (refusal, took) => wrong(refusal, refusal.error === 'login_required' && ways(), took);
  const ways = () => (flow
    ? [
      button('Sign in', { action: 'sign-in-browser', look: 'main-one', glyph: 'browser', 'aria-label': `Sign in for ${name} with the browser`, onclick: () => flow.start({ flow: 'browser' }) }),
      button('With a code', { action: 'sign-in-code', 'aria-label': `Sign in for ${name} with a code`, onclick: () => flow.start({ flow: 'device' }) }),
    ]
    : [button('See the sessions', { action: 'sessions', onclick: () => go('sessions') })]);

  function follow() {
    question();
    if (flow.shown()) fill(outcome, h('div', { class: 'outcome-box' }, flow.draw(), h('div', { class: 'actions' }, flow.left(), h('span', { class: 'end' }, button('Cancel', { action: 'cancel', onclick: flow.cancel })))));
    else if (flow.failed()) fill(outcome, wrong(flow.failed(), ways()));
    else attempt();
  }
  return { button: working('Try it', attempt, { glyph: 'bolt', action: 'try', 'aria-label': `Try ${name}` }), outcome };
}

function told(reply, what) {
  const served = { ...SERVED, exchange: what.airflow ? 'after a JWT bearer grant' : 'after an exchange' }[reply.served];
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
    h('p', {}, h('span', { class: 'tone' }, icon('check')), h('strong', {}, `Token ${served ?? 'served'}`), h('span', { class: 'soft figures' }, `${reply.took_ms} ms`)),
    h('dl', { class: 'outcome-facts' }, facts.map(([key, value]) => h('div', {}, h('dt', {}, key), h('dd', {}, value)))),
  );
}

function wrong(refusal, ways, took) {
  const only = commandIn(refusal.hint);
  return h(
    'div',
    { class: 'outcome-box bad' },
    h('p', {}, h('span', { class: 'tone' }, icon('cross')), h('strong', {}, prose(upper(refusal.error_description))), took !== undefined && h('span', { class: 'soft figures' }, `${took} ms`)),
    refusal.cause && h('p', {}, prose(upper(refusal.cause))),
    refusal.hint && h('p', { class: 'soft' }, prose(upper(refusal.hint))),
    only && command(only),
    ways && h('div', { class: 'actions' }, ways),
  );
}
