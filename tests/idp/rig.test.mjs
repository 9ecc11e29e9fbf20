// The rig by itself: each fact that the end-to-end tests lean on, on all three families.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { TOKEN_EXCHANGE } from './exchange.mjs';
import { FAMILIES } from './families.mjs';
import { start } from './provider.mjs';
import { fingerprint } from './record.mjs';

const SCOPE = 'openid profile groups airflow warehouse:read';
const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code';

for (const family of Object.keys(FAMILIES)) {
  test(`${family}: a device sign-in ends in a token the API takes`, on(family, {}, async (rig) => {
    const device = await rig.post('device_authorization', { scope: SCOPE });
    assert.equal(device.body.interval, 1);
    assert.equal('verification_uri_complete' in device.body, family !== 'pingam');
    const early = await rig.poll(device.body);
    assert.equal(early.body.error, 'authorization_pending');
    assert.equal(early.status, family === 'pingam' ? 403 : 400);
    assert.equal((await rig.poll(device.body)).body.error, 'slow_down');
    await rig.control('approve', { user_code: device.body.user_code });
    const { body } = await rig.poll(device.body, 7_000);
    assert.equal('id_token' in body, family !== 'pingfederate');
    assert.equal(await rig.api(body.access_token), 200);
    const seen = await rig.control('api-log');
    assert.equal(seen.calls[0].token, fingerprint(body.access_token));
  }));

  test(`${family}: a code sign-in returns to any loopback port, with PKCE required`, on(family, {}, async (rig) => {
    const { body, callback } = await rig.signIn();
    assert.equal(callback.searchParams.has('iss'), family !== 'pingfederate');
    assert.ok(body.id_token && body.refresh_token);
    assert.equal(body.access_token.split('.').length, family === 'pingone' ? 3 : 1);
    const { secrets } = await rig.control('secrets');
    for (const secret of [body.access_token, body.refresh_token, body.id_token, callback.searchParams.get('code')]) {
      assert.ok(secrets.some((one) => one.value === secret));
    }
  }));

  test(`${family}: a rotated token replayed ends its family, and an expired token is refused`, on(family, { access: 1 }, async (rig) => {
    const { body: first } = await rig.signIn();
    const { body: second } = await rig.refresh(first.refresh_token);
    assert.notEqual(second.refresh_token, first.refresh_token);
    assert.equal((await rig.refresh(first.refresh_token)).body.error, 'invalid_grant');
    assert.equal((await rig.refresh(second.refresh_token)).body.error, 'invalid_grant');
    assert.equal(await expired(rig, second.access_token), 401);
  }));

  test(`${family}: an admin's revocation and a client's own end the session`, on(family, {}, async (rig) => {
    const { body: one } = await rig.signIn();
    assert.ok((await rig.control('revoke-family', {})).revoked > 0);
    assert.equal((await rig.refresh(one.refresh_token)).body.error, 'invalid_grant');
    const { body: two } = await rig.signIn();
    assert.equal((await rig.post('revocation', { token: two.refresh_token })).status, 200);
    assert.equal((await rig.refresh(two.refresh_token)).body.error, 'invalid_grant');
  }));
}

test('a narrowed refresh keeps the grant whole', on('pingfederate', {}, async (rig) => {
  const { body: first } = await rig.signIn();
  const { body: narrow } = await rig.refresh(first.refresh_token, 'warehouse:read');
  assert.equal(narrow.scope, 'warehouse:read');
  const { body: whole } = await rig.refresh(narrow.refresh_token);
  assert.ok(whole.scope.includes('airflow'));
}));

for (const [rotation, again, successor] of [['drop', 400, 200], ['grace', 200, 200], ['never', 200, 200]]) {
  test(`rotation ${rotation}: replay gives ${again}, the successor ${successor}`, on('pingone', { rotation }, async (rig) => {
    const { body: first } = await rig.signIn();
    const { body: second } = await rig.refresh(first.refresh_token);
    assert.equal((await rig.refresh(first.refresh_token)).status, again);
    assert.equal((await rig.refresh(second.refresh_token)).status, successor);
  }));
}

test('an exchange gives another access token of less, and no refresh token', on('pingfederate', {}, async (rig) => {
  const { body: first } = await rig.signIn();
  const exchange = (subject_token, scope) =>
    rig.post('token', { grant_type: TOKEN_EXCHANGE, subject_token, subject_token_type: 'urn:ietf:params:oauth:token-type:access_token', scope });
  const { body } = await exchange(first.access_token, 'airflow');
  assert.deepEqual([body.scope, body.token_type, 'refresh_token' in body], ['airflow', 'Bearer', false]);
  assert.equal(await rig.api(body.access_token), 200);
  assert.equal((await exchange('nobody', 'airflow')).body.error, 'invalid_grant');
  assert.equal((await exchange(body.access_token, 'warehouse:read')).body.error, 'invalid_scope');
}));

