//! Who may have which token: a `Permit`, or `Denied`. Only a permit reaches the cache.

use crate::error::{ErrorCode, Refusal};
use crate::request::{Caller, TokenRequest};

/// Proof that a request was judged. Made here and nowhere else.
#[derive(Clone, Copy, Debug)]
pub struct Permit(());

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    pub reason: String,
}

/// A capability narrows its holder to the profiles and connections it was made for.
pub fn judge(request: &TokenRequest, caller: &Caller) -> Result<Permit, Denied> {
    let Some(narrowing) = &caller.narrowed_to else {
        return Ok(Permit(()));
    };
    let profile = &request.session.profile;
    if !narrowing.covers_profile(profile) {
        return Err(Denied {
            reason: format!("this capability does not cover the profile `{profile}`"),
        });
    }
    let connection = request.connection.as_deref();
    if narrowing.covers_connection(connection) {
        return Ok(Permit(()));
    }
    Err(Denied {
        reason: match connection {
            Some(id) => format!("this capability does not cover the connection `{id}`"),
            None => "this capability covers named connections alone".to_owned(),
        },
    })
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        Self::new(ErrorCode::AccessDenied, "the request was denied").because(denied.reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::ask;
    use crate::profile::ProfileName;
    use crate::request::Narrowing;

    #[test]
    fn a_capability_is_held_to_its_profiles() {
        let narrowed = |names: &[&str]| Caller {
            narrowed_to: Some(Narrowing {
                profiles: Some(names.iter().map(|name| ProfileName::new(*name)).collect()),
                connections: None,
            }),
            ..Caller::default()
        };
        assert!(judge(&ask("prod"), &Caller::default()).is_ok());
        assert!(judge(&ask("prod"), &narrowed(&["dev", "prod"])).is_ok());
        assert!(judge(&ask("prod"), &narrowed(&["dev"])).is_err());
        assert!(judge(&ask("prod"), &narrowed(&[])).is_err());
    }

    #[test]
    fn a_capability_is_held_to_its_connections_and_gets_no_bare_token() {
        let caller = Caller {
            narrowed_to: Some(Narrowing {
                profiles: None,
                connections: Some(vec!["warehouse_api".to_owned()]),
            }),
            ..Caller::default()
        };
        let through = |id: &str| TokenRequest { connection: Some(id.to_owned()), ..ask("prod") };
        assert!(judge(&through("warehouse_api"), &caller).is_ok());
        assert!(judge(&through("warehouse"), &caller).is_err());
        assert!(judge(&ask("prod"), &caller).is_err());
    }
}
