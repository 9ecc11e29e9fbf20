//! A text that somebody hands out at an https address: fetched as a discovery document is, without a
//! redirect and with a limit. Says nothing of what is in it.

use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::Network;

use super::metadata::secure;
use crate::http::{Http, misconfigured};

/// How large may a config be that is handed out? People read it before they take it.
const LARGEST: usize = 64 * 1024;

pub(super) async fn fetch(
    http: &Http,
    network: &Network,
    url: &str,
) -> Result<String, TokenFailure> {
    let url = secure(url, "the address")?;
    let answer = http.fetch(network, &url, None).await?;
    let not_it = |what: &str| misconfigured("server_error", format!("{} {what}", answer.from));
    if answer.status != 200 {
        return Err(not_it(&format!("answered HTTP {}", answer.status)));
    }
    if answer.content_type.to_ascii_lowercase().contains("html") {
        return Err(not_it("answered with a page for people"));
    }
    if answer.body.len() > LARGEST {
        return Err(not_it(&format!("sent more than {LARGEST} bytes")));
    }
    String::from_utf8(answer.body.to_vec()).map_err(|_| not_it("answered with no UTF-8 text"))
}
