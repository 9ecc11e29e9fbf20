//! `dagpass airflow setup`: prints or writes the settings that have Airflow ask the agent, and takes
//! them back byte for byte. Never drops a secrets backend that was there: it is asked next.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use crate::exit::Failure;
use crate::world::World;
use crate::{output, system};

mod backend;
mod cfg;
mod compose;
mod roles;
mod server;
mod shell;
pub(crate) mod wiring;

use backend::Unwirable;

#[derive(Debug, Subcommand)]
pub(crate) enum Airflow {
    /// Print or write the settings that wire the secrets backend
    #[command(
        after_help = "Examples:\n  dagpass airflow setup                    # shows what would be written\n  \
        dagpass airflow setup --write cfg\n  dagpass airflow setup --write env --file .env\n  \
        dagpass airflow setup --undo\n  \
        dagpass airflow setup --for compose --wheel ./airflow_provider_dagpass-0.1.0-py3-none-any.whl\n  \
        dagpass airflow setup --server --url https://airflow.corp.example --out ./airflow-ping"
    )]
    Setup(Box<Setup>),
    /// Show which Airflow roles a person's groups give, and why
    #[command(
        after_help = "Examples:\n  dagpass airflow roles                    # for the person signed in\n  \
        dagpass airflow roles prod --group data-eng --group ops\n  \
        dagpass airflow roles prod --check       # fails where the server maps otherwise"
    )]
    Roles(roles::Roles),
}

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Print the settings: for airflow.cfg, or as environment variables
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "cfg", conflicts_with_all = ["write", "undo"])]
    print: Option<Form>,
    /// Write them: into airflow.cfg, or into a file that a shell reads
    #[arg(long, value_enum, conflicts_with = "undo")]
    write: Option<Form>,
    /// Put back what was there before, byte for byte
    #[arg(long)]
    undo: bool,
    /// The file, where it is not Airflow's own airflow.cfg
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
    /// Which environment's connections this Airflow gets
    #[arg(long)]
    env: Option<String>,
    /// For a whole layout: every file it needs
    #[arg(long = "for", id = "layout", value_enum, value_name = "LAYOUT", conflicts_with_all = ["print", "write", "file"])]
    layout: Option<Layout>,
    #[command(flatten)]
    compose: compose::Compose,
    #[command(flatten)]
    server: server::Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// docker-compose.override.yml: the project's door for its containers
    Compose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Cfg,
    Env,
}

pub(crate) fn run(world: &World, command: Airflow) -> Result<(), Failure> {
    let setup = match command {
        Airflow::Setup(setup) => setup,
        Airflow::Roles(command) => return roles::run(world, command),
    };
    if setup.server.server {
        return server::run(world, &setup.server);
    }
    if let Some(Layout::Compose) = setup.layout {
        return compose::run(world, &setup.compose, setup.env.as_deref(), setup.undo);
    }
    let form = setup.write.or(setup.print).unwrap_or(Form::Cfg);
    if setup.undo {
        let file = file(&setup, Form::Cfg)?;
        undo(&file)?;
        return done(world, "restored", &file);
    }
    if setup.write.is_none() {
        return print(&setup, form);
    }
    let file = file(&setup, form)?;
    let before = read(&file, form)?;
    match rewire(form, &before, setup.env.as_deref()) {
        Ok(after) => write(&file, &before, &after)?,
        Err(Unwirable::Already) => return done(world, "unchanged", &file),
        Err(other) => return Err(refused(&file, &other)),
    }
    if form == Form::Cfg && std::env::var_os("AIRFLOW__SECRETS__BACKEND").is_some() {
        output::say("note: AIRFLOW__SECRETS__BACKEND is set here and goes before airflow.cfg");
    }
    done(world, "written", &file)
}

fn done(world: &World, what: &str, file: &Path) -> Result<(), Failure> {
    if world.json {
        return output::json(&serde_json::json!({"file": file, "result": what}));
    }
    output::say(&match what {
        "unchanged" => format!("{} is wired already", file.display()),
        "restored" => format!("{} is as it was before", file.display()),
        _ => format!("{} is wired; `dagpass airflow setup --undo` takes it back", file.display()),
    });
    Ok(())
}

/// Shows the settings as they would come out, with the backend that is there chained.
fn print(setup: &Setup, form: Form) -> Result<(), Failure> {
    // Without a file the settings are still worth showing; one that is there is chained.
    let before = match file(setup, form) {
        Ok(file) if file.exists() => read(&file, form)?,
        Ok(_) | Err(_) => String::new(),
    };
    let env = setup.env.as_deref();
    let text = match form {
        Form::Cfg => cfg::settings(&before, env),
        Form::Env => shell::settings(&before, env),
    };
    output::out(&text.map_err(|error| refused(Path::new("the present setting"), &error))?)
}

