// A ledger record in words: what kind of thing it was, for what, by whom. Pure; the whole of it is in
// the sheet.
import { epochOf } from '../../time.js';
import { plain } from '../../words.js';

/** kind: [words, shape, the one word of the key]. The order is that of the key below the picture. */
export const KINDS = {
  cache: ['From cache', 'cache', 'Cache'],
  refresh: ['Refreshed', 'refresh', 'Refresh'],
  exchange: ['By a grant', 'exchange', 'Grant'],
  denied: ['Denied', 'denied', 'Denied'],
  failed: ['Failed', 'failed', 'Failed'],
  'sign-in': ['Sign-in', 'sign-in', 'Sign-in'],
  run: ['Run', 'other', 'Run'],
  other: ['Other', 'other', 'Other'],
};

export function kindOf(record) {
  if (record.outcome === 'denied') return 'denied';
  if (record.outcome === 'failed') return 'failed';
  if (record.event === 'issue') return record.served in KINDS ? record.served : 'cache';
  if (record.event === 'refresh' || record.event === 'exchange') return record.event;
  if (['sign-in', 'sign-out', 'sign-out-everywhere'].includes(record.event)) return 'sign-in';
  return record.event === 'run' ? 'run' : 'other';
}

/** The ledger has one word for what a deployment gives (RFC 7523) and for an exchange at Ping (RFC 8693). */
export const broughtBy = (record) => (record.deployment ? 'a JWT bearer grant' : 'an exchange');

export function titleOf(record) {
  const { event, outcome, run } = record;
  if (run) return `${plain(run.kind)} ${run.state}`;
  const ok = {
    issue: record.upstream ? 'Sent to an upstream' : { cache: 'Served from cache', refresh: 'Served after a refresh', exchange: `Served after ${broughtBy(record)}` }[record.served] ?? 'Token served',
    refresh: 'Refreshed ahead of need',
    exchange: 'Airflow gave its token',
    'sign-in': 'Signed in',
    'sign-out': 'Signed out',
    revocation: 'Revoked at Ping',
    'door-opened': 'Door opened',
    'door-closed': 'Door closed',
    'ledger-mended': 'Record written again',
    'ledger-pruned': 'Old lines pruned',
    evidence: 'Evidence pack signed',
    'approval-asked': 'Approval asked for',
    'approval-answered': 'Approved',
    'approval-revoked': 'Approval taken back',
    'token-found': 'Token found in a file',
    'lease-revoked': 'Lease revoked',
    'client-credential': 'Secret or key of a client changed',
    'sign-out-everywhere': 'Signed out everywhere',
    decision: DEEDS[record.action] ?? (isLook(record) ? 'Looked' : 'Request permitted'),
    'agent-start': 'Agent started',
    'agent-stop': 'Agent ended',
    'config-change': record.session ? 'Tokens go another way' : 'Config changed on disk',
  }[event];
  const not = {
    issue: 'Request', decision: 'Request', refresh: 'Refresh', exchange: 'JWT bearer grant', 'sign-in': 'Sign-in', 'sign-out': 'Sign-out', revocation: 'Revocation', 'approval-answered': 'Approval', refused: 'Request',
  }[event] ?? plain(event);
  if (outcome === 'ok') return times(ok ?? plain(event), record);
  if (event === 'ledger-lost') return 'Record before this lost';
  if (event === 'ledger-altered') return 'Record written to by another program';
  if (event === 'ledger-forked') return 'A witness holds another record';
  if (event === 'approval-expired') return 'Approval not answered';
  if (event === 'refused') return record.count > 1 ? `${record.count} requests turned away` : 'Request turned away';
  return times(`${not} ${outcome}`, record);
}

/** What was asked of the agent itself, done. */
const DEEDS = {
  'write-config': 'Config changed',
  'sign-in': 'Sign-in begun',
  'finish-sign-in': 'Sign-in finished by hand',
  'sign-out': 'Sign-out asked for',
  purge: 'Purged',
  'change-client': 'Secret or key of a client to be changed',
  unlock: 'Store opened',
  'use-store': 'Store changed',
  'begin-run': 'Run begun',
  'enter-proxy': 'Way to an upstream given',
  'end-run': 'Run ended',
  'open-door': 'Door asked for',
  'close-door': 'Door closing',
  'begin-relay': 'Relay begun',
  pause: 'Paused',
  resume: 'Resumed',
  stop: 'Agent told to end',
  'set-login-item': 'Start at login changed',
  'make-evidence': 'Evidence asked for',
  'prune-ledger': 'Ledger to be pruned',
  'break-glass': 'Own policy switched off or on',
  approve: 'Approval answered',
  'revoke-approval': 'Approval to be taken back',
  'revoke-lease': 'Lease to be revoked',
};
const SERVED = new Set([undefined, 'token', 'connection', 'try', 'proxy']);
const isLook = (record) => !SERVED.has(record.action) && !(record.action in DEEDS);
/** Of a mended ledger the count is of those that were denied meanwhile, of a pruned one of the lines that went. */
const COUNTS_OTHERS = new Set(['ledger-mended', 'ledger-pruned']);
/** How many a line stands for. */
export const amountOf = (record) => (COUNTS_OTHERS.has(record.event) ? 1 : record.count ?? 1);

/** One line may tell of many. */
const times = (title, record) => (amountOf(record) > 1 ? `${title}, ${record.count} times` : title);

/** As short as a row wants it. */
export const shortOf = (record) => (record.event === 'issue' && record.outcome === 'ok' ? (KINDS[record.served] ?? KINDS.cache)[0] : record.event === 'refresh' && record.outcome === 'ok' ? 'Refreshed ahead' : titleOf(record));

export const timeOf = (record) => (record.at ??= epochOf(record.time));
export const connectionOf = (record) => record.connection ?? record.session?.connection ?? '';
export const profileOf = (record) => record.session?.profile ?? '';
export const dagOf = (record) => record.run?.dag_id ?? record.caller.context?.dag_id ?? '';
export const taskOf = (record) => record.run?.task_id ?? record.caller.context?.task_id ?? '';
export const targetOf = (record) => connectionOf(record) || (record.deployment ? `airflow ${record.deployment}` : profileOf(record)) || (record.run ? 'runs' : 'other');

/** The program's own name, without its folder. */
export function processOf(record) {
  const { executable, transport, capability } = record.caller;
  if (executable) return executable.split(/[\\/]/).pop();
  if (transport === 'agent') return 'dagpass-agent';
  return capability ? capability.split('-')[0] : transport;
}

/** Is it worth a row? A request that was permitted is followed by its issue, a deed by its own line. */
const OWN_LINE = new Set(['sign-in', 'sign-out', 'open-door', 'close-door', 'make-evidence', 'prune-ledger', 'approve', 'revoke-approval', 'revoke-lease', 'change-client']);
export const isEcho = (record) => record.event === 'decision' && record.outcome === 'ok'
  && (SERVED.has(record.action) || OWN_LINE.has(record.action) || isLook(record));

/** Everything a filter's text may be found in. */
export const haystack = (record) => (record.hay ??= [
  titleOf(record), targetOf(record), profileOf(record), dagOf(record), taskOf(record), processOf(record), record.error, record.reason, record.rules?.join(' '), record.fingerprint, record.caller.pid, record.caller.lanes?.map((lane) => `lane ${lane}`).join(' '), record.subject?.name, record.subject?.email, record.subject?.sub,
].join(' ').toLowerCase());
