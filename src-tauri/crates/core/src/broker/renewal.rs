//! What a server's refusal of an issued token leads to. Nothing is issued here: whoever sends another one asks for
//! it as for the first, and is on the record for it.

use super::Broker;
use crate::error::Refusal;
use crate::request::TokenRequest;
use crate::session::Plan;

impl Broker {
    /// Is there another token than the one that was `rejected`? Ping is asked where it may help, and where the
    /// request says `renewed` it is not: then it is marked that another would be refused as well.
    pub async fn renew(&self, request: &TokenRequest) -> Result<bool, Refusal> {
        let session = self.session_of(&request.session)?;
        let token = match session.plan(request, self.ports.clock.now()) {
            Plan::Serve(token) | Plan::ServeAndRefresh(token) => token,
            Plan::Fly { fallback, cause } => {
                let flight = self.refresh(&session, &request.target, cause).once();
                self.arrival(flight, fallback, cause).await?
            }
            Plan::Refuse(refusal) => return Err(refusal),
            Plan::Load => return Ok(false),
        };
        Ok(request.rejected.as_ref() != Some(&token.fingerprint))
    }
}
