// What is wanted, by whom and by which rule, in words. Pure; the same ones as on the command line.

/** word: label, look, and what it means in full. */
export const ANSWERS = [
  ['once', 'Once', 'main-one', 'Those that wait get what they asked for, one time'],
  ['run', 'This run', '', 'Until the run or its terminal’s programs end, 12 hours at most; a locked screen does not end it'],
  ['today', 'Today', '', 'The same process tree, until midnight'],
  ['always', 'Always', '', 'Whenever this program asks for it from this folder, for 90 days'],
  ['no', 'No', 'quiet', 'It is not given, and not asked again for an hour'],
];
export const HELD = { once: 'once', run: 'this run', today: 'today', always: 'always', no: 'refused' };

export function titleOf({ action, program, connection, deployment, profile }) {
  const who = program?.split(/[\\/]/).pop() || 'A program';
  if (action !== 'token') return `${who} wants to ${action.replaceAll('-', ' ')}`;
  const whose = connection ? ` for ${connection}` : deployment ? ` for Airflow ${deployment}` : profile ? ` of ${profile}` : '';
  return `${who} wants a token${whose}`;
}

/** All of it is what the system says. */
export function factsOf(one) {
  const process = [one.program ?? 'not shown by the system', one.pid && `process ${one.pid}`, one.sha256 && `SHA-256 ${one.sha256.slice(0, 16)}…`];
  return [
    ['Rule', one.rules.join(', ')],
    ['Profile', one.profile],
    ['Environment', one.env],
    ['Audience', one.resource],
    ['Scopes', one.scopes ?? (one.action === 'token' && 'all that was granted')],
    ['Upstream', one.upstream],
    ['First request', one.request],
    ['Program', process.filter(Boolean).join(', ')],
    ['Started by', one.parents?.join(' < ')],
    ['Terminal', one.terminal],
    ['Folder', one.cwd],
    ['Run', one.run],
    ['Came by', one.door],
  ].filter(([, value]) => value);
}

/** Nobody has checked this. */
export const saidOf = ({ says }) => Object.entries(says ?? {}).map(([name, value]) => `${name} ${value}`);
