// The form of one profile: judged by the agent while one types, saved as one edit of the keys that
// differ.
import { fill, h } from '../../dom.js';
import { button, prose, working } from '../../notice.js';
import { question } from '../../sheet.js';
import { choice } from '../../tabs.js';
import { toast, toastRefusal } from '../../toast.js';
import { key } from '../../toml.js';
import { upper } from '../../words.js';
import { unsaved } from './dirty.js';
import { field, settled } from './fields.js';

const KEYS = ['client-id', 'flow', 'scopes', 'redirect-ports', 'ca-file', 'session-lifetime'];

export function profileForm(name, table, shared) {
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
    const changes = KEYS.filter(differs);
    return {
      set: Object.fromEntries(changes.filter((one) => now(one) !== undefined).map((one) => [key('profile', name, one), now(one)])),
      unset: changes.filter((one) => now(one) === undefined).map((one) => key('profile', name, one)),
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
    saved = true;
    try {
      await shared.edit(set, unset);
      toast(`Saved: ${name}`);
    } catch (refusal) {
      saved = false;
      tell();
      blame([{ key: '', message: refusal.cause ?? refusal.error_description }]);
    }
  }, { look: 'main-one', action: 'save' });
  const back = button('Revert', { action: 'revert', onclick: revert });
  const general = h('p', { class: 'wrong soft', role: 'status' });
  let saved = false;
  const dirty = () => !saved && KEYS.some(differs);
  const tell = () => {
    const now = dirty();
    save.disabled = back.disabled = !now;
    unsaved(`profile ${name}`, now ? revert : null);
  };
  tell();
  const nodes = [
    h('div', { class: 'fields' }, inputs['client-id'].node, h('div', { class: 'field' }, h('span', { class: 'legend' }, 'Flow'), h('div', {}, flow.node)), inputs.scopes.node, inputs['redirect-ports'].node, inputs['ca-file'].node, inputs['session-lifetime'].node),
    h('div', { class: 'actions form-foot' }, save, back, general, h('span', { class: 'end' }, button('Remove', { look: 'quiet', glyph: 'cross', action: 'remove-profile', 'aria-label': `Remove ${name}`, onclick: () => remove(name, shared) }))),
  ];
  return { nodes, dirty };
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

