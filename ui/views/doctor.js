// Doctor: each thing that was looked at, what was found, and what mends it.
import { fill, h } from '../dom.js';
import { icon } from '../icons.js';
import { ask, isAway } from '../ipc.js';
import { latest } from '../latest.js';
import { away, blank, bone, command, commandIn, failure, part, prose, viewHead, working } from '../notice.js';
import { watch } from '../store.js';
import { clock, now } from '../time.js';
import { count, upper } from '../words.js';

const VERDICTS = {
  problem: ['Problem', 'bad', 'cross'],
  warning: ['Warning', 'waiting', 'warn'],
  ok: ['Fine', 'good', 'check'],
  skipped: ['Skipped', '', 'skip'],
};
const ORDER = Object.keys(VERDICTS);
const NAMES = { ca: 'CA file', config: 'Config', discovery: 'Discovery', clock: 'Clock', keychain: 'Keychain', socket: 'Socket', port: 'TCP port', proxy: 'Proxy', airflow: 'Airflow', callback: 'Callback port' };
/** How many rows stand in while it looks? */
const STAND_INS = [4, 5];

export function mount(section) {
  const tally = h('span', { class: 'soft cut', role: 'status' });
  const again = working('Run again', () => run(), { look: 'shrinks', glyph: 'again', action: 'check', 'aria-label': 'Run again', title: 'Run again' });
  const body = h('div', { class: 'doctor-body' });
  fill(section, viewHead('Doctor', tally, again), body);
  let was = null;
  const question = latest();

  async function run() {
    const last = question();
    tally.textContent = 'Looking…';
    if (!body.querySelector('[data-check]')) fill(body, STAND_INS.map(standIn));
    body.setAttribute('aria-busy', 'true');
    try {
      const findings = await ask('doctor');
      if (!last()) return;
      tally.textContent = tallyOf(findings);
      tally.title = `Looked at ${clock(now())}`;
      fill(body, findings.length ? groups(findings) : h('div', { class: 'card' }, blank('doctor', 'Nothing to look at', 'There is no profile yet, so there is nothing that could be wrong.')));
    } catch (refusal) {
      if (!last()) return;
      tally.textContent = '';
      fill(body, isAway(refusal) ? gone() : failure(refusal, run));
    }
    body.setAttribute('aria-busy', 'false');
  }
  const gone = () => away('The doctor is the agent’s. If it does not start, `dagpass agent run` in a terminal says why.');

  watch(({ agent }) => {
    if (agent === was) return;
    was = agent;
    again.hidden = agent === 'down';
    if (agent === 'down') {
      tally.textContent = '';
      fill(body, gone());
    } else if (agent === 'unknown') fill(body, STAND_INS.map(standIn));
    else run();
  });
  return {};
}

function tallyOf(findings) {
  const of = (verdict) => findings.filter((one) => one.verdict === verdict).length;
  const parts = [of('problem') && count(of('problem'), 'problem'), of('warning') && count(of('warning'), 'warning'), `${of('ok')} fine`];
  return parts.filter(Boolean).join(', ');
}

/** The machine first, then each profile; inside, what is wrong first. */
function groups(findings) {
  const names = [...new Set(findings.map(({ profile }) => profile ?? ''))].sort((a, b) => (a && b ? a.localeCompare(b) : a ? 1 : -1));
  return names.map((name) => {
    const own = findings.filter(({ profile }) => (profile ?? '') === name).sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
    return part(name ? `Profile ${name}` : 'This computer', null, null, h('div', { class: 'card rows' }, own.map(row)));
  });
}

function row({ check, verdict, detail, hint }) {
  const [words, tone, glyph] = VERDICTS[verdict] ?? VERDICTS.skipped;
  const fix = commandIn(hint);
  return h(
    'div',
    { class: `check ${tone}`, data: { check, verdict } },
    h('span', { class: 'tone check-mark' }, icon(glyph), h('span', { class: 'unseen' }, words)),
    h('h3', {}, NAMES[check] ?? upper(check)),
    h('div', { class: 'check-what' }, h('p', {}, prose(upper(detail))), hint && h('p', { class: 'soft' }, prose(upper(hint))), fix && command(fix)),
  );
}

const standIn = (amount) => h('section', { class: 'part', 'aria-hidden': 'true' }, h('div', { class: 'part-head' }, bone('8rem', '1.2rem')), h('div', { class: 'card rows' }, Array.from({ length: amount }, () => h('div', { class: 'check' }, bone('1rem', '1.25rem'), bone('4rem', '1.25rem'), h('div', { class: 'check-what' }, bone('70%', '1.25rem'))))));
