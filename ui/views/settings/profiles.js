// The profiles of config.toml, each with its form, and the way to add one.
import { fill, freshId, h, redraw } from '../../dom.js';
import { blank, bone, button, prose, working } from '../../notice.js';
import { question } from '../../sheet.js';
import { toast, toastRefusal } from '../../toast.js';
import { choice } from '../../tabs.js';
import { key } from '../../toml.js';
import { issuerOf, stateOf, upper } from '../../words.js';
import { addProfile } from './add.js';
import { unsaved } from './dirty.js';
import { field, settled } from './fields.js';

const KEYS = ['client-id', 'flow', 'scopes', 'redirect-ports', 'ca-file', 'session-lifetime'];

export function profiles(shared) {
  const list = h('div', { class: 'card rows' }, Array.from({ length: 2 }, () => h('div', { class: 'profile-row', 'aria-hidden': 'true' }, h('div', {}, bone('6rem', '1.25rem'), bone('14rem', '1.25rem')))));
  const adding = h('div', { class: 'card adding', hidden: true });
  const add = button('Add a profile', { glyph: 'plus', action: 'add-profile', onclick: () => openAdd(true) });
  const node = h('div', {}, h('div', { class: 'part-head level' }, h('p', { class: 'soft' }, 'Where to sign in, and as which client'), h('div', { class: 'more' }, add)), list, adding);
  let states = {};
  let config = null;

  function openAdd(open) {
    adding.hidden = !open;
    add.disabled = open;
    if (!open) return add.focus();
    const form = addProfile(async (name) => {
      toast(`Profile ${name} is written`);
      openAdd(false);
      await shared.reload();
    }, { taken: () => Object.keys(config?.table.profile ?? {}), cancel: () => openAdd(false) });
    fill(adding, h('h2', {}, 'A new profile'), form.node);
    return form.focus();
  }

  function draw() {
    if (!config) return;
    const named = Object.entries(config.table.profile ?? {});
    redraw(list, [named, config.table['default-profile'], states], () => (named.length ? named.map(([name, table]) => row(name, table, config.table['default-profile'], states[name], shared)) : blank('sessions', 'No profile yet', 'Add the first one: dagpass looks up the rest at Ping.')));
  }
  shared.heard((anew) => {
    config = anew;
    draw();
  });
  return {
    node,
    known: ({ status }) => {
      states = Object.fromEntries((status?.profiles ?? []).map(({ name, state }) => [name, state]));
      // An open form is not drawn away under one's hands.
      if (!list.querySelector('[aria-expanded="true"]')) draw();
    },
  };
}

function row(name, table, chosen, state, shared) {
  const id = freshId('profile');
  const body = h('div', { class: 'profile-form', id, hidden: true });
  const open = h('button', { type: 'button', class: 'button', 'aria-expanded': 'false', 'aria-controls': id, 'aria-label': `Edit ${name}`, data: { action: 'edit-profile' }, onclick: () => {
    body.hidden = !body.hidden;
    open.setAttribute('aria-expanded', String(!body.hidden));
    open.firstChild.textContent = body.hidden ? 'Edit' : 'Close';
    if (!body.childElementCount) fill(body, form(name, table, shared));
  } }, h('span', {}, 'Edit'));
  const [words, tone] = state ? stateOf(state) : ['Not in force', 'waiting'];
  return h(
    'div',
    { class: 'profile-row', data: { settings: name } },
    h('div', {}, h('p', { class: 'entry-name' }, h('strong', {}, name), name === chosen && h('span', { class: 'tag' }, 'default')), h('p', { class: 'soft cut', title: table.issuer }, issuerOf(table.issuer ?? 'no issuer'))),
    h('span', { class: `chip ${tone} profile-state` }, h('span', { class: 'dot' }), words),
    open,
    body,
  );
}

