//! Which ways of signing in are open, and when each begins. A function of values.

use std::time::Duration;

use crate::error::{ErrorCode, Refusal};
use crate::profile::{Flow, Profile};
use crate::sign_in::{NewProof, Offers, SignInOptions};

/// How long is the browser left alone before a code is offered beside it?
pub const DEVICE_OFFER: Duration = Duration::from_secs(60);

/// How long does a sign-in in the browser stay open? Multi-factor takes time.
pub const BROWSER_WINDOW: Duration = Duration::from_secs(600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub browser: BrowserWay,
    pub device: DeviceWay,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrowserWay {
    None,
    /// Open the system browser.
    Open,
    /// Show the URL, and take a pasted callback.
    Show,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceWay {
    None,
    Now,
    /// Sooner where the browser does not open.
    After(Duration),
}

/// Would a browser open before the person who asks?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    Likely,
    /// No screen, or the person sits at another machine.
    Unlikely,
    /// They want none: `BROWSER=none`.
    Declined,
}

pub fn plan(
    profile: &Profile,
    offers: &Offers,
    options: &SignInOptions,
    opening: Opening,
) -> Result<Plan, Refusal> {
    let declined = options.no_open || opening == Opening::Declined;
    let show = declined || opening == Opening::Unlikely;
    let (code, device) = (offers.authorization_code, offers.device_code);
    let demanded = options.claim.proof == NewProof::Demanded;
    if demanded && !profile.scopes.contains("openid") {
        return Err(never_told(profile));
    }
    let seen = if show { BrowserWay::Show } else { BrowserWay::Open };
    let (browser, device) = match (options.flow.unwrap_or(profile.flow), code, device) {
        (Flow::Device, _, true) => (BrowserWay::None, DeviceWay::Now),
        (Flow::Device, _, false) => {
            return Err(not_offered(profile, "the device grant", "--browser --no-open"));
        }
        (Flow::Browser, true, _) | (Flow::Auto, true, false) => (seen, DeviceWay::None),
        (Flow::Browser, false, _) => {
            return Err(not_offered(profile, "the authorization code grant", "--device"));
        }
        (Flow::Auto, true, true) if declined => (BrowserWay::Show, DeviceWay::Now),
        // A code may be approved in a session of hours ago, which proves nothing: where a browser opens,
        // none is offered beside it. Elsewhere it may be all that a person can use.
        (Flow::Auto, true, true) if demanded && show => (BrowserWay::Show, DeviceWay::Now),
        (Flow::Auto, true, true) if demanded => (BrowserWay::Open, DeviceWay::None),
        (Flow::Auto, true, true) if !show => (BrowserWay::Open, DeviceWay::After(DEVICE_OFFER)),
        (Flow::Auto, _, true) => (BrowserWay::None, DeviceWay::Now),
        (Flow::Auto, false, false) => {
            return Err(not_offered(profile, "the code or the device grant", "--browser"));
        }
    };
    Ok(Plan { browser, device })
}

fn never_told(profile: &Profile) -> Refusal {
    let what = format!("{} cannot tell a new proof of identity", profile.called());
    Refusal::new(ErrorCode::InsufficientUserAuthentication, what)
        .because("no ID token comes without `openid` among its scopes, and nothing else says when you proved who you are")
        .hint("add `openid` to its `scopes`")
}

fn not_offered(profile: &Profile, grant: &str, instead: &str) -> Refusal {
    Refusal::new(
        ErrorCode::UnauthorizedClient,
        format!("{} does not offer {grant}", profile.issuer.as_str()),
    )
    .because("its discovery document names no endpoint for it")
    .hint(format!("run `{} {instead}`", profile.login()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fakes::offers;
    use crate::profile::Scopes;
    use crate::sign_in::Claim;

    #[test]
    fn the_way_in_follows_profile_server_and_desktop() {
        use {BrowserWay as B, DeviceWay as D, Opening as O};
        let later = D::After(DEVICE_OFFER);
        let table = [
            // flow, code, device, no_open, opening, plan
            (Flow::Auto, true, true, false, O::Likely, Some((B::Open, later))),
            (Flow::Auto, true, true, false, O::Unlikely, Some((B::None, D::Now))),
            (Flow::Auto, true, true, true, O::Likely, Some((B::Show, D::Now))),
            (Flow::Auto, true, false, false, O::Likely, Some((B::Open, D::None))),
            (Flow::Auto, true, false, false, O::Unlikely, Some((B::Show, D::None))),
            (Flow::Auto, false, true, false, O::Likely, Some((B::None, D::Now))),
            (Flow::Auto, false, false, false, O::Likely, None),
            (Flow::Browser, true, true, false, O::Likely, Some((B::Open, D::None))),
            (Flow::Browser, true, true, true, O::Likely, Some((B::Show, D::None))),
            (Flow::Browser, false, true, false, O::Likely, None),
            (Flow::Device, true, true, false, O::Likely, Some((B::None, D::Now))),
            (Flow::Device, true, false, false, O::Likely, None),
            (Flow::Auto, true, true, false, O::Declined, Some((B::Show, D::Now))),
            (Flow::Auto, true, false, false, O::Declined, Some((B::Show, D::None))),
            (Flow::Auto, false, true, false, O::Declined, Some((B::None, D::Now))),
            (Flow::Browser, true, true, false, O::Declined, Some((B::Show, D::None))),
            (Flow::Browser, true, true, false, O::Unlikely, Some((B::Show, D::None))),
            (Flow::Device, true, true, false, O::Declined, Some((B::None, D::Now))),
        ];
        for (flow, code, device, no_open, opening, expected) in table {
            let offers = Offers { authorization_code: code, device_code: device, ..offers() };
            let options = SignInOptions { flow: Some(flow), no_open, ..SignInOptions::default() };
            let profile = Profile::new("prod", "https://idp.example", "agent");
            let got = plan(&profile, &offers, &options, opening).ok();
            let got = got.map(|plan| (plan.browser, plan.device));
            assert_eq!(
                got, expected,
                "{flow:?} code {code} device {device} no_open {no_open} {opening:?}"
            );
        }
    }

    #[test]
    fn a_new_proof_goes_by_browser_and_a_code_is_offered_only_where_none_opens() {
        use {BrowserWay as B, DeviceWay as D, Opening as O};
        let table = [
            (Flow::Auto, true, O::Likely, Some((B::Open, D::None))),
            (Flow::Auto, true, O::Unlikely, Some((B::Show, D::Now))),
            (Flow::Auto, false, O::Likely, Some((B::None, D::Now))),
            (Flow::Device, true, O::Likely, Some((B::None, D::Now))),
            (Flow::Browser, true, O::Likely, Some((B::Open, D::None))),
        ];
        let mut profile = Profile::new("prod", "https://idp.example", "agent");
        let claim = Claim { proof: NewProof::Demanded, accept_subject: None };
        let planned = |profile: &Profile, flow, code, opening| {
            let offers = Offers { authorization_code: code, ..offers() };
            let claim = claim.clone();
            let options = SignInOptions { flow: Some(flow), claim, ..SignInOptions::default() };
            plan(profile, &offers, &options, opening).map(|plan| (plan.browser, plan.device))
        };
        for (flow, code, opening, expected) in table {
            let got = planned(&profile, flow, code, opening).ok();
            assert_eq!(got, expected, "{flow:?} code {code} {opening:?}");
        }
        profile.scopes = Scopes::parse("airflow");
        let refusal = planned(&profile, Flow::Browser, true, O::Likely).unwrap_err();
        assert_eq!(refusal.code, ErrorCode::InsufficientUserAuthentication);
        assert!(refusal.hint.is_some_and(|hint| hint.contains("openid")));
    }
}
