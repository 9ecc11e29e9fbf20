// One oidc-provider with a family's paths on. What a token is, when it dies and who may have it is
// the library's own answer; only the wire's looks are changed here.
import './clock.mjs';
import { createHash, generateKeyPairSync } from 'node:crypto';
import Provider, { errors, interactionPolicy } from 'oidc-provider';
import { TOKEN_EXCHANGE, exchangesTokens } from './exchange.mjs';

export const API = 'https://warehouse.corp.example';
export const CLIENT = 'agent';
/** A server's own client, for its web login and for introspection: what it knows is no secret outside a test. */
export const WEB_CLIENT = { id: 'airflow-web', secret: 'known to the rig and its tests alone' };
const API_SCOPES = ['airflow', 'warehouse:read', 'lake:read', 'reports:read'];
const OIDC_SCOPES = ['openid', 'offline_access', 'profile', 'email', 'groups'];
const GROUPS = { alice: ['Data Engineers', 'airflow-admins'], bob: ['Analysts'] };
const WELL_KNOWN = '/.well-known/openid-configuration';

/**
 * `{issuer, family, quirks, memory, ttl: {access, refresh, id?}, key, requirePar, web, client}`; `web` is the origin of an
 * Airflow, `client` what the agent's client is registered with beside its name: how it proves itself, and by what.
 */
