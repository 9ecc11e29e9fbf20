//! How long a caller is kept waiting: less than it waits itself, so that it hears of Ping's silence from
//! us and never takes us for dead. Decides that, and the words; never ends what is on its way, which goes
//! on by itself, is saved, and is served to whoever asks next.

use std::time::Duration;

use dagpass_client::{LIMIT, SLOW_LIMIT};
use dagpass_core::audit::{Event, Outcome, Record};
use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::policy::Action;
use dagpass_core::request::{Caller, Obtain, TokenRequest};
use tokio::time::timeout;

use super::reply::Reply;
use super::{Api, Asked};

/// How long is a caller kept that wants one thing of Ping, whatever that one thing has to queue for?
pub(super) const SHORT: Duration = Duration::from_secs(8);
/// And one whose answer takes several?
const LONG: Duration = Duration::from_secs(50);

/// On the way to us and back something is lost too.
const _: () = assert!(SHORT.as_secs() + 2 <= LIMIT.as_secs());
const _: () = assert!(LONG.as_secs() + 10 <= SLOW_LIMIT.as_secs());

/// A token that was permitted and is waited for, and who waits.
pub(super) struct Awaited {
    pub(super) action: Action,
    pub(super) request: TokenRequest,
    pub(super) caller: Caller,
}

/// What becomes of it once its caller is sent away?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Token,
    SignIn,
    Deed,
    /// Of the keychain's, whose prompt may be open.
    Move,
    /// Ping alone was looked at.
    Nothing,
    /// As were a deployment, the keychain, or whoever hands a config out.
    Checks,
}

/// The handler's answer, or the word that Ping keeps it.
pub(super) async fn kept(
    api: &Api,
    asked: &Asked,
    action: Action,
    answer: impl Future<Output = Result<Reply, Refusal>>,
) -> Result<Reply, Refusal> {
    match patience(action) {
        Some(patience) => within(api, asked, patience, answer).await,
        None => answer.await,
    }
}

/// A token that another answer needs.
pub(super) async fn token<T>(
    api: &Api,
    asked: &Asked,
    answer: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    within(api, asked, (SHORT, Meanwhile::Token), answer).await
}

async fn within<T>(
    api: &Api,
    asked: &Asked,
    (limit, meanwhile): (Duration, Meanwhile),
    answer: impl Future<Output = Result<T, Refusal>>,
) -> Result<T, Refusal> {
    let Ok(answered) = timeout(limit, answer).await else {
        let awaited = asked.awaits.get();
        let refusal = late(limit, meanwhile, awaited.map(|awaited| &awaited.request));
        if let Some(awaited) = awaited {
            record(api, awaited, &refusal);
        }
        return Err(refusal);
    };
    answered
}

/// A token for a request that is not sent then.
pub(super) fn over(api: &Api, awaited: &Awaited) -> Refusal {
    let refusal = late(SHORT, Meanwhile::Token, Some(&awaited.request));
    record(api, awaited, &refusal);
    refusal
}

/// Something was begun, and is not as far yet that it could be told.
pub(super) fn of_a_deed() -> Refusal {
    late(SHORT, Meanwhile::Deed, None)
}

/// `None` where this machine alone answers.
const fn patience(action: Action) -> Option<(Duration, Meanwhile)> {
    match action {
        Action::Token | Action::Connection | Action::Try | Action::Proxy => Some((SHORT, Meanwhile::Token)),
        Action::FinishSignIn => Some((SHORT, Meanwhile::SignIn)),
        // A record is read when what may rewrite it has landed.
        Action::ShowStatus | Action::AskOutlook => Some((SHORT, Meanwhile::Nothing)),
        Action::Discover => Some((LONG, Meanwhile::Nothing)),
        Action::Roles | Action::Examine | Action::PreviewConfig => Some((LONG, Meanwhile::Checks)),
        Action::SignOut | Action::Purge => Some((LONG, Meanwhile::Deed)),
        Action::UseStore => Some((LONG, Meanwhile::Move)),
        Action::ShowConnections
        | Action::FollowEvents
        | Action::ShowActivity
        | Action::ShowConnectionIds
        | Action::ShowConfig
        | Action::WriteConfig
        // Its stream tells how far it is.
        | Action::SignIn
        | Action::BeginRun
        | Action::EndRun
        | Action::TellOfRun
        | Action::ShowDoors
        | Action::OpenDoor
        | Action::CloseDoor
        | Action::BeginRelay
        | Action::ShowClients
        | Action::ChangeClient
        | Action::Unlock
        | Action::Pause
        | Action::Resume
        | Action::Stop
        | Action::ShowLoginItem
        | Action::SetLoginItem
        | Action::MakeEvidence
        | Action::PruneLedger
        | Action::ShowApprovals
        | Action::Approve
        | Action::RevokeApproval
        | Action::ShowLeases
        | Action::RevokeLease
        | Action::ShowPolicy
        | Action::BreakGlass
        | Action::TellOfLeak
        | Action::EnterProxy
        | Action::ShowProxy => None,
    }
}

