//! A sign-in as the page drives it. The agent's stream is held here: cancelling drops it, and with it
//! the sign-in. The addresses that a browser is sent to come from that stream, never from the page.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dagpass_client::wire::{
    self, PastedCallback, SignInAsk, SignInEvent, SignOutAsk, SignOutReply,
};
use dagpass_client::{Agent, ClientError, SignIn, Within};
use serde::{Deserialize, Serialize};
use tauri::ipc::Channel;
use tauri::{AppHandle, Manager as _};

use super::{Answer, aside, ask as of_agent, open_in_browser};
use crate::refusal::{refused, reply};

/// How long may a cancelled sign-in go on?
const LOOK: Duration = Duration::from_millis(200);
/// How often is the agent asked for the place of the one that was ended for this one?
const ASKED_AGAIN: u32 = 15;

/// The sign-ins under way, by profile.
#[derive(Default)]
pub(crate) struct SignIns(Mutex<BTreeMap<String, Arc<Running>>>);

#[derive(Debug, Default)]
struct Running {
    /// It began by ending another, whose place at the agent may be taken yet.
    displaces: bool,
    cancelled: AtomicBool,
    page: Mutex<Option<String>>,
}

impl SignIns {
    /// One a profile: a new one ends the one before.
    fn begin(&self, profile: &str) -> Arc<Running> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = all.remove(profile);
        if let Some(before) = &before {
            before.cancelled.store(true, Ordering::Release);
        }
        let running = Arc::new(Running { displaces: before.is_some(), ..Running::default() });
        all.insert(profile.to_owned(), Arc::clone(&running));
        running
    }

    fn end(&self, profile: &str, ended: &Arc<Running>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.get(profile).is_some_and(|running| Arc::ptr_eq(running, ended)) {
            all.remove(profile);
        }
    }

    fn running(&self, profile: &str) -> Option<Arc<Running>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(profile).cloned()
    }
}

/// How a sign-in left the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finish {
    /// The channel had its last event: who signed in, or why nobody did.
    Told,
    /// Here or by another that took its place; the channel is told nothing.
    Cancelled,
}

/// What the page says of it; what the desktop is, it cannot say.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    profile: String,
    #[serde(default)]
    connection: Option<String>,
    #[serde(default)]
    flow: Option<String>,
    #[serde(default)]
    fresh: bool,
    #[serde(default)]
    no_open: bool,
    #[serde(default)]
    accept_subject: Option<String>,
}

#[tauri::command]
pub(crate) async fn sign_in(
    app: AppHandle,
    ask: Asked,
    channel: Channel<SignInEvent>,
) -> Answer<Finish> {
    aside(move || {
        let sign_ins = app.state::<SignIns>();
        let profile = ask.profile.clone();
        let running = sign_ins.begin(&profile);
        let followed = follow(ask, &running, |event| {
            // Only a page that has gone does not hear it, and then the program ends.
            drop(channel.send(event));
        });
        sign_ins.end(&profile, &running);
        followed
    })
    .await
}

/// To its end, or until it is cancelled.
pub(super) fn through(ask: SignInAsk) -> Answer<()> {
    let mut failed = None;
    run(&ask, &Running::default(), |event| {
        if let SignInEvent::Failed { error } = event {
            failed = Some(error);
        }
    })?;
    failed.map_or(Ok(()), Err)
}

fn follow(ask: Asked, running: &Running, tell: impl FnMut(SignInEvent)) -> Answer<Finish> {
    let Asked { profile, connection, flow, fresh, no_open, accept_subject } = ask;
    let ask = SignInAsk {
        profile: Some(profile),
        connection,
        flow,
        fresh,
        no_open,
        // A new one of the page's takes the place of the one before.
        join: false,
        accept_subject,
        desktop: wire::desktop(|name| std::env::var(name).ok()),
        remote: false,
    };
    run(&ask, running, tell)
}

fn run(ask: &SignInAsk, running: &Running, mut tell: impl FnMut(SignInEvent)) -> Answer<Finish> {
    let Some(mut stream) = opened(ask, running)? else { return Ok(Finish::Cancelled) };
    while !running.cancelled.load(Ordering::Acquire) {
        match stream.within(LOOK).map_err(refused)? {
            Within::Quiet => {}
            Within::End => {
                return Err(reply("server_error", "the agent ended before the sign-in did"));
            }
            Within::Event(event) => {
                if let Some(page) = page(&event) {
                    *running.page.lock().unwrap_or_else(PoisonError::into_inner) = Some(page);
                }
                let last =
                    matches!(event, SignInEvent::SignedIn { .. } | SignInEvent::Failed { .. });
                tell(event);
                if last {
                    return Ok(Finish::Told);
                }
            }
        }
    }
    Ok(Finish::Cancelled)
}

