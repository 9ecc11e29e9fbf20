// A labelled field of a form, with its note and the agent's word on it.
import { fill, freshId, h } from '../../dom.js';
import { prose } from '../../notice.js';

/** `list`: the text is words with blanks or commas between. */
export function field(label, { note, value = '', list = false, number = false, mono = false, whole = false, placeholder, required = false, type = 'text', oninput } = {}) {
  const id = freshId('field');
  const wrong = h('p', { class: 'wrong', id: `${id}-wrong`, hidden: true });
  const locked = h('p', { class: 'note locked', id: `${id}-locked`, hidden: true });
  const told = note && h('p', { class: 'note', id: `${id}-note` }, note);
  const input = h('input', { id, type, class: `input ${mono ? 'mono' : ''}`, value: show(value), placeholder, required, autocomplete: 'off', autocapitalize: 'none', spellcheck: 'false', 'aria-describedby': `${note ? `${id}-note ` : ''}${id}-locked ${id}-wrong`, oninput });
  return {
    node: h('div', { class: `field ${whole ? 'whole' : ''}` }, h('label', { for: id }, label), input, told, locked, wrong),
    input,
    text: () => input.value.trim(),
    /** As config.toml has it; undefined where it is left empty. */
    value: () => {
      const text = input.value.trim();
      if (!text) return undefined;
      if (!list) return text;
      const words = text.split(/[\s,]+/).filter(Boolean);
      return number ? words.map((word) => (/^\d+$/.test(word) ? Number(word) : word)) : words;
    },
    set: (anew) => (input.value = show(anew)),
    /** Shown, and not the person's to change; `told` says why. */
    lock: (why) => {
      input.disabled = true;
      fill(locked, why);
      locked.hidden = false;
    },
    blame: (message) => {
      wrong.hidden = !message;
      fill(wrong, message && prose(message));
      input.setAttribute('aria-invalid', String(Boolean(message)));
    },
  };
}

const show = (value) => (Array.isArray(value) ? value.join(' ') : String(value ?? ''));
