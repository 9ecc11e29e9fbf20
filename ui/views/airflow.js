// Airflow: what the agent answers for, what each deployment gives this person, and how to wire a local
// one to it.
import { fill, h, redraw } from '../dom.js';
import { ask, isAway } from '../ipc.js';
import { latest } from '../latest.js';
import { away, blank, bone, failure, part, prose, viewHead } from '../notice.js';
import { known, refresh, watch } from '../store.js';
import { eachSecond, left, now } from '../time.js';
import { hostOf } from '../words.js';
import { askRoles, rolesOf } from './airflow/roles.js';
import { tried } from './airflow/tried.js';
import { wiring } from './airflow/wiring.js';

const OBTAIN = { narrow: 'narrowed from the sign-in', 'sign-in': 'a sign-in of its own', exchange: 'exchanged' };
const NOTE = 'Airflow asks for these by conn_id';
const STAND_INS = 4;

export function mount(section) {
  const instead = h('div', {});
  const connections = h('div', {});
  const deployments = h('div', {});
  const roles = h('div', {});
  const standing = part('Connections', NOTE, null, h('div', { class: 'card rows' }, Array.from({ length: STAND_INS }, standIn)));
  const body = h('div', { hidden: true }, connections, deployments, roles, part('Wire a local Airflow', 'It then asks dagpass first', null, wiring()));
  fill(section, viewHead('Airflow'), instead, standing, body);
  const show = (other) => {
    fill(instead, other);
    body.hidden = Boolean(other);
    standing.hidden = true;
  };
  let was = null;
  const question = latest();

  /** Draws once, with all that was asked for, so that no part pushes another. */
  async function load() {
    const last = question();
    try {
      const all = known.status?.deployments ?? [];
      const [reply, mapped] = await Promise.all([ask('airflow_connections'), Promise.all(all.map(askRoles))]);
      if (!last()) return;
      redraw(connections, reply.connections, () => part('Connections', NOTE, null, h('div', { class: 'card rows' }, reply.connections.length ? reply.connections.map(connection) : nothing())));
      redraw(roles, mapped, () => mapped.length > 0 && part('Your roles', 'Which group gives which, by the roles file', null, h('div', { class: 'roles-grid' }, mapped.map(rolesOf))));
      show(null);
    } catch (refusal) {
      if (last() && !isAway(refusal)) show(failure(refusal, load));
    }
  }

  watch(({ status, agent, refusal }) => {
    if (status && agent === 'up') {
      redraw(deployments, status.deployments ?? [], () => deploymentsOf(status.deployments ?? []));
    }
    if (agent === was) return;
    was = agent;
    if (agent === 'down') show(away('A local Airflow is told so by name, and falls back to its own connections where it has them. Start the agent to try them here.'));
    else if (agent === 'failed') show(failure(refusal, async () => {
      await refresh();
      await load();
    }));
    else if (agent === 'up') load();
  });
  return { show: () => was === 'up' && load() };
}

function connection(one) {
  const what = one.env ? { connection: one.conn_id, env: one.env } : { connection: one.conn_id };
  const place = [one.host && hostOf(one.host), one.port && String(one.port), one.schema, one.login && `login ${one.login}`].filter(Boolean).join(' · ');
  const own = one.obtain === 'sign-in' && !one.env && { profile: one.profile, connection: one.conn_id };
  const { button, outcome } = tried(what, one.conn_id, own);
  return h(
    'div',
    { class: 'entry', data: { connection: one.conn_id } },
    h(
      'div',
      { class: 'entry-what' },
      h('p', { class: 'entry-name' }, h('strong', { class: 'mono' }, one.conn_id), h('span', { class: 'tag' }, one.conn_type), one.env && h('span', { class: 'tag' }, `env ${one.env}`)),
      h('p', { class: 'soft cut', title: one.host }, place || 'no host'),
      h('p', { class: 'soft small' }, [`profile ${one.profile}`, OBTAIN[one.obtain] ?? one.obtain, `in ${one.token_in.startsWith('extra.') ? one.token_in : `the ${one.token_in}`}`, one.resource && `for ${one.resource}`].filter(Boolean).join(' · ')),
      one.scopes?.length > 0 && h('div', { class: 'tags' }, one.scopes.map((scope) => h('span', { class: 'tag' }, scope))),
    ),
    button,
    outcome,
  );
}

function deploymentsOf(all) {
  if (!all.length) return null;
  return part('Deployments', 'Airflow servers that take your sign-in', null, h('div', { class: 'card rows' }, all.map(deployment)));
}

const nothing = () => blank('airflow', 'No connection yet', 'Name one in config.toml, as `[connection.warehouse_api]` with profile, conn-type and host. Your DAG’s conn_id stays the same.');

function deployment(one) {
  const { button, outcome } = tried({ airflow: one.name }, `Airflow ${one.name}`);
  const token = h('p', { class: 'soft small figures' });
  if (one.token === 'direct') token.textContent = `profile ${one.profile} · takes Ping’s own token`;
  else {
    eachSecond(token, () => {
      const rest = (one.expires_at ?? 0) - now();
      token.textContent = `profile ${one.profile} · its own token, ${rest > 0 ? `one at hand for ${left(rest)}` : 'none at hand'}`;
    });
  }
  return h(
    'div',
    { class: 'entry', data: { deployment: one.name } },
    h(
      'div',
      { class: 'entry-what' },
      h('p', { class: 'entry-name' }, h('strong', {}, one.name), h('span', { class: 'soft cut', title: one.url }, hostOf(one.url))),
      token,
      one.keychain_item && h('p', { class: one.keychain_trouble ? 'small' : 'soft small' }, one.keychain_trouble ? ['airflowctl’s keychain item is not written: ', prose(one.keychain_trouble)] : `airflowctl finds it as ${one.keychain_item}`),
      one.reason && h('p', { class: 'small waiting' }, h('span', { class: 'tone' }, prose(one.reason))),
    ),
    button,
    outcome,
  );
}

const standIn = () => h('div', { class: 'entry', 'aria-hidden': 'true' }, h('div', { class: 'entry-what' }, bone('9rem', '1.25rem'), bone('14rem', '1.25rem'), bone('11rem', '1.125rem'), bone('6rem', '1.25rem')), bone('4.5rem', '1.875rem'));
