// Activity: the day as a picture, and each record as a row below it. New records come in by event; what a
// filter may find among older ones is asked of the agent, page by page.
import { fill, h, redraw, svg } from '../dom.js';
import { ask, isAway, on } from '../ipc.js';
import { latest, settled } from '../latest.js';
import { away, blank, button, failure, prose, viewHead } from '../notice.js';
import { rowList } from '../rows.js';
import { watch } from '../store.js';
import { clock, day, now } from '../time.js';
import { shape, timeline } from '../timeline.js';
import { toastRefusal } from '../toast.js';
import { count } from '../words.js';
import { filters } from './activity/filters.js';
import { amountOf, connectionOf, dagOf, KINDS, kindOf, processOf, profileOf, shortOf, targetOf, taskOf, timeOf, titleOf } from './activity/record.js';
import { openRecord } from './activity/sheet.js';

/** How many records are asked for at once? The route's most is 5000. */
const MOST = 2000;
const SPANS = [['1 h', 3600], ['6 h', 21_600], ['24 h', 86_400]];
const TRACKS = 6;
/** How often does the picture move on by itself? */
const MOVES_MS = 20_000;

export function mount(section) {
  const main = document.getElementById('main');
  let records = [];
  let shown = [];
  let span = 86_400;
  let loaded = false;
  /** Does the agent hold older ones than those? */
  let more = false;
  /** What a filter found among them, and whether it is still being looked for. */
  let older = [];
  let looking = false;
  let changed = 0;
  const question = latest();

  const picture = timeline({ open: openOne, selected: (time) => filter.set('span', time) });
  const filter = filters(() => {
    further();
    draw();
  });
  const look = settled(search, 250);
  filter.onClearSpan(() => picture.clear());
  const spans = h('div', { class: 'seg', role: 'radiogroup', 'aria-label': 'Time shown' }, SPANS.map(([words, length]) => h('button', { type: 'button', role: 'radio', 'aria-checked': String(length === span), data: { action: 'span', span: length }, onclick: () => choose(length) }, words)));
  const legend = h('ul', { class: 'key', 'aria-label': 'Records by kind' });
  const told = h('p', { class: 'soft small cut', 'aria-live': 'polite' });
  const list = rowList({ scroller: main, label: 'Records, newest first', columns: ['Time', 'What', 'For', 'DAG and task', 'Process'], key: (record) => record.seq, make: cells, height: () => (matchMedia('(max-width: 40rem)').matches ? 56 : 34), open: openOne });
  const body = h('div', {}, h('div', { class: 'card figure' }, h('div', { class: 'figure-head' }, legend), picture.node), h('div', { class: 'activity-told' }, told, filter.span, filter.clear), h('div', { class: 'card records' }, list.node));
  const note = h('div', {});
  const empty = h('div', { class: 'nothing' });
  list.node.after(empty);
  fill(section, viewHead('Activity', spans), filter.node, note, body);
  standIn();

  function choose(length) {
    span = length;
    for (const one of spans.children) one.setAttribute('aria-checked', String(Number(one.dataset.span) === span));
    filter.asked.span && filter.set('span', null);
    draw();
  }
  spans.addEventListener('keydown', (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = [...spans.children].indexOf(document.activeElement);
    if (step && at >= 0) spans.children[(at + step + SPANS.length) % SPANS.length].focus();
  });

  function openOne(record) {
    openRecord(record, (seq, step) => shown[shown.findIndex((one) => one.seq === seq) + step]);
  }

  function draw({ keep = false, quiet = false } = {}) {
    changed = 0;
    if (!loaded || section.hidden) return;
    const inSpan = (record) => timeOf(record) >= now() - span;
    const all = older.length ? [...records, ...older] : records;
    const kept = all.filter((record) => inSpan(record) && filter.keeps(record, { time: false }));
    shown = kept.filter((record) => filter.keeps(record));
    filter.offer(all.filter(inSpan));
    const tracks = tracksOf(kept);
    picture.show(kept.map((record) => markOf(record, tracks)), tracks, span);
    redraw(legend, tallies(shown), () => legendOf(shown));
    // What comes in by itself is not read out: only what was asked for.
    told.setAttribute('aria-live', quiet ? 'off' : 'polite');
    fill(told, prose(toldOf()));
    list.show(shown, { keep });
    list.node.hidden = !shown.length;
    redraw(empty, [shown.length > 0, records.length > 0, looking], nothing);
  }
  const soon = () => {
    changed ||= requestAnimationFrame(() => draw({ keep: true, quiet: true }));
  };

  function toldOf() {
    if (!shown.length) return '\u00a0';
    const found = `${count(shown.length, 'record')}${filter.asked.span ? ' in' : ''}`;
    if (looking) return `${found}; looking further back…`;
    const cut = filter.narrows() ? older.length >= MOST : more;
    return cut ? `${found} of the newest; \`dagpass audit tail\` has the rest` : found;
  }

  function nothing() {
    if (shown.length) return [];
    if (looking) return blank('search', 'Looking further back', `None of the newest ${records.length} matches; the agent is asked for older ones.`);
    return records.length
      ? blank('search', 'No record matches', 'The filters leave nothing in this time.', [button('Clear the filters', { action: 'clear-all', onclick: filter.reset })])
      : blank('activity', 'Nothing yet', 'Each token that is served, refreshed or denied stands here the moment it happens, with the process, DAG and connection that asked. Try `dagpass token`.');
  }

  async function load() {
    const last = question();
    try {
      const reply = await ask('activity', { query: { limit: MOST, since: since() } });
      if (!last()) return;
      adopt(reply);
      loaded = true;
      section.classList.remove('standing-in');
      show(null);
      draw({ keep: true });
    } catch (refusal) {
      if (last() && !isAway(refusal)) show(failure(refusal, load));
    }
  }
  const since = () => Math.floor(now() - 86_400);

  /** What is known stays, unless there is something between that is not known. */
  function adopt(reply) {
    const oldest = reply.records.at(-1)?.seq ?? 0;
    const joined = records.some(({ seq }) => seq === oldest || seq === oldest - 1);
    const kept = joined ? records : records.filter(({ seq }) => seq > oldest);
    if (!joined || kept.at(-1).seq >= oldest) more = reply.more;
    const known = new Map([...kept, ...reply.records].map((record) => [record.seq, record]));
    records = [...known.values()].sort((a, b) => b.seq - a.seq);
    further();
  }

  /** Asks for what the filter may find among older ones. */
  function further() {
    older = [];
    looking = more && filter.narrows();
    if (looking) look();
    else look.drop();
  }

  /** Older records that the filter keeps, until there are enough or no more. `last` tells whether they are
      asked for still. */
  async function search(last) {
    const from = Math.max(since(), Math.floor(filter.asked.span?.[0] ?? 0));
    let before = records.at(-1)?.seq;
    try {
      for (let rest = true; rest && older.length < MOST;) {
        const reply = await ask('activity', { query: { limit: MOST, since: from, before, ...filter.chosen() } });
        if (!last()) return;
        older = [...older, ...reply.records.filter((record) => filter.keeps(record))];
        rest = reply.more && reply.records.length > 0;
        before = reply.records.at(-1)?.seq;
        if (rest) draw({ keep: true });
      }
    } catch (refusal) {
      if (!last()) return;
      if (!isAway(refusal)) toastRefusal(refusal);
    }
    looking = false;
    draw({ keep: true });
  }
  const show = (instead) => {
    fill(note, instead);
    if (instead) section.classList.remove('standing-in');
    body.hidden = filter.node.hidden = spans.hidden = Boolean(instead);
  };

  function standIn() {
    section.classList.add('standing-in');
    fill(legend, h('li', { class: 'soft' }, 'Reading the record…'));
    told.textContent = '\u00a0';
  }

  on('record', (record) => {
    const newest = records[0]?.seq;
    if (records.some(({ seq }) => seq === record.seq)) return;
    records.unshift(record);
    if (!loaded) return;
    // A gap in the sequence: the agent wrote faster than we listened.
    if (newest && record.seq > newest + 1) load();
    else soon();
  });
  // The gap that no later record would show.
  on('missed', () => loaded && load());
  let was = null;
  watch(({ agent }) => {
    if (agent === was) return;
    was = agent;
    if (agent === 'down') show(away('The record is on disk and loses nothing. Start the agent to look at it here.'));
    else if (agent === 'up' || agent === 'failed') load();
  });
  setInterval(() => loaded && !section.hidden && !main.querySelector('.timeline:active') && soon(), MOVES_MS);
  return { show: () => loaded && draw() };
}

