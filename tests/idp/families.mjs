// Three Ping families as data: documented paths, and what each does differently on the wire.
// Only oidc-provider decides what is right; this file dresses it.

const ENVIRONMENT = '7d4c9a10-5b2e-4f6a-9c3d-0e1f2a3b4c5d';

const PINGONE = `/${ENVIRONMENT}/as`;
const PINGAM = '/am/oauth2/realms/root/realms/alpha';

export const FAMILIES = {
  pingone: {
    prefix: PINGONE,
    routes: {
      authorization: `${PINGONE}/authorize`,
      token: `${PINGONE}/token`,
      device_authorization: `${PINGONE}/device_authorization`,
      jwks: `${PINGONE}/jwks`,
      end_session: `${PINGONE}/signoff`,
      introspection: `${PINGONE}/introspect`,
      revocation: `${PINGONE}/revoke`,
      pushed_authorization_request: `${PINGONE}/par`,
      userinfo: `${PINGONE}/userinfo`,
      code_verification: `/${ENVIRONMENT}/device`,
    },
    quirks: { accessToken: 'jwt' },
  },
  pingfederate: {
    prefix: '',
    routes: {
      authorization: '/as/authorization.oauth2',
      token: '/as/token.oauth2',
      device_authorization: '/as/device_authz.oauth2',
      jwks: '/pf/JWKS',
      end_session: '/idp/startSLO.ping',
      introspection: '/as/introspect.oauth2',
      revocation: '/as/revoke_token.oauth2',
      pushed_authorization_request: '/as/par.oauth2',
      userinfo: '/idp/userinfo.openid',
      code_verification: '/as/user_authz.oauth2',
    },
    // No ID token from the device grant, and no RFC 9207 `iss` unless an admin turns it on.
    quirks: { accessToken: 'opaque', deviceIdToken: false, callbackIss: false },
  },
  pingam: {
    prefix: PINGAM,
    routes: {
      authorization: `${PINGAM}/authorize`,
      token: `${PINGAM}/access_token`,
      device_authorization: `${PINGAM}/device/code`,
      jwks: `${PINGAM}/connect/jwk_uri`,
      end_session: `${PINGAM}/connect/endSession`,
      introspection: `${PINGAM}/introspect`,
      revocation: `${PINGAM}/token/revoke`,
      pushed_authorization_request: `${PINGAM}/par`,
      userinfo: `${PINGAM}/userinfo`,
      code_verification: '/am/oauth2/device/user',
    },
    quirks: { accessToken: 'opaque', pendingStatus: 403, completeUri: false, assertionAudience: 'token' },
  },
};

/** What a family does where it says nothing else. Every key can be set at run time by `/__ctl/quirk`. */
export const PLAIN = {
  accessToken: 'opaque', // jwt | opaque
  deviceIdToken: true,
  callbackIss: true,
  pendingStatus: 400,
  completeUri: true,
  interval: 1, // seconds between device polls; sooner is answered with slow_down
  devicePkce: 'ignore', // ignore | require | refuse
  assertionAudience: 'any', // any | token: whom a client's assertion has to name
};
