// Signing out: asked once, with what it ends.
import { h } from '../../dom.js';
import { ask } from '../../ipc.js';
import { question } from '../../sheet.js';
import { refresh } from '../../store.js';
import { when } from '../../time.js';
import { toast, toastRefusal, warn } from '../../toast.js';
import { nameOf, revocationOf, upper } from '../../words.js';

export async function askSignOut(profile) {
  const sso = h('input', { type: 'checkbox', data: { action: 'sso' } });
  const body = h(
    'div',
    {},
    h('p', { class: 'soft' }, `${nameOf(profile.who) || 'The person'} is signed out of ${profile.name}. The refresh token is revoked at Ping and deleted here, and programs get no token until the next sign-in.`),
    h('br', {}),
    h('label', { class: 'tick' }, sso, h('span', {}, 'End Ping’s session too: other applications in the browser may ask to sign in again')),
  );
  const answer = await question(`Sign out of ${profile.name}?`, body, [
    { label: 'Keep the session', value: null, action: 'keep' },
    { label: 'Sign out', value: () => ({ sso: sso.checked }), look: 'main-one', action: 'confirm-sign-out' },
  ]);
  if (!answer) return;
  try {
    const reply = await ask('sign_out', { profile: profile.name, sso: answer.sso });
    for (const done of reply.profiles) tell(done);
  } catch (refusal) {
    toastRefusal(refusal);
  }
  await refresh();
}

function tell(done) {
  const words = upper(`${done.profile} is signed out: ${lower(revocationOf(done.revocation))}`);
  if (done.revocation === 'unconfirmed') warn(words);
  else toast(words);
  for (const one of done.deployments ?? []) {
    if (one.revocation !== 'confirmed') warn(`Airflow ${one.name} may take its token until ${when(one.expires_at)}`);
  }
}

const lower = (text) => (text.startsWith('Ping') ? text : text.charAt(0).toLowerCase() + text.slice(1));
