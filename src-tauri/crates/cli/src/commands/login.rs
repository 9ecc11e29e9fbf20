//! `dagpass login`: shows what the agent's sign-in needs a person to do. Decides nothing of it.

use std::io::BufRead;

use clap::Args;
use dagpass_client::Agent;
use dagpass_client::wire::{self, PastedCallback, SignInAsk, SignInEvent};

use super::status::person;
use crate::exit::{Failure, UNREACHABLE};
use crate::world::World;
use crate::{duration, output, time};

mod show;

#[derive(Debug, Default, Args)]
#[command(after_help = "Examples:\n  dagpass login\n  dagpass login prod --device\n  \
                        dagpass login --no-open      # over ssh: prints the address to open")]
pub(crate) struct Login {
    /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own; the default
    /// profile where absent
    profile: Option<String>,
    /// The connection that has a sign-in of its own
    #[arg(long, value_name = "CONN_ID")]
    connection: Option<String>,
    /// By browser only
    #[arg(long, conflicts_with = "device")]
    browser: bool,
    /// With a code, on any device
    #[arg(long)]
    device: bool,
    /// Open no browser: print the address and take the callback's address from stdin
    #[arg(long)]
    no_open: bool,
    /// Prove anew who you are: by browser, or by a code that Ping proves it with
    #[arg(long)]
    fresh: bool,
    /// The person may be another one than last time: this subject
    #[arg(long, value_name = "SUB")]
    accept_subject: Option<String>,
    /// Print the QR code even where stderr is no terminal
    #[arg(long)]
    qr: bool,
}

pub(crate) fn run(world: &World, args: Login) -> Result<(), Failure> {
    let paste = args.no_open || output::stdin_is_terminal();
    let screen = Screen { json: world.json, qr: args.qr, no_open: args.no_open, paste };
    let ask = ask(args, |name| std::env::var(name).ok());
    follow(world, &ask, &screen)
}

/// A new proof of identity (`prompt=login`) before a run. Nothing is read from the terminal, which
/// the run has next.
pub(crate) fn anew(world: &World, session: &str) -> Result<(), Failure> {
    let args = Login { profile: Some(session.to_owned()), fresh: true, ..Login::default() };
    let screen = Screen { json: false, qr: false, no_open: false, paste: false };
    follow(world, &ask(args, |name| std::env::var(name).ok()), &screen)
}

fn follow(world: &World, ask: &SignInAsk, screen: &Screen) -> Result<(), Failure> {
    world.notice_config();
    let mut pasting = false;
    for event in world.ask(|agent| agent.sign_in(ask))? {
        let event = event?;
        if screen.json {
            output::json_line(&event)?;
        } else {
            screen.show(&event);
        }
        match event {
            SignInEvent::SignedIn { .. } => return Ok(()),
            SignInEvent::Failed { error } => return Err(error.into()),
            SignInEvent::Browser { paste: true, session, .. } if !pasting && screen.paste => {
                pasting = true;
                take_paste(world.find()?, session);
            }
            SignInEvent::Browser { .. } | SignInEvent::Device { .. } | SignInEvent::Note { .. } => {
            }
        }
    }
    Err(Failure::new("server_error", "the agent ended before the sign-in did")
        .hint("run `dagpass status`"))
}

struct Screen {
    json: bool,
    qr: bool,
    no_open: bool,
    /// A pasted callback is read from the terminal.
    paste: bool,
}

impl Screen {
    fn show(&self, event: &SignInEvent) {
        let now = time::now();
        match event {
            SignInEvent::Browser { url, redirect_uri, opened, paste, expires_at, .. } => {
                output::say(&show::browser(&output::word(url), *opened, expires_at - now));
                let ssh = show::Ssh::here();
                let elsewhere = !opened && (self.no_open || ssh.is_used());
                if elsewhere && let Some(line) = show::tunnel(redirect_uri, &ssh) {
                    output::say(&line);
                }
                if *paste && !opened && self.paste {
                    output::say("or paste the address the browser ends up at, and press enter:");
                }
            }
            SignInEvent::Device {
                user_code,
                verification_uri,
                verification_uri_complete,
                expires_at,
            } => {
                let complete = verification_uri_complete.as_deref().unwrap_or(verification_uri);
                if self.qr || output::stderr_is_terminal() {
                    let colours = output::stderr_is_terminal();
                    show::qr(complete, colours).iter().for_each(|code| output::say_drawn(code));
                }
                let left = duration::show(expires_at - now);
                let (code, place) = (output::word(user_code), output::word(verification_uri));
                output::say(&show::device(&code, &place, &left));
            }
            SignInEvent::Note { text } => output::say(text),
            SignInEvent::SignedIn { status } => {
                let who = status
                    .who
                    .as_ref()
                    .map_or_else(String::new, |who| format!(" as {}", person(who)));
                output::say(&format!("signed in to `{}`{who}", status.name));
            }
            SignInEvent::Failed { .. } => {}
        }
    }
}

fn ask(args: Login, variable: impl Fn(&str) -> Option<String>) -> SignInAsk {
    let flow = match (args.browser, args.device) {
        (true, _) => Some("browser".to_owned()),
        (false, true) => Some("device".to_owned()),
        (false, false) => None,
    };
    let desktop = wire::desktop(&variable);
    SignInAsk {
        profile: args.profile,
        connection: args.connection,
        flow,
        no_open: args.no_open,
        join: true,
        fresh: args.fresh,
        accept_subject: args.accept_subject,
        desktop,
        remote: is_remote(variable),
    }
}

/// Came over ssh: a browser of this machine is not before whoever asks.
pub(super) fn is_remote(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("SSH_CONNECTION").is_some() || variable("SSH_TTY").is_some()
}

/// Waits for a pasted address beside the stream of events. The thread ends with the program.
fn take_paste(agent: Agent, session: String) {
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let url = line.trim();
            if url.is_empty() {
                continue;
            }
            let pasted = PastedCallback { profile: session.clone(), url: url.to_owned().into() };
            match agent.sign_in_callback(&pasted).map_err(Failure::from) {
                Ok(()) => return,
                // It was taken; the stream tells how it ends.
                Err(failure) if failure.exit == UNREACHABLE => {
                    return output::say(&format!("{} yet", failure.reply.error_description));
                }
                Err(failure) => {
                    output::say(&format!("not taken: {}", failure.reply.error_description))
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_callers_desktop_goes_along_and_nothing_else_of_its_environment() {
        let value = |name: &str| match name {
            "DISPLAY" => Some(":1".to_owned()),
            "SSH_TTY" => Some("/dev/pts/1".to_owned()),
            _ => None,
        };
        let ask = ask(Login { device: true, ..Login::default() }, value);
        assert_eq!(ask.desktop, BTreeMap::from([("DISPLAY".to_owned(), ":1".to_owned())]));
        assert_eq!((ask.remote, ask.flow.as_deref()), (true, Some("device")));
    }
}
