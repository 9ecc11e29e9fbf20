// The words for what the agent says: states, sources, records. Codes in, plain English out.
export const STATES = {
  signed_in: ['Signed in', 'good'],
  signed_out: ['Signed out', ''],
  login_required: ['Sign-in needed', 'waiting'],
  offline: ['Offline', 'waiting'],
  degraded: ['Signed in, not saved', 'waiting'],
  misconfigured: ['Misconfigured', 'bad'],
  keychain_locked: ['Keychain locked', 'waiting'],
  keychain_unavailable: ['No keychain', 'bad'],
  signing_in: ['Signing in', 'accent'],
  ready: ['Ready', 'good'],
  no_credential: ['Cannot prove itself', 'bad'],
  refused: ['Refused by its issuer', 'bad'],
};
export const stateOf = (state) => STATES[state] ?? [plain(state), ''];
/** States in which a token can be had. */
export const SERVES = ['signed_in', 'degraded', 'ready'];
/** Of which a person signs in; the others are the client itself. */
export const signsIn = ({ kind }) => !kind;
/** States that wait for the person. */
export const CALLS = ['login_required', 'misconfigured', 'keychain_locked', 'keychain_unavailable', 'degraded', 'no_credential', 'refused'];

/** Where a figure comes from: in the line, and in full. */
const SOURCES = {
  expires_in: ['as Ping issued it', 'The expires_in that Ping sent with the token'],
  'exp claim': ['in the token itself', 'The exp claim of the token'],
  assumed: ['assumed', 'Ping does not tell, so the usual is assumed; refresh-lifetime in config.toml sets it'],
  server: ['as Ping says', 'What Ping sent with the token'],
  profile: ['set in config.toml', 'The lifetime that the profile sets in config.toml'],
  observed: ['as past ones ended', 'Ping does not tell; this is when past sessions ended'],
  unknown: ['Ping does not tell', 'session-lifetime in config.toml sets it'],
  none: ['', ''],
};
export const sourceOf = (source) => SOURCES[source] ?? [source, source];

const PERSON_SOURCES = {
  id_token: 'the ID token',
  userinfo: 'the userinfo endpoint',
  access_token_claims: "the access token's claims",
  client: 'the config',
  given: 'what was typed here',
};
export const personSource = (source) => PERSON_SOURCES[source] ?? source;

const STORES = {
  'secret-service': 'Secret Service',
  keychain: 'macOS keychain',
  'credential-manager': 'Credential Manager',
  'passphrase-file': 'Passphrase file',
  'key-file': 'Key file',
};
export const storeOf = (store) => STORES[store] ?? store;

const REVOCATIONS = {
  confirmed: 'Ping confirmed that the refresh token is revoked',
  unsupported: 'Ping offers no revocation; the refresh token was deleted here',
  unconfirmed: 'Ping did not confirm the revocation',
  pending: 'Ping could not be reached; the revocation is tried again',
  not_signed_in: 'nobody was signed in',
  failed: 'not finished',
};
const TAKEN_BACK = {
  confirmed: 'Ping confirmed that they are revoked',
  unsupported: 'Ping offers no revocation; they end there by themselves',
  unconfirmed: 'Ping did not confirm the revocation',
  not_signed_in: 'none was',
};
export const takenBack = (word) => TAKEN_BACK[word] ?? plain(word);
export const revocationOf = (word) => REVOCATIONS[word] ?? plain(word);

/** In which lanes a caller is: several where what is seen of it disagrees. */
export const laneOf = (lanes) => (lanes.length === 1 && lanes[0] === '?' ? 'in any lane, for all that is seen of it' : `lane${lanes.length > 1 ? 's' : ''} ${lanes.join(' and ')}`);

export const plain = (code) => {
  const text = String(code ?? '').replaceAll('_', ' ').replaceAll('-', ' ');
  return text.charAt(0).toUpperCase() + text.slice(1);
};
/** As a sentence; a host, a path or a name that comes first stays as it is. */
export const upper = (text) => (/^[a-z]+[ ,]/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text);
export const count = (amount, one, many = `${one}s`) => `${amount} ${amount === 1 ? one : many}`;

/** Name before address before `sub`. */
export const nameOf = (who) => who?.name ?? who?.email ?? who?.sub ?? '';
export const initials = (who) => nameOf(who).replace(/@.*/, '').split(/[\s._-]+/).filter(Boolean).slice(0, 2).map((word) => word[0].toUpperCase()).join('');

export const hostOf = (url) => {
  try {
    return new URL(url).host;
  } catch {
    return url;
  }
};

/** The host, and what tells two issuers of one host apart. */
export const issuerOf = (url) => {
  try {
    const { host, pathname } = new URL(url);
    const path = pathname.replace(/\/(as)?\/?$/, '');
    return path.length > 1 ? `${host}${path}` : host;
  } catch {
    return url;
  }
};
