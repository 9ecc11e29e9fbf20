//! A request that somebody thinks of, in words: `action=token`, `dag=etl`. The same words say what would have
//! to be otherwise.

use std::borrow::Cow;
use std::path::PathBuf;

use dagpass_core::policy::Action;
use dagpass_core::policy::facts::{Executable, Parent, Verified};
use dagpass_core::principal::Who;
use dagpass_core::request::{Reach, Transport};
use dagpass_core::time::Timestamp;

use super::facts::{Declared, Facts};

/// What can be said of a request.
pub(crate) const WORDS: [&str; 25] = [
    "action",
    "who",
    "profile",
    "connection",
    "deployment",
    "env",
    "audience",
    "upstream",
    "method",
    "path",
    "scopes",
    "reach",
    "remote",
    "group",
    "signed-in-age",
    "hour",
    "weekday",
    "program",
    "parent",
    "cwd",
    "terminal",
    "cgroup",
    "dag",
    "task",
    "lane",
];

impl Facts<'static> {
    /// The person's own request for a token, by a process of which nothing is known.
    pub(super) fn plain(now: Timestamp) -> Self {
        Facts {
            who: Who::Owner,
            name: "owner".into(),
            action: Action::Token,
            transport: Transport::Socket,
            remote: false,
            epoch: now.as_secs(),
            profile: None,
            connection: None,
            deployment: None,
            env: None,
            audience: None,
            upstream: None,
            method: None,
            path: None,
            scopes: None,
            reach: Some(Reach::Named),
            signed_in: None,
            verified: Cow::Owned(Verified::default()),
            lanes: vec![None],
            declared: Declared::default(),
        }
    }

    /// `None` takes it away. `Err` says what was not understood.
    pub(super) fn set(&mut self, word: &str, value: Option<&str>) -> Result<(), String> {
        let text = || value.map(|value| Cow::Owned(value.to_owned()));
        let no = |kinds: &str| format!("`{word}` is {kinds}");
        let number = |most: i64| {
            let number = value.unwrap_or("0").parse::<i64>().ok();
            number.filter(|one| (0..=most).contains(one)).ok_or_else(|| no("a number"))
        };
        match word {
            "profile" => self.profile = text(),
            "connection" => self.connection = text(),
            "deployment" => self.deployment = text(),
            "env" => self.env = text(),
            "audience" => self.audience = text(),
            "upstream" => self.upstream = text(),
            "method" => self.method = text(),
            "path" => self.path = text(),
            "dag" => self.declared.dag = text(),
            "task" => self.declared.task = text(),
            "lane" => self.lanes = vec![text()],
            "scopes" => self.scopes = value.map(list),
            "group" => {
                let age = self.signed_in.as_ref().map_or(0, |(age, _)| *age);
                self.signed_in = value.map(|value| (age, list(value)));
            }
            "signed-in-age" => {
                let groups = self.signed_in.take().map(|(_, groups)| groups).unwrap_or_default();
                self.signed_in =
                    value.map(|_| number(i64::MAX)).transpose()?.map(|age| (age, groups));
            }
            "hour" => {
                let hour = number(23)?;
                self.epoch = self.epoch.div_euclid(86_400) * 86_400 + hour * 3_600;
            }
            "weekday" => {
                let day = number(7)?;
                let now = (self.epoch.div_euclid(86_400) + 3).rem_euclid(7) + 1;
                self.epoch += (day - now) * 86_400;
            }
            "action" => {
                let named = Action::ALL.iter().find(|one| Some(one.as_str()) == value);
                self.action = *named.ok_or_else(|| no("a word of `dagpass policy schema`"))?;
            }
            "who" => {
                let (kind, name) = value.unwrap_or("owner").split_once(':').map_or_else(
                    || (value.unwrap_or("owner"), None),
                    |(kind, name)| (kind, Some(name.to_owned())),
                );
                let known = Who::ALL.iter().find(|one| one.as_str().eq_ignore_ascii_case(kind));
                self.who =
                    *known.ok_or_else(|| no("owner, run, container, forwarded, relay or agent"))?;
                self.name = name.unwrap_or_else(|| kind.to_ascii_lowercase()).into();
            }
            "reach" => {
                self.reach = match value {
                    None => None,
                    Some("named") => Some(Reach::Named),
                    Some("within") => Some(Reach::Within),
                    Some("beyond") => Some(Reach::Beyond),
                    Some(_) => return Err(no("named, within or beyond")),
                }
            }
            "remote" => match value {
                Some("true") => self.remote = true,
                None | Some("false") => self.remote = false,
                Some(_) => return Err(no("true or false")),
            },
            process => return self.process(process, value),
        }
        Ok(())
    }

    /// Of what the system says of the process.
    fn process(&mut self, word: &str, value: Option<&str>) -> Result<(), String> {
        let known = self.verified.to_mut();
        match word {
            "program" => known.executable = value.map(program),
            "parent" => {
                let parent = |path| Parent { pid: 0, executable: Some(program(path)) };
                known.parents = value.map(parent).into_iter().collect();
            }
            "cwd" => known.cwd = value.map(PathBuf::from),
            "terminal" => known.terminal = value.map(str::to_owned),
            "cgroup" => known.cgroup = value.map(str::to_owned),
            _ => return Err(format!("`{word}` is none of {}", WORDS.join(", "))),
        }
        Ok(())
    }
}

fn list(value: &str) -> Vec<Cow<'static, str>> {
    let words = value.split([',', ' ']).filter(|word| !word.is_empty());
    words.map(|word| Cow::Owned(word.to_owned())).collect()
}

fn program(path: &str) -> Executable {
    Executable { path: path.into(), sha256: None, owner: None, only_root_writes: false }
}
