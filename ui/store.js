// What is known of the agent, held once for every view. The agent's events replace it; no view asks
// for itself.
import { ask, isAway, on } from './ipc.js';
import { latest } from './latest.js';

export const known = { status: null, agent: 'unknown', reason: '', refusal: null, about: null };
const watchers = new Set();
/** What the agent tells by itself and what it answers are news alike: an answer that other news overtook
    is older than them. */
const news = latest();

/** Calls `changed` at once and at every change. */
export function watch(changed) {
  watchers.add(changed);
  changed(known);
}

const tell = () => watchers.forEach((changed) => changed(known));

export async function begin() {
  on('status', (status) => {
    news();
    adopt(status);
  });
  on('agent', ({ state, reason }) => {
    known.reason = reason ?? '';
    if (state === 'up') refresh();
    else {
      news();
      down(reason);
    }
  });
  ask('about').then((about) => {
    known.about = about;
    tell();
  }, () => {});
  await refresh();
}

export async function refresh() {
  const last = news();
  try {
    const status = await ask('status');
    if (last()) adopt(status);
  } catch (refusal) {
    if (!last()) return;
    if (isAway(refusal)) down(refusal.error_description);
    else {
      known.refusal = refusal;
      known.agent = known.status ? known.agent : 'failed';
      tell();
    }
  }
}

function adopt(status) {
  Object.assign(known, { status, agent: 'up', refusal: null, reason: '' });
  tell();
}

function down(reason) {
  Object.assign(known, { agent: 'down', reason: reason ?? '' });
  tell();
}