export function dress({ issuer, family, quirks, memory, ttl, key, requirePar, web, client }) {
  const { routes, prefix } = family;
  const provider = new Provider(issuer, {
    adapter: memory.adapter(),
    clients: [
      {
        client_id: CLIENT,
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: ['http://127.0.0.1/callback'],
        response_types: ['code'],
        grant_types: ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code', TOKEN_EXCHANGE],
        ...client,
      },
      ...(web ? [webClient(web)] : []),
    ],
    jwks: { keys: [key] },
    routes,
    clockTolerance: 0,
    // The library takes the issuer, the token endpoint and the one that is asked.
    assertJwtClientAuthClaimsAndHeader: async (_ctx, { aud }) => {
      const only = quirks.assertionAudience === 'token' && new URL(routes.token, issuer).href;
      if (only && aud !== only) throw new errors.InvalidClientAuth('the audience is not the token endpoint');
    },
    cookies: { keys: ['a test rig'] },
    pkce: { required: () => true },
    responseTypes: ['code'],
    scopes: [...OIDC_SCOPES, ...API_SCOPES],
    conformIdTokenClaims: false,
    claims: { openid: ['sub'], profile: ['name'], email: ['email'], groups: ['groups'] },
    findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => claimsOf(sub) }),
    extraTokenClaims: async (ctx, token) => ({ groups: GROUPS[token.accountId], auth_time: signedInAt(ctx) }),
    rotateRefreshToken: () => memory.rotation !== 'never',
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    loadExistingGrant,
    interactions: { policy: noConsentPage() },
    ttl: {
      AccessToken: () => ttl.access,
      ClientCredentials: () => ttl.access,
      IdToken: () => ttl.id ?? 300,
      RefreshToken: () => ttl.refresh,
      DeviceCode: () => 120,
      Grant: () => 7200,
      Session: () => 3600,
      Interaction: () => 600,
    },
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      clientCredentials: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: requirePar },
      rpInitiatedLogout: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: async () => true,
        defaultResource: (ctx, _client, one) => one ?? (quirks.accessToken === 'jwt' && asksForApi(ctx) ? API : undefined),
        getResourceServerInfo: async () => ({
          scope: API_SCOPES.join(' '),
          audience: API,
          accessTokenFormat: 'jwt',
          accessTokenTTL: ttl.access,
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  exchangesTokens(provider);
  provider.on('server_error', (_ctx, error) => process.stderr.write(`server_error ${error.stack}\n`));
  provider.use(looks({ prefix, routes, quirks }));
  return provider;
}

function webClient(origin) {
  return {
    client_id: WEB_CLIENT.id,
    client_secret: WEB_CLIENT.secret,
    redirect_uris: [`${origin}/auth/oauth-authorized/ping`],
    post_logout_redirect_uris: [`${origin}/`],
    response_types: ['code'],
    grant_types: ['authorization_code'],
  };
}

/** `auth_time` of the sign-in that a token goes back to. */
function signedInAt(ctx) {
  const { AuthorizationCode, RefreshToken, DeviceCode } = ctx.oidc.entities;
  return (AuthorizationCode ?? RefreshToken ?? DeviceCode)?.authTime;
}

/** A ready grant, so that no consent page comes: a company's own app. */
async function loadExistingGrant(ctx) {
  const { client, session, provider } = ctx.oidc;
  const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope([...OIDC_SCOPES, ...API_SCOPES].join(' '));
  grant.addResourceScope(API, API_SCOPES.join(' '));
  await grant.save();
  return grant;
}

/** The library asks native clients for consent at every sign-in; a Ping app need not. */
function noConsentPage() {
  const policy = interactionPolicy.base();
  policy.get('consent').checks.remove('native_client_prompt');
  return policy;
}

const claimsOf = (sub) => ({ sub, name: `${sub} of the rig`, email: `${sub}@corp.example`, groups: GROUPS[sub] ?? [] });
const asksForApi = (ctx) => API_SCOPES.some((scope) => ctx.oidc.params?.scope?.split(' ').includes(scope));

/** Edits what the library answered, as a family's server would have said it. */
function looks({ prefix, routes, quirks }) {
  const polls = new Map(); // device_code -> {last, challenge}
  return async (ctx, next) => {
    if (ctx.path === prefix + WELL_KNOWN) ctx.path = WELL_KNOWN;
    const form = new URLSearchParams(typeof ctx.req.body === 'string' ? ctx.req.body : '');
    if (ctx.path === routes.device_authorization) {
      const refused = refuseDevice(form, quirks);
      if (refused) return reply(ctx, 400, refused);
      await next();
      return dressDevice(ctx, form, quirks, polls);
    }
    if (ctx.path === routes.token && form.get('grant_type')?.endsWith(':device_code')) {
      const refused = refusePoll(form, quirks, polls);
      if (refused) return reply(ctx, 400, refused);
      await next();
      if (ctx.body?.error === 'authorization_pending') ctx.status = quirks.pendingStatus;
      if (ctx.body?.id_token && !quirks.deviceIdToken) delete ctx.body.id_token;
      return undefined;
    }
    await next();
    if (ctx.path === WELL_KNOWN && !quirks.callbackIss) {
      ctx.body.authorization_response_iss_parameter_supported = undefined;
    }
    const location = ctx.response.get('location');
    if (location?.includes('iss=') && !quirks.callbackIss) {
      const url = new URL(location);
      url.searchParams.delete('iss');
      ctx.set('location', url.href);
    }
    return undefined;
  };
}

function refuseDevice(form, quirks) {
  const challenge = form.get('code_challenge');
  if (quirks.devicePkce === 'require' && !challenge) return oauthError('invalid_request', 'code_challenge is required');
  if (quirks.devicePkce === 'refuse' && challenge) return oauthError('invalid_request', 'unknown parameter code_challenge');
  return undefined;
}

/** The library sends neither `interval` nor `slow_down` (RFC 8628 §3.5). */
function refusePoll(form, quirks, polls) {
  const poll = polls.get(form.get('device_code'));
  if (!poll) return undefined;
  const since = Date.now() - poll.last;
  poll.last = Date.now();
  if (since < poll.interval * 950) {
    return oauthError('slow_down', 'you poll too fast');
  }
  if (quirks.devicePkce === 'require' && poll.challenge !== s256(form.get('code_verifier') ?? '')) {
    return oauthError('invalid_grant', 'code_verifier does not match');
  }
  return undefined;
}

function dressDevice(ctx, form, quirks, polls) {
  if (!ctx.body?.device_code) return;
  polls.set(ctx.body.device_code, { last: 0, interval: quirks.interval, challenge: form.get('code_challenge') });
  ctx.body.interval = quirks.interval;
  if (!quirks.completeUri) delete ctx.body.verification_uri_complete;
}

const oauthError = (error, error_description) => ({ error, error_description });
const s256 = (verifier) => createHash('sha256').update(verifier).digest('base64url');

function reply(ctx, status, body) {
  ctx.status = status;
  ctx.body = body;
}

export function signingKey() {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'rig-1' };
}

/** The key set without its private parts. */
export function publicKeys({ kty, n, e, use, alg, kid }) {
  return { keys: [{ kty, n, e, use, alg, kid }] };
}
