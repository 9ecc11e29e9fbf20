// Sessions: a card a profile, and what the agent still owes or holds open.
import { arrange, fill, h, redraw } from '../dom.js';
import { ask } from '../ipc.js';
import { away, banner, blank, bone, button, failure, viewHead, working } from '../notice.js';
import { go } from '../router.js';
import { refresh, watch } from '../store.js';
import { SERVES, signsIn, storeOf, upper } from '../words.js';
import { card } from './sessions/card.js';
import { askSignOutEverywhere } from './sessions/everywhere.js';
import { doors, owed } from './sessions/extras.js';
import { leases } from './sessions/leases.js';

/** How many cards stand in before the first answer? */
const STAND_INS = 2;

export function mount(section) {
  const tally = h('span', { class: 'soft cut' });
  const head = viewHead('Sessions', tally);
  const pause = working('Pause', () => ask('pause').then(refresh), { look: 'shrinks', glyph: 'pause', action: 'pause', 'aria-label': 'Pause', title: 'Serve no token until resumed' });
  const everywhere = working('Sign out everywhere', askSignOutEverywhere, { look: 'quiet shrinks', glyph: 'out', action: 'sign-out-everywhere', 'aria-label': 'Sign out everywhere', title: 'Sign out everywhere on this machine' });
  head.querySelector('.more').append(everywhere, pause);
  const banners = h('div', {});
  const grid = h('div', { class: 'session-grid' });
  const more = h('div', {});
  const handedOut = leases();
  const instead = h('div', {});
  fill(section, head, banners, instead, grid, more, handedOut.node);
  const cards = new Map();

  watch(({ status, agent, refusal }) => {
    pause.hidden = agent !== 'up' || Boolean(status?.agent.paused);
    everywhere.hidden = agent !== 'up' || !status?.profiles.length;
    handedOut.node.hidden = agent !== 'up';
    if (agent === 'up') handedOut.read();
    redraw(banners, [agent, status?.agent.paused, status?.agent.config_error, status?.agent.config_state, status?.agent.store_detail, status?.agent.policy_state, status?.agent.policy_error, status?.agent.logout_error, status?.agent.logout_unwritten, agent === 'down' && Boolean(status)], () => bannersOf(status, agent));
    if (!status) {
      grid.hidden = agent === 'down' || agent === 'failed';
      if (!grid.childElementCount) fill(grid, Array.from({ length: STAND_INS }, standIn));
      redraw(instead, [agent, refusal], () => (agent === 'down' ? away('Sessions are kept: the refresh tokens stay in the keychain. Start the agent to see and use them.') : agent === 'failed' ? failure(refusal, refresh) : []));
      return;
    }
    const signed = status.profiles.filter(({ state }) => SERVES.includes(state)).length;
    tally.textContent = status.profiles.length ? `${signed} of ${status.profiles.length} ${status.profiles.every(signsIn) ? 'signed in' : 'ready'}` : '';
    const down = agent === 'down';
    redraw(instead, [down, status.profiles.length, Boolean(status.agent.config_error)], () => {
      if (down) return away('Sessions are kept: the refresh tokens stay in the keychain. Start the agent to see and use them.');
      // What is wrong with the config is said above: a new profile would not mend it.
      return status.profiles.length || status.agent.config_error ? [] : nobody();
    });
    grid.hidden = down || !status.profiles.length;
    more.hidden = down;
    drawCards(grid, cards, status);
    redraw(more, [status.revocations, status.containers], () => [owed(status.revocations ?? []), doors(status.containers ?? [])]);
  });
  return { show: handedOut.read };
}

function drawCards(grid, cards, status) {
  const names = status.profiles.map(({ name }) => name);
  for (const name of cards.keys()) if (!names.includes(name)) cards.delete(name);
  const nodes = status.profiles.map((profile) => {
    if (!cards.has(profile.name)) cards.set(profile.name, card(profile.name));
    const one = cards.get(profile.name);
    one.update(profile, status);
    return one.node;
  });
  arrange(grid, nodes);
}

function bannersOf(status, agent) {
  if (!status || agent !== 'up') return [];
  return [
    status.agent.paused && banner('waiting', 'pause', 'Paused.', 'No token is served, and nothing is refreshed, until you resume.', working('Resume', () => ask('resume').then(refresh), { glyph: 'play', action: 'resume', look: 'main-one' })),
    status.agent.config_error && banner('bad', 'warn', 'config.toml has a problem.', `${status.agent.config_state === 'wrong' ? 'None is in force until it is mended.' : 'The last good one is in force.'} ${upper(status.agent.config_error)}`, button('Open it', { action: 'open-config', onclick: () => go('settings', { tab: 'text' }) })),
    policyOf(status.agent),
    status.agent.logout_error && banner('waiting', 'warn', 'Automatic logout needs a look.', upper(status.agent.logout_error), button('See the doctor', { action: 'see-doctor', onclick: () => go('doctor') })),
    status.agent.logout_unwritten && banner('waiting', 'warn', 'A sign-out is not written down for the next start.', upper(status.agent.logout_unwritten), button('See the doctor', { action: 'see-doctor', onclick: () => go('doctor') })),
    status.agent.store_state === 'changed' && banner('bad', 'lock', `Sessions are kept in ${storeOf(status.agent.store)}.`, upper(status.agent.store_detail), button('See the doctor', { action: 'see-doctor', onclick: () => go('doctor') })),
  ];
}

/** What is wrong with the policy, and what is judged by meanwhile. */
const POLICIES = {
  shut: ['bad', 'The policy does not load.', 'No token is served until it is mended.'],
  outdated: ['bad', 'The policy does not load.', 'The last good one is in force.'],
  switched_off: ['waiting', 'Your own policy is switched off.', ''],
};

function policyOf({ policy_state: state, policy_error: error }) {
  const [tone, title, meanwhile] = POLICIES[state] ?? [];
  return title && banner(tone, 'lock', title, [meanwhile, upper(error ?? '')].filter(Boolean).join(' '), button('See the doctor', { action: 'see-doctor', onclick: () => go('doctor') }));
}

function nobody() {
  return h('div', { class: 'card' }, blank('sessions', 'No profile yet', 'A profile is one OpenID client at your company’s Ping: where to sign in, and as what.', [
    button('Set one up', { look: 'main-one', glyph: 'plus', action: 'welcome', onclick: () => go('welcome') }),
  ]));
}

function standIn() {
  const line = () => h('div', { class: 'horizon' }, h('div', { class: 'horizon-head' }, bone('6rem', '1rem'), bone('5rem', '1rem')), h('div', { class: 'bar' }), h('p', { class: 'horizon-note' }, '\u00a0'));
  return h(
    'div',
    { class: 'card session', 'aria-hidden': 'true' },
    h('div', { class: 'session-head' }, bone('7rem', '1.25rem'), bone('5rem'), h('p', { class: 'issuer' }, '\u00a0')),
    h('div', { class: 'session-who' }, h('span', { class: 'face' }), h('div', {}, bone('9rem'), h('div', { class: 'groups' }))),
    h('div', { class: 'session-body' }, line(), line(), line()),
    h('div', { class: 'session-foot' }),
  );
}
