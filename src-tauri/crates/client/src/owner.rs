//! Files and folders that turn out to be another user's: whose they are, and the line that mends it.
//! Decides what is said and when nothing may be made; never changes an owner.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::system;

/// A home folder of another user's: `sudo` may keep `HOME`, and an image may run under any number.
/// Nothing is made there, and no agent is started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignHome {
    pub home: PathBuf,
    owner: User,
    ours: User,
}

impl fmt::Display for ForeignHome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { home, owner, ours } = self;
        write!(f, "the home folder {} belongs to {owner}, we are {ours}", home.display())
    }
}

impl std::error::Error for ForeignHome {}

impl ForeignHome {
    /// What to do about it.
    pub fn hint(&self) -> String {
        if self.ours.uid != 0 {
            return "set HOME to a folder of your own".to_owned();
        }
        let owner = self.owner.name.clone().unwrap_or_else(|| format!("'#{}'", self.owner.uid));
        format!("run it without sudo, or with `sudo -u {owner}`")
    }
}

/// Whether the home folder that our files would lie in is another user's. One that is not there is
/// nobody's.
pub fn foreign_home() -> Option<ForeignHome> {
    let home = directories::BaseDirs::new()?.home_dir().to_owned();
    let (owner, ours) = (system::owner(&home, true).ok()??, system::own_uid()?);
    (owner != ours).then(|| ForeignHome { home, owner: User::of(owner), ours: User::of(ours) })
}

/// Before anything is made: an error where the home folder is another user's.
pub fn home_is_ours() -> io::Result<()> {
    match foreign_home() {
        Some(foreign) => Err(io::Error::new(
            ErrorKind::PermissionDenied,
            format!("{foreign}: {}", foreign.hint()),
        )),
        None => Ok(()),
    }
}

/// The error with its path, and where the way there is barred by another user's file or folder, whose
/// and the line that mends it.
pub fn named(path: &Path, error: io::Error) -> io::Error {
    io::Error::new(error.kind(), told(path, &error))
}

/// As [`named`] where the way is barred; any other error as it is, for whoever looks at its kind.
pub fn barring(path: &Path, error: io::Error) -> io::Error {
    if error.kind() == ErrorKind::PermissionDenied { named(path, error) } else { error }
}

/// The words of [`named`].
pub fn told(path: &Path, error: &io::Error) -> String {
    let (why, shown) = (why(path, error), path.display().to_string());
    if why.contains(&shown) || barred(path, error).is_some() {
        why
    } else {
        format!("{shown}: {why}")
    }
}

/// As [`told`], for whoever says the path already.
pub fn why(path: &Path, error: &io::Error) -> String {
    barred(path, error).unwrap_or_else(|| error.to_string())
}

/// What is said of a file or folder that is `owner`'s and should be ours.
pub fn belongs(path: &Path, owner: u32) -> String {
    let Some(ours) = system::own_uid() else {
        return format!("{} belongs to another user", path.display());
    };
    let home = directories::BaseDirs::new().map(|dirs| dirs.home_dir().to_owned());
    sentence(path, &User::of(owner), &User::of(ours), home.as_deref())
}

fn barred(path: &Path, error: &io::Error) -> Option<String> {
    if error.kind() != ErrorKind::PermissionDenied {
        return None;
    }
    let ours = system::own_uid()?;
    // The file itself, or the folder it is made in: whatever cannot be seen lies behind the culprit.
    let seen = path.ancestors().filter_map(|path| Some((path, system::owner(path, false).ok()??)));
    let (culprit, owner) = seen.take(2).find(|(_, owner)| *owner != ours)?;
    Some(belongs(culprit, owner))
}

