// What the stage answers with: profiles in every state, findings, a config. Times count from the
// moment the page opens, as the browser has it.
export const NOW = Math.floor(Date.now() / 1000);
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const none = { source: 'none' };

const ADA = {
  iss: 'https://auth.pingone.eu/4f6c1a52-8f0e-4c1c-9d55-6b1c2a7e9b10/as', sub: '6a0f52b1-9a33-4dd2-8a0b-0a7f3c0e1d22', name: 'Ada Lovelace', email: 'ada.lovelace@corp.example',
  groups: ['Data Engineers', 'Airflow Operators', 'everyone', 'vpn-users', 'Berlin'], source: 'id_token', auth_time: NOW - 5 * HOUR - 240,
};

export const PROFILES = {
  prod: {
    name: 'prod', issuer: ADA.iss, client_id: 'b7d5-prod', state: 'signed_in', who: ADA, scopes: ['openid', 'profile', 'airflow', 'warehouse:read'], signed_in_at: NOW - 5 * HOUR,
    horizons: { access_token: { at: NOW + 41 * MINUTE + 12, source: 'expires_in' }, refresh_token: { at: NOW + 29 * DAY + 21 * HOUR, source: 'assumed' }, session: { at: NOW + 6 * HOUR + 52 * MINUTE, source: 'profile' } },
  },
  dev: {
    name: 'dev', issuer: 'https://sso.dev.corp.example', client_id: 'dagpass-dev', state: 'login_required', reason: 'Ping refused the refresh token (invalid_grant)', scopes: ['openid'],
    horizons: { access_token: none, refresh_token: none, session: none },
  },
  analytics: {
    name: 'analytics', issuer: 'https://openam-corp.forgeblocks.com/am/oauth2/realms/root/realms/alpha', client_id: 'dagpass', state: 'offline', reason: 'openam-corp.forgeblocks.com cannot be reached: connection timed out', signed_in_at: NOW - 9 * HOUR,
    who: { ...ADA, name: undefined, email: 'ada@analytics.corp.example', groups: ['analysts'], source: 'userinfo' }, scopes: ['openid'],
    horizons: { access_token: { at: NOW + 7 * MINUTE + 40, source: 'exp claim' }, refresh_token: { at: NOW + 31 * HOUR, source: 'server' }, session: { at: NOW + 34 * MINUTE, source: 'observed' } },
  },
  partner: {
    name: 'partner', issuer: 'https://login.partner.example', client_id: 'corp-dagpass', state: 'signed_out', scopes: ['openid'], horizons: { access_token: none, refresh_token: none, session: none },
  },
};

const MORE = {
  stray: { ...PROFILES.dev, name: 'stray', state: 'misconfigured', reason: 'the issuer says `https://sso.corp.example:443`, the config `https://sso.corp.example`' },
  locked: { ...PROFILES.dev, name: 'locked', state: 'keychain_locked', reason: undefined },
  bare: { ...PROFILES.dev, name: 'bare', state: 'keychain_unavailable', reason: 'no Secret Service on the session bus' },
  unsaved: { ...PROFILES.prod, name: 'unsaved', state: 'degraded', reason: undefined, who: { ...ADA, groups: [] }, horizons: { ...PROFILES.prod.horizons, session: { source: 'unknown' } } },
  elsewhere: { ...PROFILES.dev, name: 'elsewhere', state: 'signing_in', reason: undefined },
};

const CLIENT = { iss: ADA.iss, sub: '0f3c6d1a-2b7e-4b18-9a55-nightly-etl', groups: [], source: 'client' };
const SERVICE = {
  ...PROFILES.prod, name: 'nightly', kind: 'service', state: 'ready', who: CLIENT, client_id: CLIENT.sub, signed_in_at: undefined,
  horizons: { access_token: { at: NOW + 9 * MINUTE + 5, source: 'expires_in' }, refresh_token: none, session: none },
};
const EMPTY = { access_token: none, refresh_token: none, session: none };
/** Nobody signs in to any of them. */
const SERVICES = {
  nightly: SERVICE,
  laptop: { ...SERVICE, name: 'laptop', kind: 'machine', state: 'no_credential', login: 'dagpass identity show laptop', horizons: EMPTY },
  reports: { ...SERVICE, name: 'reports', state: 'refused', reason: 'auth.pingone.eu does not take the client (invalid_client)', login: 'dagpass secret set reports', horizons: EMPTY },
  away: { ...SERVICE, name: 'away', state: 'offline', reason: 'auth.pingone.eu cannot be reached: connection timed out' },
};

