// config.toml as it stands: an editor with line numbers, and the agent's problems by line. What is
// refused is not written, what was typed stays, and nothing goes over what another program wrote.
import { fill, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { button, prose, working } from '../../notice.js';
import { toast, toastRefusal } from '../../toast.js';
import { count, upper } from '../../words.js';
import { clash, outcome } from './clash.js';
import { unsaved } from './dirty.js';
import { merged, ON_DISK } from './merge.js';

const LINE = 20;
const PAD = 8;

export function editor(shared) {
  /** What the text was made from, and what the agent last said. */
  let base = null;
  let reply = null;
  let refused = null;
  let saving = false;
  const area = h('textarea', { class: 'mono', 'aria-label': 'Text of config.toml', spellcheck: 'false', autocapitalize: 'none', autocomplete: 'off', wrap: 'off' });
  const gutter = h('div', { class: 'gutter', 'aria-hidden': 'true' });
  const path = h('code', { class: 'soft cut' });
  const problems = h('div', { role: 'status' });
  const both = h('div', {});
  const save = working('Save', write, { look: 'main-one', action: 'save' });
  const back = button('Revert', { action: 'revert', onclick: () => take(reply) });
  const told = h('span', { class: 'soft small' });
  const node = h('div', {}, both, h('div', { class: 'part-head' }, path), h('div', { class: 'editor' }, gutter, area), h('div', { class: 'actions form-foot' }, save, back, h('span', { class: 'soft small' }, h('kbd', {}, 'Ctrl'), ' ', h('kbd', {}, 'S')), told), problems);
  /** In the machine's config, which nobody edits here. */
  const isElsewhere = ({ file }) => Boolean(file && reply && file !== reply.path);
  const isDirty = () => base !== null && area.value !== inArea(base.text);

  async function write() {
    if (save.disabled) return;
    const text = area.value;
    unsaved('config.toml', null);
    saving = true;
    try {
      refused = null;
      const anew = await shared.save(ends(text, base.text), base.digest);
      toast('config.toml is saved and in force');
      if (area.value === text) take(anew);
      else base = anew;
    } catch (refusal) {
      if (refusal.error === 'config_changed') {
        saving = false;
        await shared.reload();
        if (reply.digest === base.digest) toastRefusal(refusal);
      } else {
        refused = refusal.problems ?? [placed(refusal)];
        jump(refused[0].line);
      }
    } finally {
      saving = false;
      tell();
    }
  }

  /** Begins anew from what the agent said. */
  function take(anew) {
    base = anew;
    area.value = inArea(anew?.text ?? '');
    refused = null;
    fill(both);
    tell();
  }

  /** Both versions, until it is chosen what becomes of them. */
  function ask() {
    const there = reply;
    fill(both, clash(inArea(there.text), area.value, {
      merge: () => {
        const { text, met } = merged(inArea(base.text), inArea(there.text), area.value);
        base = there;
        area.value = text;
        fill(both, h('p', { class: 'soft small', role: 'status' }, outcome(met)));
        tell();
        area.focus();
        if (met) jump(text.split('\n').indexOf(ON_DISK) + 1);
      },
      mine: () => {
        base = there;
        fill(both);
        tell();
        area.focus();
        save.click();
      },
      there: () => {
        take(there);
        area.focus();
      },
    }));
    both.scrollIntoView({ block: 'nearest' });
  }

  function tell() {
    const dirty = isDirty();
    save.disabled = back.disabled = !dirty;
    told.textContent = dirty ? 'Not saved yet' : '';
    unsaved('config.toml', dirty ? () => take(reply) : null);
    const wrong = refused ?? reply?.problems ?? [];
    const warned = reply?.warnings ?? [];
    numbers(wrong, warned);
    fill(problems, wrong.length > 0 && listed('bad', 'cross', refused ? 'Not saved: what was there stays in force' : count(wrong.length, 'problem'), wrong), warned.length > 0 && listed('waiting', 'warn', count(warned.length, 'warning'), warned));
  }

  function numbers(wrong, warned) {
    const lines = area.value.split('\n').length;
    const on = (list, line) => list.some((one) => one.line === line && !isElsewhere(one));
    fill(gutter, Array.from({ length: lines }, (_, at) => h('span', { class: on(wrong, at + 1) ? 'wrong' : on(warned, at + 1) ? 'warned' : '' }, String(at + 1))));
    measure();
  }

  const measure = () => (gutter.scrollTop = area.scrollTop);

  const listed = (tone, glyph, title, all) => h('section', { class: `problems ${tone}` }, h('h3', { class: 'chip' }, h('span', { class: 'tone' }, icon(glyph)), title), h('ul', {}, all.map((one) => h('li', {}, isElsewhere(one) ? h('span', { class: 'soft' }, 'Machine’s') : one.line ? h('button', { type: 'button', class: 'link figures', data: { action: 'line' }, onclick: () => jump(one.line) }, `Line ${one.line}`) : h('span', { class: 'soft' }, 'Whole file'), h('div', {}, h('p', {}, isElsewhere(one) && [h('code', { class: 'soft' }, `${one.file}${one.line ? `:${one.line}` : ''}`), ' '], one.key && h('code', { class: 'soft' }, one.key), one.key && ' ', prose(one.key ? one.message : upper(one.message))), one.hint && h('p', { class: 'soft small' }, prose(upper(one.hint))))))));

  /** Selects a line and has it in sight. */
  function jump(line) {
    if (!line) return;
    const lines = area.value.split('\n');
    const from = lines.slice(0, line - 1).join('\n').length + (line > 1 ? 1 : 0);
    area.focus();
    area.setSelectionRange(from, from + (lines[line - 1]?.length ?? 0));
    area.scrollTop = Math.max(0, (line - 1) * LINE + PAD - area.clientHeight / 2);
    measure();
  }

  area.addEventListener('scroll', measure, { passive: true });
  area.addEventListener('input', () => {
    refused = null;
    tell();
  });
  area.addEventListener('keydown', (event) => {
    if ((event.ctrlKey || event.metaKey) && event.key === 's') {
      event.preventDefault();
      save.click();
    }
  });
  shared.heard(({ reply: anew }) => {
    reply = anew;
    path.textContent = anew.path;
    if (saving) return;
    if (!isDirty()) take(anew);
    else if (anew.digest !== base.digest) ask();
    else tell();
  });
  tell();
  return {
    node,
    measure,
    reveal: ({ find, line }) => {
      const at = find ? area.value.split('\n').findIndex((one) => one.replaceAll('"', '').trim().startsWith(find)) + 1 : Number(line);
      requestAnimationFrame(() => jump(at));
    },
  };
}

/** A text area knows one end of a line. */
const inArea = (text) => text.replaceAll('\r\n', '\n');
const ends = (text, like) => (like.includes('\r\n') ? text.replaceAll('\n', '\r\n') : text);

/** Where the agent's one sentence names a line, it is shown at that line. */
function placed(refusal) {
  const [, line, key, message] = /^line (\d+): ([^:]*): (.*)$/s.exec(refusal.cause ?? '') ?? [];
  return line ? { line: Number(line), key, message: upper(message), hint: refusal.hint } : { line: 0, key: '', message: refusal.cause ?? refusal.error_description, hint: refusal.hint };
}
