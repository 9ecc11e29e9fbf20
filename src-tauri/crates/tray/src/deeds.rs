//! What a click does: one request to the agent each, on a thread of its own, because a sign-in waits
//! for a person. Decides nothing; a refusal is told with the words and the hint it came with.

use std::collections::BTreeMap;
use std::sync::mpsc::Sender;
use std::sync::{Arc, PoisonError};

use dagpass_client::panel::{self, View};
use dagpass_client::wire::{ErrorReply, OutlookAsk, SignInAsk, SignInEvent, SignOutAsk, TokenAsk};
use dagpass_client::{Agent, ClientError};

use crate::attend::{Codes, Told};
use crate::clipboard;
use crate::desktop::Notices;
use crate::everywhere;
use crate::menu::{Action, Way};
use crate::notice::{Choice, Key, Notice};
use crate::view::Code;

#[derive(Debug)]
pub(crate) struct Deeds {
    pub(crate) agent: Arc<Agent>,
    pub(crate) codes: Codes,
    pub(crate) notices: Arc<Notices>,
    pub(crate) tell: Sender<Told>,
}

impl Deeds {
    pub(crate) fn begin(self: &Arc<Self>, action: Action) {
        self.apart(move |deeds| {
            if let Err(failed) = deeds.act(action) {
                deeds.notices.show(&failed.0);
            }
        });
    }

    /// Whether a session lasts as long as a DAG takes; the answer comes to the feed.
    pub(crate) fn ask_outlook(self: &Arc<Self>, ask: OutlookAsk) {
        self.apart(move |deeds| match deeds.agent.run_outlook(&ask) {
            Ok(reply) => deeds.tell_feed(Told::Outlook(reply)),
            Err(error) => tracing::debug!(%error, "no outlook"),
        });
    }

    fn apart(self: &Arc<Self>, work: impl FnOnce(&Self) + Send + 'static) {
        let ours = Arc::clone(self);
        let thread = std::thread::Builder::new().name("tray-deed".to_owned());
        if let Err(error) = thread.spawn(move || work(&ours)) {
            self.notices.show(&Notice::word("That cannot be done now", error.to_string()));
        }
    }

    fn tell_feed(&self, told: Told) {
        if self.tell.send(told).is_err() {
            tracing::debug!("the tray is ending");
        }
    }

    fn act(&self, action: Action) -> Result<(), Failed> {
        let agent = &self.agent;
        match action {
            Action::SignIn { profile, way } => self.sign_in(&profile, way),
            Action::SignOut { profile } => {
                let ask = SignOutAsk { profile: Some(profile), ..SignOutAsk::default() };
                agent.sign_out(&ask).map(drop).map_err(Failed::from)
            }
            Action::SignOutEverywhere => {
                let ask = SignOutAsk { all: true, ..SignOutAsk::default() };
                self.notices.show(&everywhere::word(&agent.sign_out(&ask)?));
                Ok(())
            }
            Action::CopyToken { profile } => self.copy(&profile),
            Action::CopyCode { code } => clipboard::keep(&code).map_err(unable),
            Action::Answer { id, answer } => {
                agent.answer_approval(&id, answer).map(drop).map_err(Failed::from)
            }
            Action::Pause => agent.pause().map_err(Failed::from),
            Action::Resume => agent.resume().map_err(Failed::from),
            Action::OpenPanel { view } => open_panel(view),
            Action::Quit => agent.stop().map_err(Failed::from),
        }
    }

    /// Holds the stream open: closing it would cancel the sign-in.
    fn sign_in(&self, account: &str, way: Way) -> Result<(), Failed> {
        let flow = match way {
            Way::Browser => "browser",
            Way::Code => "device",
        };
        let status = self.agent.status()?;
        let stands =
            status.profiles.iter().any(|one| one.name == account && one.state == "signed_in");
        let ask = SignInAsk {
            profile: Some(account.to_owned()),
            flow: Some(flow.to_owned()),
            fresh: stands,
            desktop: BTreeMap::new(),
            ..SignInAsk::default()
        };
        let shown = Shown { deeds: self, profile: account };
        for event in self.agent.sign_in(&ask)? {
            match event? {
                SignInEvent::Device { user_code, verification_uri, .. } => {
                    shown.show(user_code, verification_uri);
                }
                SignInEvent::Browser { url, opened: false, .. } => {
                    self.notices.show(&Notice::word("No browser could be opened", url));
                }
                SignInEvent::Browser { .. } => {}
                SignInEvent::Note { text } => self.notices.show(&Notice::word("Sign in", text)),
                SignInEvent::SignedIn { .. } => return Ok(()),
                SignInEvent::Failed { error } => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn copy(&self, account: &str) -> Result<(), Failed> {
        let ask = TokenAsk { profile: Some(account.to_owned()), ..TokenAsk::default() };
        let token = self.agent.token(&ask)?.access_token;
        clipboard::lend(&token).map_err(unable)
    }
}

/// What a person is told.
struct Failed(Notice);

impl From<ErrorReply> for Failed {
    fn from(reply: ErrorReply) -> Self {
        let more = [reply.cause, reply.hint].into_iter().flatten().collect::<Vec<_>>().join("\n");
        Self(Notice::word(reply.error_description, more))
    }
}

impl From<ClientError> for Failed {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { reply, .. } => reply.into(),
            ClientError::NoPanel => Self(Notice::word(
                "The window is not installed",
                "install the package `dagpass-panel`",
            )),
            ClientError::Panel(why) => Self(Notice::word("The window did not open", why)),
            other => Self(Notice::word("The agent did not answer", other.to_string())),
        }
    }
}

/// A code in the menu and in a notice, gone when its sign-in ends, however it ends.
struct Shown<'a> {
    deeds: &'a Deeds,
    profile: &'a str,
}

impl Shown<'_> {
    fn show(&self, user_code: String, verification_uri: String) {
        let profile = self.profile.to_owned();
        let copy = Action::CopyCode { code: user_code.clone() };
        self.deeds.notices.show(&Notice {
            key: Key::Code { profile: profile.clone() },
            title: format!("Enter {user_code}"),
            text: format!("at {verification_uri}"),
            choices: vec![Choice { label: "Copy", action: copy }],
        });
        let code = Code { profile, user_code, verification_uri };
        self.deeds.codes.lock().unwrap_or_else(PoisonError::into_inner).push(code);
        self.deeds.tell_feed(Told::Codes);
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        let mut codes = self.deeds.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let before = codes.len();
        codes.retain(|code| code.profile != self.profile);
        let gone = codes.len() < before;
        drop(codes);
        if gone {
            self.deeds.notices.withdraw(&Key::Code { profile: self.profile.to_owned() });
            self.deeds.tell_feed(Told::Codes);
        }
    }
}

/// Waits for its end, which is the window's: nobody else would.
fn open_panel(view: Option<View>) -> Result<(), Failed> {
    panel::open(view)?.wait().map(drop).map_err(unable)
}

fn unable(why: impl ToString) -> Failed {
    Failed(Notice::word("That did not work", why.to_string()))
}
