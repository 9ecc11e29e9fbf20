//! What stands in the files, and how they come to a folder: all of them, or none.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::super::wheel;
use super::Product;
use crate::exit::Failure;

const WEBSERVER_CONFIG: &str = include_str!("webserver_config.py");
const SETTINGS: &str = include_str!("airflow.env");
const HEAD: &str = include_str!("head.md");
const TAIL: &str = include_str!("tail.md");

/// PingOne chooses client IDs itself.
const UNKNOWN_CLIENT: &str = "REPLACE-WITH-CLIENT-ID-OF-THE-WEB-APP";

/// Everything that the files say.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) product: Product,
    pub(super) issuer: String,
    /// The laptops' client.
    pub(super) client: String,
    pub(super) audience: String,
    /// Of Airflow, without a slash at the end.
    pub(super) url: String,
    pub(super) web_client: Option<String>,
    pub(super) claim: String,
}

/// One file, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Written {
    pub(super) path: PathBuf,
    /// `wrote`, `replaced`, `would write`.
    pub(super) result: &'static str,
}

impl Plan {
    pub(super) fn files(&self) -> [(&'static str, String); 4] {
        let (product, notes, scope) = match self.product {
            // There, a scope that no resource has is refused, and claims need none.
            Product::PingOne => ("PingOne", include_str!("pingone.md"), "openid profile email"),
            Product::PingFederate => {
                ("PingFederate", include_str!("pingfederate.md"), "openid profile email groups")
            }
            Product::PingAm => ("PingAM", include_str!("pingam.md"), "openid profile email groups"),
        };
        let filled = |text: &str| {
            text.replace("@product@", product)
                .replace("@scope@", scope)
                .replace("@issuer@", &self.issuer)
                .replace("@audience@", &self.audience)
                .replace("@clients@", &format!("{},{}", self.client, self.web_client()))
                .replace("@web_client@", self.web_client())
                .replace("@url@", &self.url)
                .replace("@wheel@", wheel::NAME)
        };
        [
            ("webserver_config.py", filled(WEBSERVER_CONFIG)),
            ("airflow.env", filled(SETTINGS)),
            ("airflow-roles.json", self.roles()),
            ("PING-SETUP.md", filled(&[HEAD, notes, TAIL].join("\n"))),
        ]
    }

    /// Of the web login. Airflow 2.11 has another one, and nothing that is written here runs on it.
    pub(super) fn redirect_uri(&self) -> String {
        format!("{}/auth/oauth-authorized/ping", self.url)
    }

    pub(super) fn to_fill_in(&self) -> &'static [&'static str] {
        match (self.product, &self.web_client) {
            (Product::PingOne, None) => &[
                "AIRFLOW__DAGPASS_AUTH__CLIENT_ID and _CLIENTS",
                "AIRFLOW__DAGPASS_AUTH__CLIENT_SECRET_CMD",
                "the groups of airflow-roles.json",
            ],
            _ => &["AIRFLOW__DAGPASS_AUTH__CLIENT_SECRET_CMD", "the groups of airflow-roles.json"],
        }
    }

    pub(super) fn unwritten(&self) -> Vec<Written> {
        let names = self.files().into_iter().map(|(name, _)| name.into());
        names.map(|path| Written { path, result: "would write" }).collect()
    }

    /// Nothing is touched where one of them is there, unless `force`.
    pub(super) fn write(&self, folder: &Path, force: bool) -> Result<Vec<Written>, Failure> {
        let files = self.files();
        let there: Vec<&str> =
            files.iter().map(|(name, _)| *name).filter(|name| folder.join(name).exists()).collect();
        if !force && !there.is_empty() {
            let what = format!("in {} there is already {}", folder.display(), there.join(", "));
            return Err(Failure::new("conflict", what)
                .hint("choose another folder with --out, or replace them with --force"));
        }
        std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, error))?;
        let mut written = Vec::new();
        for (name, text) in &files {
            let path = folder.join(name);
            let replaced = place(&path, text, force).map_err(|error| cannot_write(&path, error))?;
            written.push(Written { path, result: if replaced { "replaced" } else { "wrote" } });
        }
        Ok(written)
    }

    fn web_client(&self) -> &str {
        let unnamed = match self.product {
            Product::PingOne => UNKNOWN_CLIENT,
            Product::PingFederate | Product::PingAm => "airflow-web",
        };
        self.web_client.as_deref().unwrap_or(unnamed)
    }

    /// A line for each of Airflow's own roles.
    fn roles(&self) -> String {
        format!(
            "{{\n  \"version\": 1,\n  \"claim\": \"{}\",\n  \"roles\": {{\n    \"AF-Admins\": [\"Admin\"],\n    \
             \"AF-Ops\": [\"Op\"],\n    \"AF-Users\": [\"User\"],\n    \"AF-Viewers\": [\"Viewer\"]\n  }}\n}}\n",
            self.claim
        )
    }
}

/// Whether a file was replaced. One that appeared since it was looked for is left alone.
fn place(path: &Path, text: &str, force: bool) -> std::io::Result<bool> {
    let mut new = OpenOptions::new();
    match new.write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| false),
        Err(error) if force && error.kind() == ErrorKind::AlreadyExists => {
            std::fs::write(path, text).map(|()| true)
        }
        Err(error) => Err(error),
    }
}

fn cannot_write(path: &Path, error: std::io::Error) -> Failure {
    let failure = Failure::new("io", format!("{} cannot be written", path.display()));
    failure.because(dagpass_client::owner::why(path, &error))
}