const AGENT = {
  version: '0.5.0', pid: 4211, started_at: NOW - 6 * HOUR, socket: '/run/user/1000/dagpass/agent.sock', tcp_port: 40921, paused: false, store: 'secret-service', store_state: 'ok',
  config_path: '/home/ada/.config/dagpass/config.toml', default_profile: 'prod',
};

const WANTED = {
  action: 'token', profile: 'prod', connection: 'warehouse_api', scopes: 'warehouse:read', rules: ['production'], program: '/usr/bin/python3.12', sha256: '9f2c44c01fa2d7e1'.repeat(4), pid: 48_213,
  parents: ['/opt/venv/bin/airflow', '/usr/bin/zsh'], terminal: '/dev/pts/3', cwd: '/home/ada/src/etl', door: 'socket', says: { dag_id: 'load_orders', task_id: 'extract' },
};
const ALL_ANSWERS = ['no', 'once', 'run', 'today', 'always'];
export const APPROVALS = {
  pending: [
    { ...WANTED, id: 'ap-7k2m9q4x1c', asked_at: NOW - 72, expires_at: NOW + 228, times: 14, answers: ALL_ANSWERS, yours: true },
    { ...WANTED, id: 'ap-0b8d5f2h6j', action: 'open-door', connection: undefined, scopes: undefined, profile: undefined, says: {}, program: '/usr/bin/dagpass', asked_at: NOW - 12, expires_at: NOW + 288, times: 1, answers: ALL_ANSWERS.slice(0, 4), yours: false, quiet: true, uncounted: 'polkit’s question was closed' },
  ],
  standing: [
    { ...WANTED, id: 'ap-3n5p7r9t2v', answer: 'run', connection: 'lake_trino', given_at: NOW - HOUR, until: NOW + 11 * HOUR },
    { ...WANTED, id: 'ap-4w6y8a1c3e', answer: 'always', program: '/opt/reports/bin/reports', given_at: NOW - 9 * DAY, until: NOW + 81 * DAY },
    { ...WANTED, id: 'ap-5d7f9h2j4l', answer: 'no', connection: undefined, given_at: NOW - 600, until: NOW + 3000 },
  ],
};

const LEASE = {
  state: 'holds', profile: 'prod', signed_in_at: NOW - 5 * HOUR, kind: 'run', tree: 'run-4Kq8mZ1xW0aBc2Ye', lanes: ['agent'], runs: ['run-4Kq8mZ1xW0aBc2Ye'], program: '/usr/bin/python3.12', pid: 48_213, audience: ['https://warehouse.corp.example'], scopes: 'warehouse:read',
  connections: ['warehouse_api'], dags: [{ id: 'load_orders', task: 'extract' }], since: NOW - 40 * MINUTE, last: NOW - 4, until: NOW + 41 * MINUTE, times: 214, tokens: 2,
};
const REVOKED = { why: 'revoked by the person', at: NOW - 3 * MINUTE };
export const LEASES = {
  leases: [
    { ...LEASE, id: 'ls-3fa29c1b02', dags: [{ id: 'load_orders', task: 'extract' }, { id: 'report_daily', task: 'render', ended: REVOKED }] },
    { ...LEASE, id: 'ls-90c2d41e77', audience: ['https://lake.corp.example'], scopes: undefined, connections: ['lake_trino'], dags: [], times: 3, tokens: 1, until: NOW + 12 * MINUTE },
    { ...LEASE, id: 'ls-51be0f3a9d', kind: 'process', tree: '4711', lanes: undefined, leader: '/usr/bin/zsh', runs: [], program: '/usr/bin/curl', pid: 50_117, audience: undefined, scopes: undefined, connections: [], dags: [], times: 1, tokens: 1 },
    { ...LEASE, id: 'ls-c7781d20f4', kind: 'process', tree: '4711', lanes: undefined, leader: '/usr/bin/zsh', runs: [], state: 'revoked', ended: REVOKED, dags: [], until: NOW + 20 * MINUTE },
    { ...LEASE, id: 'ls-0a6b8e1c35', profile: 'analytics', kind: 'door', tree: 'etl-3f9c', lanes: undefined, runs: [], program: undefined, pid: undefined, audience: undefined, scopes: 'openid', connections: [], dags: [], state: 'ended', ended: { why: 'signed out', at: NOW - MINUTE }, until: NOW + 7 * MINUTE },
  ],
  lanes: [
    { name: 'agent', tokens: { used: 41, most: 60 }, audiences: { used: 2, most: 3 }, runs: ['run-agent-4Kq8mZ1xW0aBc2Ye'], last: { program: '/usr/bin/python3.12', pid: 48_213, at: NOW - 4 } },
    { name: 'nightly', tokens: { used: 10, most: 10 }, room_at: NOW + 18 * MINUTE, last: { program: '/usr/bin/curl', pid: 50_117, at: NOW - MINUTE } },
    { name: '?' },
  ],
};
export const EVERYWHERE = {
  profiles: [
    { profile: 'prod', revocation: 'confirmed', deployments: [{ name: 'staging', revocation: 'unsupported', expires_at: NOW + 18 * MINUTE }] },
    { profile: 'analytics', revocation: 'pending' },
    { profile: 'dev', revocation: 'not_signed_in' },
  ],
  leases_ended: 3,
  outstanding: [LEASES.leases[0], LEASES.leases[2]],
};

