// Settings: profiles by form, what concerns this computer, and config.toml itself. Every change goes
// through the agent, which keeps comments and refuses what is wrong.
import { fill, h } from '../dom.js';
import { ask, isAway } from '../ipc.js';
import { latest } from '../latest.js';
import { away, failure, viewHead } from '../notice.js';
import { refresh, watch } from '../store.js';
import { tabs } from '../tabs.js';
import { computer } from './settings/computer.js';
import { editor } from './settings/editor.js';
import { managedBy, overlaid } from './settings/managed.js';
import { profiles } from './settings/profiles.js';

export function mount(section) {
  const config = { reply: null, table: {} };
  const listeners = [];
  /** Of what was read and what was written the last answer is shown, whichever comes first. */
  const news = latest();
  const instead = h('div', {});
  const managed = h('div', {});

  /** Takes what the agent answered; every part shows it. */
  const adopt = (reply) => {
    config.reply = reply;
    config.table = overlaid(reply.managed, reply.table ?? {});
    fill(managed, managedBy(reply.managed));
    for (const heard of listeners) heard(config);
  };
  /** One change of some keys; with `digest` only of that file. With `dry_run` nothing is written. */
  const edit = async (set, unset = [], { dry_run = false, digest } = {}) => {
    const last = dry_run ? null : news();
    const reply = await ask('edit_config', { edit: { set, unset, dry_run, ...(digest && { digest }) } });
    if (last) {
      if (last()) adopt(reply);
      await refresh();
    }
    return reply;
  };
  const save = async (text, digest) => {
    news();
    const reply = await ask('save_config', { text, digest });
    news();
    adopt(reply);
    await refresh();
    return reply;
  };
  const shared = { edit, save, heard: (one) => listeners.push(one), reload: load };
  const parts = { profiles: profiles(shared), computer: computer(shared), text: editor(shared) };
  const bar = tabs('Settings', [
    { key: 'profiles', label: 'Profiles', panel: parts.profiles.node },
    { key: 'computer', label: 'This computer', panel: parts.computer.node },
    { key: 'text', label: 'config.toml', panel: parts.text.node },
  ], { chosen: (key) => key === 'text' && requestAnimationFrame(() => parts.text.measure()) });
  const body = h('div', {}, managed, bar.panels);
  const head = viewHead('Settings', bar.list);
  fill(section, head, instead, body);

  const show = (other) => {
    fill(instead, other);
    body.hidden = Boolean(other);
    bar.list.hidden = Boolean(other);
  };

  async function load() {
    const last = news();
    try {
      const reply = await ask('config');
      if (!last()) return;
      adopt(reply);
      show(null);
    } catch (refusal) {
      if (last() && !isAway(refusal)) show(failure(refusal, load));
    }
  }

  let was = null;
  watch((known) => {
    parts.profiles.known(known);
    parts.computer.known(known);
    if (known.agent === was) return;
    was = known.agent;
    if (was === 'down') show(away('config.toml is on disk; the agent reads, checks and writes it, and keeps its comments.'));
    else if (was === 'up' || was === 'failed') load();
  });
  return {
    show: async (params) => {
      if (params?.tab) bar.choose(params.tab);
      if (was === 'up') await load();
      if (params?.find || params?.line) parts.text.reveal(params);
    },
  };
}
