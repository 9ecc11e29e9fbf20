//! The sandbox as a program: prints one JSON line that says where it is, and serves until it ends.

use std::io::{self, Write};
use std::time::Duration;

use clap::Parser;
use dagpass_sandbox::{Family, Options, Sandbox};
use serde_json::json;

/// An embedded Ping look-alike: a stage for trying dagpass without a tenant.
#[derive(Debug, Parser)]
#[command(name = "dagpass-sandbox", version)]
struct Arguments {
    /// Which product to look like: pingone, pingfederate or pingam
    #[arg(long, default_value = "pingone", value_parser = family)]
    family: Family,
    /// The port on 127.0.0.1; 0 is any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Seconds an access token lives
    #[arg(long, default_value_t = 60)]
    at_ttl: i64,
    /// Approve every device code as this user after a second
    #[arg(long, value_name = "USER")]
    auto_approve: Option<String>,
    /// Serve https under a private CA, whose certificate is in the printed line
    #[arg(long)]
    tls: bool,
    /// End after that many minutes; without it, serve until somebody ends it
    #[arg(long)]
    minutes: Option<u64>,
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    let options =
        Options { port: arguments.port, tls: arguments.tls, auto_approve: arguments.auto_approve };
    let sandbox = Sandbox::try_start(arguments.family, options)?;
    sandbox.quirks(|quirks| quirks.at_ttl = arguments.at_ttl);
    let mut line = json!({
        "issuer": sandbox.issuer(),
        "control": sandbox.control(),
        "api": format!("{}/api", sandbox.origin()),
        "client_id": sandbox.client_id(),
    });
    if let Some(pem) = sandbox.ca_pem() {
        line["ca"] = json!(pem);
    }
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    let Some(minutes) = arguments.minutes else {
        loop {
            std::thread::park();
        }
    };
    std::thread::sleep(Duration::from_secs(60 * minutes));
    Ok(())
}

fn family(name: &str) -> Result<Family, String> {
    Family::parse(name).ok_or_else(|| "pingone, pingfederate or pingam".to_owned())
}