/// `None` where it was cancelled before the agent took it.
fn opened(ask: &SignInAsk, running: &Running) -> Answer<Option<SignIn>> {
    let mut left = if running.displaces { ASKED_AGAIN } else { 0 };
    while !running.cancelled.load(Ordering::Acquire) {
        match Agent::find(None).and_then(|agent| agent.sign_in(ask)) {
            Err(ClientError::Refused { reply, .. })
                if left > 0 && reply.error == "interaction_required" =>
            {
                left -= 1;
                std::thread::sleep(LOOK);
            }
            opened => return opened.map(Some).map_err(refused),
        }
    }
    Ok(None)
}

/// Where a person goes on in a browser.
fn page(event: &SignInEvent) -> Option<String> {
    match event {
        SignInEvent::Browser { url, .. } => Some(url.clone()),
        SignInEvent::Device { verification_uri, verification_uri_complete, .. } => {
            Some(verification_uri_complete.as_ref().unwrap_or(verification_uri).clone())
        }
        SignInEvent::Note { .. } | SignInEvent::SignedIn { .. } | SignInEvent::Failed { .. } => {
            None
        }
    }
}

#[tauri::command]
pub(crate) async fn cancel_sign_in(app: AppHandle, profile: String) -> Answer<()> {
    if let Some(running) = app.state::<SignIns>().running(&profile) {
        running.cancelled.store(true, Ordering::Release);
    }
    Ok(())
}

#[tauri::command]
pub(crate) async fn open_sign_in_page(app: AppHandle, profile: String) -> Answer<()> {
    let running = app.state::<SignIns>().running(&profile);
    let page = running
        .and_then(|running| running.page.lock().unwrap_or_else(PoisonError::into_inner).clone());
    let page = page.ok_or_else(|| reply("not_found", "no sign-in of this profile is under way"))?;
    aside(move || open_in_browser(&page)).await
}

#[tauri::command]
pub(crate) async fn paste_callback(profile: String, url: String) -> Answer<()> {
    let pasted = PastedCallback { profile, url: url.into() };
    of_agent(move |agent| agent.sign_in_callback(&pasted)).await
}

/// With `sso` the address that ends Ping's own session is opened from here.
#[tauri::command]
pub(crate) async fn sign_out(profile: String, sso: Option<bool>) -> Answer<SignOutReply> {
    let sso = sso.unwrap_or_default();
    let ask = SignOutAsk { profile: Some(profile), sso, ..SignOutAsk::default() };
    let reply = of_agent(move |agent| agent.sign_out(&ask)).await?;
    for url in reply.profiles.iter().filter_map(|one| one.end_session_url.clone()) {
        aside(move || open_in_browser(&url)).await?;
    }
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_sign_in_of_a_profile_ends_the_first_and_outlives_it() {
        let sign_ins = SignIns::default();
        let first = sign_ins.begin("prod");
        let other = sign_ins.begin("dev");
        let second = sign_ins.begin("prod");
        assert!(first.cancelled.load(Ordering::Acquire));
        assert!(!second.cancelled.load(Ordering::Acquire));
        assert!(second.displaces && !first.displaces && !other.displaces);
        sign_ins.end("prod", &first);
        assert!(Arc::ptr_eq(&sign_ins.running("prod").unwrap(), &second));
        sign_ins.end("prod", &second);
        assert!(sign_ins.running("prod").is_none());
        assert!(Arc::ptr_eq(&sign_ins.running("dev").unwrap(), &other));
    }

    #[test]
    fn the_complete_address_is_opened_where_there_is_one() {
        let device = |complete: Option<&str>| SignInEvent::Device {
            user_code: "A-B".to_owned(),
            verification_uri: "https://p/device".to_owned(),
            verification_uri_complete: complete.map(str::to_owned),
            expires_at: 0,
        };
        assert_eq!(page(&device(None)).as_deref(), Some("https://p/device"));
        assert_eq!(page(&device(Some("https://p/d?c=1"))).as_deref(), Some("https://p/d?c=1"));
        assert_eq!(page(&SignInEvent::Note { text: String::new() }), None);
    }
}
