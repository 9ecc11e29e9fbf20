//! Which Python runs a person's Airflow. Decides by what answers `--version` as one: whatever else a script
//! names (the `bash` of a shim of pyenv's or asdf's) would take what we send it for its own language.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dagpass_client::limited;

use super::interpreter::Interpreter;
use crate::exit::Failure;
use crate::system::PYTHON_IN_ENVIRONMENT;

/// How long may a Python take to say its version? A shim looks for the real one first.
const VERSION_LIMIT: Duration = Duration::from_secs(30);
/// What a Python is called beside a shim of `airflow`.
const NAMES: [&str; 2] = ["python3", "python"];
const EXECUTABLE: &str = "import sys; print(sys.executable)";

impl Interpreter {
    /// `--python`, else the active environment, else `.venv` of the project, else `airflow`'s own.
    pub(super) fn find(named: Option<&Path>, project: &Path) -> Result<Self, Failure> {
        if let Some(named) = named {
            let inside = named.join(PYTHON_IN_ENVIRONMENT);
            let program = if inside.is_file() { inside } else { named.to_owned() };
            return Self::asked(program, "--python");
        }
        let active = std::env::var_os("VIRTUAL_ENV").filter(|value| !value.is_empty());
        let active = active.map(|folder| PathBuf::from(folder).join(PYTHON_IN_ENVIRONMENT));
        let local = project.join(".venv").join(PYTHON_IN_ENVIRONMENT);
        for (program, by) in [(active, "VIRTUAL_ENV"), (Some(local), ".venv")] {
            let program = program.filter(|program| program.is_file());
            if let Some(Ok(found)) = program.map(|program| Self::asked(program, by)) {
                return Ok(found);
            }
        }
        let of_airflow = on_path("airflow").find_map(|script| python_of(&script));
        if let Some(program) = of_airflow {
            return Ok(Self { program, by: "airflow on PATH" });
        }
        let failure = Failure::new("not_found", "no Python with Airflow was found");
        let failure = failure.because("no VIRTUAL_ENV, no .venv here, no `airflow` on PATH");
        Err(failure.hint("give --python PATH, the interpreter that Airflow is installed in"))
    }

    /// This program, where it is a Python.
    pub(super) fn asked(program: PathBuf, by: &'static str) -> Result<Self, Failure> {
        match is_python(&program) {
            Ok(()) => Ok(Self { program, by }),
            Err(why) => {
                let failure =
                    Failure::new("not_found", format!("{} is no Python", program.display()));
                Err(failure.because(why).hint("give --python PATH, Airflow's own interpreter"))
            }
        }
    }
}

/// Every file of this name on `PATH`, in its order.
pub(super) fn on_path(name: &str) -> impl Iterator<Item = PathBuf> {
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.into_iter().map(move |folder| folder.join(&name)).filter(|path| path.is_file())
}

