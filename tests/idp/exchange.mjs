// RFC 8693 at the rig: the library has no such grant. An access token that lives buys another one of
// the same person, with no more scopes than it has. No refresh token comes of it.
import { errors } from 'oidc-provider';

export const TOKEN_EXCHANGE = 'urn:ietf:params:oauth:grant-type:token-exchange';
const ACCESS_TOKEN = 'urn:ietf:params:oauth:token-type:access_token';
const PARAMETERS = ['subject_token', 'subject_token_type', 'requested_token_type', 'scope', 'audience', 'resource'];

export function exchangesTokens(provider) {
  provider.registerGrantType(TOKEN_EXCHANGE, (ctx) => exchange(provider, ctx), PARAMETERS);
}

/** Opaque tokens only: the library keeps no other. */
async function exchange(provider, ctx) {
  const { client, params } = ctx.oidc;
  if (params.subject_token_type !== ACCESS_TOKEN) throw new errors.InvalidRequest('subject_token_type must be an access token');
  const subject = await provider.AccessToken.find(params.subject_token ?? '');
  if (!subject || subject.clientId !== client.clientId) throw new errors.InvalidGrant('the subject token is not active');
  const had = new Set(subject.scope.split(' '));
  const scope = (params.scope ?? subject.scope).split(' ');
  const beyond = scope.find((one) => !had.has(one));
  if (beyond) throw new errors.InvalidScope('the subject token has less', beyond);
  const token = new provider.AccessToken({ client, accountId: subject.accountId, grantId: subject.grantId, gty: 'token_exchange', scope: scope.join(' ') });
  const value = await token.save();
  ctx.body = { access_token: value, issued_token_type: ACCESS_TOKEN, token_type: 'Bearer', expires_in: token.expiration, scope: token.scope };
}
