// A stand-in for the program behind the window, to design and test the view by itself. Never shipped.
//   ?stage=rich|states|more|empty|error|away   what it answers
//   &hold                                 answers wait for __stage.release()
import { ABOUT, APPROVALS, CONNECTIONS, CONFIG, config, digested, EVERYWHERE, FINDINGS, LEASES, NOW, ROLES, ROLES_CHECK, status } from './fixtures.js';
import { arriving, records } from './records.js';

const query = new URLSearchParams(location.search);
let stage = query.get('stage') ?? 'rich';
let release = () => {};
const held = query.has('hold') ? new Promise((resolve) => (release = resolve)) : Promise.resolve();
const heard = new Map();
const calls = [];
/** Answers that are on their way until __stage.arrive() lets them in. */
const late = new Map();
const all = stage === 'empty' ? [] : records();
let seq = all.length;
let state = status(stage);
/** The connections whose own sign-in has been made. */
const signedIn = new Set();
let running = null;
/** What config.toml is now. */
let file = config(stage);
let approvals = stage === 'empty' ? { pending: [], standing: [] } : structuredClone(APPROVALS);
let leases = stage === 'empty' ? { leases: [] } : structuredClone(LEASES);
let login = { enabled: true, how: 'systemd', path: '/home/ada/.config/systemd/user/dagpass-agent.service', available: true };

const refuse = (error, error_description, more = {}) => {
  throw { error, error_description, ...more };
};
const emit = (name, payload) => (heard.get(name) ?? []).forEach((one) => one({ event: name, payload }));
const profile = (name) => state.profiles.find((one) => one.name === name);
const change = (name, more) => {
  state = { ...state, profiles: state.profiles.map((one) => (one.name === name ? { ...one, ...more } : one)) };
  emit('status', state);
};

