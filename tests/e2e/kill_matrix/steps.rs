//! The rows: where in a sign-in, a refresh, an exchange or a sign-out the blow falls. Brings a client to
//! that point, and lets what was held go on. Decides nothing of what must come of it.

use std::thread::JoinHandle;

use super::provider::{Place, When};
use super::stage::Stage;
use crate::http;
use crate::keychain_records::secret_tool;
use crate::pasted_callback::printed_url_at;
use crate::scene::user_code;
use crate::wait::until;
use crate::world::Process;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    BrowserAway,
    RedeemBefore,
    RedeemAfter,
    KeySets,
    SignInSave,
    DevicePoll,
    RefreshBefore,
    RefreshAfter,
    RefreshSave,
    Published,
    Exchange,
    JwtBearer,
    RevokeBefore,
    RevokeAfter,
    DeploymentLogout,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    SignIn,
    Refresh,
    Exchange,
    SignOut,
}

/// A step that was brought to its point.
pub(super) struct Reached {
    /// Who asked for it.
    pub(super) client: Process,
    /// The browser at our callback's door. Whether it still sees a page is not what is asked here.
    browser: Option<JoinHandle<()>>,
    /// Where the browser is to come back from.
    url: Option<String>,
}

impl Reached {
    fn by(client: Process) -> Self {
        Self { client, browser: None, url: None }
    }

    fn comes_back(&mut self, stage: &Stage) {
        let Some(url) = self.url.take() else { return };
        let callback = stage.provider.authorize(&url);
        self.browser = Some(std::thread::spawn(move || drop(http::request(&callback, "GET", ""))));
    }

    pub(super) fn browser_ends(&mut self) {
        if let Some(browser) = self.browser.take() {
            browser.join().unwrap();
        }
    }
}

const TOKEN: &[&str] = &["--no-start", "token"];
const SIGN_OUT: &[&str] = &["--no-start", "logout"];

