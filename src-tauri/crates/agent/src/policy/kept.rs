//! The last good policy in the state folder, so that one that does not load opens nothing across a restart
//! either. Holds no secret; private all the same.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::layer::Layer;
use super::problem::Source;
use crate::system;

/// Beside the ledger.
pub(crate) const FILE: &str = "policy-last-good.json";

/// The digest is of the texts, in that order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) digest: String,
    pub(super) layers: Vec<KeptLayer>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptLayer {
    pub(super) name: String,
    pub(super) sources: Vec<KeptSource>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KeptSource {
    pub(super) file: String,
    pub(super) text: String,
}

impl KeptLayer {
    pub(super) fn of(layer: &Layer) -> Self {
        let kept = |one: &Source| KeptSource { file: one.file.clone(), text: one.text.clone() };
        Self { name: layer.name.clone(), sources: layer.sources.iter().map(kept).collect() }
    }

    /// `None` where this version cannot read it any more.
    pub(super) fn compiled(&self) -> Option<Layer> {
        let source = |one: &KeptSource| Source { file: one.file.clone(), text: one.text.clone() };
        Layer::compile(&self.name, self.sources.iter().map(source).collect()).ok()
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
        read.unwrap_or_else(|error| {
            tracing::warn!(%error, "{FILE} cannot be read");
            Kept::default()
        })
    }

    pub(super) fn keep(&self, kept: &Kept) {
        let written = match kept.layers.as_slice() {
            [] => gone(&self.0),
            _ => {
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
