//! What a click does: one request to the agent each, on a thread of its own, because a sign-in waits
//! for a person. Decides nothing; a refusal is told with the words and the hint it came with.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use dagpass_client::panel::{self, View};
use dagpass_client::wire::{ErrorReply, SignInAsk, SignInEvent, SignOutAsk, TokenAsk};
use dagpass_client::{Agent, ClientError};

use crate::attend::Codes;
use crate::menu::{Action, Way};
use crate::view::Code;
use crate::{clipboard, notice};

pub(crate) struct Deeds {
    pub(crate) agent: Arc<Agent>,
    pub(crate) codes: Codes,
}

impl Deeds {
    pub(crate) fn begin(&self, action: Action) {
        let (agent, codes) = (Arc::clone(&self.agent), Arc::clone(&self.codes));
        let begun = std::thread::Builder::new().name("tray-deed".to_owned()).spawn(move || {
            if let Err(failed) = act(&agent, &codes, action) {
                notice::tell(&failed.what, &failed.more);
            }
        });
        if let Err(error) = begun {
            notice::tell("that cannot be done now", &error.to_string());
        }
    }
}

/// What a person is told.
struct Told {
    what: String,
    more: String,
}

impl From<ErrorReply> for Told {
    fn from(reply: ErrorReply) -> Self {
        let more = [reply.cause, reply.hint].into_iter().flatten().collect::<Vec<_>>().join("\n");
        Self { what: reply.error_description, more }
    }
}

impl From<ClientError> for Told {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused { reply, .. } => reply.into(),
            ClientError::NoPanel => Self {
                what: "the window is not installed".to_owned(),
                more: "install the package `dagpass-panel`".to_owned(),
            },
            ClientError::Panel(why) => {
                Self { what: "the window did not open".to_owned(), more: why }
            }
            other => Self { what: "the agent did not answer".to_owned(), more: other.to_string() },
        }
    }
}

fn act(agent: &Agent, codes: &Codes, action: Action) -> Result<(), Told> {
    match action {
        Action::SignIn { profile, way } => sign_in(agent, codes, profile, way),
        Action::SignOut { profile } => {
            let ask = SignOutAsk { profile: Some(profile), ..SignOutAsk::default() };
            agent.sign_out(&ask).map(drop).map_err(Told::from)
        }
        Action::CopyToken { profile } => copy(agent, profile),
        Action::CopyCode { code } => clipboard::keep(&code).map_err(unable),
        Action::Pause => agent.pause().map_err(Told::from),
        Action::Resume => agent.resume().map_err(Told::from),
        Action::OpenPanel { view } => open_panel(view),
        Action::Quit => agent.stop().map_err(Told::from),
    }
}

/// Holds the stream open: closing it would cancel the sign-in.
fn sign_in(agent: &Agent, codes: &Codes, profile: String, way: Way) -> Result<(), Told> {
    let flow = match way {
        Way::Browser => "browser",
        Way::Code => "device",
    };
    let status = agent.status()?;
    let stands = status.profiles.iter().any(|one| one.name == profile && one.state == "signed_in");
    let ask = SignInAsk {
        profile: Some(profile.clone()),
        flow: Some(flow.to_owned()),
        fresh: stands,
        desktop: BTreeMap::new(),
        ..SignInAsk::default()
    };
    let shown = Shown { codes, profile: &profile };
    for event in agent.sign_in(&ask)? {
        match event? {
            SignInEvent::Device { user_code, verification_uri, .. } => {
                let text = format!("Enter {user_code} at {verification_uri}");
                shown.show(Code { profile: profile.clone(), user_code, verification_uri });
                notice::tell("Sign in with a code", &text);
            }
            SignInEvent::Browser { url, opened: false, .. } => {
                notice::tell("No browser could be opened", &url);
            }
            SignInEvent::Browser { .. } => {}
            SignInEvent::Note { text } => notice::tell("Sign in", &text),
            SignInEvent::SignedIn { .. } => return Ok(()),
            SignInEvent::Failed { error } => return Err(error.into()),
        }
    }
    Ok(())
}

/// A code in the menu, gone when its sign-in ends, however it ends.
struct Shown<'a> {
    codes: &'a Codes,
    profile: &'a str,
}

impl Shown<'_> {
    fn show(&self, code: Code) {
        self.codes.lock().unwrap_or_else(PoisonError::into_inner).push(code);
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        codes.retain(|code| code.profile != self.profile);
    }
}

fn copy(agent: &Agent, profile: String) -> Result<(), Told> {
    let ask = TokenAsk { profile: Some(profile), ..TokenAsk::default() };
    let token = agent.token(&ask)?.access_token;
    clipboard::lend(&token).map_err(unable)
}

/// Waits for its end, which is the window's: nobody else would.
fn open_panel(view: Option<View>) -> Result<(), Told> {
    panel::open(view)?.wait().map(drop).map_err(unable)
}

fn unable(why: impl ToString) -> Told {
    Told { what: "that did not work".to_owned(), more: why.to_string() }
}
