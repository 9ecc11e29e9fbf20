//! The independent provider of `tests/idp`, as the matrix drives and reads it. Its log says of each answer
//! whether it left.

use serde_json::{Value, json};

use super::provider::{Answer, Call, Place, Provider, When};
use crate::idp::Idp;
use crate::wait::until;
use crate::world::World;

impl Provider for Idp {
    fn issuer(&self) -> String {
        self.issuer.clone()
    }

    fn client_id(&self) -> String {
        self.client_id.clone()
    }

    fn config(&self, more: &str) -> String {
        Self::config(self, more)
    }

    fn hold(&self, place: Place, when: When) {
        let kind = match when {
            When::Before => "hold-before",
            When::After => "hold-after",
        };
        let (endpoint, grant) = names(place);
        let mut fault = json!({ "endpoint": endpoint, "kind": kind });
        if let Some(grant) = grant {
            fault["grant"] = json!(grant);
        }
        if place == Place::Device {
            // What comes before the approval is no answer to hold.
            fault["only"] = json!(200);
        }
        self.fault(&fault);
    }

    fn holds(&self) -> bool {
        !self.calls("state=held").is_empty()
    }

    fn release(&self) {
        Self::release(self);
    }

    fn wait_answered(&self) {
        until("an answer to all that came in", || {
            let open = |state: &str| !self.calls(&format!("state={state}")).is_empty();
            (!open("held") && !open("arrived")).then_some(())
        });
    }

    fn authorize(&self, url: &str) -> String {
        Self::authorize(self, url)
    }

    fn approve(&self, user_code: &str) {
        Self::approve(self, user_code);
    }

    fn call_api(&self, token: &str) -> u16 {
        Self::call_api(self, token)
    }

    fn calls(&self, _killed: bool) -> Vec<Call> {
        let all = self.calls("method=POST");
        all.iter().filter_map(call).collect()
    }

    fn give_secrets(&self, world: &World) {
        Self::give_secrets(self, world);
    }
}

/// Endpoint and grant, as the rig calls them.
fn names(place: Place) -> (&'static str, Option<&'static str>) {
    match place {
        Place::Keys => ("jwks", None),
        Place::Code => ("token", Some("authorization_code")),
        Place::Device => ("token", Some("device_code")),
        Place::Refresh => ("token", Some("refresh_token")),
        Place::Exchange => ("token", Some("token-exchange")),
        Place::Revocation => ("revocation", None),
    }
}

fn call(line: &Value) -> Option<Call> {
    const PLACES: [Place; 5] =
        [Place::Code, Place::Device, Place::Refresh, Place::Exchange, Place::Revocation];
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    let place = PLACES.into_iter().find(|place| {
        let (endpoint, grant) = names(*place);
        line["endpoint"] == endpoint && grant.is_none_or(|grant| line["grant"] == grant)
    })?;
    let status = line["status"].as_u64().unwrap_or(0);
    let answer = match (status, line["served"] == true) {
        (0, false) => Answer::Unserved,
        (0, true) => Answer::Undelivered,
        (status, _) => Answer::Delivered(u16::try_from(status).unwrap()),
    };
    Some(Call {
        place,
        client: text("client").unwrap_or_default(),
        presented: text("presented"),
        issued: text("issued"),
        answer,
    })
}
