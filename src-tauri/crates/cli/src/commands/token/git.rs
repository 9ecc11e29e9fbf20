//! `dagpass token --format git` as git calls a credential helper (git-credential(1), gitcredentials(7)): an
//! action word behind what it was configured with, and on stdin what git knows. Decides what each action
//! means here; a token is kept by the agent alone.

use std::io::BufRead;

use dagpass_client::wire::TokenAsk;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Basic;
use crate::args::Token;
use crate::exit::Failure;
use crate::world::World;

/// What git wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Get,
    /// The token was taken.
    Store,
    /// The server refused it.
    Erase,
    /// What a later git may ask is passed over in silence, as its manual demands.
    Later,
}

/// What is to be done with it.
#[derive(Debug)]
pub(super) enum Deed {
    Print(Token),
    Replace(TokenAsk),
    Nothing,
}

/// Without an action word the credential is printed, for whoever asks by hand.
pub(super) fn deed(mut args: Token, basic: &Basic, stdin: impl BufRead) -> Result<Deed, Failure> {
    let Some(action) = action(&mut args) else { return Ok(Deed::Print(args)) };
    let known = Known::read(stdin)?;
    if !known.is_for(&basic.host) {
        return Ok(Deed::Nothing);
    }
    Ok(match action {
        Action::Get => Deed::Print(args),
        Action::Erase if !known.password.is_empty() => {
            let rejected = Sha256::digest(known.password.as_bytes());
            let rejected = rejected.iter().map(|byte| format!("{byte:02x}")).collect();
            Deed::Replace(TokenAsk { rejected: Some(rejected), ..super::ask(args) })
        }
        Action::Store | Action::Erase | Action::Later => Deed::Nothing,
    })
}

/// A server refused the token: the agent replaces it, once.
pub(super) fn replace(world: &World, ask: &TokenAsk) -> Result<(), Failure> {
    world.ask(|agent| agent.token(ask)).map(drop)
}

/// The last word, where it is one: a profile may stand before it.
fn action(args: &mut Token) -> Option<Action> {
    let named = |word: &str| match word {
        "get" => Some(Action::Get),
        "store" => Some(Action::Store),
        "erase" => Some(Action::Erase),
        _ => None,
    };
    if let Some(word) = args.action.take() {
        return Some(named(&word).unwrap_or(Action::Later));
    }
    let action = named(args.profile.as_deref()?)?;
    args.profile = None;
    Some(action)
}

/// What git tells of what it is about.
#[derive(Default)]
struct Known {
    protocol: String,
    host: String,
    password: Zeroizing<String>,
}

impl Known {
    /// To the empty line or the end.
    fn read(mut stdin: impl BufRead) -> Result<Self, Failure> {
        let mut known = Self::default();
        loop {
            let mut line = Zeroizing::new(String::new());
            let read = stdin.read_line(&mut line);
            read.map_err(|error| Failure::new("io", "stdin cannot be read").because(error))?;
            let Some((key, value)) = line.trim_end_matches(['\r', '\n']).split_once('=') else {
                return Ok(known);
            };
            match key {
                "protocol" => known.protocol = value.to_owned(),
                "host" => known.host = value.to_owned(),
                "password" => known.password = Zeroizing::new(value.to_owned()),
                _ => {}
            }
        }
    }

    /// The token is for one host, over TLS, whatever git was configured with.
    fn is_for(&self, host: &str) -> bool {
        self.protocol == "https" && self.host.eq_ignore_ascii_case(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{Command, parse};

    fn decided(words: &str, stdin: &str) -> String {
        let line = format!("dagpass token --format git --host git.example {words}");
        let args: Vec<_> = line.split_whitespace().map(Into::into).collect();
        let Command::Token(token) = parse(&args).unwrap().command else { panic!("{line}") };
        let basic = Basic::checked(&token).unwrap();
        match deed(token, &basic, stdin.as_bytes()).unwrap() {
            Deed::Print(args) => format!("print {:?}", args.profile),
            Deed::Replace(ask) => format!("replace {:?} {:?}", ask.profile, ask.rejected),
            Deed::Nothing => "nothing".to_owned(),
        }
    }

    #[test]
    fn each_action_of_git_s_has_its_meaning_and_no_other_host_gets_a_token() {
        let ours = "protocol=https\nhost=git.example\n\n";
        let refused = "protocol=https\nhost=git.example\nusername=oauth2\npassword=abc\n";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let replaced = |profile: &str| format!("replace {profile} Some(\"{abc}\")");
        for (words, stdin, expected) in [
            ("", "", "print None"),
            ("prod", "", "print Some(\"prod\")"),
            ("get", ours, "print None"),
            ("prod get", ours, "print Some(\"prod\")"),
            ("get get", ours, "print Some(\"get\")"),
            ("get", "protocol=https\nhost=GIT.example\n", "print None"),
            ("get", "protocol=https\nhost=evil.example\n\n", "nothing"),
            ("get", "protocol=http\nhost=git.example\n\n", "nothing"),
            ("get", "", "nothing"),
            ("store", refused, "nothing"),
            ("prod store", refused, "nothing"),
            ("erase", ours, "nothing"),
            ("erase", refused, &replaced("None")),
            ("prod erase", refused, &replaced("Some(\"prod\")")),
            ("prod capability", ours, "nothing"),
        ] {
            assert_eq!(decided(words, stdin), expected, "{words}: {stdin}");
        }
    }
}
