//! The sandbox, as the matrix drives and reads it. It cannot say whether an answer left: one that was held
//! for an agent that was killed did not.

use std::sync::Arc;
use std::time::Duration;

use dagpass_sandbox::{Endpoint, Entry, Fault, Kind, Sandbox};

use super::provider::{Answer, Call, Place, Provider, When};
use crate::http;
use crate::world::World;

impl Provider for Arc<Sandbox> {
    fn issuer(&self) -> String {
        Sandbox::issuer(self)
    }

    fn client_id(&self) -> String {
        Sandbox::client_id(self).to_owned()
    }

    fn config(&self, more: &str) -> String {
        format!(
            "default-profile = \"prod\"\n\n[profile.prod]\nissuer = \"{}\"\nclient-id = \"{}\"\n\
             scopes = [\"openid\", \"profile\", \"airflow\"]\nredirect-ports = [0]\n{more}\n",
            Sandbox::issuer(self),
            Sandbox::client_id(self)
        )
    }

    fn hold(&self, place: Place, when: When) {
        let kind = match when {
            When::Before => Kind::HoldBefore,
            When::After => Kind::HoldAfter,
        };
        let (endpoint, grant) = match place {
            Place::Keys => (Endpoint::Jwks, None),
            Place::Code => (Endpoint::Token, Some("authorization_code")),
            Place::Device => (Endpoint::Token, Some("device_code")),
            Place::Refresh => (Endpoint::Token, Some("refresh_token")),
            Place::Exchange => (Endpoint::Token, Some("token_exchange")),
            Place::Revocation => (Endpoint::Revoke, None),
        };
        let grant = grant.map(str::to_owned);
        self.fault(Fault { grant, ..Fault::at(endpoint, kind).times(1) });
    }

    fn holds(&self) -> bool {
        self.wait_held(1, Duration::ZERO)
    }

    fn release(&self) {
        Sandbox::release(self);
    }

    /// It says nothing of what is on the wire: the client's own end is waited for elsewhere.
    fn wait_answered(&self) {}

    fn authorize(&self, url: &str) -> String {
        self.authorize_as("alice", url).unwrap()
    }

    fn approve(&self, user_code: &str) {
        self.approve_device(user_code, "alice").unwrap();
    }

    fn call_api(&self, token: &str) -> u16 {
        let header = format!("Bearer {token}");
        let url = format!("{}/api", self.origin());
        http::with_headers(&url, "GET", &[("Authorization", &header)], "").unwrap().status
    }

    fn calls(&self, killed: bool) -> Vec<Call> {
        let held = |fault: &Option<String>| fault.as_deref() == Some("hold_after");
        let place = |endpoint, grant: Option<&str>| match (endpoint, grant) {
            (Endpoint::Token, Some("authorization_code")) => Some(Place::Code),
            (Endpoint::Token, Some("device_code")) => Some(Place::Device),
            (Endpoint::Token, Some("refresh_token")) => Some(Place::Refresh),
            (Endpoint::Token, Some("token_exchange")) => Some(Place::Exchange),
            (Endpoint::Revoke, _) => Some(Place::Revocation),
            _ => None,
        };
        let call = |entry: Entry| {
            let answer = match entry.status {
                0 => Answer::Unserved,
                _ if killed && held(&entry.fault) => Answer::Undelivered,
                status => Answer::Delivered(status),
            };
            Some(Call {
                place: place(entry.endpoint, entry.grant.as_deref())?,
                client: entry.client.unwrap_or_default(),
                presented: entry.refresh_token_fp,
                issued: entry.new_refresh_token_fp,
                answer,
            })
        };
        self.log().into_iter().filter_map(call).collect()
    }

    fn give_secrets(&self, world: &World) {
        for secret in self.secrets() {
            world.secret(secret.kind, &secret.value);
        }
    }
}
