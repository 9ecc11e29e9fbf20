// Welcome: from nothing to signed in, in three steps; or the sandbox, for who has no tenant at hand.
import { fill, h, redraw } from '../dom.js';
import { brand, icon } from '../icons.js';
import { ask } from '../ipc.js';
import { away, bone, command, failure, button, working } from '../notice.js';
import { go } from '../router.js';
import { refresh, watch } from '../store.js';
import { toast } from '../toast.js';
import { SERVES } from '../words.js';
import { card } from './sessions/card.js';
import { addProfile } from './settings/add.js';

export function mount(section) {
  const steps = h('ol', { class: 'card' });
  const instead = h('div', {});
  const form = addProfile(async (name) => {
    toast(`Profile ${name} is written`);
    await refresh();
  });
  const session = h('div', { class: 'inside' });
  const standing = h('div', { class: 'card step', 'aria-hidden': 'true' }, bone('1.5rem', '1.5rem'), h('div', { class: 'inside' }, bone('10rem', '1.25rem'), bone('100%', '5rem'), bone('60%')));
  const sandbox = h(
    'div',
    { class: 'card sandbox' },
    h('div', {}, h('h2', {}, 'No tenant at hand?'), h('p', { class: 'soft' }, 'The sandbox is a Ping look-alike on this machine: a sign-in page, codes, groups. Nothing leaves the computer.')),
    working('Try it without a tenant', async () => {
      await ask('start_sandbox');
      toast('The sandbox runs; its profile is sandbox');
      await refresh();
      go('sessions');
    }, { glyph: 'play', action: 'sandbox' }),
  );
  fill(section, h('header', { class: 'welcome-top' }, brand(44), h('div', {}, h('h1', {}, 'One sign-in a day'), h('p', { class: 'soft' }, 'Sign in to Ping once, and every Airflow command, local DAG run and shell call gets a fresh token under your name.'))), instead, standing, sandbox, steps);
  const one = step(1, 'Say where you sign in');
  const two = step(2, 'Sign in');
  const three = step(3, 'Use it');
  fill(steps, one.node, two.node, three.node);
  let cards = null;

  watch(({ status, agent, refusal }) => {
    const gone = agent === 'down' || agent === 'failed';
    const waits = agent === 'unknown';
    steps.hidden = gone || waits;
    standing.hidden = !waits;
    redraw(instead, [agent, refusal], () => (agent === 'down' ? away('It keeps your sign-in and hands out the tokens; the window only shows what it does.') : agent === 'failed' ? failure(refusal, refresh) : []));
    const profile = status?.profiles.find(({ name }) => name === status.agent.default_profile) ?? status?.profiles[0];
    const signed = profile && SERVES.includes(profile.state);
    const at = !profile ? 1 : signed ? 3 : 2;
    sandbox.hidden = gone || waits || at === 3;
    [one, two, three].forEach((entry, index) => entry.mark(index + 1 < at ? 'done' : index + 1 === at ? 'active' : ''));
    redraw(one.inside, [Boolean(profile), profile?.name], () => (profile ? h('p', { class: 'soft' }, `Profile ${profile.name} is in config.toml.`) : form.node));
    if (profile && cards?.name !== profile.name) cards = { name: profile.name, ...card(profile.name) };
    if (profile) cards.update(profile, status);
    redraw(two.inside, [profile?.name], () => (profile ? fill(session, cards.node) : h('p', { class: 'soft' }, 'In your browser, or with a code on another device.')));
    redraw(three.inside, [at === 3], () => next(at === 3));
  });
  return {};
}

function step(number, title) {
  const mark = h('span', { class: 'step-mark', 'aria-hidden': 'true' }, String(number));
  const inside = h('div', { class: 'inside' });
  const state = h('span', { class: 'unseen' });
  const node = h('li', { class: 'step' }, mark, h('div', {}, h('h2', {}, title, state), inside));
  return {
    node,
    inside,
    mark: (look) => {
      node.className = `step ${look}`;
      fill(mark, look === 'done' ? icon('check', 14) : String(number));
      state.textContent = { done: ', done', active: ', now' }[look] ?? '';
      look === 'active' ? node.setAttribute('aria-current', 'step') : node.removeAttribute('aria-current');
    },
  };
}

function next(ready) {
  if (!ready) return h('p', { class: 'soft' }, 'In a shell, in Airflow, in a DAG run on this machine.');
  return [
    h('p', { class: 'soft' }, 'Any shell command; the token is in no argument list:'),
    command('curl -K <(dagpass token --format curl) https://airflow.corp.example/api/v2/dags'),
    h('p', { class: 'soft' }, 'An Airflow in a virtual environment, wired once:'),
    command('dagpass airflow setup --for venv'),
    h('div', { class: 'actions' }, button('See the sessions', { look: 'main-one', action: 'sessions', onclick: () => go('sessions') }), button('Wire another Airflow', { action: 'airflow', onclick: () => go('airflow') })),
  ];
}
