//! What the issuer of each profile says of itself, and whether its clock and ours agree.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use dagpass_client::wire::Finding;
use dagpass_core::ports::TokenFailure;
use dagpass_core::profile::{Flow, Profile, Redirect};
use dagpass_core::sign_in::Offers;
use tokio::time::timeout;

use super::{Scene, hint, ok, problem, skipped, warning};
use crate::config::{own_path, sharer};

/// How long may an issuer take? All are asked at once.
const DEADLINE: Duration = Duration::from_secs(15);

/// How far may the clocks be apart before tokens are refused as expired or not yet valid?
const SKEW: u64 = 60;

pub(super) async fn discovery(scene: &Scene<'_>) -> Vec<Finding> {
    let asked = scene.config.profiles.values().map(|profile| {
        Box::pin(async move {
            match timeout(DEADLINE, scene.issuer.offers(profile)).await {
                Ok(Ok(offers)) => {
                    let mut findings = offered(profile, &offers);
                    findings.extend(callback(scene, profile, &offers));
                    findings.push(clock(profile, offers.clock_skew));
                    findings
                }
                Ok(Err(failure)) => vec![failed(profile, &failure)],
                Err(_) => vec![failed(profile, &late())],
            }
        })
    });
    all(asked.collect()).await.into_iter().flatten().collect()
}

fn offered(profile: &Profile, offers: &Offers) -> Vec<Finding> {
    let name = Some(profile.name.as_str());
    let ways = [
        (offers.authorization_code, "browser"),
        (offers.device_code, "device code"),
        (offers.revocation, "revocation"),
        (offers.token_exchange, "token exchange"),
    ];
    let ways: Vec<&str> = ways.iter().filter(|(there, _)| *there).map(|(_, way)| *way).collect();
    let mut findings =
        vec![ok("discovery", name, format!("{}: {}", profile.issuer.as_str(), ways.join(", ")))];
    if !offers.found_elsewhere.is_empty() {
        let found = offers.found_elsewhere.join(", ");
        findings.push(ok("discovery", name, format!("not named by its document: {found}")));
    }
    let missing = match profile.flow {
        _ if !profile.kind.signs_in() => None,
        Flow::Browser if !offers.authorization_code => Some("the browser flow"),
        Flow::Device if !offers.device_code => Some("the device flow"),
        Flow::Auto if !offers.authorization_code && !offers.device_code => Some("any sign-in flow"),
        Flow::Auto | Flow::Browser | Flow::Device => None,
    };
    if let Some(flow) = missing {
        let found = problem("discovery", name, format!("the issuer does not offer {flow}"));
        let fix = format!(
            "change `profile.{}.flow`, or have the grant allowed for this client at Ping",
            profile.name
        );
        findings.push(hint(found, fix));
    }
    if let Some(near) = offers.near_groups_claim.as_ref().filter(|_| profile.kind.signs_in()) {
        let (claim, name) = (&profile.groups_claim, &profile.name);
        let detail = format!("`groups-claim` is `{claim}`, and the issuer writes `{near}`");
        let found = warning("groups", Some(name.as_str()), detail);
        findings
            .push(hint(found, format!("set `groups-claim = \"{near}\"` in `[profile.{name}]`")));
    }
    let listed = &offers.scopes_supported;
    let unknown: Vec<&str> = profile
        .scopes
        .iter()
        .filter(|scope| !listed.is_empty() && !listed.iter().any(|known| known == scope))
        .collect();
    if !unknown.is_empty() {
        let detail = format!("the issuer does not list these scopes: {}", unknown.join(", "));
        let fix = format!(
            "check `profile.{}.scopes`; some issuers leave custom scopes out of the list",
            profile.name
        );
        findings.push(hint(warning("discovery", name, detail), fix));
    }
    findings
}

/// An answer that does not say whose it is (RFC 9207), where a profile at another issuer takes answers at
/// the same address (RFC 9700 §4.4).
fn callback(scene: &Scene<'_>, profile: &Profile, offers: &Offers) -> Option<Finding> {
    let comes_back = profile.kind.signs_in() && offers.authorization_code;
    let silent = comes_back && !offers.iss_in_callback;
    let other = sharer(scene.config, profile).filter(|_| silent)?;
    let name = profile.name.as_str();
    let detail = format!(
        "the issuer does not name itself in its answers, and profile `{}` at another issuer has the same callback: one could pass for the other",
        other.name
    );
    let own = Redirect { path: own_path(name), ..profile.redirect.clone() };
    let fix = format!(
        "register {} at Ping, then set `redirect-path = \"{}\"` in `[profile.{name}]`",
        own.to_register().join(", "),
        own.path
    );
    Some(hint(warning("callback", Some(name), detail), fix))
}

/// `skew` is the server's clock less ours, in seconds.
fn clock(profile: &Profile, skew: Option<i64>) -> Finding {
    let name = Some(profile.name.as_str());
    let Some(skew) = skew else {
        return skipped("clock", name, "the issuer sent no `Date`");
    };
    let apart = skew.unsigned_abs();
    if apart <= SKEW {
        return ok("clock", name, format!("{apart} s apart from the issuer's"));
    }
    let side = if skew > 0 { "behind" } else { "ahead of" };
    let detail = format!("this machine's clock is {apart} s {side} the issuer's");
    hint(warning("clock", name, detail), "let the system set its time from the network (NTP)")
}

fn failed(profile: &Profile, failure: &TokenFailure) -> Finding {
    let name = profile.name.as_str();
    let issuer = profile.issuer.as_str();
    let (detail, fix) = match failure {
        TokenFailure::Unreachable { cause, .. } => (
            format!("{issuer} cannot be reached: {cause}"),
            cause.remedy.clone().unwrap_or_else(|| {
                format!("check network and VPN, then `proxy` and `ca-file` of profile `{name}`")
            }),
        ),
        TokenFailure::Misconfigured { .. } => (
            format!("{issuer}: {failure}"),
            format!("compare `profile.{name}.issuer` with the `issuer` of its discovery document"),
        ),
        TokenFailure::Rejected { .. }
        | TokenFailure::AuthorizationPending
        | TokenFailure::SlowDown
        | TokenFailure::ExpiredToken
        | TokenFailure::AccessDenied { .. }
        | TokenFailure::SubjectChanged { .. } => (
            format!("{issuer} answered what no discovery document is: {failure}"),
            format!("check `profile.{name}.issuer`"),
        ),
    };
    hint(problem("discovery", Some(name), detail), fix)
}

fn late() -> TokenFailure {
    let cause = format!("no answer within {} s", DEADLINE.as_secs());
    TokenFailure::Unreachable { cause: cause.into(), sent: true, retry_after: None }
}

/// Drives all at once and gives their answers in order.
pub(super) async fn all<F: Future + Unpin>(mut asked: Vec<F>) -> Vec<F::Output> {
    let mut answers: Vec<Option<F::Output>> = asked.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, answer) in asked.iter_mut().zip(&mut answers) {
            if answer.is_none()
                && let Poll::Ready(output) = Pin::new(future).poll(context)
            {
                *answer = Some(output);
            }
        }
        if answers.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    answers.into_iter().flatten().collect()
}
