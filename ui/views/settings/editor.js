// config.toml as it stands: an editor with line numbers, and the agent's problems by line. What is
// refused is not written, and what was typed stays.
import { fill, h } from '../../dom.js';
import { icon } from '../../icons.js';
import { banner, button, prose, working } from '../../notice.js';
import { toast } from '../../toast.js';
import { count, upper } from '../../words.js';
import { unsaved } from './dirty.js';

const LINE = 20;
const PAD = 8;

export function editor(shared) {
  let before = null;
  let reply = null;
  let refused = null;
  const area = h('textarea', { class: 'mono', 'aria-label': 'Text of config.toml', spellcheck: 'false', autocapitalize: 'none', autocomplete: 'off', wrap: 'off' });
  const gutter = h('div', { class: 'gutter', 'aria-hidden': 'true' });
  const path = h('code', { class: 'soft cut' });
  const problems = h('div', { role: 'status' });
  const stale = h('div', {});
  const save = working('Save', write, { look: 'main-one', action: 'save' });
  const back = button('Revert', { action: 'revert', onclick: revert });
  const told = h('span', { class: 'soft small' });
  const node = h('div', {}, stale, h('div', { class: 'part-head' }, path), h('div', { class: 'editor' }, gutter, area), h('div', { class: 'actions form-foot' }, save, back, h('span', { class: 'soft small' }, h('kbd', {}, 'Ctrl'), ' ', h('kbd', {}, 'S')), told), problems);

  async function write() {
    if (save.disabled) return;
    const text = area.value;
    unsaved('config.toml', null);
    try {
      before = text;
      refused = null;
      await shared.save(text);
      toast('config.toml is saved and in force');
    } catch (refusal) {
      before = reply?.text ?? '';
      refused = refusal.problems ?? [placed(refusal)];
      tell();
      jump(refused[0].line);
    }
  }

  function revert() {
    area.value = before = reply?.text ?? '';
    refused = null;
    tell();
  }

  function tell() {
    const dirty = before !== null && area.value !== before;
    save.disabled = back.disabled = !dirty;
    told.textContent = dirty ? 'Not saved yet' : '';
    unsaved('config.toml', dirty ? revert : null);
    const wrong = refused ?? reply?.problems ?? [];
    const warned = reply?.warnings ?? [];
    numbers(wrong, warned);
    fill(problems, wrong.length > 0 && listed('bad', 'cross', refused ? 'Not saved: what was there stays in force' : count(wrong.length, 'problem'), wrong), warned.length > 0 && listed('waiting', 'warn', count(warned.length, 'warning'), warned));
  }

  function numbers(wrong, warned) {
    const lines = area.value.split('\n').length;
    const on = (list, line) => list.some((one) => one.line === line);
    fill(gutter, Array.from({ length: lines }, (_, at) => h('span', { class: on(wrong, at + 1) ? 'wrong' : on(warned, at + 1) ? 'warned' : '' }, String(at + 1))));
    measure();
  }

  const measure = () => (gutter.scrollTop = area.scrollTop);

  const listed = (tone, glyph, title, all) => h('section', { class: `problems ${tone}` }, h('h3', { class: 'chip' }, h('span', { class: 'tone' }, icon(glyph)), title), h('ul', {}, all.map((one) => h('li', {}, one.line ? h('button', { type: 'button', class: 'link figures', data: { action: 'line' }, onclick: () => jump(one.line) }, `Line ${one.line}`) : h('span', { class: 'soft' }, 'Whole file'), h('div', {}, h('p', {}, one.key && h('code', { class: 'soft' }, one.key), one.key && ' ', prose(one.key ? one.message : upper(one.message))), one.hint && h('p', { class: 'soft small' }, prose(upper(one.hint))))))));

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
    const dirty = before !== null && area.value !== before;
    reply = anew;
    path.textContent = anew.path;
    fill(stale, dirty && anew.text !== before && banner('waiting', 'info', 'config.toml changed meanwhile.', 'Saving would put your text in its place.', button('Load it', { action: 'load', onclick: () => {
      revert();
      fill(stale);
    } })));
    if (!dirty) area.value = before = anew.text;
    tell();
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

/** Where the agent's one sentence names a line, it is shown at that line. */
function placed(refusal) {
  const [, line, key, message] = /^line (\d+): ([^:]*): (.*)$/s.exec(refusal.cause ?? '') ?? [];
  return line ? { line: Number(line), key, message: upper(message), hint: refusal.hint } : { line: 0, key: '', message: refusal.cause ?? refusal.error_description, hint: refusal.hint };
}
