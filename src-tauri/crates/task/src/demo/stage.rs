//! An issuer and an agent in a home of their own, ended by their ids when the demo ends: the sandbox, or the
//! independent provider where something is to be proved. Touches neither the person's keychain nor
//! their config.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use super::api_log::field;
use crate::house::House;
use crate::shell::{Failure, Shell, say};

pub(super) struct Stage {
    bin: PathBuf,
    root: PathBuf,
    issuer: Child,
    /// What the issuer says of itself: one JSON line.
    about: String,
    log: PathBuf,
}

impl Stage {
    /// What is said goes to the log.
    pub(super) fn set(house: &House, token_seconds: u32, log: &Path) -> Result<Self, Failure> {
        let mut sandbox = Command::new(house.target.join("debug/dagpass-sandbox"));
        sandbox.args(["--auto-approve", "alice"]);
        Self::with(house, &mut sandbox, token_seconds, log)
    }

    /// At a provider that nobody here wrote. Somebody has to approve the sign-in.
    pub(super) fn independent(
        house: &House,
        token_seconds: u32,
        log: &Path,
    ) -> Result<Self, Failure> {
        let mut provider = Command::new("node");
        provider.arg(house.at("tests/idp/provider.mjs"));
        Self::with(house, &mut provider, token_seconds, log)
    }

    fn with(
        house: &House,
        issuer: &mut Command,
        token_seconds: u32,
        log: &Path,
    ) -> Result<Self, Failure> {
        let bin = house.target.join("debug");
        let root = private_folder()?;
        let mut issuer = issuer
            .args(["--family", "pingone", "--at-ttl"])
            .arg(token_seconds.to_string())
            // The provider ends when nobody holds this any more.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| Failure::new(format!("the issuer did not start: {e}")))?;
        let about = first_line(&mut issuer)?;
        let stage = Self { bin, root, issuer, about, log: log.to_owned() };
        stage.configure()?;
        stage.dagpass("agent start").logged(&stage.log)?;
        Ok(stage)
    }

    /// `dagpass` in this world.
    pub(super) fn dagpass(&self, words: &str) -> Shell {
        self.inside_world(Shell::new(self.bin.join("dagpass"))).words(words)
    }

    pub(super) fn inside_world(&self, shell: Shell) -> Shell {
        let home = self.root.join("home");
        shell
            .env("HOME", &home)
            .env("XDG_RUNTIME_DIR", self.root.join("run"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("DAGPASS_CONFIG", self.root.join("config.toml"))
            .env("DAGPASS_SOCKET", self.root.join("run/agent.sock"))
    }

    pub(super) fn api(&self) -> &str {
        field(&self.about, "api").unwrap_or_default()
    }

    pub(super) fn control(&self) -> &str {
        field(&self.about, "control").unwrap_or_default()
    }

    fn configure(&self) -> Result<(), Failure> {
        let named = |name| {
            field(&self.about, name)
                .ok_or_else(|| Failure::new(format!("the issuer names no {name}")))
        };
        let (issuer, client, api) = (named("issuer")?, named("client_id")?, named("api")?);
        let origin = api.split_once("/api").map_or(api, |(origin, _)| origin);
        let key = self.root.join("store.key");
        let config = format!(
            "default-profile = \"sandbox\"\n\n\
             [store]\nkind = \"key-file\"\nkey-file = \"{}\"\n\n\
             [profile.sandbox]\nissuer = \"{issuer}\"\nclient-id = \"{client}\"\n\
             scopes = [\"openid\", \"profile\"]\n\n\
             [connection.sandbox_api]\nprofile = \"sandbox\"\nconn-type = \"http\"\nhost = \"{origin}\"\n",
            key.display()
        );
        write_private(&key, &random()?)?;
        write_private(&self.root.join("config.toml"), config.as_bytes())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Err(failure) = self.dagpass("agent stop").logged(&self.log) {
            say(&failure.to_string());
        }
        if self.issuer.kill().and_then(|()| self.issuer.wait()).is_err() {
            say("the issuer could not be ended");
        }
        if fs::remove_dir_all(&self.root).is_err() {
            say(&format!("{} could not be removed", self.root.display()));
        }
    }
}

fn private_folder() -> Result<PathBuf, Failure> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let name = format!("dagpass-demo-{}-{}", std::process::id(), since.subsec_nanos());
    let root = std::env::temp_dir().join(name);
    for folder in ["home/state", "home/config", "run"] {
        fs::create_dir_all(root.join(folder)).map_err(|e| Failure::at(&root, &e))?;
    }
    #[cfg(unix)]
    for folder in [root.clone(), root.join("run")] {
        use std::os::unix::fs::PermissionsExt;
        let owner_only = fs::Permissions::from_mode(0o700);
        fs::set_permissions(&folder, owner_only).map_err(|e| Failure::at(&folder, &e))?;
    }
    Ok(root)
}

fn write_private(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|e| Failure::at(path, &e))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let owner_only = fs::Permissions::from_mode(0o600);
        fs::set_permissions(path, owner_only).map_err(|e| Failure::at(path, &e))?;
    }
    Ok(())
}

fn random() -> Result<Vec<u8>, Failure> {
    let source = Path::new("/dev/urandom");
    let mut key = vec![0; 32];
    let filled = fs::File::open(source).and_then(|mut file| file.read_exact(&mut key));
    filled.map_err(|e| Failure::at(source, &e))?;
    Ok(key)
}

fn first_line(child: &mut Child) -> Result<String, Failure> {
    let out = child.stdout.take().ok_or_else(|| Failure::new("the issuer says nothing"))?;
    let mut out = BufReader::new(out);
    let mut line = String::new();
    out.read_line(&mut line).map_err(|e| Failure::new(format!("the issuer says nothing: {e}")))?;
    // A program whose output nobody takes any more may end by that.
    std::thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
    Ok(line)
}
