// The whole of a record in a side sheet, and its JSON to copy.
import { copyButton } from '../../copy.js';
import { h } from '../../dom.js';
import { icon } from '../../icons.js';
import { openSheet } from '../../sheet.js';
import { rough, stamp } from '../../time.js';
import { laneOf, plain, upper } from '../../words.js';
import { broughtBy, profileOf, timeOf, titleOf } from './record.js';

/** `neighbour(seq, step)` gives the record before or after in the list. */
export function openRecord(record, neighbour) {
  let shown = record;
  const step = (by, name, glyph, key) => h('button', { type: 'button', class: 'button quiet only-icon', 'aria-label': name, title: `${name} (${key})`, data: { action: name }, onclick: () => move(by) }, icon(glyph));
  const move = (by) => {
    const next = neighbour(shown.seq, by);
    if (!next) return;
    shown = next;
    sheet.redraw(titleOf(next), bodyOf(next));
  };
  const sheet = openSheet(titleOf(record), bodyOf(record), step(-1, 'Newer', 'back', '←'), step(1, 'Older', 'next', '→'));
  sheet.dialog.addEventListener('keydown', (event) => {
    if (event.key === 'ArrowLeft') move(-1);
    else if (event.key === 'ArrowRight') move(1);
  });
}

/** More than this the program does not put on the clipboard. */
const MOST_COPIED = 4096;
const CONTEXT = { dag_id: 'DAG', task_id: 'Task', run_id: 'Run', purpose: 'Purpose' };

function bodyOf(record) {
  const { caller, run, subject } = record;
  const context = Object.entries(caller.context ?? {});
  const told = (indent) => JSON.stringify(record, (key, value) => (key === 'at' || key === 'hay' ? undefined : value), indent);
  const json = told(2);
  const short = json.length < MOST_COPIED ? json : told();
  return [
    group('What', [
      ['Time', `${stamp(timeOf(record))}`],
      ['Outcome', outcome(record)],
      ['Error', record.error && h('code', {}, record.error)],
      ['Reason', record.reason],
      ['Rules', tags(record.rules)],
      ['Approval', record.approval && h('code', {}, record.approval)],
      ['Re-authenticated', record.re_authenticated],
      ['Policy', record.policy && [h('code', {}, record.policy), h('span', { class: 'soft' }, ' SHA-256, its first digits')]],
    ]),
    group('For', [
      ['Profile', profileOf(record)],
      ['Connection', record.connection ?? record.session?.connection],
      ['Deployment', record.deployment],
      ['Scopes', tags(record.scopes)],
      ['Audience', typeof record.audience === 'string' ? record.audience : tags(record.audience) ?? (record.fingerprint ? 'not visible' : null)],
      ['Token', record.fingerprint && [h('code', {}, record.fingerprint), h('span', { class: 'soft' }, ' SHA-256, its first digits')]],
      ['Handed in', record.assertion && h('code', {}, record.assertion)],
      ['Ends', record.expires_at && ends(record)],
    ]),
    group('Asked by', [
      ['Process', caller.executable && h('code', {}, caller.executable)],
      ['SHA-256 of it', caller.executable_sha256 && h('code', {}, caller.executable_sha256)],
      ['Process id', caller.pid && String(caller.pid)],
      ['Lane', caller.lanes?.length > 0 && upper(laneOf(caller.lanes))],
      ['Came over', `${plain(caller.transport)}${caller.remote ? ', from another machine' : ''}`],
      ['Capability', caller.capability && h('code', {}, caller.capability)],
      ...context.map(([key, value]) => [CONTEXT[key] ?? plain(key), h('code', {}, value)]),
      context.length > 0 && ['', h('span', { class: 'soft small' }, 'What the caller said of itself is recorded, never decided on.')],
    ]),
    run && group('Run', [
      ['DAG', h('code', {}, run.dag_id)],
      ['Run', h('code', {}, run.run_id)],
      ['Task', run.task_id && h('code', {}, run.task_id)],
      ['State', run.state],
      ['Triggered by', run.triggering_user],
      ['Signed in as', run.signed_in_as],
      ['Tokens', run.tokens?.length ? run.tokens.flatMap((tie) => (tie.each?.length ? tie.each : [tie]).map((used) => h('div', {}, h('code', {}, used.fingerprint), ` ${tie.connection ?? ''}${used.times > 1 ? ` × ${used.times}` : ''}`))) : 'none'],
    ]),
    record.proof && group('Proof', proofOf(record.proof)),
    subject && group('Person', [['Name', subject.name], ['Address', subject.email], ['Subject', h('code', {}, subject.sub)], ['Issuer', h('code', {}, subject.iss)]]),
    h('div', { class: 'part-head record-json' }, h('h3', {}, `Record ${record.seq}`), h('div', { class: 'more' }, copyButton(short, { words: 'Copy JSON', label: 'Copy JSON', action: 'copy-json', look: '' }))),
    h('pre', { class: 'json', tabindex: '0', role: 'region', 'aria-label': 'JSON of the record' }, json),
  ];
}

function proofOf({ endpoint, took_ms: took, id_token: token }) {
  return [
    ['Given by', endpoint && h('code', {}, endpoint)],
    ['Took', took !== undefined && `${took} ms`],
    ['Proved who', token?.auth_time && stamp(token.auth_time)],
    ['Policy (acr)', token?.acr],
    ['Methods (amr)', tags(token?.amr)],
    ['Signed with', token && h('code', {}, [token.alg, token.kid].filter(Boolean).join(' '))],
    ['For', tags(token?.aud)],
    ['Bound to its token', token && (token.at_hash ? 'yes, by at_hash' : 'no')],
  ];
}

function group(title, facts) {
  const told = facts.filter((fact) => fact && fact[1]);
  return told.length > 0 && h('section', { class: 'record-part' }, h('h3', {}, title), h('dl', { class: 'facts' }, told.map(([key, value]) => [h('dt', {}, key), h('dd', {}, value)])));
}

const outcome = (record) => ({ ok: { cache: 'ok, from the cache', refresh: 'ok, after a refresh', exchange: `ok, after ${broughtBy(record)}` }[record.served] ?? 'ok' }[record.outcome] ?? record.outcome);
const tags = (words) => (words?.length ? h('div', { class: 'tags' }, words.map((word) => h('span', { class: 'tag', title: word }, word))) : null);
const ends = (record) => {
  const end = record.expires_at / 1000;
  return `${stamp(end)}, ${rough(end - timeOf(record))} later`;
};
