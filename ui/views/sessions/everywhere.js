// Signing out everywhere on this machine: asked once, and told with what Ping confirmed, what is owed to it,
// and what stays good until when.
import { h } from '../../dom.js';
import { ask } from '../../ipc.js';
import { question, openSheet } from '../../sheet.js';
import { refresh } from '../../store.js';
import { when } from '../../time.js';
import { toastRefusal } from '../../toast.js';
import { count, revocationOf, upper } from '../../words.js';
import { audienceOf, treeOf } from './leases.js';

export async function askSignOutEverywhere() {
  const body = h('p', { class: 'soft' }, 'Every profile is signed out, and every connection with a sign-in of its own. Their refresh tokens are revoked at Ping and deleted here, and every lease ends. What was handed out is good until its own end, for whoever holds it.');
  const answer = await question('Sign out everywhere on this machine?', body, [
    { label: 'Keep the sessions', value: null, action: 'keep' },
    { label: 'Sign out everywhere', value: true, look: 'main-one', action: 'confirm-everywhere' },
  ]);
  if (!answer) return;
  try {
    tell(await ask('sign_out_everywhere'));
  } catch (refusal) {
    toastRefusal(refusal);
  }
  await refresh();
}

function tell({ profiles, leases_ended: ended, outstanding = [] }) {
  const failed = profiles.some(({ revocation }) => revocation === 'failed');
  openSheet(failed ? 'Not signed out everywhere' : 'Signed out everywhere', h(
    'div',
    { class: 'told-everywhere' },
    h('ul', { class: 'plain' }, profiles.map(session)),
    h('p', { class: 'soft' }, `${upper(count(ended ?? 0, 'lease'))} ended.`),
    outstanding.length > 0 && [
      h('h3', {}, 'Good until its own end'),
      h('p', { class: 'soft' }, 'Handed out before, and good for whoever holds it. A server that asks Ping may refuse it sooner; one that checks offline does not.'),
      h('ul', { class: 'plain' }, outstanding.map((one) => h('li', { data: { lease: one.id } }, h('strong', {}, `${audienceOf(one)} until ${when(one.until)}`), h('span', { class: 'soft' }, ` held by ${treeOf(one)}`)))),
    ],
  ));
}

function session({ profile, revocation, error, deployments = [] }) {
  const words = revocation === 'failed' ? `not finished: ${[error?.error_description, error?.cause, error?.hint].filter(Boolean).join('; ')}` : revocationOf(revocation);
  const left = deployments.filter((one) => one.revocation !== 'confirmed');
  return h('li', { data: { ended: profile, revocation } }, h('strong', {}, profile), h('span', { class: 'soft' }, ` ${words}`), left.map((one) => h('span', { class: 'soft' }, `; Airflow ${one.name} may take its token until ${when(one.expires_at)}`)));
}