fn sentence(path: &Path, owner: &User, ours: &User, home: Option<&Path>) -> String {
    let text = format!("{} belongs to {owner}, we are {ours}", path.display());
    let runtime = PathBuf::from(format!("/run/user/{}", ours.uid));
    let below = |root: &Path| path.starts_with(root) && path != root;
    // Root has no business with the owners of a person's files, nor a person with the system's.
    if ours.uid == 0 || !(home.is_some_and(below) || below(&runtime)) {
        return text;
    }
    let all = path.ancestors().filter(|folder| folder.ends_with("dagpass"));
    let all = all.last().filter(|all| below_any(all, home, &runtime)).unwrap_or(path);
    let name = ours.name.clone().unwrap_or_else(|| ours.uid.to_string());
    format!("{text}: run `sudo chown -R {name}: {}`", quoted(all))
}

fn below_any(path: &Path, home: Option<&Path>, runtime: &Path) -> bool {
    home.into_iter().chain([runtime]).any(|root| path.starts_with(root) && path != root)
}

/// As a shell takes it for one word.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+@%:,=".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct User {
    uid: u32,
    name: Option<String>,
}

impl User {
    fn of(uid: u32) -> Self {
        Self { uid, name: system::user_name(uid) }
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} (uid {})", self.uid),
            None => write!(f, "uid {}", self.uid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(uid: u32, name: &str) -> User {
        User { uid, name: (!name.is_empty()).then(|| name.to_owned()) }
    }

    #[test]
    fn what_is_not_ours_is_named_with_its_owner_and_the_line_that_mends_it() {
        let (root, ada) = (user(0, "root"), user(1000, "ada"));
        let nobody = user(4711, "");
        for (path, ours, line) in [
            (
                "/home/ada/.local/state/dagpass/ledger.jsonl",
                &ada,
                Some("sudo chown -R ada: /home/ada/.local/state/dagpass"),
            ),
            ("/home/ada/.config", &ada, Some("sudo chown -R ada: /home/ada/.config")),
            ("/run/user/1000/dagpass", &ada, Some("sudo chown -R ada: /run/user/1000/dagpass")),
            ("/home/ada/my keys/k", &ada, Some("sudo chown -R ada: '/home/ada/my keys/k'")),
            ("/home/ada/.config", &nobody, Some("sudo chown -R 4711: /home/ada/.config")),
            // Not ours to take.
            ("/home/ada", &ada, None),
            ("/data/state", &ada, None),
            ("/tmp/dagpass", &ada, None),
            ("/run/user/1001/dagpass", &ada, None),
            ("/home/ada/.config", &root, None),
        ] {
            let said = sentence(Path::new(path), &root, ours, Some(Path::new("/home/ada")));
            assert!(
                said.starts_with(&format!("{path} belongs to root (uid 0), we are ")),
                "{said}"
            );
            let found = said.split_once(": run `").map(|(_, line)| line.trim_end_matches('`'));
            assert_eq!(found, line, "{path}");
        }
    }

    #[test]
    fn another_users_home_is_said_with_what_to_do() {
        let home = |owner, ours| ForeignHome { home: "/home/ada".into(), owner, ours };
        for (foreign, hint) in [
            (
                home(user(1000, "ada"), user(0, "root")),
                "run it without sudo, or with `sudo -u ada`",
            ),
            (
                home(user(1000, ""), user(0, "root")),
                "run it without sudo, or with `sudo -u '#1000'`",
            ),
            (home(user(50_000, ""), user(1000, "ada")), "set HOME to a folder of your own"),
        ] {
            assert_eq!(foreign.hint(), hint);
        }
        let text = home(user(1000, "ada"), user(0, "root")).to_string();
        assert_eq!(
            text,
            "the home folder /home/ada belongs to ada (uid 1000), we are root (uid 0)"
        );
    }

    #[test]
    fn an_error_has_its_path_once() {
        let path = Path::new("/nowhere/file");
        let error = || io::Error::from(ErrorKind::NotFound);
        let once = named(path, error());
        assert!(once.to_string().starts_with("/nowhere/file: "), "{once}");
        assert_eq!(
            named(path, io::Error::other("/nowhere/file is odd")).to_string(),
            "/nowhere/file is odd"
        );
        assert_eq!(why(path, &error()), error().to_string());
    }
}