/** The busiest; what is over shares one. */
function tracksOf(records) {
  const sizes = new Map();
  for (const record of records) sizes.set(targetOf(record), (sizes.get(targetOf(record)) ?? 0) + 1);
  const names = [...sizes.keys()].sort((a, b) => sizes.get(b) - sizes.get(a) || a.localeCompare(b));
  return names.length > TRACKS ? [...names.slice(0, TRACKS - 1), 'others'] : names;
}

function markOf(record, tracks) {
  const track = tracks.includes(targetOf(record)) ? targetOf(record) : 'others';
  const kind = kindOf(record);
  const asker = [dagOf(record), taskOf(record)].filter(Boolean).join(' · ');
  return { track, kind: kind === 'run' ? 'other' : kind, at: timeOf(record), item: record, words: [`${clock(timeOf(record))} ${titleOf(record)}`, targetOf(record), asker, processOf(record)] };
}

const tallies = (records) => Object.keys(KINDS).map((kind) => [kind, records.filter((record) => kindOf(record) === kind).reduce((sum, record) => sum + amountOf(record), 0)]);

function legendOf(records) {
  return tallies(records).filter(([kind, amount]) => amount || kind === 'cache' || kind === 'refresh').map(([kind, amount]) => h('li', {}, svg('svg', { width: 12, height: 12, viewBox: '-6 -6 12 12', 'aria-hidden': 'true' }, shape(KINDS[kind][1], 0, 0)), h('span', { class: 'soft' }, KINDS[kind][2]), h('span', { class: 'figures' }, String(amount))));
}

function cells(record) {
  const kind = kindOf(record);
  const at = timeOf(record);
  const today = new Date(at * 1000).toDateString() === new Date().toDateString();
  const dag = [dagOf(record), taskOf(record)].filter(Boolean).join(' · ');
  const profile = profileOf(record);
  const target = connectionOf(record) || (record.deployment ? `airflow ${record.deployment}` : '');
  return [
    { class: 'when figures', content: today ? clock(at) : [clock(at), ' ', h('span', { class: 'soft day' }, day(at))] },
    { class: 'what', title: record.reason ?? record.error, content: [svg('svg', { width: 12, height: 12, viewBox: '-6 -6 12 12', 'aria-hidden': 'true' }, shape(KINDS[kind][1], 0, 0)), h('span', { class: 'cut' }, shortOf(record))] },
    { class: 'for', content: [target && h('span', { class: 'cut' }, target), h('span', { class: target ? 'soft cut beside' : 'cut' }, profile || '–')] },
    { class: 'dag cut', title: dag || null, content: dag || h('span', { class: 'soft' }, record.caller.context?.purpose ?? '–') },
    { class: 'process cut', title: record.caller.executable, content: [processOf(record), record.caller.pid ? h('span', { class: 'soft' }, ` ${record.caller.pid}`) : null] },
  ];
}
