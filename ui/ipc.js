// The one door to the program behind the window. What comes through holds no token; a refusal is
// always {error, error_description, cause?, hint?}.
const tauri = window.__TAURI__;

export async function ask(name, args = {}) {
  try {
    return await tauri.core.invoke(name, args);
  } catch (refusal) {
    throw asRefusal(refusal);
  }
}

/** Events of the program until the page goes. */
export function on(name, heard) {
  return tauri.event.listen(name, (event) => heard(event.payload));
}

/** Runs a sign-in; `heard` gets each event, the last one is `signed_in` or `failed`. */
export function signIn(profile, choice, heard) {
  const channel = new tauri.core.Channel();
  channel.onmessage = heard;
  return ask('sign_in', { ask: { profile, ...choice }, channel });
}

export const isAway = (refusal) => refusal?.error === 'agent_not_running';

function asRefusal(thrown) {
  if (thrown && typeof thrown === 'object' && thrown.error) return thrown;
  return { error: 'server_error', error_description: String(thrown?.message ?? thrown) };
}