test('by device max_age tells auth_time, and 0 of it nothing', on('pingone', {}, async (rig) => {
  for (const [max_age, told] of [['0', false], ['1', true]]) {
    const device = await rig.post('device_authorization', { scope: SCOPE, max_age });
    await rig.control('approve', { user_code: device.body.user_code });
    const { body } = await rig.poll(device.body, 7_000);
    const claims = JSON.parse(Buffer.from(body.id_token.split('.')[1], 'base64url').toString());
    assert.equal('auth_time' in claims, told, max_age);
  }
}));

test('a fault for one status alone waits for an answer that has it', on('pingone', {}, async (rig) => {
  const device = await rig.post('device_authorization', { scope: SCOPE });
  await rig.control('fault', { endpoint: 'token', kind: 'reset-after', only: 200 });
  assert.equal((await rig.poll(device.body)).body.error, 'authorization_pending');
  await rig.control('approve', { user_code: device.body.user_code });
  await assert.rejects(rig.poll(device.body, 7_000));
}));

test('an answer lost after processing has rotated all the same', on('pingone', {}, async (rig) => {
  const { body: first } = await rig.signIn();
  await rig.control('fault', { endpoint: 'token', grant: 'refresh_token', kind: 'reset-after' });
  await assert.rejects(rig.refresh(first.refresh_token));
  assert.equal((await rig.refresh(first.refresh_token)).body.error, 'invalid_grant');
}));

test('a call held before processing leaves the token good when its client goes', on('pingone', {}, async (rig) => {
  const { body: first } = await rig.signIn();
  await rig.control('fault', { endpoint: 'token', grant: 'refresh_token', kind: 'hold-before' });
  const gone = new AbortController();
  const call = rig.refresh(first.refresh_token, undefined, gone.signal);
  assert.ok((await rig.control('wait?state=held')).came);
  gone.abort();
  await assert.rejects(call);
  assert.equal((await rig.refresh(first.refresh_token)).status, 200);
  const { calls } = await rig.control('wait?endpoint=token&grant=refresh_token&state=done');
  assert.deepEqual(calls.map((call) => [call.served, call.status]), [[false, 0], [true, 200]]);
}));

test('a portal, a 503 and a skewed clock are there on command', on('pingam', {}, async (rig) => {
  const { body: first } = await rig.signIn();
  await rig.control('fault', { endpoint: 'token', kind: 'status', status: 503, headers: { 'retry-after': '1' } });
  assert.equal((await rig.refresh(first.refresh_token)).status, 503);
  await rig.control('fault', { endpoint: 'token', kind: 'portal' });
  assert.match((await rig.refresh(first.refresh_token)).text, /WiFi/);
  await rig.control('clock', { offset_ms: -600_000 });
  const { headers } = await rig.refresh(first.refresh_token);
  assert.ok(Date.now() - Date.parse(headers.get('date')) > 590_000);
}));

function on(family, options, fact) {
  return async () => {
    const rig = await start({ family, ...options });
    try {
      await fact(client(rig.line));
    } finally {
      rig.close();
    }
  };
}

function client({ endpoints, control: base, api }) {
  const post = async (endpoint, form, signal) => {
    const reply = await fetch(endpoints[endpoint], { method: 'POST', body: new URLSearchParams({ client_id: 'agent', ...form }), signal });
    const text = await reply.text();
    return { status: reply.status, headers: reply.headers, text, body: text.startsWith('{') ? JSON.parse(text) : {} };
  };
  const control = async (path, body) => {
    const reply = await fetch(`${base}/${path}`, body && { method: 'POST', body: JSON.stringify(body) });
    const said = await reply.json();
    assert.equal(reply.status, 200, JSON.stringify(said));
    return said;
  };
  const refresh = (refresh_token, scope, signal) =>
    post('token', { grant_type: 'refresh_token', refresh_token, ...(scope && { scope }) }, signal);
  const poll = async (device, patience = 0) => {
    const until = Date.now() + patience;
    for (;;) {
      const answer = await post('token', { grant_type: DEVICE, device_code: device.device_code });
      if (answer.status === 200 || Date.now() >= until) return answer;
      await new Promise((resolve) => setTimeout(resolve, 1_000 * device.interval));
    }
  };
  const signIn = async () => {
    const verifier = randomBytes(32).toString('base64url');
    const redirect_uri = 'http://127.0.0.1:21217/callback';
    const url = new URL(endpoints.authorization);
    url.search = new URLSearchParams({
      client_id: 'agent', response_type: 'code', redirect_uri, scope: SCOPE, state: 's', nonce: 'n',
      code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256',
    });
    const callback = new URL((await control('authorize', { url: url.href })).callback);
    const answer = await post('token', { grant_type: 'authorization_code', code: callback.searchParams.get('code'), redirect_uri, code_verifier: verifier });
    assert.equal(answer.status, 200, answer.text);
    return { ...answer, callback };
  };
  const apiStatus = async (token) => (await fetch(api, { headers: { authorization: `Bearer ${token}` } })).status;
  return { post, control, refresh, poll, signIn, api: apiStatus };
}

/** Asks until the token is refused: it lives one second. */
async function expired(rig, token) {
  for (let tries = 0; tries < 30; tries += 1) {
    const status = await rig.api(token);
    if (status !== 200) return status;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return 200;
}
