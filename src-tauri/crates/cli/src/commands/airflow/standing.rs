//! Which layout of Airflow stands where the person stands, by the files that each has and nothing that is run;
//! and what their answer means. Decides nothing for them.

use std::path::{Path, PathBuf};

use super::layout::Layout;
use super::{find, wiring};
use crate::exit::Failure;
use crate::system::PYTHON_IN_ENVIRONMENT;
use crate::{input, output};

/// What `airflow standalone` of 3.x and of 2.x leaves in Airflow's home.
const STANDALONE: [&str; 2] =
    ["simple_auth_manager_passwords.json.generated", "standalone_admin_password.txt"];
const COMPOSE: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const PYTEST: [&str; 2] = ["conftest.py", "pytest.ini"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) layout: Layout,
    /// The file that tells.
    pub(super) by: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Take(Layout),
    Print,
    Neither,
}

/// The likeliest first.
pub(super) fn here(project: &Path) -> Vec<Standing> {
    let active = std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty());
    let environments = active.map(PathBuf::from).into_iter().chain([project.join(".venv")]);
    let program = format!("airflow{}", std::env::consts::EXE_SUFFIX);
    let beside = |folder: PathBuf| folder.join(PYTHON_IN_ENVIRONMENT).with_file_name(&program);
    let airflow = environments.map(beside).find(|path| path.is_file());
    let airflow = airflow.or_else(|| find::on_path("airflow").next());
    let home = wiring::airflow_cfg().and_then(|cfg| cfg.parent().map(Path::to_owned));
    judge(project, home.as_deref(), airflow)
}

fn judge(project: &Path, home: Option<&Path>, airflow: Option<PathBuf>) -> Vec<Standing> {
    let mut found = Vec::new();
    let mut add = |layout, by: Option<PathBuf>| found.extend(by.map(|by| Standing { layout, by }));
    let astro = Some(project.join(".astro")).filter(|folder| folder.is_dir());
    // The Astro CLI starts its services by compose too, and takes an override along.
    let compose = if astro.is_some() { None } else { first(project, &COMPOSE, names_airflow) };
    add(Layout::Astro, astro);
    add(Layout::Compose, compose);
    if airflow.is_some() {
        let standalone = home.and_then(|home| first(home, &STANDALONE, |_| true));
        let pytest = first(project, &PYTEST, |_| true);
        match standalone {
            Some(by) => add(Layout::Standalone, Some(by)),
            None => add(Layout::Venv, airflow),
        }
        add(Layout::Pytest, pytest);
    }
    found
}

fn first(folder: &Path, names: &[&str], fits: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file() && fits(path))
}

fn names_airflow(file: &Path) -> bool {
    std::fs::read_to_string(file).is_ok_and(|text| text.to_lowercase().contains("airflow"))
}

/// What they want set up; `None` is the settings alone, to be printed.
pub(super) fn ask(found: &[Standing]) -> Result<Option<Layout>, Failure> {
    if found.is_empty() || !output::stdin_is_terminal() || !output::stderr_is_terminal() {
        return Ok(None);
    }
    output::say("Airflow here:");
    for (number, one) in found.iter().enumerate() {
        output::say(&format!("  {} {:<10} {}", number + 1, one.layout.name(), one.by.display()));
    }
    let question = "which one is set up? [1; p prints the settings and writes nothing] ";
    let said = input::answer(question, "--for LAYOUT")?;
    match answered(&said, found) {
        Answer::Take(layout) => Ok(Some(layout)),
        Answer::Print => Ok(None),
        Answer::Neither => Err(Failure::usage(format!("`{said}` is none of them"))
            .hint("a number or a name of the list, or p")),
    }
}

fn answered(said: &str, found: &[Standing]) -> Answer {
    if said.eq_ignore_ascii_case("p") {
        return Answer::Print;
    }
    let number = if said.is_empty() { Some(1) } else { said.parse::<usize>().ok() };
    let by_number = number.and_then(|number| found.get(number.checked_sub(1)?));
    let chosen = by_number.or_else(|| found.iter().find(|one| one.layout.name() == said));
    chosen.map_or(Answer::Neither, |one| Answer::Take(one.layout))
}

/// That nothing is written, and which command would write.
pub(super) fn first_line(found: &[Standing]) -> String {
    match found {
        [] => "nothing is written: no Airflow was seen here (an active environment, .venv, `airflow` on PATH, \
               a compose file, .astro); `dagpass airflow setup --for LAYOUT` writes"
            .to_owned(),
        [likeliest, ..] => format!(
            "nothing is written, these are the settings: `dagpass airflow setup --for {}` writes them, for {}",
            likeliest.layout.name(),
            likeliest.by.display()
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layouts(folder: &Path, airflow: bool) -> Vec<&'static str> {
        let airflow = airflow.then(|| folder.join("airflow"));
        let found = judge(folder, Some(&folder.join("home")), airflow);
        found.iter().map(|one| one.layout.name()).collect()
    }

    #[test]
    fn what_stands_there_is_told_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        assert_eq!(layouts(folder.path(), false), [] as [&str; 0]);
        assert_eq!(layouts(folder.path(), true), ["venv"]);
        write("docker-compose.yml", "services: {db: {image: postgres}}");
        write("conftest.py", "");
        assert_eq!(layouts(folder.path(), false), [] as [&str; 0]);
        assert_eq!(layouts(folder.path(), true), ["venv", "pytest"]);
        write("compose.yaml", "x: apache/airflow:3.3.2");
        assert_eq!(layouts(folder.path(), true), ["compose", "venv", "pytest"]);
        write("home/standalone_admin_password.txt", "x");
        assert_eq!(layouts(folder.path(), true), ["compose", "standalone", "pytest"]);
        write(".astro/config.yaml", "");
        assert_eq!(layouts(folder.path(), false), ["astro"]);
    }

    #[test]
    fn an_answer_is_a_number_a_name_or_nothing_for_the_likeliest() {
        let found = [Layout::Venv, Layout::Pytest]
            .map(|layout| Standing { layout, by: PathBuf::from("by") });
        for (said, expected) in [
            ("", Answer::Take(Layout::Venv)),
            ("1", Answer::Take(Layout::Venv)),
            ("2", Answer::Take(Layout::Pytest)),
            ("pytest", Answer::Take(Layout::Pytest)),
            ("P", Answer::Print),
            ("0", Answer::Neither),
            ("3", Answer::Neither),
            ("astro", Answer::Neither),
        ] {
            assert_eq!(answered(said, &found), expected, "{said}");
        }
        assert!(first_line(&found).contains("--for venv` writes them, for by"));
        assert!(first_line(&[]).starts_with("nothing is written: no Airflow was seen here"));
    }
}
