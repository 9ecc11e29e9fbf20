//! `[upstream.NAME]` as it was typed. What it means is `check_upstream.rs`'s to say.

use schemars::JsonSchema;

use super::raw::{key, table};
use super::section::{At, Section, Table};

table! {
    /// A server that the agent sends requests on to, with a token that the caller never sees. Nothing listens for
    /// one that is not named here.
    RawUpstream {
        /// https, or http on this machine. A path in it is where the paths that may be asked for begin.
        #[schemars(required)]
        url: String,
        /// The conn_id whose token goes with each request; else `profile` and `scopes`.
        connection: String,
        /// Absent: the default profile.
        profile: String,
        /// Only these of the profile's scopes. Absent: the whole grant.
        scopes: Vec<String>,
        /// The header that carries the token: "Authorization", with `Bearer` before it; any other has the bare token.
        header: String,
        /// The methods that may be used. Absent: any but CONNECT and TRACE.
        methods: Vec<String>,
        /// The paths that may be asked for, `*` for any letters: "/v1/*". Absent: any.
        paths: Vec<String>,
        /// true: the caller's own Authorization goes on as it came, and the token in another `header`.
        keep_authorization: bool,
        /// The port on this machine that it is reached by; 0 is any free port, another one at each start.
        port: u16,
    }
}
