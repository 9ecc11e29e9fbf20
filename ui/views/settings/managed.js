// What whoever administers the machine has set: it stands beneath config.toml, and above it where it locks.
import { h } from '../../dom.js';
import { icon } from '../../icons.js';

const isTable = (value) => value !== null && typeof value === 'object' && !Array.isArray(value);
/** How deep are tables put together key by key? Below that a value is one. */
const DEPTHS = { profile: 2, notifications: 1 };

/** The tables of both, as the agent puts them together. */
export function overlaid(managed, own) {
  const lay = (theirs, mine, depth) => {
    if (mine === undefined) return theirs;
    if (!depth || !isTable(theirs) || !isTable(mine)) return mine;
    return Object.fromEntries([...new Set([...Object.keys(theirs), ...Object.keys(mine)])].map((key) => [key, lay(theirs[key], mine[key], depth - 1)]));
  };
  const names = new Set([...Object.keys(managed?.table ?? {}), ...Object.keys(own)]);
  return Object.fromEntries([...names].map((name) => [name, lay(managed?.table[name], own[name], DEPTHS[name] ?? 0)]));
}

/** Whose file locks this key; nothing where it is the person's to set. */
export const lockOf = (managed, key) => (managed?.locked.includes(key) ? managed.path : null);

/** The same of a key of a profile: one of the person's own making is the agent's to judge. */
export function profileLockOf(managed, name, key) {
  const isTheirs = managed?.table.profile?.[name] !== undefined;
  return isTheirs ? lockOf(managed, key) ?? lockOf(managed, 'profile') : null;
}

export const lockedBy = (path) => [icon('lock', 14), ` Locked by ${path}`];

/** Nothing where there is none. */
export const managedBy = (managed) => managed && h(
  'p',
  { class: 'managed soft small', role: 'note' },
  h('span', { class: 'tone' }, icon('lock', 14)),
  h('span', {}, 'Managed by ', h('code', {}, managed.path), managed.locked.length ? [': it locks ', h('span', { class: 'mono' }, managed.locked.join(', ')), '.'] : ', which locks nothing.'),
);