export const status = (stage) => {
  if (stage === 'empty') return { agent: { ...AGENT, default_profile: null }, profiles: [] };
  if (stage === 'wrong') return { agent: { ...AGENT, default_profile: null, config_state: 'wrong', config_error: `${AGENT.config_path}:14:8: profile.dev.flow: \`devise\` is not one of auto, browser, device`, store: 'key-file', store_state: 'changed', store_detail: 'the config asks for another: run `dagpass store use keychain`', policy_state: 'shut', policy_error: '/home/ada/.config/dagpass/policy.cedar:3:1: unexpected end of input' }, profiles: [] };
  const all = stage === 'states';
  return {
    agent: { ...AGENT, paused: all, store: all ? 'passphrase-file' : AGENT.store, config_error: all ? 'line 14: profile.dev.flow: `devise` is not one of auto, browser, device' : undefined, policy_state: all ? 'outdated' : 'in_force', policy_error: all ? '/home/ada/.config/dagpass/policy.cedar:3:1: unexpected end of input' : undefined },
    profiles: Object.values(stage === 'services' ? SERVICES : all ? { ...PROFILES, ...MORE } : PROFILES),
    approvals: APPROVALS.pending,
    deployments: [
      { name: 'prod', url: 'https://airflow.corp.example', profile: 'prod', token: 'exchange', expires_at: NOW + 18 * MINUTE, keychain_item: 'production' },
      { name: 'staging', url: 'https://airflow.staging.corp.example', profile: 'prod', token: 'exchange', reason: 'Airflow `staging` gives you no role' },
      { name: 'dev', url: 'http://localhost:8080', profile: 'dev', token: 'direct' },
    ],
    revocations: [{ profile: 'partner', since: NOW - 12 * MINUTE, attempts: 3, retry_at: NOW + 48, forget_at: NOW + 23 * HOUR }],
    containers: [
      { id: 'etl-3f9c', folder: '/run/user/1000/dagpass/doors/etl-3f9c', socket: 's', rules: { project: '/home/ada/src/etl', uids: [50000], profiles: [], connections: ['warehouse_api'], port: null }, refused: [{ uid: 1001, times: 3 }] },
      { id: 'gpu-box-81aa', folder: '/run/user/1000/dagpass/doors/gpu', problem: 'its folder is gone: something removed it', rules: { project: 'gpu-box', remote: true, uids: [] }, refused: [] },
    ],
  };
};

