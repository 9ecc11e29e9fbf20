//! `[connection.ID]` as it was typed. What it means is `check_connection.rs`'s to say.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::raw::{key, table};
use super::section::{At, Section, Table};

table! {
    /// An Airflow connection that the agent answers for.
    RawConnection {
        /// Absent: the default profile.
        profile: String,
        /// As Airflow has it: "http". Required, here or in the table that this one overlays.
        conn_type: String,
        host: String,
        login: String,
        port: u16,
        schema: String,
        extra: serde_json::Map<String, serde_json::Value>,
        scopes: Vec<String>,
        /// RFC 8707. Leave it out for PingOne.
        resource: String,
        /// What the token's `aud` has to hold, where it can be seen. Absent: `resource`.
        audience: String,
        obtain: RawObtain,
        /// header, password, or extra.<key>
        token_in: String,
        /// Further parameters of the token request.
        token_params: BTreeMap<String, String>,
        /// With obtain = "sign-in": a client of its own.
        client_id: String,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawObtain {
    /// Each refresh asks for a subset of the profile's grant.
    Narrow,
    /// A sign-in of its own.
    SignIn,
    /// RFC 8693.
    Exchange,
}