const ANSWERS = {
  about: () => ABOUT,
  status: () => state,
  activity: ({ query }) => {
    const fits = all.filter((one) => one.seq < (query.before ?? Infinity) && (!query.dag || one.caller.context?.dag_id === query.dag) && (!query.connection || one.connection === query.connection));
    const page = stage === 'more' ? 100 : query.limit;
    return { records: fits.slice(0, page), more: fits.length > page };
  },
  airflow_connections: () => ({ connections: stage === 'empty' ? [] : CONNECTIONS }),
  roles: ({ ask }) => {
    const found = ROLES[ask.airflow] ?? refuse('not_found', `no roles file is named for Airflow \`${ask.airflow}\``, { hint: 'set `roles-file` in its table' });
    return ask.check ? { ...found, check: ROLES_CHECK } : found;
  },
  doctor: () => (stage === 'empty' ? FINDINGS.filter((one) => !one.profile) : FINDINGS),
  config: () => file,
  edit_config: ({ edit }) => agreed(edit.digest) && ({ ...(edit.dry_run ? file : edited(structuredClone(edit))), problems: JSON.stringify(edit.set).includes('nonsense') ? [{ file: 'config.toml', line: 6, column: 1, key: 'profile.prod.session-lifetime', message: '`nonsense` is no time: write 90, 60s, 5m or 12h' }] : [] }),
  save_config: ({ text, digest }) => (text.includes('devise') ? refuse('config_invalid', 'the config was not taken', { cause: 'line 14: profile.dev.flow: `devise` is not one of auto, browser, device', hint: 'what was there stays; mend the text and try again' }) : agreed(digest) && write({ text })),
  discover: ({ ask }) => {
    if (String(ask.url ?? ask.environment).includes('nowhere')) return refuse('temporarily_unavailable', 'the discovery document cannot be had', { cause: '404 Not Found', hint: 'check the region and the environment id' });
    const issuer = ask.kind === 'pingone' ? `https://auth.pingone.${ask.region}/${ask.environment}/as` : ask.kind === 'pingam' ? `${ask.url}/oauth2/realms/root/realms/${ask.realm}` : ask.url;
    const elsewhere = issuer.includes('elsewhere') && { issuer: 'https://login.corp.example', discovery: `${issuer}/.well-known/openid-configuration` };
    const anonymous = ask.kind === 'issuer' && { own_callback: true, discovery: `${ask.url}/.well-known/openid-configuration?policy_id=desk` };
    return { issuer, authorization_code: true, device_code: ask.kind !== 'issuer', scopes_supported: ['openid', 'profile', 'email', 'groups'], clock_skew: ask.kind === 'issuer' ? 95 : 1, ...anonymous, ...elsewhere };
  },
  try_it: ({ what }) => (what.connection === 'databricks_prod' && !signedIn.has(what.connection)
    ? { ok: false, took_ms: 4, scopes: [], audience: 'not visible', error: { error: 'login_required', error_description: 'connection `databricks_prod` is not signed in', hint: 'run `dagpass login prod/databricks_prod`' } }
    : what.env === 'dev' || what.airflow === 'staging'
    ? { ok: false, took_ms: 212, scopes: [], audience: 'not visible', error: { error: 'login_required', error_description: 'profile `dev` needs you to sign in again', cause: 'Ping refused the refresh token (invalid_grant)', hint: 'run `dagpass login dev`' } }
    : { ok: true, served: 'cache', expires_at: NOW + 2472, scopes: ['warehouse:read'], audience: ['https://warehouse.corp.example'], fingerprint: '9f2c44c01fa2d7e1', took_ms: 3 }),
  sign_in: ({ ask, channel }) => new Promise((resolve) => {
    const tell = (event) => {
      if (event.event === 'signed_in' && ask.connection) signedIn.add(ask.connection);
      channel.onmessage(event);
    };
    const end = (how = 'told') => {
      running = null;
      resolve(how);
    };
    running?.end('cancelled');
    running = { profile: ask.profile, tell, end };
    if (!ask.connection) change(ask.profile, { state: 'signing_in' });
    if (ask.flow === 'device') tell({ event: 'device', user_code: 'WDJB-MJHT', verification_uri: 'https://auth.pingone.eu/activate', verification_uri_complete: 'https://auth.pingone.eu/activate?user_code=WDJB-MJHT', expires_at: Math.floor(Date.now() / 1000) + 600 });
    else tell({ event: 'browser', url: 'https://auth.pingone.eu/authorize', redirect_uri: 'http://127.0.0.1:21217/callback', opened: true, paste: true, expires_at: Math.floor(Date.now() / 1000) + 300 });
  }),
  cancel_sign_in: ({ profile: name }) => {
    running?.tell({ event: 'failed', error: { error: 'access_denied', error_description: 'the sign-in was cancelled' } });
    running?.end();
    change(name, { state: status(stage).profiles.find((one) => one.name === name)?.state ?? 'signed_out' });
    return null;
  },
  sign_out: ({ profile: name }) => {
    change(name, { state: 'signed_out', who: undefined, horizons: { access_token: { source: 'none' }, refresh_token: { source: 'none' }, session: { source: 'none' } } });
    return { profiles: [{ profile: name, revocation: 'confirmed' }] };
  },
  unlock: ({ passphrase }) => (passphrase === 'wrong' ? refuse('keychain_locked', 'the store was not unlocked', { cause: 'that is not the passphrase' }) : null),
  pause: () => pause(true),
  resume: () => pause(false),
  start_agent: () => {
    stage = 'rich';
    state = status(stage);
    file = config(stage);
    emit('agent', { state: 'up' });
    return null;
  },
  approvals: () => approvals,
  answer_approval: ({ id, answer }) => {
    const one = approvals.pending.find((waits) => waits.id === id) ?? refuse('not_found', `there is no approval \`${id}\``, { cause: 'it was answered, it expired, or there was none' });
    const until = NOW + 12 * 3600;
    approvals = { pending: approvals.pending.filter((waits) => waits !== one), standing: [{ ...one, answer, until }, ...approvals.standing] };
    state = { ...state, approvals: approvals.pending };
    emit('status', state);
    return { id, answer, until };
  },
  revoke_approval: ({ id }) => {
    approvals = { ...approvals, standing: approvals.standing.filter((one) => one.id !== id) };
    return null;
  },
  leases: () => leases,
  revoke_lease: ({ id }) => {
    const one = leases.leases.find((lease) => lease.id === id && lease.state === 'holds') ?? refuse('not_found', `no lease \`${id}\` holds`, { hint: '`dagpass leases` shows those that do' });
    const gone = { ...one, state: 'revoked', ended: { why: 'revoked by the person', at: NOW } };
    leases = { leases: leases.leases.map((lease) => (lease === one ? gone : lease)) };
    return { revoked: [gone] };
  },
  sign_out_everywhere: () => {
    for (const { name } of state.profiles) change(name, { state: 'signed_out', who: undefined });
    leases = { leases: [] };
    return EVERYWHERE;
  },
  login_item: () => login,
  set_login_item: ({ enabled }) => (login = { ...login, enabled }),
  start_sandbox: () => refuse('not_available', 'this program has no sandbox', { hint: 'run `cargo demo` in the source tree' }),
  qr: () => ({ size: 29, modules: pattern(29) }),
};

