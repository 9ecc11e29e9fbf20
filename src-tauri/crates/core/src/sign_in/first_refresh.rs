//! The one refresh of a sign-in whose own answer is not enough to judge it by. Until it is answered its
//! refresh token counts as spent; decides nothing about who it is.

use crate::answers::TokenFailure;
use crate::pending::PendingSignIn;
use crate::ports::{Grant, Redeemed};
use crate::request::Target;
use crate::session::StoredSession;
use crate::sign_in::conclude::Conclusion;
use crate::token::TokenSet;

impl Conclusion {
    pub(super) async fn first_refresh(
        &self,
        stored: &mut StoredSession,
    ) -> Result<TokenSet, TokenFailure> {
        let (server, target) = (&self.broker.ports.server, Target::of_sign_in(&self.profile));
        self.keep_pending(stored, true).await;
        let session = stored.clone();
        let Some(token) = stored.refresh_token.take() else { return Err(nothing_to_send()) };
        let grant =
            Grant::RefreshToken { token: &token, target: &target, session: &session, first: true };
        let redeemed = match server.redeem(&self.profile, grant).await {
            Ok(redeemed) => redeemed,
            Err(failure) => {
                if !failure.may_have_spent_it() {
                    stored.refresh_token = Some(token);
                }
                return Err(failure);
            }
        };
        let new = match &redeemed {
            Redeemed::Tokens(received) => received.set.refresh_token.clone(),
            Redeemed::Renewal(alone) => Some(alone.refresh_token.clone()),
        };
        stored.refresh_token = new.or_else(|| Some(token.clone()));
        stored.generation += 1;
        self.keep_pending(stored, false).await;
        let received = match redeemed {
            Redeemed::Tokens(received) => received,
            Redeemed::Renewal(alone) => return Err(alone.failure()),
        };
        if let Some(scope) = &received.set.scope {
            stored.granted = scope.clone();
        }
        match self.judged(grant, *received).await? {
            TokenSet { disbelieved: Some(description), .. } => {
                let error = "invalid_token".to_owned();
                Err(TokenFailure::Misconfigured { error, description })
            }
            set => Ok(set),
        }
    }

    /// Where it is not kept, memory has it until it is judged.
    pub(super) async fn keep_pending(&self, stored: &StoredSession, sent: bool) {
        let assurance = self.assurance.clone();
        let pending = PendingSignIn { stored: stored.clone(), assurance, sent };
        match self.broker.ports.pending.keep(&self.session.key, &pending).await {
            Ok(()) | Err(_) => {}
        }
    }
}

fn nothing_to_send() -> TokenFailure {
    let description = "the sign-in gave neither a token to serve nor one to renew".to_owned();
    TokenFailure::Misconfigured { error: "server_error".to_owned(), description }
}