export const CONNECTIONS = [
  { conn_id: 'warehouse_api', profile: 'prod', conn_type: 'http', host: 'https://warehouse.corp.example', scopes: ['warehouse:read'], obtain: 'narrow', token_in: 'header' },
  { conn_id: 'warehouse_api', env: 'dev', profile: 'dev', conn_type: 'http', host: 'https://warehouse.dev.corp.example', scopes: ['warehouse:read'], obtain: 'narrow', token_in: 'header' },
  { conn_id: 'lake_trino', profile: 'prod', conn_type: 'trino', host: 'trino.corp.example', port: 8443, schema: 'hive', login: 'ada', scopes: [], resource: 'https://trino.corp.example', obtain: 'exchange', token_in: 'extra.jwt__token' },
  { conn_id: 'databricks_prod', profile: 'prod', conn_type: 'databricks', host: 'https://adb-1234.azuredatabricks.net', scopes: ['databricks'], obtain: 'sign-in', token_in: 'password' },
];

const person = { groups: ADA.groups, source: 'id_token', profile: 'prod', who: 'Ada Lovelace', signed_in_at: NOW - 5 * HOUR };
const roles = { file: '/home/ada/.config/dagpass/airflow-roles.json', claim: 'groups', digest: 'ab'.repeat(32), mapped: ['Data Engineers', 'Airflow Operators', 'Ops'] };
export const ROLES = {
  prod: { ...roles, airflow: 'prod', url: 'https://airflow.corp.example', person: { ...person, roles: { Op: ['Data Engineers', 'Airflow Operators'], Viewer: ['everyone'] }, unmapped: ['vpn-users', 'Berlin'], refused: false } },
  staging: { ...roles, airflow: 'staging', url: 'https://airflow.staging.corp.example', person: { ...person, roles: {}, unmapped: ADA.groups, refused: true } },
};
export const ROLES_CHECK = { in_sync: false, groups: { 'Data Engineers': { here: ['Op'], there: ['User'] } }, digest: 'cd'.repeat(32), you: ['User'] };

export const FINDINGS = [
  { check: 'config', verdict: 'ok', detail: '/home/ada/.config/dagpass/config.toml: 4 profiles, 4 connections' },
  { check: 'socket', verdict: 'ok', detail: '/run/user/1000/dagpass/agent.sock' },
  { check: 'port', verdict: 'ok', detail: '127.0.0.1:40921 answers' },
  { check: 'proxy', verdict: 'warning', detail: 'this shell has `https_proxy`, the agent has none', hint: 'set `proxy` in the config, or run `dagpass agent restart` from this shell' },
  { check: 'keychain', verdict: 'ok', detail: "the system's keychain answers" },
  { check: 'discovery', profile: 'prod', verdict: 'ok', detail: 'auth.pingone.eu answers with the issuer of the config' },
  { check: 'clock', profile: 'prod', verdict: 'ok', detail: 'the clocks are 1 s apart' },
  { check: 'callback', profile: 'prod', verdict: 'ok', detail: '127.0.0.1:21217 is free' },
  { check: 'discovery', profile: 'analytics', verdict: 'problem', detail: 'https://openam-corp.forgeblocks.com/am/oauth2/realms/root/realms/alpha cannot be reached: connection timed out', hint: 'check network and VPN, then `proxy` and `ca-file` of profile `analytics`' },
  { check: 'clock', profile: 'analytics', verdict: 'skipped', detail: 'the issuer was not reached' },
  { check: 'discovery', profile: 'dev', verdict: 'ok', detail: 'sso.dev.corp.example answers with the issuer of the config' },
  { check: 'callback', profile: 'dev', verdict: 'problem', detail: '127.0.0.1:21217, 23683 and 28021 are all taken', hint: 'free one of them; `dagpass doctor --json` names the holder' },
  { check: 'ca', profile: 'dev', verdict: 'ok', detail: 'corp-ca.pem: 1 certificate, until 2031' },
  { check: 'discovery', profile: 'partner', verdict: 'ok', detail: 'login.partner.example answers with the issuer of the config' },
];

