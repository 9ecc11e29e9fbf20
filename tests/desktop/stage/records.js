// Three hundred records over a day, the same each time: a morning's sign-in, runs on the hour, a
// warehouse that is asked all day, a few refusals.
import { NOW } from './fixtures.js';

const DAY = 86_400;
const DAGS = [['etl_daily', ['extract', 'load', 'check']], ['billing_export', ['export']], ['features_hourly', ['build', 'publish']]];
const TARGETS = [
  { connection: 'warehouse_api', session: { profile: 'prod' }, scopes: ['warehouse:read'], audience: ['https://warehouse.corp.example'] },
  { connection: 'lake_trino', session: { profile: 'prod' }, scopes: [], audience: ['https://trino.corp.example'], exchange: true },
  { connection: 'databricks_prod', session: { profile: 'prod', connection: 'databricks_prod' }, scopes: ['databricks'], audience: 'not visible' },
  { deployment: 'prod', session: { profile: 'prod' }, audience: ['airflow'], exchange: true },
  { session: { profile: 'analytics' }, scopes: ['openid'], audience: 'not visible' },
];
const PROGRAMS = ['/home/ada/src/etl/.venv/bin/python3.11', '/home/ada/src/etl/.venv/bin/airflow', '/usr/bin/dagpass', '/usr/bin/curl'];

export function records() {
  let seed = 7;
  const random = () => (seed = (seed * 16_807) % 2_147_483_647) / 2_147_483_647;
  const pick = (list) => list[Math.floor(random() * list.length)];
  const made = [];
  const add = (ago, more) => made.push({ ago, ...more });
  const subject = { iss: 'https://auth.pingone.eu/4f6c1a52-8f0e-4c1c-9d55-6b1c2a7e9b10/as', sub: '6a0f52b1-9a33-4dd2-8a0b-0a7f3c0e1d22' };
  const agent = { transport: 'agent' };
  for (let count = 0; count < 268; count += 1) {
    const spread = random();
    const ago = spread < 0.72 ? random() * 7.2 * 3600 : random() * DAY;
    const target = TARGETS[Math.floor(random() ** 1.7 * TARGETS.length)];
    const [dag, tasks] = pick(DAGS);
    const fresh = random();
    const inDag = random() < 0.75;
    const { exchange, ...about } = target;
    add(ago, {
      event: 'issue', outcome: 'ok', ...about, subject, served: fresh < 0.8 ? 'cache' : exchange ? 'exchange' : 'refresh',
      caller: { transport: 'socket', uid: 1000, pid: 20_000 + Math.floor(random() * 9000), executable: inDag ? PROGRAMS[0] : pick(PROGRAMS), ...(inDag && { capability: `run-${Math.floor(random() * 9000)}`, context: { dag_id: dag, task_id: pick(tasks), run_id: 'scheduled__2026-11-24T06:00:00+00:00' } }) },
      fingerprint: Math.floor(random() * 2 ** 48).toString(16).padStart(16, '0'), lives: 1800 + random() * 1800,
    });
  }
  for (let hour = 0; hour < 14; hour += 1) add(hour * 1500 + 300, { event: 'refresh', outcome: 'ok', session: { profile: hour % 3 ? 'prod' : 'analytics' }, subject, caller: agent, fingerprint: `be9${hour}44c01fa2d7e${hour % 10}`, lives: 3600 });
  for (const ago of [5 * 3600, 9 * 3600 + 900]) add(ago, { event: 'sign-in', outcome: 'ok', session: { profile: ago > 20_000 ? 'analytics' : 'prod' }, subject, caller: { transport: 'socket', pid: 4300, executable: '/usr/bin/dagpass' } });
  for (let turn = 0; turn < 7; turn += 1) {
    add(1200 + turn * 5100, { event: 'decision', outcome: 'denied', session: { profile: 'prod' }, connection: 'databricks_prod', caller: { transport: 'tcp', pid: 31_000 + turn, executable: '/usr/bin/curl', capability: 'container-etl-3f9c' }, error: 'access_denied', reason: 'the capability of door `etl-3f9c` does not cover connection `databricks_prod`' });
  }
  for (const ago of [2400, 2700, 3000]) add(ago, { event: 'refresh', outcome: 'failed', session: { profile: 'analytics' }, caller: agent, error: 'temporarily_unavailable', reason: 'openam-corp.forgeblocks.com cannot be reached: connection timed out' });
  for (let turn = 0; turn < 6; turn += 1) {
    add(1000 + turn * 3700, { event: 'run', outcome: 'ok', caller: { transport: 'socket', pid: 22_100 + turn, executable: PROGRAMS[0] }, run: { kind: 'task', dag_id: 'etl_daily', run_id: 'scheduled__2026-11-24T06:00:00+00:00', task_id: 'load', state: turn === 2 ? 'failed' : 'success', triggering_user: 'ada', signed_in_as: 'Ada Lovelace', tokens: [{ fingerprint: '9f2c44c01fa2d7e1', connection: 'warehouse_api', times: 4 }] } });
  }
  made.sort((a, b) => b.ago - a.ago);
  return made.map(({ ago, lives, ...record }, at) => stamped(at + 1, NOW - ago, record, lives)).reverse();
}

function stamped(seq, at, record, lives) {
  const time = new Date(at * 1000).toISOString();
  return { v: 1, seq, time, ...record, ...(lives && { expires_at: Math.round((at + lives) * 1000) }) };
}

export const arriving = (seq) => stamped(seq, Date.now() / 1000, {
  event: 'issue', outcome: 'ok', session: { profile: 'prod' }, connection: 'warehouse_api', served: 'cache', scopes: ['warehouse:read'], audience: ['https://warehouse.corp.example'], fingerprint: '0011223344556677',
  caller: { transport: 'socket', pid: 29_999, executable: PROGRAMS[0], context: { dag_id: 'etl_daily', task_id: 'load' } },
}, 2400);
