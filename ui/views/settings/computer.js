// What concerns this computer: the default profile, start at login, notifications, and where things are.
import { fill, freshId, h } from '../../dom.js';
import { ask } from '../../ipc.js';
import { latest } from '../../latest.js';
import { copyButton } from '../../copy.js';
import { part } from '../../notice.js';
import { toastRefusal } from '../../toast.js';
import { storeOf } from '../../words.js';
import { lockOf, lockedBy } from './managed.js';

const HOW = { systemd: 'a systemd user unit', autostart: 'an autostart entry', 'run-key': 'a Run key of the registry', 'launch-agent': 'a launch agent' };
const NOTIFICATIONS = [
  ['enabled', 'Notifications', 'From the agent, whether or not this window is open'],
  ['sign-in', 'Sign-in needed', 'One for each issuer until you answer'],
  ['session-end', 'Session ends soon', 'Before Ping’s session does'],
];

export function computer(shared) {
  const login = toggle('Start at login', 'The agent alone; this window opens when asked for', (on) => askLogin('set_login_item', { enabled: on }));
  const notices = NOTIFICATIONS.map(([key, label, note]) => [key, toggle(label, note, (on) => shared.edit({ [`notifications.${key}`]: on })), note]);
  const id = freshId('default');
  const chosen = h('select', { id, class: 'input', data: { action: 'default-profile' }, onchange: () => shared.edit({ 'default-profile': chosen.value }).catch(toastRefusal) });
  const places = h('dl', { class: 'facts' });
  const MEANT = 'Meant where a command names none';
  const defaultNote = h('p', { class: 'note' }, MEANT);
  const node = h(
    'div',
    {},
    h('div', { class: 'card rows' }, h('div', { class: 'switch' }, h('div', { class: 'what' }, h('label', { for: id }, 'Default profile'), defaultNote), h('div', { class: 'default-choice' }, chosen)), login.node),
    part('Notifications', null, null, h('div', { class: 'card rows' }, notices.map(([, one]) => one.node))),
    part('Places', null, null, h('div', { class: 'card places' }, places)),
  );

  const question = latest();
  const askLogin = async (name, args) => {
    const last = question();
    const item = await ask(name, args);
    if (last()) tellLogin(item);
  };
  function tellLogin(item) {
    login.set(item.enabled, !item.available);
    login.note(item.available ? `By ${HOW[item.how] ?? item.how}: ${item.path}` : item.reason ?? 'This system offers no way');
  }

  shared.heard(({ table, reply: { managed } }) => {
    const locked = { chosen: lockOf(managed, 'default-profile'), notices: lockOf(managed, 'notifications') };
    const names = Object.keys(table.profile ?? {});
    fill(chosen, names.length ? names.map((name) => h('option', { value: name }, name)) : h('option', { value: '' }, 'No profile yet'));
    chosen.disabled = !names.length || Boolean(locked.chosen);
    fill(defaultNote, locked.chosen ? lockedBy(locked.chosen) : MEANT);
    chosen.value = table['default-profile'] ?? names[0] ?? '';
    const told = table.notifications ?? {};
    for (const [key, one, note] of notices) {
      one.set(told[key] ?? true, Boolean(locked.notices) || (key !== 'enabled' && told.enabled === false));
      one.note(locked.notices ? lockedBy(locked.notices) : note);
    }
  });

  let asked = false;
  return {
    node,
    known: ({ status, agent, about }) => {
      if (agent === 'up' && !asked) {
        asked = true;
        askLogin('login_item').catch((refusal) => login.note(refusal.error_description));
      }
      if (agent !== 'up') asked = false;
      const facts = [
        ['Config', about?.config_path ?? status?.agent.config_path],
        ['Socket', about?.socket ?? status?.agent.socket],
        ['TCP port', status && `127.0.0.1:${status.agent.tcp_port}`],
        ['Refresh tokens', status && storeOf(status.agent.store)],
        ['Version', about?.version ?? status?.agent.version],
      ];
      const key = JSON.stringify(facts);
      if (places.drawn === key) return;
      places.drawn = key;
      fill(places, facts.map(([name, value]) => [h('dt', {}, name), h('dd', { class: 'place' }, h('span', { class: 'mono' }, value || '\u00a0'), name === 'Config' && value && copyButton(value, { label: 'Copy the path of the config' }))]));
    },
  };
}

function toggle(label, note, changed) {
  const id = freshId('toggle');
  const told = h('p', { class: 'note', id: `${id}-note` }, note);
  const input = h('input', { id, type: 'checkbox', class: 'toggle', role: 'switch', 'aria-describedby': `${id}-note`, data: { action: 'toggle' } });
  input.addEventListener('change', async () => {
    const on = input.checked;
    try {
      await changed(on);
    } catch (refusal) {
      input.checked = !on;
      toastRefusal(refusal);
    }
  });
  return {
    node: h('div', { class: 'switch' }, h('div', { class: 'what' }, h('label', { for: id }, label), told), input),
    set: (on, off = false) => {
      input.checked = on;
      input.disabled = off;
    },
    note: (words) => fill(told, words),
  };
}