function form(name, table, shared) {
  const changed = () => {
    tell();
    check(edits());
  };
  const flow = choice('Flow', [['auto', 'Auto'], ['browser', 'Browser'], ['device', 'Code']], table.flow ?? 'auto', changed);
  const inputs = {
    'client-id': field('Client id', { value: table['client-id'], mono: true, oninput: changed }),
    scopes: field('Scopes', { value: table.scopes, list: true, mono: true, note: 'What a sign-in asks for: the union of what callers need', oninput: changed }),
    'redirect-ports': field('Redirect ports', { value: table['redirect-ports'], list: true, number: true, mono: true, placeholder: '21217 23683 28021', note: 'Registered at Ping; tried in this order, 0 is any', oninput: changed }),
    'ca-file': field('CA file', { value: table['ca-file'], mono: true, placeholder: 'corp-ca.pem', note: 'Beside the system’s trust store; relative to config.toml', oninput: changed }),
    'session-lifetime': field('Ping session lasts', { value: table['session-lifetime'], mono: true, placeholder: '12h', note: 'Where Ping does not tell, so that its end can be foreseen', oninput: changed }),
  };
  const before = Object.fromEntries(KEYS.map((one) => [one, table[one]]));
  const now = (one) => (one === 'flow' ? (flow.value() === 'auto' && before.flow === undefined ? undefined : flow.value()) : inputs[one].value());
  const differs = (one) => JSON.stringify(now(one)) !== JSON.stringify(before[one]);
  const edits = () => {
    const dirty = KEYS.filter(differs);
    return {
      set: Object.fromEntries(dirty.filter((one) => now(one) !== undefined).map((one) => [key('profile', name, one), now(one)])),
      unset: dirty.filter((one) => now(one) === undefined).map((one) => key('profile', name, one)),
    };
  };
  const blame = (problems) => {
    for (const [one, input] of Object.entries(inputs)) input.blame(problems.find((problem) => problem.key === key('profile', name, one))?.message);
    const other = problems.find((problem) => !Object.keys(inputs).some((one) => problem.key === key('profile', name, one)));
    fill(general, other && prose(`${other.line ? `Line ${other.line}: ` : ''}${upper(other.message)}`));
  };
  const check = settled(async (last, { set, unset }) => {
    const reply = await shared.edit(set, unset, true).catch((refusal) => ({ problems: [{ key: '', message: refusal.cause ?? refusal.error_description }] }));
    if (last()) blame(reply.problems ?? []);
  });
  const revert = () => {
    for (const [one, input] of Object.entries(inputs)) input.set(before[one]);
    flow.set(before.flow ?? 'auto');
    blame([]);
    tell();
  };
  const save = working('Save', async () => {
    const { set, unset } = edits();
    unsaved(`profile ${name}`, null);
    try {
      await shared.edit(set, unset);
      toast(`Saved: ${name}`);
    } catch (refusal) {
      tell();
      blame([{ key: '', message: refusal.cause ?? refusal.error_description }]);
    }
  }, { look: 'main-one', action: 'save' });
  const back = button('Revert', { action: 'revert', onclick: revert });
  const general = h('p', { class: 'wrong soft', role: 'status' });
  const tell = () => {
    const dirty = KEYS.some(differs);
    save.disabled = back.disabled = !dirty;
    unsaved(`profile ${name}`, dirty ? revert : null);
  };
  tell();
  return [
    h('div', { class: 'fields' }, inputs['client-id'].node, h('div', { class: 'field' }, h('span', { class: 'legend' }, 'Flow'), h('div', {}, flow.node)), inputs.scopes.node, inputs['redirect-ports'].node, inputs['ca-file'].node, inputs['session-lifetime'].node),
    h('div', { class: 'actions form-foot' }, save, back, general, h('span', { class: 'end' }, button('Remove', { look: 'quiet', glyph: 'cross', action: 'remove-profile', 'aria-label': `Remove ${name}`, onclick: () => remove(name, shared) }))),
  ];
}

async function remove(name, shared) {
  const sure = await question(`Remove profile ${name}?`, h('p', { class: 'soft' }, 'Its table leaves config.toml. Sign out first if its session should be revoked at Ping.'), [
    { label: 'Keep it', value: null, action: 'keep' },
    { label: 'Remove', value: true, look: 'grave', action: 'confirm-remove' },
  ]);
  if (!sure) return;
  unsaved(`profile ${name}`, null);
  await shared.edit({}, [key('profile', name)]).then(() => toast(`Profile ${name} is removed`), toastRefusal);
}

