// The form of one profile: judged by the agent while one types, saved as one edit of the keys that
// differ. A key that another program changed meanwhile is shown before it is written over.
import { fill, h } from '../../dom.js';
import { settled } from '../../latest.js';
import { button, prose, working } from '../../notice.js';
import { question } from '../../sheet.js';
import { choice } from '../../tabs.js';
import { toast, toastRefusal } from '../../toast.js';
import { upper } from '../../words.js';
import { unsaved } from './dirty.js';
import { field } from './fields.js';
import { key } from './keys.js';
import { lockedBy, profileLockOf } from './managed.js';

const KEYS = ['client-id', 'flow', 'scopes', 'redirect-ports', 'ca-file', 'session-lifetime'];

/** `read` is {table, digest, managed}: what the form is made from. */
export function profileForm(name, { table, digest, managed }, shared) {
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
  const flowNode = h('div', {}, flow.node);
  for (const one of KEYS) {
    const path = profileLockOf(managed, name, one);
    if (!path) continue;
    if (one !== 'flow') inputs[one].lock(lockedBy(path));
    else {
      flow.disable();
      flowNode.append(h('p', { class: 'note locked' }, lockedBy(path)));
    }
  }
  let before = table;
  let madeFrom = digest;
  /** Did another program change a key that is being changed here? */
  let met = false;
  const now = (one) => (one === 'flow' ? (flow.value() === 'auto' && before.flow === undefined ? undefined : flow.value()) : inputs[one].value());
  // A time may stand there as a number; here it is typed.
  const text = (one) => JSON.stringify(typeof one === 'number' ? String(one) : one);
  const same = (one, other) => text(one) === text(other);
  const differs = (one) => !same(now(one), before[one]);
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
    const reply = await shared.edit(set, unset, { dry_run: true }).catch((refusal) => ({ problems: [{ key: '', message: refusal.cause ?? refusal.error_description }] }));
    if (last()) blame(reply.problems ?? []);
  });
  const put = (one, value) => (one === 'flow' ? flow.set(value ?? 'auto') : inputs[one].set(value));
  const revert = () => {
    check.drop();
    for (const one of KEYS) put(one, before[one]);
    blame([]);
    tell();
  };
  /** Takes what the file says now, but for what is being changed here. Tells what both changed. */
  const rebase = ({ table: anew, digest: newDigest }) => {
    const mine = KEYS.filter(differs);
    const both = mine.filter((one) => !same(anew[one], before[one]) && !same(anew[one], now(one)));
    for (const one of KEYS) if (!mine.includes(one)) put(one, anew[one]);
    [before, madeFrom] = [anew, newDigest];
    met = both.length > 0;
    if (met) {
      check.drop();
      blame(both.map((one) => ({ key: key('profile', name, one), message: `${one === 'flow' ? 'Flow: c' : 'C'}onfig.toml says ${said(anew[one])} since; saving puts this in its place` })));
    }
    tell();
  };
  const save = working('Save', async () => {
    check.drop();
    const { set, unset } = edits();
    met = false;
    unsaved(`profile ${name}`, null);
    try {
      await shared.edit(set, unset, { digest: madeFrom }).catch(async (refusal) => {
        if (refusal.error !== 'config_changed') throw refusal;
        // Only what another program changed of the same keys needs the person.
        met = false;
        await shared.reload();
        if (!met) await shared.edit(set, unset, { digest: madeFrom });
      });
      if (!met) toast(`Saved: ${name}`);
    } catch (refusal) {
      blame([{ key: '', message: refusal.cause ?? refusal.error_description }]);
    }
    tell();
  }, { look: 'main-one', action: 'save' });
  const back = button('Revert', { action: 'revert', onclick: revert });
  const general = h('p', { class: 'wrong soft', role: 'status' });
  const tell = () => {
    const dirty = KEYS.some(differs);
    save.disabled = back.disabled = !dirty;
    unsaved(`profile ${name}`, dirty ? revert : null);
  };
  tell();
  const nodes = [
    h('div', { class: 'fields' }, inputs['client-id'].node, h('div', { class: 'field' }, h('span', { class: 'legend' }, 'Flow'), flowNode), inputs.scopes.node, inputs['redirect-ports'].node, inputs['ca-file'].node, inputs['session-lifetime'].node),
    h('div', { class: 'actions form-foot' }, save, back, general, h('span', { class: 'end' }, !managed?.table.profile?.[name] && button('Remove', { look: 'quiet', glyph: 'cross', action: 'remove-profile', 'aria-label': `Remove ${name}`, onclick: () => remove(name, shared) }))),
  ];
  return { nodes, rebase };
}

const said = (value) => (value === undefined ? 'nothing' : `\`${Array.isArray(value) ? value.join(' ') : value}\``);

async function remove(name, shared) {
  const sure = await question(`Remove profile ${name}?`, h('p', { class: 'soft' }, 'Its table leaves config.toml. Sign out first if its session should be revoked at Ping.'), [
    { label: 'Keep it', value: null, action: 'keep' },
    { label: 'Remove', value: true, look: 'grave', action: 'confirm-remove' },
  ]);
  if (!sure) return;
  unsaved(`profile ${name}`, null);
  await shared.edit({}, [key('profile', name)]).then(() => toast(`Profile ${name} is removed`), toastRefusal);
}