/// Or why not. Nothing else takes harm from being asked for its version.
fn is_python(program: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    let ended = limited::output(command.arg("--version"), VERSION_LIMIT);
    let output = ended.map_err(|error| format!("it does not start: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let version = said.trim().strip_prefix("Python ").filter(|rest| rest.starts_with('3'));
    match version {
        Some(_) if output.status.success() => Ok(()),
        Some(_) | None => Err("it does not answer `--version` as Python 3 does".to_owned()),
    }
}

/// The interpreter that a script of `airflow`'s runs on: the one it names, or, for a shim, the one that the
/// shim of `python` beside it stands for.
fn python_of(script: &Path) -> Option<PathBuf> {
    let named = named_by(&std::fs::read_to_string(script).ok()?);
    if let Some(program) = named.filter(|program| is_python(program).is_ok()) {
        return Some(program);
    }
    let beside = NAMES.iter().map(|name| script.with_file_name(name));
    let python = beside.filter(|path| path.is_file()).find(|path| is_python(path).is_ok())?;
    // A shim stands for another one in another folder: what is written down is the real one.
    let mut command = Command::new(&python);
    let output = limited::output(command.args(["-I", "-c", EXECUTABLE]), VERSION_LIMIT).ok()?;
    let program = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    program.is_absolute().then_some(program)
}

/// What a script begins with: `#!`, or pip's way round a path too long for that.
fn named_by(script: &str) -> Option<PathBuf> {
    let mut lines = script.lines();
    let first = lines.next()?.strip_prefix("#!")?.trim();
    if first == "/bin/sh" {
        let exec = lines.next()?.strip_prefix("'''exec'")?.trim();
        let path = match exec.strip_prefix('"') {
            Some(quoted) => quoted.split('"').next()?,
            None => exec.split(' ').next()?,
        };
        return Some(PathBuf::from(path));
    }
    let mut words = first.split_whitespace();
    let program = words.next()?;
    if !program.ends_with("/env") {
        return Some(PathBuf::from(program));
    }
    let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    on_path(name).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_interpreter() {
        let table = [
            ("#!/v/bin/python\nimport x", Some("/v/bin/python")),
            ("#!/v/bin/python3 -E\nimport x", Some("/v/bin/python3")),
            (
                "#!/bin/sh\n'''exec' \"/a long/bin/python3\" \"$0\" \"$@\"\n' '''",
                Some("/a long/bin/python3"),
            ),
            ("#!/bin/sh\n'''exec' /v/bin/python3 \"$0\" \"$@\"\n' '''", Some("/v/bin/python3")),
            ("#!/bin/sh\nexec airflow.real", None),
            ("MZ", None),
        ];
        for (script, expected) in table {
            assert_eq!(named_by(script), expected.map(PathBuf::from), "{script}");
        }
    }

    #[cfg(unix)]
    mod scripts {
        use std::os::unix::fs::PermissionsExt;

        use super::*;

        fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
            let path = folder.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
            path
        }

        #[test]
        fn what_answers_as_a_python_is_one_and_nothing_else() {
            let folder = tempfile::tempdir().unwrap();
            let table = [
                ("#!/bin/sh\necho Python 3.11.7\n", true),
                ("#!/bin/sh\necho GNU bash, version 5.2.15\n", false),
                ("#!/bin/sh\necho Python was not found\n", false),
                ("#!/bin/sh\necho Python 2.7.18\n", false),
                ("#!/bin/sh\necho Python 3.11.7; exit 1\n", false),
            ];
            for (number, (text, expected)) in table.into_iter().enumerate() {
                let program = script(folder.path(), &format!("p{number}"), text);
                assert_eq!(is_python(&program).is_ok(), expected, "{text}");
            }
            assert!(is_python(Path::new("/bin/sh")).is_err());
            assert!(is_python(&folder.path().join("gone")).is_err());
        }

        #[test]
        fn an_interpreter_that_is_named_is_taken_by_its_folder_too() {
            let folder = tempfile::tempdir().unwrap();
            let program =
                script(folder.path(), PYTHON_IN_ENVIRONMENT, "#!/bin/sh\necho Python 3.11.7\n");
            for named in [folder.path(), &program] {
                let found = Interpreter::find(Some(named), Path::new("/nowhere")).unwrap();
                assert_eq!(found.program, program);
            }
        }

        #[test]
        fn a_shim_stands_for_the_python_beside_it() {
            let folder = tempfile::tempdir().unwrap();
            let airflow = "#!/usr/bin/env bash\nexec pyenv exec airflow\n";
            let shim = script(folder.path(), "airflow", airflow);
            assert_eq!(python_of(&shim), None);
            let answers =
                "#!/bin/sh\ncase $1 in -I) echo /v/bin/python;; *) echo Python 3.11.7;; esac\n";
            script(folder.path(), "python", answers);
            assert_eq!(python_of(&shim), Some(PathBuf::from("/v/bin/python")));
        }
    }
}
