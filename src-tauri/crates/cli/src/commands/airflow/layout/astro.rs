//! A project of the Astro CLI: the settings in `.env`, and the package as a wheel in `include/`, from which
//! Python imports as it is. The image's build sees `requirements.txt` alone, so a wheel cannot be named
//! there: it gets a line only where an index has the package. Never touches the Dockerfile.

use std::path::Path;

use super::super::backend::Unwirable;
use super::super::{dotenv, files, wheel};
use super::{Edit, Place, Plan};
use crate::exit::Failure;

/// Where the project lies in the container.
const HOME: &str = "/usr/local/airflow";
/// Where the agent's socket is mounted.
const SOCKET: &str = "/run/dagpass/agent.sock";

pub(super) fn plan(place: &Place) -> Result<Plan, Failure> {
    let project = files::real(&place.project)?;
    is_astro(&project)?;
    let mut settings = vec![("DAGPASS_SOCKET".to_owned(), SOCKET.to_owned())];
    settings.extend(place.env.iter().map(|env| ("DAGPASS_ENV".to_owned(), env.clone())));
    let mut edits = Vec::new();
    if place.from_index {
        edits.push(Edit::text(project.join("requirements.txt"), require));
    } else {
        // The image's own PYTHONPATH, which this setting replaces, is the project's folder.
        settings.push(("PYTHONPATH".to_owned(), format!("{HOME}/include/{}:{HOME}", wheel::NAME)));
        let rewrite = |before: Option<&[u8]>| match before {
            Some(bytes) if bytes == wheel::BYTES => Err(Unwirable::Already),
            Some(_) | None => Ok(wheel::BYTES.to_vec()),
        };
        let path = project.join("include").join(wheel::NAME);
        edits.push(Edit { path, rewrite: Box::new(rewrite) });
    }
    edits.push(Edit::text(project.join(".env"), move |before| dotenv::set(before, &settings)));
    let notes = vec![
        format!(
            "the containers reach the agent where its socket's folder is mounted at {}",
            "/run/dagpass"
        ),
        "run `astro dev restart`; the Astro CLI itself was not run by our tests".to_owned(),
    ];
    Ok(Plan { target: project, edits, notes })
}

fn is_astro(project: &Path) -> Result<(), Failure> {
    if !project.join(".astro").is_dir() {
        let what = format!("{} is no Astro project: it has no .astro folder", project.display());
        return Err(
            Failure::new("not_found", what).hint("give --dir, or run `astro dev init` first")
        );
    }
    let dockerfile = files::read_text(&project.join("Dockerfile"))?.unwrap_or_default();
    if dockerfile.contains("AIRFLOW__SECRETS__BACKEND") {
        let failure = Failure::new("conflict", "the Dockerfile sets a secrets backend already");
        return Err(failure.hint("move that setting into .env: then it is asked next"));
    }
    Ok(())
}

fn require(before: &str) -> Result<String, Unwirable> {
    const NAME: &str = "airflow-provider-dagpass";
    let line = format!("{NAME}=={}", wheel::VERSION);
    let ours = |line: &str| {
        let rest = line.trim().to_ascii_lowercase().replace('_', "-");
        rest.strip_prefix(NAME)
            .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-'))
    };
    if before.lines().any(|present| present.trim() == line) {
        return Err(Unwirable::Already);
    }
    let kept: String = before.split_inclusive('\n').filter(|line| !ours(line)).collect();
    let gap = if kept.is_empty() || kept.ends_with('\n') { "" } else { "\n" };
    Ok(format!("{kept}{gap}{line}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_requirement_replaces_another_version_of_ours_and_nothing_else() {
        let ours = format!("airflow-provider-dagpass=={}\n", wheel::VERSION);
        let table = [
            ("", ours.clone()),
            ("six==1\n# why", format!("six==1\n# why\n{ours}")),
            ("airflow_provider_dagpass>=0.0.1\nsix\n", format!("six\n{ours}")),
            ("airflow-provider-dagpass-extra\n", format!("airflow-provider-dagpass-extra\n{ours}")),
        ];
        for (before, after) in table {
            assert_eq!(require(before).as_deref(), Ok(after.as_str()), "{before}");
            assert_eq!(require(&after), Err(Unwirable::Already));
        }
    }
}
