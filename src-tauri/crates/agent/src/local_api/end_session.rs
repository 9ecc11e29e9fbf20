//! Where the browser ends Ping's own session (OIDC RP-Initiated Logout §2). The ID token by which Ping knows
//! it is shown to nobody: a browser on this machine is sent on from an address of ours, once.

use dagpass_core::ports::{Callbacks, Listening};
use dagpass_core::profile::{Profile, Redirect};
use dagpass_core::sign_in::{BROWSER_WINDOW, SentOn};
use dagpass_core::token::IdToken;
use tokio::time::{Instant, timeout, timeout_at};

use super::Api;

/// Without a hint, or where no port is to be had, it is Ping's own address.
pub(super) async fn address(
    api: &Api,
    profile: &Profile,
    hint: Option<IdToken>,
    until: Instant,
) -> Option<String> {
    let found = timeout_at(until, api.ping.end_session_url(profile, hint.as_ref())).await.ok()?;
    let url = found.unwrap_or_else(|failure| {
        tracing::warn!(%failure, "the end-session address is not known");
        None
    })?;
    if hint.is_none() {
        return Some(url);
    }
    match behind(&*api.sign_in.callbacks, url).await {
        Ok(start) => Some(start),
        Err(cause) => {
            tracing::warn!(cause, "no port to send the browser on from");
            let bare = timeout_at(until, api.ping.end_session_url(profile, None)).await;
            bare.ok()?.ok()?
        }
    }
}

/// The address that leads to `url`, for ten minutes. Nothing has to be registered for it.
async fn behind(listener: &dyn Callbacks, url: String) -> Result<String, String> {
    let any_port = Redirect { ports: vec![0], ..Redirect::default() };
    let mut listening = listener.listen(&any_port).await?;
    let address = listening.start.url.clone();
    tokio::spawn(async move {
        match timeout(BROWSER_WINDOW, send_on(&mut listening, url)).await {
            // Whether anybody came or not, the port is free again.
            Ok(()) | Err(_) => drop(listening),
        }
    });
    Ok(address)
}

/// One that went away before it was sent on has not used it.
async fn send_on(listening: &mut Listening, url: String) {
    while let Some(click) = listening.start.clicks.recv().await {
        if click.send(SentOn::To(url.clone())).is_ok() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;
    use crate::callback::LoopbackCallbacks;

    fn open(address: &str) -> std::io::Result<String> {
        let address = url::Url::parse(address).expect("an address");
        let mut stream = TcpStream::connect(("127.0.0.1", address.port().expect("a port")))?;
        write!(stream, "GET {} HTTP/1.1\r\nHost: x\r\n\r\n", address.path())?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok(page)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_hint_is_in_no_address_but_the_one_that_the_browser_is_sent_to() {
        let url = "https://am.example/endSession?client_id=c&id_token_hint=canary".to_owned();
        let address = behind(&LoopbackCallbacks::default(), url.clone()).await.expect("a port");
        assert!(address.starts_with("http://127.0.0.1:") && !address.contains("canary"));
        let first = address.clone();
        let page = tokio::task::spawn_blocking(move || open(&first)).await.unwrap().unwrap();
        assert!(page.starts_with("HTTP/1.1 303 "), "{page}");
        assert!(page.to_ascii_lowercase().contains(&format!("location: {}", url.to_lowercase())));
        let again = tokio::task::spawn_blocking(move || open(&address)).await.unwrap();
        assert!(again.is_err() || again.is_ok_and(|page| !page.contains("canary")), "once");
    }
}
