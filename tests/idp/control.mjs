// The rig's own side, always over plain http on a second port: the log, faults, the person, and a
// protected API that refuses expired tokens. Nothing here is reached by the agent under test but the API.
import { createLocalJWKSet, jwtVerify } from 'jose';
import { API } from './dress.mjs';
import { now } from './clock.mjs';
import { fingerprint } from './record.mjs';
import { bodyOf } from './serve.mjs';
import { walk } from './person.mjs';

const LONGEST_WAIT_MS = 30_000;

export function control({ origin, ca, provider, memory, record, faults, quirks, rig, keys }) {
  const person = (ask) => ({ fields: { login: ask.user ?? 'alice', password: 'x', user_code: ask.user_code ?? '', deny: ask.deny }, ca, stay: origin });
  const api = protectedApi({ provider, record, keys });

  const routes = {
    'GET /__ctl/log': () => ({ calls: record.calls }),
    'GET /__ctl/api-log': () => ({ calls: record.api }),
    'GET /__ctl/secrets': () => ({ secrets: [...record.secrets].map(([value, kind]) => ({ kind, value })) }),
    'GET /__ctl/wait': (_body, query) => waitFor(record, query),
    'POST /__ctl/fault': (ask) => faults.add(ask),
    'POST /__ctl/release': () => ({ released: faults.release() }),
    'POST /__ctl/approve': (ask) => walk(ask.verification_uri ?? rig.devicePage, person(ask)),
    'POST /__ctl/authorize': async (ask) => ({ callback: (await walk(ask.url, person(ask))).left }),
    'POST /__ctl/clock': (ask) => void (rig.skewMs = ask.offset_ms),
    'POST /__ctl/quirk': (ask) => void Object.assign(quirks, ask),
    'POST /__ctl/ttl': (ask) => void Object.assign(rig.ttl, ask),
    'POST /__ctl/revoke-family': () => ({ revoked: memory.revokeAllFamilies() }),
  };

  return async (req, res) => {
    const url = new URL(req.url, 'http://rig');
    if (url.pathname.startsWith('/api/')) return api(req, res, url);
    const route = routes[`${req.method} ${url.pathname}`];
    if (!route) return json(res, 404, { error: 'no such control' });
    try {
      const body = req.method === 'POST' ? JSON.parse((await bodyOf(req)) || '{}') : {};
      return json(res, 200, (await route(body, url.searchParams)) ?? {});
    } catch (error) {
      return json(res, 500, { error: error.message });
    }
  };
}

/** `?endpoint=token&grant=refresh_token&state=done&status=200&count=3&ms=5000`; every filter is optional. */
async function waitFor(record, query) {
  const filters = ['endpoint', 'method', 'grant', 'state', 'status', 'error'].filter((name) => query.has(name));
  const matching = () => record.calls.filter((call) => filters.every((name) => String(call[name]) === query.get(name)));
  const count = Number(query.get('count') ?? 1);
  const ms = Math.min(Number(query.get('ms') ?? 5_000), LONGEST_WAIT_MS);
  const came = await record.until(() => matching().length >= count, ms);
  return { came, calls: matching() };
}

function protectedApi({ provider, record, keys }) {
  return async (req, res, url) => {
    const token = /^Bearer (.+)$/.exec(req.headers.authorization ?? '')?.[1] ?? '';
    const claims = await introspect(token, provider, keys);
    const scope = claims?.scope ?? '';
    const live = claims && claims.exp * 1000 > now();
    const status = live ? 200 : 401;
    record.api.push({ at: now(), path: url.pathname, token: token && fingerprint(token), exp: claims?.exp ?? null, sub: claims?.sub ?? null, scope, status });
    record.tell();
    json(res, status, live ? { pong: true, sub: claims.sub, scope } : { error: 'invalid_token' });
  };
}

async function introspect(token, provider, keys) {
  const of = (kind) => token && kind.find(token, { ignoreExpiration: true });
  const found = (await of(provider.AccessToken)) || (await of(provider.ClientCredentials));
  if (found) return { exp: found.exp, sub: found.accountId ?? found.clientId, scope: found.scope };
  try {
    const { payload } = await jwtVerify(token, createLocalJWKSet(keys), { audience: API, currentDate: new Date(0) });
    return payload;
  } catch {
    return undefined;
  }
}

function json(res, status, body) {
  const text = JSON.stringify(body);
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  res.end(text);
}
