//! A project of the Astro CLI: the settings in `.env`, the door's folder by `docker-compose.override.yml`, which
//! the CLI takes along, and the package as a wheel in `include/`, from which Python imports as it is: the image's
//! build sees `requirements.txt` alone, and a wheel cannot be named there. Never touches the Dockerfile.

use std::path::Path;

use super::super::compose::{self, door_alone};
use super::super::{door, dotenv, files, wheel};
use super::{Edit, Place, Plan};
use crate::exit::Failure;

/// Where the project lies in the container, and the image's own PYTHONPATH.
const HOME: &str = "/usr/local/airflow";
const FIRST: &str =
    "# Written by `dagpass airflow setup --for astro`; with `--undo` it goes again.\n";
/// The CLI's services of Airflow 3 and of 2: one that it does not have would be one without an image.
const SERVICES: [&str; 4] = ["api-server", "scheduler", "dag-processor", "triggerer"];
const SERVICES_OF_2: [&str; 3] = ["webserver", "scheduler", "triggerer"];

pub(super) fn plan(place: &Place<'_>) -> Result<Plan, Failure> {
    let project = files::real(&place.project)?;
    let dockerfile = dockerfile(&project)?;
    let services = match place.compose.service.as_slice() {
        [] => services(&dockerfile)?,
        named => named.to_vec(),
    };
    let door = place.doors.of(&project)?;
    let reach = door::reach(&door);
    let (name, value) = compose::reached(&reach);
    let mut settings = vec![(name.to_owned(), value)];
    settings.extend(place.env.iter().map(|env| ("DAGPASS_ENV".to_owned(), env.clone())));
    let mut edits = vec![Edit::wheel(project.join("include").join(wheel::NAME))];
    let theirs = variable(&dockerfile, "PYTHONPATH");
    let wheel = format!("{HOME}/include/{}", wheel::NAME);
    edits.push(Edit::text(project.join(".env"), move |before| {
        let mut settings = settings.clone();
        let theirs = dotenv::value(before, "PYTHONPATH").or_else(|| theirs.clone());
        let paths = before_theirs(&wheel, theirs.as_deref().unwrap_or(HOME));
        settings.push(("PYTHONPATH".to_owned(), paths));
        dotenv::set(before, &settings)
    }));
    let block = door_alone(&services, &door.folder, &reach);
    let file = project.join("docker-compose.override.yml");
    edits.push(compose::new_override(file, format!("{FIRST}{block}"), block));
    let note = "run `astro dev restart`; the Astro CLI itself was not run by our tests";
    Ok(Plan { target: project, edits, notes: vec![note.to_owned()] })
}

/// What was searched before goes on being searched, after the wheel.
fn before_theirs(wheel: &str, theirs: &str) -> String {
    let kept: Vec<&str> = theirs.split(':').filter(|entry| *entry != wheel).collect();
    format!("{wheel}:{}", kept.join(":"))
}

/// By the image's name: `astro-runtime` is Airflow 2, `runtime:3…` is Airflow 3.
fn services(dockerfile: &str) -> Result<Vec<String>, Failure> {
    let from = dockerfile.lines().find_map(|line| line.trim().strip_prefix("FROM "));
    let image = from.unwrap_or_default().trim();
    let names: &[&str] = if image.contains("astro-runtime:") {
        &SERVICES_OF_2
    } else if image.contains("/runtime:") {
        &SERVICES
    } else {
        let failure =
            Failure::new("not_found", "the Dockerfile does not tell the version of Airflow");
        return Err(failure
            .because(format!("it begins with `{image}`"))
            .hint("name the services that run Airflow's code: `--service scheduler …`"));
    };
    Ok(names.iter().map(|name| (*name).to_owned()).collect())
}

/// `ENV NAME=value` or `ENV NAME value`; what refers to another variable is not known here.
fn variable(dockerfile: &str, name: &str) -> Option<String> {
    let set = |line: &str| {
        let rest = line.trim().strip_prefix("ENV ")?.trim().strip_prefix(name)?;
        let value = rest.strip_prefix(['=', ' '])?.trim().trim_matches(['"', '\'']);
        (!value.contains('$')).then(|| value.to_owned())
    };
    dockerfile.lines().rev().find_map(set)
}

fn dockerfile(project: &Path) -> Result<String, Failure> {
    if !project.join(".astro").is_dir() {
        let what = format!("{} is no Astro project: it has no .astro folder", project.display());
        return Err(
            Failure::new("not_found", what).hint("give --dir, or run `astro dev init` first")
        );
    }
    let dockerfile = files::read_text(&project.join("Dockerfile"))?.unwrap_or_default();
    if dockerfile.contains("AIRFLOW__SECRETS__BACKEND=") || dockerfile.contains("SECRETS__BACKEND ")
    {
        let failure = Failure::new("conflict", "the Dockerfile sets a secrets backend already");
        return Err(failure.hint("move that setting into .env: then it is asked next"));
    }
    Ok(dockerfile)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_image_tells_the_services_and_what_it_searches() {
        let three = "FROM astrocrpublic.azurecr.io/runtime:3.1-1\nENV PYTHONPATH=/a:/b\n";
        assert_eq!(services(three).unwrap(), SERVICES);
        assert_eq!(variable(three, "PYTHONPATH").as_deref(), Some("/a:/b"));
        let two = "FROM quay.io/astronomer/astro-runtime:12.6.0\nENV PYTHONPATH $X:/b\n";
        assert_eq!(services(two).unwrap(), SERVICES_OF_2);
        assert_eq!(variable(two, "PYTHONPATH"), None);
        assert!(services("FROM x\n").is_err());
        assert_eq!(before_theirs("/w", "/a:/w:/b"), "/w:/a:/b");
    }
}