impl Step {
    pub(super) const ALL: [Self; 15] = [
        Self::BrowserAway,
        Self::RedeemBefore,
        Self::RedeemAfter,
        Self::KeySets,
        Self::SignInSave,
        Self::DevicePoll,
        Self::RefreshBefore,
        Self::RefreshAfter,
        Self::RefreshSave,
        Self::Published,
        Self::Exchange,
        Self::JwtBearer,
        Self::RevokeBefore,
        Self::RevokeAfter,
        Self::DeploymentLogout,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::BrowserAway => "sign-in: the browser is away",
            Self::RedeemBefore => "sign-in: code held before the provider acted",
            Self::RedeemAfter => "sign-in: code held after it acted",
            Self::KeySets => "sign-in: key sets held",
            Self::SignInSave => "sign-in: keychain hangs at the save",
            Self::DevicePoll => "sign-in: device poll held after approval",
            Self::RefreshBefore => "refresh: held before the provider acted",
            Self::RefreshAfter => "refresh: held after it rotated",
            Self::RefreshSave => "refresh: keychain hangs at the save",
            Self::Published => "refresh: answer published",
            Self::Exchange => "exchange: RFC 8693 held",
            Self::JwtBearer => "exchange: a deployment holds it",
            Self::RevokeBefore => "sign-out: revocation held before the provider acted",
            Self::RevokeAfter => "sign-out: revocation held after it acted",
            Self::DeploymentLogout => "sign-out: a deployment holds its logout",
        }
    }

    pub(super) fn work(self) -> Work {
        match self {
            Self::BrowserAway
            | Self::RedeemBefore
            | Self::RedeemAfter
            | Self::KeySets
            | Self::SignInSave
            | Self::DevicePoll => Work::SignIn,
            Self::RefreshBefore | Self::RefreshAfter | Self::RefreshSave | Self::Published => {
                Work::Refresh
            }
            Self::Exchange | Self::JwtBearer => Work::Exchange,
            Self::RevokeBefore | Self::RevokeAfter | Self::DeploymentLogout => Work::SignOut,
        }
    }

    /// Something is on its way that must land: a code or a token that may be spent.
    pub(super) fn in_flight(self) -> bool {
        !matches!(self, Self::BrowserAway | Self::KeySets | Self::Published)
    }

    /// What asks for the token that the step is about, beside the profile's own.
    pub(super) fn ask(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Exchange => Some(&["--connection", "lake"]),
            Self::JwtBearer | Self::DeploymentLogout => Some(&["--airflow", "prod"]),
            Self::BrowserAway
            | Self::RedeemBefore
            | Self::RedeemAfter
            | Self::KeySets
            | Self::SignInSave
            | Self::DevicePoll
            | Self::RefreshBefore
            | Self::RefreshAfter
            | Self::RefreshSave
            | Self::Published
            | Self::RevokeBefore
            | Self::RevokeAfter => None,
        }
    }

    /// Brings a client to the point, on a stage where whoever has to be is signed in.
    pub(super) fn reach(self, stage: &mut Stage) -> Reached {
        match self {
            Self::BrowserAway => signing_in(stage),
            Self::RedeemBefore => held_sign_in(stage, Place::Code, When::Before),
            Self::RedeemAfter => held_sign_in(stage, Place::Code, When::After),
            Self::KeySets => {
                let reached = held_sign_in(stage, Place::Keys, When::Before);
                received(stage);
                reached
            }
            Self::SignInSave => {
                let reached = held_sign_in(stage, Place::Code, When::After);
                at_the_save(stage, reached)
            }
            Self::DevicePoll => {
                stage.provider.hold(Place::Device, When::After);
                let login = stage.client(&["--no-start", "login", "--device"]);
                let code = login.stderr.wait_for("user code", user_code);
                stage.provider.approve(&code);
                until_held(stage, Reached::by(login))
            }
            Self::RefreshBefore => held(stage, (Place::Refresh, When::Before), TOKEN),
            Self::RefreshAfter => held(stage, (Place::Refresh, When::After), TOKEN),
            Self::RefreshSave => {
                let reached = held(stage, (Place::Refresh, When::After), TOKEN);
                at_the_save(stage, reached)
            }
            Self::Published => {
                let mut client = stage.client(TOKEN);
                stage.world.secret("access token", client.ended().expect(0).stdout.trim());
                Reached::by(client)
            }
            Self::Exchange => {
                let ask = ["--no-start", "token", "--connection", "lake"];
                held(stage, (Place::Exchange, When::Before), &ask)
            }
            Self::JwtBearer => {
                stage.deployment().hold();
                let client = stage.client(&["--no-start", "token", "--airflow", "prod"]);
                stage.deployment().wait_held();
                Reached::by(client)
            }
            Self::RevokeBefore => held(stage, (Place::Revocation, When::Before), SIGN_OUT),
            Self::RevokeAfter => held(stage, (Place::Revocation, When::After), SIGN_OUT),
            Self::DeploymentLogout => {
                stage.world.token(&["--airflow", "prod"]).expect("a JWT to take back");
                stage.deployment().hold();
                let client = stage.client(SIGN_OUT);
                stage.deployment().wait_held();
                Reached::by(client)
            }
        }
    }

    /// What was held goes on, and who was away comes back.
    pub(super) fn go_on(self, stage: &mut Stage, reached: &mut Reached) {
        reached.comes_back(stage);
        match self {
            Self::BrowserAway | Self::Published => {}
            Self::SignInSave | Self::RefreshSave => stage.world.bus().thaw(),
            Self::JwtBearer | Self::DeploymentLogout => stage.deployment().release(),
            Self::RedeemBefore
            | Self::RedeemAfter
            | Self::KeySets
            | Self::DevicePoll
            | Self::RefreshBefore
            | Self::RefreshAfter
            | Self::Exchange
            | Self::RevokeBefore
            | Self::RevokeAfter => stage.provider.release(),
        }
    }
}

fn held(stage: &Stage, (place, when): (Place, When), ask: &[&str]) -> Reached {
    stage.provider.hold(place, when);
    until_held(stage, Reached::by(stage.client(ask)))
}

fn until_held(stage: &Stage, mut reached: Reached) -> Reached {
    until("a request that is held", || {
        if reached.client.is_over() {
            let said = reached.client.ended().stderr;
            panic!("nothing was held, and whoever asked is gone: {said}");
        }
        stage.provider.holds().then_some(())
    });
    reached
}

fn signing_in(stage: &Stage) -> Reached {
    let (client, url) = printed_url_at(&stage.world, &stage.provider.issuer());
    Reached { url: Some(url), ..Reached::by(client) }
}

fn held_sign_in(stage: &Stage, place: Place, when: When) -> Reached {
    stage.provider.hold(place, when);
    let mut reached = signing_in(stage);
    reached.comes_back(stage);
    until_held(stage, reached)
}

/// What came for the code is kept; nobody has judged it yet.
fn received(stage: &Stage) {
    let kept = ["lookup", "service", "dagpass", "username", "#pending/prod"];
    until("what came for the code", || {
        (!secret_tool(&stage.world, &kept, "").is_empty()).then_some(())
    });
}

/// The answer comes in, and the keychain does not take it.
fn at_the_save(stage: &mut Stage, reached: Reached) -> Reached {
    stage.world.bus().freeze();
    stage.provider.release();
    stage.provider.wait_answered();
    reached
}