fn rewire(form: Form, before: &str, env: Option<&str>) -> Result<String, Unwirable> {
    match form {
        Form::Cfg => cfg::wire(before, env),
        Form::Env => shell::wire(before, env),
    }
}

fn refused(file: &Path, error: &Unwirable) -> Failure {
    let failure = Failure::new("config_invalid", format!("{} cannot be wired", file.display()));
    failure.because(error).hint("correct it, or set it by hand: `dagpass airflow setup` prints it")
}

fn file(setup: &Setup, form: Form) -> Result<PathBuf, Failure> {
    let file = match (&setup.file, form) {
        (Some(file), _) => file.clone(),
        (None, Form::Cfg) => wiring::airflow_cfg()
            .ok_or_else(|| Failure::usage("the home folder is not known").hint("give --file"))?,
        (None, Form::Env) => {
            return Err(Failure::usage("which file does the shell read?").hint("give --file PATH"));
        }
    };
    // A link stays a link: what it points to is edited.
    Ok(fs::canonicalize(&file).unwrap_or(file))
}

fn read(file: &Path, form: Form) -> Result<String, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && form == Form::Env => {
            Ok(String::new())
        }
        // Airflow writes its defaults and keys only where no file is there.
        Err(error) => Err(Failure::new("not_found", format!("{} cannot be read", file.display()))
            .because(error)
            .hint("run `airflow version` once, which writes it, or give --file")),
    }
}

/// What was there, and what we wrote: undo gives back the first where the file still is the second.
fn companions(file: &Path) -> (PathBuf, PathBuf) {
    let beside = |suffix: &str| {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    (beside(".dagpass-backup"), beside(".dagpass-written"))
}

fn write(file: &Path, before: &str, after: &str) -> Result<(), Failure> {
    let (backup, written) = companions(file);
    if backup.exists() {
        let failure = Failure::new("conflict", format!("{} is there already", backup.display()));
        return Err(failure.hint("run `dagpass airflow setup --undo`, or move it away"));
    }
    keep(&backup, before)?;
    keep(&written, after)?;
    replace(file, after)
}

/// The file that we wired, where its companions say so.
pub(super) fn wired() -> Vec<PathBuf> {
    let file = wiring::airflow_cfg().map(|file| fs::canonicalize(&file).unwrap_or(file));
    file.into_iter().filter(|file| companions(file).0.exists()).collect()
}

pub(super) fn undo(file: &Path) -> Result<(), Failure> {
    let (backup, written) = companions(file);
    let nothing = |error: std::io::Error| {
        let failure = Failure::new("not_found", format!("{} is not wired by us", file.display()));
        failure.because(error)
    };
    let before = fs::read_to_string(&backup).map_err(nothing)?;
    let expected = fs::read_to_string(&written).map_err(nothing)?;
    let present = fs::read_to_string(file).map_err(nothing)?;
    if present != expected {
        let failure = Failure::new("conflict", format!("{} was changed since", file.display()));
        return Err(failure.hint(format!("what was there before is {}", backup.display())));
    }
    replace(file, &before)?;
    for companion in [backup, written] {
        fs::remove_file(&companion).map_err(|error| cannot_write(&companion, error))?;
    }
    Ok(())
}

fn keep(path: &Path, text: &str) -> Result<(), Failure> {
    // Airflow's config holds keys and passwords, so its copies are for its owner alone.
    let kept = system::create_private(path).and_then(|mut file| file.write_all(text.as_bytes()));
    kept.map_err(|error| cannot_write(path, error))
}

/// Whole or not at all, with the rights the file had.
fn replace(file: &Path, text: &str) -> Result<(), Failure> {
    let mut name = file.as_os_str().to_owned();
    name.push(".dagpass-new");
    let new = PathBuf::from(name);
    keep(&new, text)?;
    let moved = match fs::metadata(file) {
        Ok(about) => fs::set_permissions(&new, about.permissions()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    };
    moved.and_then(|()| fs::rename(&new, file)).map_err(|error| cannot_write(file, error))
}

fn cannot_write(path: &Path, error: std::io::Error) -> Failure {
    Failure::new("io", format!("{} cannot be written", path.display())).because(error)
}

#[cfg(test)]
#[path = "airflow/tests.rs"]
mod tests;
