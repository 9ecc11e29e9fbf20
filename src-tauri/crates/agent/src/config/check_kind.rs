//! Raw to true: to whom a profile's tokens are given, and to whom it proves its client. What is a person's has no place where nobody signs in.

use dagpass_core::profile::{AssertionAudience, ClientAuth, ProfileKind, Scopes};

use super::check::Check;
use super::raw::{RawAssertionAudience, RawProfile, RawProfileKind};
use super::section::{At, Place};

/// They say who signed in, or that somebody did (OIDC Core §3.1.2.1, §11).
const OF_PERSONS: [&str; 2] = ["openid", "offline_access"];

impl Check<'_> {
    pub(super) fn kind(
        &mut self,
        raw: &RawProfile,
        client_auth: ClientAuth,
        scopes: Option<&Scopes>,
    ) -> ProfileKind {
        let Some(At { value, place }) = &raw.kind else { return ProfileKind::User };
        let kind = match value {
            RawProfileKind::User => return ProfileKind::User,
            RawProfileKind::Service => ProfileKind::Service,
            RawProfileKind::Machine => ProfileKind::Machine,
        };
        self.proves_itself(
            kind,
            client_auth,
            raw.client_auth.as_ref().map_or(place, |at| &at.place),
        );
        for at in of_a_person(raw) {
            let message = format!("is a person's: nobody signs in to a {}", kind.as_str());
            self.problems.add_hint(at, message, "leave the line out");
        }
        if let Some((at, scopes)) = raw.scopes.as_ref().zip(scopes) {
            for scope in OF_PERSONS.iter().filter(|scope| scopes.contains(scope)) {
                let message =
                    format!("`{scope}` is a person's: nobody signs in to a {}", kind.as_str());
                self.problems.add_hint(&at.place, message, "leave it out");
            }
        }
        kind
    }

    pub(super) fn assertion_audience(
        &mut self,
        at: Option<&At<RawAssertionAudience>>,
        client_auth: ClientAuth,
    ) -> AssertionAudience {
        let Some(At { value, place }) = at else { return AssertionAudience::Issuer };
        if client_auth != ClientAuth::PrivateKeyJwt {
            let message = "is used only with client-auth = \"private-key-jwt\"";
            self.problems.add(place, message);
        }
        match value {
            RawAssertionAudience::Issuer => AssertionAudience::Issuer,
            RawAssertionAudience::TokenEndpoint => AssertionAudience::TokenEndpoint,
        }
    }

    fn proves_itself(&mut self, kind: ProfileKind, client_auth: ClientAuth, at: &Place) {
        match (kind, client_auth) {
            (ProfileKind::Machine, ClientAuth::PrivateKeyJwt)
            | (
                ProfileKind::Service,
                ClientAuth::SecretBasic | ClientAuth::SecretPost | ClientAuth::PrivateKeyJwt,
            )
            | (ProfileKind::User, _) => {}
            (ProfileKind::Machine, _) => {
                let message = "a machine proves itself by a key that was made on it";
                self.problems.add_hint(at, message, "write client-auth = \"private-key-jwt\"");
            }
            (ProfileKind::Service, ClientAuth::None) => {
                let message = "a service proves itself, and `client-auth` is `none`";
                let hint =
                    "write client-auth = \"private-key-jwt\", \"secret-basic\" or \"secret-post\"";
                self.problems.add_hint(at, message, hint);
            }
        }
    }
}

/// The keys of the table that only a sign-in has a use for.
fn of_a_person(raw: &RawProfile) -> impl Iterator<Item = &Place> {
    let texts = [
        &raw.redirect_uri,
        &raw.redirect_path,
        &raw.login_hint,
        &raw.prompt,
        &raw.acr_values,
        &raw.max_age,
        &raw.session_lifetime,
        &raw.refresh_lifetime,
        &raw.groups_claim,
    ];
    let lists = [&raw.id_token_audiences, &raw.verification_hosts];
    let texts = texts.into_iter().flatten().map(|at| &at.place);
    let lists = lists.into_iter().flatten().map(|at| &at.place);
    let flow = raw.flow.iter().map(|at| &at.place);
    let pkce = raw.device_pkce.iter().map(|at| &at.place);
    let ports = raw.redirect_ports.iter().map(|at| &at.place);
    texts.chain(lists).chain(flow).chain(pkce).chain(ports)
}