export const CONFIG = `# Kept by the data platform team. Ask in #airflow before you change it.
default-profile = "prod"

[profile.prod]                    # PingOne, Europe
issuer    = "https://auth.pingone.eu/4f6c1a52-8f0e-4c1c-9d55-6b1c2a7e9b10/as"
client-id = "0d1f6a52-5a87-4fd7-b0dc-7a5c1a4b8e11"
scopes    = ["openid", "profile", "airflow", "warehouse:read"]
redirect-ports = [21217, 23683, 28021]
session-lifetime = "12h"

[profile.dev]                     # PingFederate of the test network
issuer    = "https://sso.dev.corp.example"
client-id = "dagpass-dev"
flow      = "device"
ca-file   = "corp-ca.pem"

[profile.analytics]               # PingAM
issuer    = "https://openam-corp.forgeblocks.com/am/oauth2/realms/root/realms/alpha"
client-id = "dagpass"

[profile.partner]
issuer    = "https://login.partner.example"
client-id = "corp-dagpass"

[notifications]
enabled = true
session-end = false

[connection.warehouse_api]
profile   = "prod"
conn-type = "http"
host      = "https://warehouse.corp.example"
scopes    = ["warehouse:read"]

[airflow.prod]
url        = "https://airflow.corp.example"
profile    = "prod"
roles-file = "airflow-roles.json"
`;

/** As the agent reads it. */
const TABLE = {
  'default-profile': 'prod',
  profile: {
    prod: { issuer: ADA.iss, 'client-id': '0d1f6a52-5a87-4fd7-b0dc-7a5c1a4b8e11', scopes: ['openid', 'profile', 'airflow', 'warehouse:read'], 'redirect-ports': [21217, 23683, 28021], 'session-lifetime': '12h' },
    dev: { issuer: 'https://sso.dev.corp.example', 'client-id': 'dagpass-dev', flow: 'device', 'ca-file': 'corp-ca.pem' },
    analytics: { issuer: 'https://openam-corp.forgeblocks.com/am/oauth2/realms/root/realms/alpha', 'client-id': 'dagpass' },
    partner: { issuer: 'https://login.partner.example', 'client-id': 'corp-dagpass' },
  },
  notifications: { enabled: true, 'session-end': false },
};
/** Not the agent's digest, and as good to tell two files apart. */
export const digested = (file) => ({ ...file, digest: [...`${file.text}${JSON.stringify(file.table)}`].reduce((sum, one) => (sum * 31 + one.codePointAt(0)) % 2_147_483_647, 7).toString(16) });

/** What an administrator set for everybody on the machine; `corp` is a profile that only they have. */
const MANAGED = {
  path: '/etc/dagpass/config.toml',
  locked: ['issuer', 'client-id', 'flow', 'notifications', 'default-profile'],
  table: { 'default-profile': 'prod', profile: { prod: { issuer: ADA.iss, 'client-id': TABLE.profile.prod['client-id'] }, corp: { issuer: 'https://sso.corp.example', 'client-id': 'corp', scopes: ['openid'] } } },
};
const LOCKED = { file: AGENT.config_path, line: 4, column: 13, key: 'profile.prod.client-id', message: 'is locked by /etc/dagpass/config.toml, which has `corp`', hint: 'take the line out, and what the administrator set holds; whoever administers this machine may set another' };
const THEIRS = { file: '/etc/dagpass/config.toml', line: 2, column: 1, key: '', message: 'the machine’s config is not taken: others than root may write to it', hint: 'have whoever administers the machine mend it, or take it away' };

export const config = (stage) => digested({ ...configOf(stage), logins: [], table: stage === 'empty' ? {} : TABLE, ...(stage === 'managed' && { managed: MANAGED, problems: [THEIRS, LOCKED] }) });

const configOf = (stage) => {
  const path = AGENT.config_path;
  if (stage === 'empty') return { path, text: '', problems: [], warnings: [] };
  if (stage !== 'states') return { path, text: CONFIG, problems: [], warnings: [{ file: path, line: 19, column: 1, key: 'profile.analytics', message: '`session-lifetime` is not set: the end of Ping’s session cannot be foreseen', hint: 'set `session-lifetime = "12h"` where you know it' }] };
  const text = CONFIG.replace('"device"', '"devise"');
  return { path, text, problems: [{ file: path, line: 14, column: 13, key: 'profile.dev.flow', message: '`devise` is not one of auto, browser, device', hint: 'did you mean `device`?' }, { file: path, line: 15, column: 13, key: 'profile.dev.ca-file', message: 'no such file: /home/ada/.config/dagpass/corp-ca.pem' }], warnings: [] };
};

export const ABOUT = { version: '0.5.0', config_path: AGENT.config_path, socket: AGENT.socket };
