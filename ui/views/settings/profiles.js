// The profiles of config.toml, each with its form, and the way to add one.
import { arrange, fill, freshId, h, redraw } from '../../dom.js';
import { blank, bone, button } from '../../notice.js';
import { toast } from '../../toast.js';
import { issuerOf, stateOf } from '../../words.js';
import { addProfile } from './add.js';
import { profileForm } from './form.js';

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

  const rows = new Map();

  /** A row stays while its profile does: what is being typed in one is not drawn away. */
  function draw() {
    if (!config) return;
    const named = Object.entries(config.table.profile ?? {});
    for (const name of rows.keys()) if (!named.some(([other]) => other === name)) rows.delete(name);
    for (const [name, table] of named) {
      if (!rows.has(name)) rows.set(name, row(name, shared));
      rows.get(name).update({ table, digest: config.reply.digest, managed: config.reply.managed }, name === config.table['default-profile'], states[name]);
    }
    const nodes = [...rows.values()].map(({ node }) => node);
    if (!nodes.length) redraw(list, [], () => blank('sessions', 'No profile yet', 'Add the first one: dagpass looks up the rest at Ping.'));
    else {
      list.drawn = null;
      arrange(list, nodes);
    }
  }
  shared.heard((anew) => {
    config = anew;
    draw();
  });
  return {
    node,
    known: ({ status }) => {
      states = Object.fromEntries((status?.profiles ?? []).map(({ name, state }) => [name, state]));
      draw();
    },
  };
}

function row(name, shared) {
  const id = freshId('profile');
  const info = h('div', {});
  const chip = h('div', { class: 'profile-state' });
  const body = h('div', { class: 'profile-form', id, hidden: true });
  const isTheirs = () => read.managed?.table.profile?.[name] !== undefined;
  let read = { table: {} };
  let form = null;
  const build = () => {
    form = profileForm(name, read, shared);
    fill(body, form.nodes);
  };
  const open = h('button', { type: 'button', class: 'button', 'aria-expanded': 'false', 'aria-controls': id, 'aria-label': `Edit ${name}`, data: { action: 'edit-profile' }, onclick: () => {
    body.hidden = !body.hidden;
    open.setAttribute('aria-expanded', String(!body.hidden));
    open.firstChild.textContent = body.hidden ? 'Edit' : 'Close';
    if (!form) build();
  } }, h('span', {}, 'Edit'));
  return {
    node: h('div', { class: 'profile-row', data: { settings: name } }, info, chip, open, body),
    update: (anew, chosen, state) => {
      const changed = anew.digest !== read.digest || JSON.stringify(anew.table) !== JSON.stringify(read.table);
      const relocked = JSON.stringify(anew.managed) !== JSON.stringify(read.managed);
      read = anew;
      const { issuer } = anew.table;
      const [words, tone] = state ? stateOf(state) : ['Not in force', 'waiting'];
      redraw(info, [chosen, issuer, isTheirs()], () => [h('p', { class: 'entry-name' }, h('strong', {}, name), chosen && h('span', { class: 'tag' }, 'default'), isTheirs() && h('span', { class: 'tag' }, 'managed')), h('p', { class: 'soft cut', title: issuer }, issuerOf(issuer ?? 'no issuer'))]);
      redraw(chip, [words, tone], () => h('span', { class: `chip ${tone}` }, h('span', { class: 'dot' }), words));
      // A lock that came or went is drawn anew; what was typed under the other one is not.
      if (relocked && form) build();
      else if (changed) form?.rebase(anew);
    },
  };
}
