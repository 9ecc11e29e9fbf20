//! Where the browser is sent. A pushed request ends after a minute or so (RFC 9126 §2.2): a browser on this
//! machine gets an address of ours, once, and the request is pushed when it comes; any other gets the
//! request itself, and its person is told how long it lives.

use tokio::sync::mpsc;

use crate::error::Refusal;
use crate::ports::{Pending, Start};
use crate::refusals;
use crate::sign_in::flow::SignIn;
use crate::sign_in::{AuthorizationRequest, AuthorizationUrl, Click, SentOn};
use crate::time::Timestamp;

pub(super) struct Address {
    pub(super) url: String,
    /// Of a request that was pushed: whoever opens it later finds nothing.
    pub(super) ends: Option<Timestamp>,
    pub(super) clicks: Option<mpsc::Receiver<Click>>,
}

impl SignIn<'_> {
    pub(super) async fn address(
        &self,
        at_the_click: bool,
        request: &AuthorizationRequest,
        start: Start,
    ) -> Result<Address, Refusal> {
        if at_the_click {
            return Ok(Address { url: start.url, ends: None, clicks: Some(start.clicks) });
        }
        let AuthorizationUrl { url, ends } = self.authorize(request).await?;
        Ok(Address { url, ends, clicks: None })
    }

    /// Sends the first browser on that comes. Ends only where Ping does not take the request.
    pub(super) fn sends_on<'a>(
        &'a self,
        request: &'a AuthorizationRequest,
        clicks: Option<mpsc::Receiver<Click>>,
    ) -> Pending<'a, Refusal> {
        Box::pin(async move {
            let Some(mut clicks) = clicks else { return std::future::pending().await };
            let mut used = false;
            while let Some(click) = clicks.recv().await {
                if used {
                    tell(click, SentOn::Used);
                    continue;
                }
                match self.authorize(request).await {
                    // One that went away before it was sent on has not used it.
                    Ok(to) => used = tell(click, SentOn::To(to.url)),
                    Err(refusal) => {
                        let (code, description) = (refusal.code, refusal.to_string());
                        tell(click, SentOn::Failed { code, description });
                        return refusal;
                    }
                }
            }
            std::future::pending().await
        })
    }

    async fn authorize(&self, request: &AuthorizationRequest) -> Result<AuthorizationUrl, Refusal> {
        let url = self.ports.server.authorize(&self.profile, request).await;
        url.map_err(|failure| refusals::signing_in(&self.profile, &failure))
    }
}

/// Whether the browser was still there.
fn tell(click: Click, answer: SentOn) -> bool {
    click.send(answer).is_ok()
}
