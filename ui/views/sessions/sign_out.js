// Signing out: asked once, with what it ends.
import { h } from '../../dom.js';
import { ask } from '../../ipc.js';
import { question } from '../../sheet.js';
import { refresh } from '../../store.js';
import { when } from '../../time.js';
import { toast, toastRefusal, warn } from '../../toast.js';
import { nameOf, revocationOf, signsIn, takenBack, upper } from '../../words.js';

export async function askSignOut(profile) {
  if (!signsIn(profile)) return takeBack(profile);
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

/** Of a client that nobody signs in to. */
async function takeBack({ name }) {
  const body = h('p', { class: 'soft' }, `What ${name} was given is revoked at Ping where it can be, and forgotten here; what was handed out of it ends. Whoever asks next gets another.`);
  const answer = await question(`Take back the tokens of ${name}?`, body, [
    { label: 'Leave them', value: null, action: 'keep' },
    { label: 'Take them back', value: true, look: 'main-one', action: 'confirm-sign-out' },
  ]);
  if (!answer) return;
  try {
    const reply = await ask('sign_out', { profile: name, sso: false });
    for (const done of reply.profiles) tell(done);
  } catch (refusal) {
    toastRefusal(refusal);
  }
  await refresh();
}

function tell(done) {
  const words = upper(`${done.profile} ${done.client ? 'has no token out' : 'is signed out'}: ${lower(done.client ? takenBack(done.revocation) : revocationOf(done.revocation))}`);
  if (done.revocation === 'unconfirmed') warn(words);
  else toast(words);
  for (const one of done.deployments ?? []) {
    if (one.revocation !== 'confirmed') warn(`Airflow ${one.name} may take its token until ${when(one.expires_at)}`);
  }
}

const lower = (text) => (text.startsWith('Ping') ? text : text.charAt(0).toLowerCase() + text.slice(1));
