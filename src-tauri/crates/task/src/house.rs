//! Where things lie: the clone, its target folder and the cache that outlives a clone. Decides paths
//! only; creates nothing.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::builds::Builds;
use crate::shell::Failure;

#[derive(Debug, Clone)]
pub(crate) struct House {
    /// The top of the clone.
    pub(crate) root: PathBuf,
    /// What cargo builds into.
    pub(crate) target: PathBuf,
    /// Tools and virtual environments, keyed by version or lock, shared between clones.
    pub(crate) cache: PathBuf,
    /// What followed the verb.
    pub(crate) args: Vec<String>,
    pub(crate) builds: Builds,
}

impl House {
    /// Found from the current folder upwards, as cargo itself looks for a workspace.
    pub(crate) fn locate(args: Vec<String>) -> Result<Self, Failure> {
        let here =
            env::current_dir().map_err(|e| Failure::new(format!("no current folder: {e}")))?;
        let root = here
            .ancestors()
            .find(|at| at.join("Cargo.lock").is_file() && at.join("src-tauri/crates/task").is_dir())
            .ok_or_else(|| Failure::new("this is not a folder of a dagpass clone"))?
            .to_owned();
        let target = env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |named| root.join(PathBuf::from(named)));
        let cache = cache_folder(|name| env::var_os(name)).ok_or_else(|| {
            Failure::new("no place for a cache").hint("set HOME or DAGPASS_CACHE")
        })?;
        Ok(Self { root, target, cache, args, builds: Builds::Everyday })
    }

    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        self.root.join(path)
    }

    /// The same house, with everything in it built once and read by clippy.
    pub(crate) fn gated(&self) -> Self {
        Self { builds: Builds::Gate, ..self.clone() }
    }

    pub(crate) fn asks_for(&self, flag: &str) -> bool {
        self.args.iter().any(|arg| arg == flag)
    }
}

fn cache_folder(var: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let set = |name: &str| var(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("DAGPASS_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|base| base.join("dagpass")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/dagpass")))
        .or_else(|| set("LOCALAPPDATA").map(|base| base.join("dagpass/cache")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_the_named_folder_before_the_desktop_s_before_home_s() {
        type Vars<'a> = &'a [(&'a str, &'a str)];
        let table: [(Vars<'_>, Option<&str>); 5] = [
            (&[("DAGPASS_CACHE", "/a"), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/a")),
            (&[("XDG_CACHE_HOME", "/b"), ("HOME", "/c")], Some("/b/dagpass")),
            (&[("DAGPASS_CACHE", ""), ("HOME", "/c")], Some("/c/.cache/dagpass")),
            (&[("LOCALAPPDATA", "/d")], Some("/d/dagpass/cache")),
            (&[], None),
        ];
        for (vars, place) in table {
            let found = cache_folder(|name| {
                vars.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
            });
            assert_eq!(found, place.map(PathBuf::from), "{vars:?}");
        }
    }
}
