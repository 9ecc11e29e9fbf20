//! Userinfo (OIDC Core §5.3), as JSON or signed: its content type decides. It only adds to what is known,
//! so what is wrong with it costs nobody the sign-in; whose it is, is for the caller to compare.

use dagpass_core::ports::TokenFailure;
use dagpass_core::token::IdToken;

use super::answer::Asked;
use super::id_token;
use super::identity::Finder;
use super::metadata::Endpoint;
use crate::http::{Answer, misconfigured};
use crate::token::claims::Claims;

impl Finder<'_> {
    pub(super) async fn userinfo(&self) -> Option<Claims> {
        let url = self.metadata.endpoint(Endpoint::Userinfo).ok().flatten()?;
        let token = Some(self.access_token.expose());
        let answer = self.http.fetch(&self.profile.network, &url, token).await;
        let claims = match answer {
            Ok(answer) if is_signed(&answer) => self.signed(&answer).await,
            Ok(answer) => answer.document(Asked::Other),
            Err(failure) => Err(failure),
        };
        match claims {
            Ok(claims) => Some(claims),
            Err(failure) => {
                tracing::info!(profile = %self.profile.name, %failure, "userinfo does not say who signed in");
                None
            }
        }
    }

    async fn signed(&self, answer: &Answer) -> Result<Claims, TokenFailure> {
        let text = String::from_utf8_lossy(&answer.body);
        let token = IdToken::new(text.trim());
        let (issuer, client_id) = (self.profile.issuer.as_str(), &self.profile.client_id);
        let verify = |keys: &[_]| id_token::verify_userinfo(&token, keys, (issuer, client_id));
        let claims = self.by_keys(verify).await?;
        claims.map_err(|flaw| misconfigured("invalid_token", format!("userinfo: {flaw}")))
    }
}

fn is_signed(answer: &Answer) -> bool {
    let kind = answer.content_type.split(';').next().unwrap_or_default().trim();
    answer.is_success() && kind.eq_ignore_ascii_case("application/jwt")
}
