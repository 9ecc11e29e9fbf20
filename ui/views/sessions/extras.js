// What is still owed to Ping, and the doors that stand open for containers and far machines.
import { h } from '../../dom.js';
import { command, part, prose } from '../../notice.js';
import { eachSecond, left, now, rough, when } from '../../time.js';
import { count } from '../../words.js';

export function owed(revocations) {
  if (!revocations.length) return null;
  const row = (one) => {
    const next = h('span', { class: 'soft small figures end' });
    eachSecond(next, () => {
      const rest = one.retry_at - now();
      next.textContent = rest > 0 ? `tried again in ${left(rest)}` : 'trying now';
    });
    return h('div', { class: 'owed' }, h('strong', {}, one.profile), h('span', { class: 'soft' }, `signed out ${rough(now() - one.since)} ago, tried ${count(one.attempts, 'time')}, given up ${when(one.forget_at)}`), next);
  };
  return part('Owed to Ping', 'Refresh tokens to revoke as soon as Ping can be reached', null, h('div', { class: 'card rows' }, revocations.map(row)));
}

export function doors(containers) {
  if (!containers.length) return null;
  return part('Container doors', 'Who may ask for tokens without being you', null, h('div', { class: 'card rows' }, containers.map(door)));
}

function door({ id, folder, problem, rules, refused }) {
  const uids = rules.uids?.length ? `uid ${rules.uids.join(', ')}` : 'your own uid and 50000';
  const what = [...(rules.profiles ?? []), ...(rules.connections ?? [])];
  const [tone, state] = problem ? ['bad', 'Closed'] : ['good', 'Open'];
  const strangers = refused.filter(({ times }) => times > 0);
  return h(
    'div',
    { class: 'door' },
    h('p', { class: 'cut', title: folder }, h('strong', {}, id), ' ', h('span', { class: 'soft' }, rules.project)),
    h('span', { class: `chip ${tone}` }, h('span', { class: 'dot' }), state),
    h('p', { class: 'soft small' }, problem ? prose(problem) : `${rules.remote ? 'Forwarded over ssh' : uids}; ${what.length ? `only ${what.join(', ')}` : 'every profile'}`),
    h('span', { class: 'soft small figures' }, rules.port ? `${rules.port.bind}:${rules.port.port}` : ''),
    strangers.map(({ uid, times }) => [
      h('p', { class: 'small' }, `Turned away: uid ${uid}, ${count(times, 'time')}. If that is your container:`),
      command(`dagpass container up --uid ${uid}`),
    ]),
  );
}
