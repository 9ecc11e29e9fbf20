// One profile: who, until when, and the one thing to do about its state.
import { horizon } from '../../bars.js';
import { h, redraw } from '../../dom.js';
import { icon } from '../../icons.js';
import { button, prose } from '../../notice.js';
import { initials, issuerOf, nameOf, personSource, SERVES, signsIn, stateOf, upper } from '../../words.js';
import { mend } from './mend.js';
import { askSignOut } from './sign_out.js';
import { signing } from './signing.js';

/** How many groups are named? */
const GROUPS = 2;
/** States whose horizons say something. */
const HAS_ENDS = [...SERVES, 'offline'];

export function card(name) {
  const id = `session-${name.replace(/\W/g, '-')}`;
  const head = h('div', { class: 'session-head' });
  const who = h('div', { class: 'session-who' });
  const body = h('div', { class: 'session-body' });
  const foot = h('div', { class: 'session-foot' });
  const node = h('article', { class: 'card session', data: { profile: name }, 'aria-labelledby': id }, head, who, body, foot);
  let last = null;
  const flow = signing(name, () => last && draw(...last));

  function draw(profile, status) {
    last = [profile, status];
    const isDefault = status.agent.default_profile === name;
    const state = flow.shown() ? 'signing_in' : profile.state;
    node.dataset.state = state;
    redraw(head, [isDefault, state, profile.issuer], () => headOf(id, profile, state, isDefault));
    who.hidden = !profile.who;
    if (profile.who) redraw(who, [profile.who, profile.kind], () => (signsIn(profile) ? personOf(profile.who) : clientOf(profile)));
    redraw(body, [state, profile.reason, profile.logout, profile.horizons, profile.who?.auth_time, status.agent.store, flow.facts()], () => bodyOf(profile, status, state, flow));
    redraw(foot, [state, profile.state, flow.facts(), Boolean(profile.who)], () => footOf(profile, state, flow));
    foot.hidden = !foot.childElementCount;
  }
  return { node, update: draw, flow };
}

function headOf(id, profile, state, isDefault) {
  const [words, tone] = stateOf(state);
  return [
    h('div', { class: 'title' }, h('h2', { id, class: 'cut' }, profile.name), isDefault && h('span', { class: 'tag' }, 'default')),
    h('span', { class: `chip ${tone}` }, h('span', { class: `dot ${state === 'signed_out' ? 'hollow' : ''}` }), words),
    h('p', { class: 'issuer cut', title: profile.issuer }, issuerOf(profile.issuer)),
  ];
}

function personOf(who) {
  const rest = who.groups.slice(GROUPS);
  const second = who.name && who.email ? who.email : null;
  return [
    h('span', { class: 'face', 'aria-hidden': 'true' }, initials(who)),
    h(
      'div',
      {},
      h('p', { class: 'cut', title: second ? `${who.name}, ${second}` : null }, h('strong', {}, nameOf(who)), second && [' ', h('span', { class: 'soft' }, second)]),
      who.groups.length
        ? h('div', { class: 'groups', role: 'group', 'aria-label': `Groups, from ${personSource(who.source)}` }, who.groups.slice(0, GROUPS).map((group) => h('span', { class: 'tag', title: group }, group)), rest.length > 0 && h('span', { class: 'tag rest', title: rest.join('\n') }, `+${rest.length}`))
        : h('p', { class: 'soft small cut' }, `no groups, says ${personSource(who.source)}`),
    ),
  ];
}

/** No person is behind it. */
function clientOf({ kind, who }) {
  return [
    h('span', { class: 'face', 'aria-hidden': 'true' }, icon(kind === 'machine' ? 'lock' : 'sessions')),
    h('div', {}, h('p', { class: 'cut', title: who.sub }, h('strong', {}, who.sub)), h('p', { class: 'soft small cut' }, `${kind}: nobody signs in to it`)),
  ];
}

function bodyOf(profile, status, state, flow) {
  if (state === 'signing_in') return flow.draw();
  const about = mend(profile, status, flow) ?? coming(profile);
  if (!HAS_ENDS.includes(state)) return about;
  const { access_token, refresh_token, session } = profile.horizons;
  if (!signsIn(profile)) return [about, horizon('Access token', access_token, { key: `${profile.name} access` })];
  const since = profile.who?.auth_time ?? profile.signed_in_at;
  return [
    about,
    horizon('Access token', access_token, { key: `${profile.name} access` }),
    horizon('Refresh token', refresh_token, { key: `${profile.name} refresh`, warns: true }),
    horizon('Ping session', session, { key: `${profile.name} session`, since, warns: true }),
  ];
}

/** Null where nobody is signed out without asking for it. */
function coming({ logout }) {
  return logout && h('div', { class: 'mend waiting', role: 'status' }, icon('warn'), h('p', {}, prose(upper(logout.text))));
}

function footOf(profile, state, flow) {
  if (state === 'signing_in') {
    return [flow.left(), h('span', { class: 'end' }, button('Cancel', { action: 'cancel', onclick: () => flow.cancel() }))];
  }
  if (!signsIn(profile)) {
    return [h('span', { class: 'end' }, button('Take its tokens back', { look: 'quiet', glyph: 'out', action: 'sign-out', onclick: () => askSignOut(profile) }))];
  }
  const out = button('Sign out', { look: 'quiet', glyph: 'out', action: 'sign-out', onclick: () => askSignOut(profile) });
  if (SERVES.includes(state) || state === 'offline') {
    return [
      button('Sign in again', { action: 'sign-in-browser', look: 'quiet', glyph: 'browser', onclick: () => flow.start({ flow: 'browser', fresh: true }) }),
      h('span', { class: 'end' }, out),
    ];
  }
  return profile.who ? [h('span', { class: 'soft small' }, 'The session is kept'), h('span', { class: 'end' }, out)] : [];
}
