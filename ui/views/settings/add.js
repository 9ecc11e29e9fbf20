// A new profile: from a Ping product to what its discovery document says, asked while one types, to a
// table in config.toml.
import { fill, freshId, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { ask } from '../../ipc.js';
import { copyButton } from '../../copy.js';
import { settled } from '../../latest.js';
import { button, prose, working } from '../../notice.js';
import { choice } from '../../tabs.js';
import { key } from './keys.js';
import { overlaid } from './managed.js';
import { upper } from '../../words.js';
import { field } from './fields.js';

const REGIONS = [['eu', 'Europe (eu)'], ['com', 'North America (com)'], ['ca', 'Canada (ca)'], ['com.au', 'Australia (com.au)'], ['sg', 'Singapore (sg)'], ['asia', 'Asia (asia)']];
const KINDS = [['pingone', 'PingOne'], ['pingfederate', 'PingFederate'], ['pingam', 'PingAM'], ['issuer', 'Issuer']];
const WANTED = ['openid', 'profile', 'email'];
const PORTS = [21217, 23683, 28021];
/** From how many seconds on is a clock worth a word? */
const SKEW = 30;
const TAKEN = 'There is one of this name already';
const URL_LIKE = /^https?:\/\/[^\s/]+/;

export function addProfile(done, { taken = () => [], cancel } = {}) {
  const region = select('Region', REGIONS);
  const parts = {
    environment: field('Environment id', { mono: true, placeholder: '1b2c3d4e-…', oninput: look }),
    federate: field('PingFederate URL', { type: 'url', mono: true, placeholder: 'https://sso.corp.example', whole: true, oninput: look }),
    am: field('PingAM URL', { type: 'url', mono: true, placeholder: 'https://tenant.forgeblocks.com/am', oninput: look }),
    realm: field('Realm', { value: 'alpha', mono: true, oninput: look }),
    issuer: field('Issuer URL', { type: 'url', mono: true, placeholder: 'https://login.corp.example', whole: true, oninput: look }),
  };
  const shown = { pingone: [region.node, parts.environment.node], pingfederate: [parts.federate.node], pingam: [parts.am.node, parts.realm.node], issuer: [parts.issuer.node] };
  const where = h('div', { class: 'fields' });
  const kind = choice('Product', KINDS, 'pingone', (chosen) => {
    fill(where, shown[chosen]);
    look();
  });
  const name = field('Profile name', { value: taken().includes('prod') ? '' : 'prod', mono: true, oninput: tell });
  const client = field('Client id', { mono: true, oninput: tell, note: 'Of a native app: public client, PKCE, refresh tokens' });
  let typed = false;
  const scopes = field('Scopes', { value: WANTED, list: true, mono: true, whole: true, oninput: () => (typed = true) });
  const result = h('div', { class: 'found', role: 'status' });
  const wrong = h('p', { class: 'wrong', role: 'alert' });
  const register = h('div', { class: 'command' });
  let found = null;

  const create = working('Add the profile', async () => {
    fill(wrong);
    const [chosen, { issuer, discovery, own_callback }] = [name.text(), found];
    const table = { issuer, 'client-id': client.text(), scopes: scopes.value() ?? ['openid'], ...(own_callback && { 'redirect-path': path() }) };
    const elsewhere = discovery && { [key('profile', chosen, 'endpoints', 'discovery')]: discovery };
    try {
      // As the file is now: another program may have written one of this name.
      const { table: there, managed, digest } = await ask('config');
      const names = Object.keys(overlaid(managed, there).profile ?? {});
      if (names.includes(chosen)) return name.blame(TAKEN);
      const set = { [key('profile', chosen)]: table, ...elsewhere, ...(!names.length && { 'default-profile': chosen }) };
      await ask('edit_config', { edit: { set, unset: [], dry_run: false, digest } });
      await done(chosen);
    } catch (refusal) {
      fill(wrong, prose(upper(refusal.cause ?? refusal.error_description)));
    }
  }, { look: 'main-one', glyph: 'plus', action: 'create-profile' });

  function question() {
    const [environment, federate, am, realm, issuer] = ['environment', 'federate', 'am', 'realm', 'issuer'].map((part) => parts[part].text());
    switch (kind.value()) {
      case 'pingone': return environment.length >= 4 && { kind: 'pingone', region: region.select.value, environment };
      case 'pingfederate': return URL_LIKE.test(federate) && { kind: 'pingfederate', url: federate };
      case 'pingam': return URL_LIKE.test(am) && realm && { kind: 'pingam', url: am, realm };
      default: return URL_LIKE.test(issuer) && { kind: 'issuer', url: issuer };
    }
  }

  const discover = settled(async (last, asked) => {
    try {
      const reply = await ask('discover', { ask: asked });
      if (last()) show(reply);
    } catch (refusal) {
      if (last()) fill(result, missing(refusal));
    }
  }, 450);

  function look() {
    found = null;
    tell();
    const asked = question();
    fill(result, asked ? h('p', { class: 'soft chip' }, h('span', { class: 'waits', 'aria-hidden': 'true' }), 'Asking for the discovery document…') : h('p', { class: 'soft' }, 'What Ping answers there shows here as you type.'));
    if (asked) discover(asked);
    else discover.drop();
  }

  function show(reply) {
    found = reply;
    if (reply.scopes_supported.length && !typed) scopes.set(WANTED.filter((scope) => reply.scopes_supported.includes(scope)));
    fill(result, said(reply));
    tell();
  }

  /** Answers that do not say whose they are come to a path that no other profile has. */
  const path = () => (found?.own_callback && name.text() ? `/callback/${name.text()}` : '/callback');

  function tell() {
    const uris = PORTS.map((port) => `http://127.0.0.1:${port}${path()}`);
    fill(register, h('code', {}, uris.map((uri) => h('div', {}, uri))), copyButton(uris.join('\n'), { label: 'Copy the redirect URIs' }));
    const sound = /^[A-Za-z0-9_-]+$/.test(name.text());
    name.blame(name.text() && !sound ? 'Letters, digits, - and _' : taken().includes(name.text()) ? TAKEN : null);
    create.disabled = !found || !sound || taken().includes(name.text()) || !client.text();
  }

  function select(label, options) {
    const id = freshId('select');
    const node = h('select', { id, class: 'input', onchange: () => look() }, options.map(([value, words]) => h('option', { value }, words)));
    return { select: node, node: h('div', { class: 'field' }, h('label', { for: id }, label), node) };
  }

  fill(where, shown.pingone);
  look();
  const form = h(
    'form',
    { class: 'add', onsubmit: (event) => event.preventDefault() },
    h('div', { class: 'kinds' }, kind.node),
    where,
    result,
    h('div', { class: 'fields' }, name.node, client.node, scopes.node),
    h('details', { class: 'register' }, h('summary', {}, 'What to register at Ping'), h('p', { class: 'soft small' }, prose('A native app as a public client, code with PKCE (S256), the device and refresh-token grants, and these redirect URIs (PingOne takes any port):')), register),
    wrong,
    h('div', { class: 'actions' }, create, cancel && button('Cancel', { action: 'cancel-add', onclick: cancel })),
  );
  return { node: form, focus: () => kind.node.querySelector('[aria-checked="true"]').focus() };
}

function said(reply) {
  const yes = (has, words) => h('span', { class: `chip ${has ? 'good' : 'waiting'}` }, h('span', { class: 'tone' }, icon(has ? 'check' : 'cross', 14)), words);
  const off = Math.abs(reply.clock_skew ?? 0) > SKEW;
  return [
    h('p', { class: 'small soft' }, 'Found the issuer'),
    h('p', {}, h('code', {}, reply.issuer)),
    reply.discovery && h('p', { class: 'small soft' }, 'Its document is elsewhere: ', h('code', {}, reply.discovery), ' is written down too'),
    h('div', { class: 'found-facts' }, yes(reply.authorization_code, 'Browser sign-in'), yes(reply.device_code, reply.device_code ? 'Sign-in with a code' : 'No sign-in with a code'), off && h('span', { class: 'chip waiting' }, h('span', { class: 'tone' }, icon('warn', 14)), `Its clock is ${Math.abs(reply.clock_skew)} s ${reply.clock_skew > 0 ? 'ahead of' : 'behind'} ours`)),
  ];
}

const missing = (refusal) => h('div', { class: 'bad' }, h('p', { class: 'chip' }, h('span', { class: 'tone' }, icon('cross', 14)), prose(upper(refusal.error_description))), refusal.cause && h('p', { class: 'soft small' }, prose(upper(refusal.cause))), refusal.hint && h('p', { class: 'soft small' }, prose(upper(refusal.hint))));
