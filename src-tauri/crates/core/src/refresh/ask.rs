//! One answer to judge, for the turn that was got: asks again where the first answer calls for it, each
//! reason once. What a success brought is kept before anything else is looked at.

use crate::answers::TokenFailure;
use crate::error::Refusal;
use crate::ports::{Received, Redeemed};
use crate::refresh::Refresh;
use crate::session::SendTurn;

/// What was asked again for already.
#[derive(Default)]
struct Again {
    newer: bool,
    renewed: bool,
}

impl Refresh {
    pub(super) async fn ask(
        &self,
        turn: &mut SendTurn,
    ) -> Result<Result<Received, TokenFailure>, Refusal> {
        let ports = &self.broker.ports;
        let _limit = self.broker.limits.of(&turn.profile().issuer).acquire_owned().await;
        let mut again = Again::default();
        loop {
            let redeemed = match turn.present(ports, &self.target).await? {
                Ok(redeemed) => redeemed,
                // Before a session is declared over the store is read again.
                Err(TokenFailure::Rejected { .. })
                    if !again.newer && turn.takes_newer(ports).await =>
                {
                    again.newer = true;
                    continue;
                }
                // Some servers want named what RFC 6749 §6 lets be left out.
                Err(TokenFailure::Misconfigured { error, .. })
                    if error == "invalid_request" && turn.name_scope(&self.target) =>
                {
                    continue;
                }
                Err(failure) => return Ok(Err(failure)),
            };
            turn.keep(ports, &redeemed).await;
            match redeemed {
                // Others give less where it is left out.
                Redeemed::Tokens(received)
                    if self.is_short(turn.stored(), &received.set)
                        && turn.name_scope(&self.target) => {}
                Redeemed::Tokens(received) => return Ok(Ok(*received)),
                Redeemed::Renewal(renewal) if again.renewed => return Ok(Err(renewal.failure())),
                Redeemed::Renewal(_) => again.renewed = true,
            }
        }
    }
}
