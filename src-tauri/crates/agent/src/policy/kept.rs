//! The last good policy in the state folder, so that one that does not load opens nothing across a restart
//! either. Holds no secret; private all the same.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::layer::Layer;
use super::problem::Source;
use super::standing::{Wanted, Whose};
use crate::system;

/// Beside the ledger.
pub(crate) const FILE: &str = "policy-last-good.json";

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Of all that was in force, the machine's policy included.
    pub(super) digest: String,
    /// SHA-256 of the layers here: what does not fit it is not judged by.
    #[serde(default)]
    sum: String,
    pub(super) layers: Vec<KeptLayer>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptLayer {
    #[serde(default)]
    pub(super) whose: Whose,
    pub(super) name: String,
    pub(super) sources: Vec<KeptSource>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptSource {
    pub(super) file: String,
    pub(super) text: String,
}

impl Kept {
    pub(super) fn new(digest: String, layers: Vec<KeptLayer>) -> Self {
        Self { digest, sum: sum(&layers), layers }
    }

    fn is_nothing(&self) -> bool {
        self.digest.is_empty() && self.layers.is_empty()
    }
}

fn sum(layers: &[KeptLayer]) -> String {
    let text = serde_json::to_vec(layers).unwrap_or_default();
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl KeptLayer {
    pub(super) fn of(whose: Whose, layer: &Layer) -> Self {
        let kept = |one: &Source| KeptSource { file: one.file.clone(), text: one.text.clone() };
        let sources = layer.sources.iter().map(kept).collect();
        Self { whose, name: layer.name.clone(), sources }
    }

    /// `None` where this version cannot read it any more.
    pub(super) fn compiled(&self) -> Option<Layer> {
        Layer::compile(&self.name, self.sources()).ok()
    }

    /// As if it still stood there.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted::new(self.whose, self.name.clone(), Ok(self.sources()))
    }

    fn sources(&self) -> Vec<Source> {
        let source = |one: &KeptSource| Source { file: one.file.clone(), text: one.text.clone() };
        self.sources.iter().map(source).collect()
    }
}

#[derive(Debug)]
pub(super) struct Shelf(PathBuf);

impl Shelf {
    pub(super) fn at(place: PathBuf) -> Self {
        Self(place)
    }

    /// Nothing, where nothing was in force when the agent last looked.
    pub(super) fn read(&self) -> Kept {
        let read = match system::read_private(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Kept::default(),
            read => read.and_then(|bytes| Ok(serde_json::from_slice(&bytes)?)),
        };
        let mut kept: Kept = read.unwrap_or_else(|error| {
            tracing::warn!(%error, "{FILE} cannot be read");
            Kept::default()
        });
        if !kept.layers.is_empty() && kept.sum != sum(&kept.layers) {
            tracing::warn!("{FILE} is not as it was written, and is not judged by");
            kept.layers.clear();
        }
        kept.layers.retain(|layer| layer.whose != Whose::Machine);
        kept
    }

    pub(super) fn keep(&self, kept: &Kept) {
        let written = match kept.is_nothing() {
            true => gone(&self.0),
            false => {
                let text = serde_json::to_vec(kept).map_err(io::Error::from);
                text.and_then(|text| system::settle_private(&self.0, &text))
            }
        };
        if let Err(error) = written {
            tracing::error!(%error, "{FILE} not written");
        }
    }
}

fn gone(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