/** The look of a QR code: finders at three corners, and noise. It says nothing. */
function pattern(size) {
  let seed = 11;
  const finder = (x, y) => [[0, 0], [size - 7, 0], [0, size - 7]].map(([left, top]) => Math.max(Math.abs(x - left - 3), Math.abs(y - top - 3))).find((ring) => ring <= 4);
  return Array.from({ length: size * size }, (_, at) => {
    const ring = finder(at % size, Math.floor(at / size));
    seed = (seed * 16_807) % 2_147_483_647;
    if (ring !== undefined) return ring === 3 || ring <= 1 ? '1' : '0';
    return seed % 2 ? '1' : '0';
  }).join('');
}

const write = (more) => (file = digested({ ...file, ...more }));
function edited({ set, unset }) {
  const table = structuredClone(file.table);
  const above = (path) => path.slice(0, -1).reduce((here, name) => (here[name] ??= {}), table);
  for (const [key, value] of Object.entries(set)) above(key.split('.'))[key.split('.').at(-1)] = value;
  for (const key of unset) delete above(key.split('.'))[key.split('.').at(-1)];
  return write({ table });
}
const agreed = (digest) => !digest || digest === file.digest || refuse('config_changed', 'another program changed the config meanwhile', { hint: 'nothing was written: do it again, on what is there now' });

function pause(paused) {
  state = { ...state, agent: { ...state.agent, paused } };
  emit('status', state);
  return null;
}

const ALWAYS = ['about', 'start_agent', 'copy', 'qr'];
async function invoke(name, args = {}) {
  const { channel: _channel, ...told } = args;
  calls.push({ name, args: told });
  await held;
  if (stage === 'away' && !ALWAYS.includes(name)) refuse('agent_not_running', 'the agent is not running', { hint: 'run `dagpass agent start`' });
  if (stage === 'error' && !ALWAYS.includes(name)) refuse('server_error', 'the agent answered what cannot be read', { cause: 'unexpected end of the reply', hint: 'run `dagpass agent restart`; sessions are kept' });
  const answer = structuredClone((await ANSWERS[name]?.(args)) ?? null);
  await late.get(name)?.promise;
  return answer;
}

class Channel {
  onmessage = () => {};
}

window.__TAURI__ = {
  core: { invoke, Channel },
  event: {
    listen: async (name, handler) => {
      heard.set(name, [...(heard.get(name) ?? []), handler]);
      return () => {};
    },
  },
};
window.__stage = { calls, emit, release, change, record: (more = {}) => emit('record', { ...arriving(++seq), ...more }), down: () => {
  stage = 'away';
  emit('agent', { state: 'down', reason: 'it was stopped' });
}, expire: (id) => {
  approvals = { ...approvals, pending: approvals.pending.filter((one) => one.id !== id) };
}, lease: (id, more) => {
  leases = { leases: leases.leases.map((one) => (one.id === id ? { ...one, ...more } : one)) };
}, signIn: () => running, status: () => state, profile, config: CONFIG, write, delay: (name) => late.set(name, Promise.withResolvers()), arrive: (name) => {
  late.get(name).resolve();
  late.delete(name);
} };
