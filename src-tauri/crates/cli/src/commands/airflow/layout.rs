//! Where Airflow runs, and so which files wire it: one file a layout, each a plan that changes nothing
//! by itself.

mod astro;
mod pytest;
mod standalone;
mod venv;
mod vscode;

use std::path::PathBuf;

use clap::ValueEnum;

use super::backend::Unwirable;
use super::compose::{self, Compose};
use super::door::Doors;
use super::interpreter::Interpreter;
use super::{cfg, files, wheel, wiring};
use crate::exit::Failure;

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Layout {
    /// Airflow in a virtual environment: its airflow.cfg
    Venv,
    /// `airflow standalone` on this machine: its airflow.cfg
    Standalone,
    /// docker-compose.override.yml: the project's door for its containers
    Compose,
    /// A project of the Astro CLI: .env, the door in an override, and the package in include/
    Astro,
    /// Visual Studio Code: .vscode/launch.json
    Vscode,
    /// Tests of DAGs: conftest.py
    Pytest,
}

/// Everything a plan is made from.
pub(super) struct Place<'a> {
    /// The folder of the project.
    pub(super) project: PathBuf,
    /// airflow.cfg, where another one than Airflow's own is meant.
    pub(super) cfg: Option<PathBuf>,
    pub(super) env: Option<String>,
    /// dagpass's own folder, for what is mounted from it.
    pub(super) state: PathBuf,
    pub(super) compose: Compose,
    pub(super) doors: Doors<'a>,
    /// `None` where Airflow runs in a container.
    pub(super) interpreter: Option<Interpreter>,
}

/// What is to be written, and what a person should know.
pub(super) struct Plan {
    /// What the receipt is filed under.
    pub(super) target: PathBuf,
    pub(super) edits: Vec<Edit>,
    pub(super) notes: Vec<String>,
}

type Rewrite = dyn Fn(Option<&[u8]>) -> Result<Vec<u8>, Unwirable>;

/// One file, and what becomes of it. A rewrite of its own result is [`Unwirable::Already`].
pub(super) struct Edit {
    pub(super) path: PathBuf,
    pub(super) rewrite: Box<Rewrite>,
    /// A user of another number reads it: it is mounted into a container.
    pub(super) for_all: bool,
}

impl Layout {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Venv => "venv",
            Self::Standalone => "standalone",
            Self::Compose => "compose",
            Self::Astro => "astro",
            Self::Vscode => "vscode",
            Self::Pytest => "pytest",
        }
    }

    /// Whether Airflow runs on an interpreter of this machine, which then gets the package.
    pub(super) fn is_local(self) -> bool {
        !matches!(self, Self::Astro | Self::Compose)
    }

    pub(super) fn plan(self, place: &Place<'_>) -> Result<Plan, Failure> {
        match self {
            Self::Venv => venv::plan(place),
            Self::Standalone => standalone::plan(place),
            Self::Compose => compose::plan(place),
            Self::Astro => astro::plan(place),
            Self::Vscode => vscode::plan(place),
            Self::Pytest => pytest::plan(place),
        }
    }

    /// What a receipt of this layout is filed under; changes with no setting but the place.
    pub(super) fn target(self, place: &Place<'_>) -> Result<PathBuf, Failure> {
        match self {
            Self::Venv | Self::Standalone => place.cfg(),
            Self::Compose | Self::Astro | Self::Vscode | Self::Pytest => {
                files::real(&place.project)
            }
        }
    }
}

impl Edit {
    pub(super) fn text(
        path: PathBuf,
        rewrite: impl Fn(&str) -> Result<String, Unwirable> + 'static,
    ) -> Self {
        let rewrite = move |before: Option<&[u8]>| {
            let text = std::str::from_utf8(before.unwrap_or_default());
            let text = text.map_err(|error| Unwirable::Form(error.to_string()))?;
            rewrite(text).map(String::into_bytes)
        };
        Self { path, rewrite: Box::new(rewrite), for_all: false }
    }

    /// The package of this program, as it is.
    pub(super) fn wheel(path: PathBuf) -> Self {
        let rewrite = |before: Option<&[u8]>| match before {
            Some(bytes) if bytes == wheel::BYTES => Err(Unwirable::Already),
            Some(_) | None => Ok(wheel::BYTES.to_vec()),
        };
        Self { path, rewrite: Box::new(rewrite), for_all: true }
    }
}

impl Place<'_> {
    pub(super) fn cfg(&self) -> Result<PathBuf, Failure> {
        let cfg = self.cfg.clone().or_else(wiring::airflow_cfg);
        let cfg = cfg.ok_or_else(|| {
            Failure::usage("the home folder is not known").hint("set AIRFLOW_HOME, or give --file")
        })?;
        files::real(&cfg)
    }

    /// A setting in the environment goes before airflow.cfg, so another backend there would no longer be
    /// asked; and its arguments, which may hold a password, do not belong into a project's files.
    pub(super) fn drops_no_backend(&self) -> Result<(), Failure> {
        let path = self.cfg()?;
        let text = files::read_text(&path)?.unwrap_or_default();
        match cfg::other_backend(&text) {
            None => Ok(()),
            Some(class) => {
                let what = format!("{} uses another backend", path.display());
                let failure = Failure::new("conflict", what).because(class);
                Err(failure.hint("run `dagpass airflow setup --for venv`, which asks it next"))
            }
        }
    }
}