fn late(limit: Duration, meanwhile: Meanwhile, request: Option<&TokenRequest>) -> Refusal {
    let what = match (meanwhile, request.map(|request| &request.target.obtain)) {
        (Meanwhile::Move, _) => "the store is still being changed".to_owned(),
        (Meanwhile::Checks, _) => "one of those that were asked does not answer".to_owned(),
        // Either may be the one that is silent.
        (_, Some(Obtain::JwtBearer(deployment))) => {
            format!("Ping or Airflow deployment `{}` does not answer", deployment.name)
        }
        (_, Some(Obtain::Narrow | Obtain::SignIn | Obtain::Exchange) | None) => SILENT.to_owned(),
    };
    let waited = format!("no answer within {} s", limit.as_secs());
    Refusal::new(ErrorCode::TemporarilyUnavailable, what)
        .because(match meanwhile {
            Meanwhile::Token => format!("{waited}; it is still awaited, for the next who asks"),
            Meanwhile::SignIn => format!("{waited}; the sign-in goes on where it was started"),
            Meanwhile::Deed | Meanwhile::Move => {
                format!("{waited}; what was begun goes on by itself")
            }
            Meanwhile::Nothing | Meanwhile::Checks => waited,
        })
        .hint(match meanwhile {
            Meanwhile::Token => "try again in a moment; `dagpass doctor` looks at the way to Ping",
            Meanwhile::SignIn => "wait for it there, or press Ctrl-C there and sign in again",
            Meanwhile::Deed => "run `dagpass status` to see what it came to",
            Meanwhile::Move => {
                "look for a prompt of the keychain's; `dagpass status` tells the rest"
            }
            Meanwhile::Nothing | Meanwhile::Checks => "check the network or VPN, then try again",
        })
}

const SILENT: &str = "Ping does not answer";

/// Nothing has left, and the record tells who went away without.
fn record(api: &Api, awaited: &Awaited, refusal: &Refusal) {
    let request = &awaited.request;
    let mut record = Record::new(Event::Issue, Outcome::Failed, &awaited.caller);
    record.action = Some(awaited.action);
    record.session = Some(&request.session);
    record.connection = request.connection.as_deref();
    record.deployment = request.deployment.as_deref();
    record.env = request.env.as_deref();
    record.scopes = request.target.scopes.as_ref();
    record.resource = request.target.resource.as_deref();
    record.through = request.through.as_ref();
    record.error = Some(refusal.code.as_str());
    record.reason = refusal.cause.as_deref();
    if let Err(failure) = api.witness.record(&record) {
        tracing::error!(%failure, "who went away without a token is not on the record");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dagpass_core::deployment::{AssertionKind, Deployment};
    use dagpass_core::request::{SessionKey, Target};

    #[test]
    fn whoever_is_kept_too_long_hears_of_ping_and_never_that_the_agent_is_to_be_ended() {
        let kept: Vec<_> = Action::ALL.iter().filter_map(|action| patience(*action)).collect();
        assert!(kept.contains(&(SHORT, Meanwhile::Token)));
        for (limit, meanwhile) in kept {
            let refusal = late(limit, meanwhile, None);
            assert_eq!(refusal.code, ErrorCode::TemporarilyUnavailable, "{meanwhile:?}");
            let others = matches!(meanwhile, Meanwhile::Move | Meanwhile::Checks);
            assert_eq!(refusal.what == SILENT, !others, "{meanwhile:?}");
            let said = format!("{refusal:?}");
            assert!(!said.contains("restart") && !said.contains("agent stop"), "{said}");
        }
    }

    #[test]
    fn where_a_deployment_has_a_part_in_it_ping_is_not_blamed_alone() {
        let deployment = Deployment {
            name: "prod".to_owned(),
            url: "https://airflow.example".to_owned(),
            assertion: AssertionKind::AccessToken,
        };
        for (obtain, what) in [
            (Obtain::Narrow, SILENT),
            (Obtain::Exchange, SILENT),
            (
                Obtain::JwtBearer(Box::new(deployment)),
                "Ping or Airflow deployment `prod` does not answer",
            ),
        ] {
            let target = Target { obtain, ..Target::default() };
            let request = TokenRequest::new(SessionKey::of("prod"), target);
            assert_eq!(late(SHORT, Meanwhile::Token, Some(&request)).what, what);
        }
    }
}
