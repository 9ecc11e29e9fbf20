//! Tables of configs: what is wrong with the bad ones and where, and what the good ones mean.

mod bad;
mod file;
mod good;
mod hosts;
mod locks;
#[cfg(unix)]
mod machine;
mod schema;
mod ship;
mod upstreams;
mod ways;
mod witnesses;

use std::path::Path;

use dagpass_client::wire::ConfigProblem;

use super::{Config, parse};

/// The example of the design, with its placeholders filled in.
const EXAMPLE: &str = r#"
default-profile = "prod"
proxy = "http://proxy.corp.example:3128"

[profile.prod]
issuer    = "https://auth.pingone.eu/b8a1/as"
client-id = "c0ffee"
flow      = "auto"
scopes    = ["openid", "profile", "airflow", "warehouse:read"]
redirect-ports = [21217, 23683, 28021]
ca-file   = "corp-ca.pem"
token-params = { access_token_manager_id = "airflow" }
endpoints = { device_authorization = "https://auth.pingone.eu/b8a1/as/device" }

[profile.dev]
issuer = "https://auth.pingone.eu/d0d0/as"
client-id = "decaf"
scopes = ["openid", "warehouse:read"]

[connection.warehouse_api]
profile = "prod"
conn-type = "http"
host = "https://warehouse.corp.example"
scopes = ["warehouse:read"]
obtain = "narrow"
token-in = "header"

[env.dev.connection.warehouse_api]
profile = "dev"

[airflow.prod]
url = "https://airflow.corp.example"
profile = "prod"
token = "exchange"

[endpoint]
port = 0

[store]
kind = "keychain"
"#;

/// A profile to hang connections on.
const PROD: &str = r#"
[profile.prod]
issuer = "https://auth.example/as"
client-id = "c"
scopes = ["openid", "a", "b"]
"#;

fn read(text: &str) -> Result<Config, Vec<ConfigProblem>> {
    parse(text, Path::new("/etc/dagpass/config.toml"))
}

fn good(text: &str) -> Config {
    read(text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}
