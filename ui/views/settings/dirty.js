// What is unsaved in the settings: while anything is, leaving asks first.
import { h } from '../../dom.js';
import { hold } from '../../router.js';
import { question } from '../../sheet.js';

const undo = new Map();

/** `revert` throws the work of `part` away; null says that there is none. */
export function unsaved(part, revert) {
  if (revert) undo.set(part, revert);
  else undo.delete(part);
  hold(undo.size ? mayLeave : null);
}

async function mayLeave() {
  const answer = await question('Leave without saving?', h('p', { class: 'soft' }, 'What you changed in the settings is not in config.toml yet.'), [
    { label: 'Discard it', value: 'discard', action: 'discard' },
    { label: 'Keep editing', value: null, look: 'main-one', action: 'keep-editing' },
  ]);
  if (answer !== 'discard') return false;
  for (const revert of [...undo.values()]) revert();
  undo.clear();
  hold(null);
  return true;
}
