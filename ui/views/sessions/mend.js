// A state that needs something: its cause, and the one button that mends it.
import { freshId, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { ask } from '../../ipc.js';
import { button, prose, working } from '../../notice.js';
import { go } from '../../router.js';
import { refresh } from '../../store.js';
import { signsIn, storeOf, upper } from '../../words.js';

/** state: [tone, picture, what it means]. */
const STATES = {
  signed_out: ['', 'sessions', 'Sign in to have tokens served under your name.'],
  login_required: ['waiting', 'sessions', 'The session has ended.'],
  offline: ['waiting', 'away', 'The session is kept, and tokens at hand are still served.'],
  degraded: ['waiting', 'warn', 'The keychain does not save: this session ends with the agent.'],
  misconfigured: ['bad', 'warn', 'What config.toml says does not fit what Ping says.'],
  keychain_locked: ['waiting', 'lock', 'The refresh token is there, and cannot be read while the keychain is locked.'],
  keychain_unavailable: ['bad', 'lock', 'There is nowhere to keep a refresh token.'],
  no_credential: ['bad', 'lock', 'Nothing on this machine proves the client.'],
  refused: ['bad', 'warn', 'Its issuer does not take what proves the client. Mend it there, or keep another here.'],
};
/** The same of a client that nobody signs in to. */
const OF_CLIENT = { offline: ['waiting', 'away', 'Tokens at hand are still served.'] };
/** States whose horizons stand below it. */
const BESIDE = ['offline', 'degraded'];

/** Null where nothing is to be mended. */
export function mend(profile, status, flow) {
  const failed = flow.failed();
  if (failed) return failure(failed, profile, flow);
  const found = (!signsIn(profile) && OF_CLIENT[profile.state]) || STATES[profile.state];
  if (!found) return null;
  const [tone, glyph, meaning] = found;
  const reason = profile.reason && prose(upper(profile.reason));
  if (BESIDE.includes(profile.state)) {
    return h('div', { class: `mend ${tone}` }, icon(glyph), h('p', {}, reason || meaning), action(profile, status, flow));
  }
  return h(
    'div',
    { class: `mend whole ${tone}` },
    h('div', { class: 'sign' }, icon(glyph, 18)),
    reason && h('p', {}, reason),
    h('p', { class: 'soft' }, meaning),
    action(profile, status, flow),
  );
}

function action(profile, { agent }, flow) {
  const { name } = profile;
  switch (profile.state) {
    case 'signed_out':
    case 'login_required':
      return h(
        'div',
        { class: 'actions' },
        button('Sign in', { look: 'main-one', glyph: 'browser', action: 'sign-in-browser', 'aria-label': `Sign in to ${name} with the browser`, onclick: () => flow.start({ flow: 'browser' }) }),
        button('Use a code', { glyph: 'code', action: 'sign-in-code', 'aria-label': `Sign in to ${name} with a code`, onclick: () => flow.start({ flow: 'device' }) }),
      );
    case 'keychain_locked':
      return agent.store === 'passphrase-file' ? passphrase() : working('Unlock', unlock(''), { glyph: 'lock', look: 'main-one', action: 'mend', title: `Asks the ${storeOf(agent.store)} again` });
    case 'misconfigured':
      return button('Show it in the settings', { look: 'main-one', glyph: 'settings', action: 'mend', onclick: () => go('settings', { tab: 'text', find: profile.connection ? `[connection.${profile.connection}]` : `[profile.${name}]` }) });
    case 'no_credential':
    case 'refused':
      return h('p', { class: 'soft small' }, 'In a terminal: ', h('code', {}, profile.login));
    case 'offline':
      return working('Try again', () => ask('try_it', { what: { profile: name } }).then(refresh), { glyph: 'again', action: 'mend' });
    default:
      return button('See the doctor', { glyph: 'doctor', action: 'mend', onclick: () => go('doctor') });
  }
}

const unlock = (words) => async () => {
  await ask('unlock', { passphrase: words });
  await refresh();
};

function passphrase() {
  const id = freshId('passphrase');
  const input = h('input', { id, class: 'input', type: 'password', autocomplete: 'off', required: true });
  const open = working('Unlock', async () => {
    const words = input.value;
    input.value = '';
    await unlock(words)();
  }, { glyph: 'lock', look: 'main-one', action: 'mend' });
  input.addEventListener('keydown', (event) => event.key === 'Enter' && input.value && open.click());
  return h('form', { onsubmit: (event) => event.preventDefault() }, h('div', { class: 'field' }, h('label', { for: id }, 'Passphrase'), input), open);
}

/** A sign-in that failed: said in the card until the next one begins. */
function failure(refusal, profile, flow) {
  return h(
    'div',
    { class: 'mend whole bad', role: 'alert' },
    h('div', { class: 'sign' }, icon('warn', 18)),
    h('p', {}, h('strong', {}, prose(upper(refusal.error_description)))),
    refusal.cause && h('p', {}, prose(upper(refusal.cause))),
    refusal.hint && h('p', { class: 'soft small' }, prose(upper(refusal.hint))),
    h('div', { class: 'actions' }, button('Sign in', { look: 'main-one', glyph: 'browser', action: 'sign-in-browser', 'aria-label': `Sign in to ${profile.name} with the browser`, onclick: () => flow.start({ flow: 'browser' }) }), button('Dismiss', { action: 'dismiss', onclick: () => flow.forget() })),
  );
}
