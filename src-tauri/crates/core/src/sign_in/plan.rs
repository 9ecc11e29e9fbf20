//! Which ways of signing in are open, and when each begins. A function of values.

use std::time::Duration;

use crate::error::{ErrorCode, Refusal};
use crate::profile::{Flow, Profile};
use crate::sign_in::{Offers, SignInOptions};

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
    let flow = options.flow.unwrap_or(profile.flow);
    let declined = options.no_open || opening == Opening::Declined;
    let show = declined || opening == Opening::Unlikely;
    let code = offers.authorization_code;
    let device = offers.device_code;
    let plan = match flow {
        Flow::Device if device => Plan { browser: BrowserWay::None, device: DeviceWay::Now },
        Flow::Device => {
            return Err(not_offered(profile, "the device grant", "--browser --no-open"));
        }
        Flow::Browser if code => Plan {
            browser: if show { BrowserWay::Show } else { BrowserWay::Open },
            device: DeviceWay::None,
        },
        Flow::Browser => {
            return Err(not_offered(profile, "the authorization code grant", "--device"));
        }
        Flow::Auto => match (code, device) {
            (true, true) if declined => Plan { browser: BrowserWay::Show, device: DeviceWay::Now },
            (true, true) if !show => {
                Plan { browser: BrowserWay::Open, device: DeviceWay::After(DEVICE_OFFER) }
            }
            (_, true) => Plan { browser: BrowserWay::None, device: DeviceWay::Now },
            (true, false) => Plan {
                browser: if show { BrowserWay::Show } else { BrowserWay::Open },
                device: DeviceWay::None,
            },
            (false, false) => {
                return Err(not_offered(profile, "the code or the device grant", "--browser"));
            }
        },
    };
    Ok(plan)
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
}
