// Leases: what was handed out, tree by tree below its sign-in, until when, and taking it back.
import { h, redraw } from '../../dom.js';
import { ask, isAway, on } from '../../ipc.js';
import { latest } from '../../latest.js';
import { part, working } from '../../notice.js';
import { question } from '../../sheet.js';
import { when } from '../../time.js';
import { toast, toastRefusal } from '../../toast.js';
import { count, laneOf, upper } from '../../words.js';

/** Which records may have changed a lease, and how soon after one is it looked at again? */
const TOLD = ['issue', 'lease-revoked', 'sign-in', 'sign-out', 'sign-out-everywhere'];
const SOON_MS = 800;

/** Keeps itself up to date while its view is shown. */
export function leases() {
  const node = h('div', {});
  const last = latest();
  let timer = 0;

  async function read() {
    timer = 0;
    if (node.closest('[hidden]')) return;
    const isLast = last();
    try {
      const list = await ask('leases');
      if (isLast()) draw(list);
    } catch (refusal) {
      // What else the view shows says it; an agent that is older knows no leases.
      if (isLast() && !isAway(refusal)) redraw(node, [], () => []);
    }
  }
  /** Many at once are one look, and none is put off for ever. */
  const soon = () => {
    timer ||= setTimeout(read, SOON_MS);
  };

  function draw({ leases: all, lanes = [], dropped }) {
    redraw(node, [all, lanes, dropped], () => [
      all.length > 0 && part('Leases', 'What was handed out, and until when it is good', null, trees(all).map(tree), dropped ? h('p', { class: 'soft small' }, `And ${dropped} more than there is room for.`) : null),
      lanes.length > 0 && part('Lanes', 'What each may have within an hour, and what is left of it', null, h('section', { class: 'card rows', 'aria-label': 'Lanes' }, lanes.map(laneRow))),
    ]);
  }

  function tree(of) {
    const [first] = of;
    return h(
      'section',
      { class: 'card rows lease-tree', 'aria-label': treeOf(first) },
      h('header', {}, h('h3', { class: 'entry-name' }, h('span', {}, treeOf(first)), laneTag(first.lanes)), h('p', { class: 'soft cut' }, `By the sign-in of ${first.profile}, since ${when(first.signed_in_at)}`)),
      of.map(lease),
    );
  }

  function lease(one) {
    const holds = one.state === 'holds';
    return h(
      'div',
      { class: 'entry lease', data: { lease: one.id, state: one.state } },
      h(
        'div',
        { class: 'entry-what' },
        h('h4', { class: 'entry-name' }, h('span', {}, audienceOf(one)), !holds && h('span', { class: `tag ${one.state === 'revoked' ? 'bad' : ''}` }, one.ended?.why ?? 'ended')),
        h('p', { class: 'soft' }, usedOf(one)),
        h('p', { class: 'soft small figures' }, `${one.id}, ${count(one.tokens, 'token')}, ${count(one.times, 'time')}; ${holds ? '' : 'what is out is '}good until ${when(one.until)}`),
      ),
      holds && working('Revoke', () => take(one), { look: 'quiet', action: 'revoke', 'aria-label': `Revoke: ${audienceOf(one)} for ${treeOf(one)}` }),
    );
  }

  async function take(one) {
    const body = h('p', { class: 'soft' }, `${treeOf(one)} gets no more tokens for ${audienceOf(one)}. What it holds is good until ${when(one.until)}, for whoever holds it. A new terminal or dagpass run asks anew; so does everybody once you have signed in anew.`);
    const answer = await question('Revoke this lease?', body, [
      { label: 'Keep it', value: null, action: 'keep' },
      { label: 'Revoke', value: true, look: 'main-one', action: 'confirm-revoke' },
    ]);
    if (!answer) return;
    try {
      await ask('revoke_lease', { id: one.id });
      toast(`Revoked: what is out is good until ${when(one.until)}`);
    } catch (refusal) {
      toastRefusal(refusal);
    }
    await read();
  }

  on('record', ({ event }) => TOLD.includes(event) && soon());
  on('missed', soon);
  return { node, read };
}

const laneTag = (lanes) => lanes?.length > 0 && h('span', { class: 'tag' }, laneOf(lanes));

function laneRow({ name, tokens, audiences, room_at: roomAt, runs = [], last }) {
  const counts = [[tokens, 'tokens'], [audiences, 'audiences']].filter(([of]) => of);
  const spent = counts.some(([{ used, most }]) => used >= most);
  const had = counts.map(([{ used, most }, what]) => `${used} of ${most} ${what} this hour, ${Math.max(0, most - used)} left`);
  const asked = last && `asked last by ${last.program ? fileOf(last.program) : 'somebody that is not shown'}${last.pid ? ` ${last.pid}` : ''}, ${when(last.at)}`;
  return h(
    'div',
    { class: 'entry lane', data: { lane: name } },
    h(
      'div',
      { class: 'entry-what' },
      h('h3', { class: 'entry-name' }, h('span', {}, upper(laneOf([name]))), spent && h('span', { class: 'tag bad' }, roomAt ? `spent until ${when(roomAt)}` : 'its quota is 0')),
      h('p', { class: 'soft figures' }, had.join('; ') || 'No quota: nothing is counted'),
      h('p', { class: 'soft small' }, [asked, ...runs].filter(Boolean).join('; ') || 'Nobody has asked yet'),
    ),
  );
}

/** In the order of the first of each, those of one sign-in beside each other. */
function trees(all) {
  const groups = new Map();
  for (const one of all) {
    const key = JSON.stringify([one.profile, one.signed_in_at, one.kind, one.tree]);
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  return [...groups.values()].sort(([a], [b]) => (a.profile < b.profile ? -1 : Number(a.profile > b.profile)));
}

const fileOf = (path) => path.split(/[\\/]/).pop();

export function treeOf({ kind, tree, leader }) {
  if (kind === 'process') return leader ? `${fileOf(leader)}, process ${tree}` : `Process ${tree}`;
  if (kind === 'run') return `dagpass run ${tree}`;
  if (kind === 'door') return `Door ${tree}`;
  return kind === 'agent' ? 'The agent itself' : `Not shown by the system, by ${tree}`;
}

export function audienceOf({ audience, deployment, scopes }) {
  const what = deployment ? `Airflow ${deployment}` : audience?.length ? audience.join(' ') : 'Audience not visible';
  return scopes ? `${what}, ${scopes}` : what;
}

function usedOf(one) {
  const dags = (one.dags ?? []).map(({ id, task, ended }) => `${task ? `${id}.${task}` : id}${ended ? ' (revoked)' : ''}`);
  const who = one.program ? `${fileOf(one.program)}${one.pid ? ` ${one.pid}` : ''}` : null;
  return [...(one.connections ?? []), ...dags, who].filter(Boolean).join(', ') || 'no connection named';
}
