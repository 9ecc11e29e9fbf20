// The roles that a deployment gives this person, each with the group that gives it.
import { fill, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { ask } from '../../ipc.js';
import { banner, prose, working } from '../../notice.js';
import { personSource, upper } from '../../words.js';

/** What the file gives, or why there is nothing to say. */
export const askRoles = ({ name }) => ask('roles', { ask: { airflow: name } }).then((reply) => ({ name, reply }), (refusal) => ({ name, refusal }));

export function rolesOf({ name, reply, refusal }) {
  const body = reply ? known(reply) : [h('p', { class: 'soft' }, prose(upper(refusal.error_description))), refusal.hint && h('p', { class: 'soft small' }, prose(upper(refusal.hint)))];
  return h('section', { class: 'card roles', data: { roles: name }, 'aria-label': `Roles at ${name}` }, h('h3', {}, name), h('div', { class: 'roles-body' }, body));
}

function known({ airflow, person, claim, file }) {
  const roles = Object.entries(person.roles);
  const check = h('div', { role: 'status' });
  const compare = working('Compare with the server', async () => {
    const { check: found } = await ask('roles', { ask: { airflow, check: true } });
    fill(check, compared(found));
  }, { glyph: 'again', action: 'compare-roles', 'aria-label': `Compare the roles of ${airflow} with the server` });
  return [
    person.refused && banner('bad', 'warn', 'Not let in.', 'None of the groups is mapped, so this Airflow refuses the sign-in.'),
    roles.length > 0 && h('table', { class: 'roles-table' }, h('thead', { class: 'unseen' }, h('tr', {}, h('th', { scope: 'col' }, 'Group'), h('th', { scope: 'col' }, 'Role'))), h('tbody', {}, roles.map(([role, groups]) => h('tr', {}, h('td', {}, groups.map((group, at) => [at > 0 && ', ', group])), h('td', {}, h('span', { class: 'arrow soft', 'aria-hidden': 'true' }, '→ '), h('strong', {}, role)))))),
    person.unmapped.length > 0 && h('p', { class: 'soft small' }, `Give nothing: ${person.unmapped.join(', ')}`),
    h('p', { class: 'soft small' }, `${person.who ?? 'You'}: groups from ${personSource(person.source)}, claim `, h('code', {}, claim), ', file ', h('code', { title: file }, file.split(/[\\/]/).pop())),
    h('div', { class: 'actions' }, compare),
    check,
  ];
}

function compared(check) {
  if (check.in_sync) return h('p', { class: 'good chip small' }, h('span', { class: 'tone' }, icon('check')), `The server maps the same and gives you ${check.you.join(', ') || 'nothing'}`);
  const words = (list) => list.join(', ') || 'nothing';
  return h('div', { class: 'small' }, h('p', { class: 'waiting chip' }, h('span', { class: 'tone' }, icon('warn')), 'The server maps differently'), h('ul', { class: 'differs' }, check.claim && h('li', {}, `Claim: ${check.claim.here} here, ${check.claim.there} there`), Object.entries(check.groups).map(([group, { here, there }]) => h('li', {}, h('strong', {}, group), `: ${words(here)} here, ${words(there)} there`))));
}
