//! `dagpass airflow setup`: asks, prints or writes the settings that have Airflow ask the agent, and takes them
//! back byte for byte. Never drops a secrets backend that was there (it is asked next), and writes for an
//! interpreter only once that has imported the backend.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::backend::Unwirable;
use super::door::Doors;
use super::interpreter::{self, Interpreter, Probe};
use super::layout::{Edit, Layout, Place, Plan};
use super::receipt::{Change, Receipt};
use super::{cfg, compose, diff, files, server, shadow, shell, standing, undo, wheel, wiring};
use crate::exit::Failure;
use crate::world::{World, home_is_ours};
use crate::{output, system};

#[derive(Debug, Args)]
pub(crate) struct Setup {
    /// Where Airflow runs: writes the files of that layout, and puts the package into its interpreter
    #[arg(long = "for", value_enum, value_name = "LAYOUT", conflicts_with_all = ["print", "write"])]
    layout: Option<Layout>,
    /// Airflow's interpreter or its environment; else VIRTUAL_ENV, .venv, or that of `airflow` on PATH
    #[arg(long, value_name = "PATH", requires = "layout")]
    python: Option<PathBuf>,
    /// The project's folder
    #[arg(long, value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Show what would change, and change nothing
    #[arg(long, conflicts_with_all = ["print", "undo"])]
    dry_run: bool,
    /// Print the settings: for airflow.cfg, or as environment variables
    #[arg(long, value_enum, num_args = 0..=1, default_missing_value = "cfg", conflicts_with_all = ["write", "undo"])]
    print: Option<Form>,
    /// Write them by hand: into airflow.cfg, or into a file that a shell reads; no interpreter is looked at
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
    #[command(flatten)]
    compose: compose::Compose,
    #[command(flatten)]
    server: server::Server,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    Cfg,
    Env,
}

pub(super) fn run(world: &World, setup: &Setup) -> Result<(), Failure> {
    if setup.server.server {
        return server::run(world, &setup.server);
    }
    home_is_ours()?;
    let state = dagpass_client::place::state_dir();
    let state = state.map_err(|error| Failure::new("no_place", error.to_string()))?;
    match (setup.undo, setup.layout, setup.write) {
        (true, Some(layout), _) => {
            let place = setup.place(world, &state, None);
            undo::run(world, &state, Some((layout.name(), &layout.target(&place)?)))?;
            if !layout.is_local() {
                output::say("note: the project's door stays; `dagpass container down` closes it");
            }
            Ok(())
        }
        (true, None, _) => match &setup.file {
            Some(file) => undo::of_file(world, &state, &files::real(file)?),
            None => undo::run(world, &state, None),
        },
        (false, Some(layout), _) => set_up(world, setup, layout, &state),
        (false, None, Some(form)) => write_by_hand(world, setup, form, &state),
        (false, None, None) => match setup.print {
            Some(form) => output::out(&settings(setup, form)?),
            None => stand(world, setup, &state),
        },
    }
}

impl Setup {
    fn place<'a>(
        &self,
        world: &'a World,
        state: &Path,
        interpreter: Option<Interpreter>,
    ) -> Place<'a> {
        Place {
            project: self.dir.clone(),
            cfg: self.file.clone(),
            env: self.env.clone(),
            state: state.to_owned(),
            compose: self.compose.clone(),
            doors: Doors { world, dry_run: self.dry_run },
            interpreter,
        }
    }
}

fn set_up(world: &World, setup: &Setup, layout: Layout, state: &Path) -> Result<(), Failure> {
    let looked = match layout.is_local() {
        true => Some(look(setup)?),
        false => None,
    };
    let found = looked.as_ref().map(|(found, _)| found.clone());
    let mut plan = layout.plan(&setup.place(world, state, found))?;
    plan.notes.extend(shadow::notes(&setup.dir));
    let mut receipt = Receipt::new(state, layout.name(), &plan.target);
    if setup.dry_run {
        let changes = changes(&plan, receipt.earlier()?.as_ref())?;
        return show(world, &plan, &changes, looked.as_ref());
    }
    if let Some((python, probe)) = &looked {
        receipt.python = Some(python.program.clone());
        receipt.installed = make_importable(python, probe)?;
        if matches!(layout, Layout::Venv | Layout::Standalone) && !plan.target.exists() {
            // Airflow writes its defaults and keys only where no file is there.
            python.write_defaults()?;
        }
    }
    apply(world, &plan, receipt)
}

/// For whoever names no layout: asked at a terminal, else told before anything else that nothing is written.
fn stand(world: &World, setup: &Setup, state: &Path) -> Result<(), Failure> {
    let found = standing::here(&setup.dir);
    let asked = if world.json { None } else { standing::ask(&found)? };
    if let Some(layout) = asked {
        return set_up(world, setup, layout, state);
    }
    let settings = settings(setup, Form::Cfg)?;
    if world.json {
        let seen = found.iter().map(|one| json!({"layout": one.layout.name(), "by": one.by}));
        let seen: Vec<Value> = seen.collect();
        return output::json(&json!({"result": "printed", "seen": seen, "settings": settings}));
    }
    output::say(&standing::first_line(&found));
    output::out(&settings)
}

fn look(setup: &Setup) -> Result<(Interpreter, Probe), Failure> {
    let python = Interpreter::find(setup.python.as_deref(), &setup.dir)?;
    let probe = python.probe()?;
    interpreter::tell(&python, &probe);
    if probe.airflow.is_none() {
        let what = format!("{} has no Airflow", python.program.display());
        return Err(
            Failure::new("not_found", what).hint("give --python PATH, Airflow's own interpreter")
        );
    }
    Ok((python, probe))
}

/// Whether the package had to be put there for it.
fn make_importable(python: &Interpreter, probe: &Probe) -> Result<bool, Failure> {
    let missing = !probe.has_our_package();
    if missing {
        python.install()?;
        output::say(&format!("{} is installed there", wheel::NAME));
    }
    let Some(why) =
        (if missing { python.probe()?.backend_error } else { probe.backend_error.clone() })
    else {
        return Ok(missing && probe.provider.is_none());
    };
    if missing && probe.provider.is_none() {
        python.uninstall()?;
    }
    let failure = Failure::new("not_available", "this interpreter cannot import the backend");
    Err(failure
        .because(why)
        .hint("nothing was written: wired like this, every `airflow` command would fail"))
}

/// What the files become, by what stood there before us.
fn changes(plan: &Plan, earlier: Option<&Receipt>) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for Edit { path, rewrite, .. } in &plan.edits {
        let before = match earlier {
            Some(receipt) => receipt.base(path)?,
            None => files::read(path)?,
        };
        match rewrite(before.as_deref()) {
            Ok(after) => changes.push(Change { path: path.clone(), before, after }),
            Err(Unwirable::Already) => {}
            Err(Unwirable::Paste(block)) => {
                output::out(&block)?;
                let failure =
                    Failure::new("conflict", format!("{} is there already", path.display()));
                let failure = failure.because(Unwirable::Paste(block));
                return Err(failure.hint("paste the block above into it, or move it away"));
            }
            Err(error) => return Err(refused(path, &error)),
        }
    }
    Ok(changes)
}

fn apply(world: &World, plan: &Plan, mut receipt: Receipt) -> Result<(), Failure> {
    let earlier = receipt.earlier()?;
    let changes = changes(plan, earlier.as_ref())?;
    let mut same = earlier.as_ref().is_none_or(|earlier| earlier.files.len() == changes.len());
    for change in &changes {
        same &= files::read(&change.path)?.as_ref() == Some(&change.after);
    }
    let unchanged = same && !receipt.installed;
    if !unchanged {
        if let Some(mut earlier) = earlier {
            receipt.installed |= earlier.installed;
            earlier.restore()?;
        }
        receipt.write(&changes)?;
        for Edit { path, .. } in plan.edits.iter().filter(|edit| edit.for_all) {
            let readable = system::readable_by_all(path);
            readable.map_err(|error| files::cannot_write(path, error))?;
        }
    }
    for note in &plan.notes {
        output::say(&format!("note: {note}"));
    }
    let wired: Vec<&Path> = plan.edits.iter().map(|edit| edit.path.as_path()).collect();
    report(world, if unchanged { "unchanged" } else { "written" }, &wired)
}

pub(super) fn report(world: &World, result: &str, wired: &[&Path]) -> Result<(), Failure> {
    if world.json {
        return output::json(&json!({"files": wired, "result": result}));
    }
    for file in wired {
        output::say(&match result {
            "unchanged" => format!("{} is wired already", file.display()),
            "restored" => format!("{} is as it was before", file.display()),
            _ => {
                format!("{} is wired; `dagpass airflow setup --undo` takes it back", file.display())
            }
        });
    }
    Ok(())
}

fn show(
    world: &World,
    plan: &Plan,
    changes: &[Change],
    looked: Option<&(Interpreter, Probe)>,
) -> Result<(), Failure> {
    let install = looked.filter(|(_, probe)| !probe.has_our_package());
    let install = install.map(|(python, _)| python.program.display().to_string());
    let shown = |change: &Change| {
        let present = files::read(&change.path)?;
        if present.as_ref() == Some(&change.after) {
            return Ok(format!("{} is wired already", change.path.display()));
        }
        let text = present.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        Ok(match std::str::from_utf8(&change.after) {
            Ok(after) if change.after != wheel::BYTES => {
                diff::diff(&change.path.display().to_string(), text.as_deref(), after)
            }
            Ok(_) | Err(_) => {
                format!("+++ {} ({} bytes)", change.path.display(), change.after.len())
            }
        })
    };
    let mut shown = changes.iter().map(shown).collect::<Result<Vec<_>, Failure>>()?;
    if world.json {
        let files: Vec<Value> = changes.iter().map(|change| json!(change.path)).collect();
        return output::json(&json!({"install": install, "files": files, "diff": shown}));
    }
    if let Some(python) = install {
        shown.insert(0, format!("{} would be installed into {python}", wheel::NAME));
    }
    for note in &plan.notes {
        output::say(&format!("note: {note}"));
    }
    output::out(&if shown.is_empty() {
        "nothing would change".to_owned()
    } else {
        shown.join("\n")
    })
}

fn write_by_hand(world: &World, setup: &Setup, form: Form, state: &Path) -> Result<(), Failure> {
    let target = files::real(&file(setup, form)?)?;
    if form == Form::Cfg && !target.exists() {
        // Airflow writes its defaults and keys only where no file is there.
        let failure = Failure::new("not_found", format!("{} is not there", target.display()));
        return Err(failure.hint(
            "run `dagpass airflow setup --for venv`, which has Airflow write it, or give --file",
        ));
    }
    let env = setup.env.clone();
    let rewrite = move |before: &str| match form {
        Form::Cfg => cfg::wire(before, env.as_deref()),
        Form::Env => shell::wire(before, env.as_deref()),
    };
    let mut notes = shadow::notes(&setup.dir);
    if form == Form::Cfg && std::env::var_os("AIRFLOW__SECRETS__BACKEND").is_some() {
        notes.push("AIRFLOW__SECRETS__BACKEND is set here and goes before airflow.cfg".to_owned());
    }
    let plan = Plan { target: target.clone(), edits: vec![Edit::text(target, rewrite)], notes };
    let receipt = Receipt::new(state, "file", &plan.target);
    if setup.dry_run {
        return show(world, &plan, &changes(&plan, receipt.earlier()?.as_ref())?, None);
    }
    apply(world, &plan, receipt)
}

/// The settings as they would come out, with the backend that is there chained.
fn settings(setup: &Setup, form: Form) -> Result<String, Failure> {
    // Without a file the settings are still worth showing; one that is there is chained.
    let before = match file(setup, form) {
        Ok(file) => files::read_text(&file)?.unwrap_or_default(),
        Err(_) => String::new(),
    };
    let env = setup.env.as_deref();
    let text = match form {
        Form::Cfg => cfg::settings(&before, env),
        Form::Env => shell::settings(&before, env),
    };
    text.map_err(|error| refused(Path::new("the present setting"), &error))
}

fn refused(file: &Path, error: &Unwirable) -> Failure {
    let failure = Failure::new("conflict", format!("{} cannot be wired", file.display()));
    failure.because(error).hint("correct it, or set it by hand: `dagpass airflow setup` prints it")
}

fn file(setup: &Setup, form: Form) -> Result<PathBuf, Failure> {
    match (&setup.file, form) {
        (Some(file), _) => Ok(file.clone()),
        (None, Form::Cfg) => wiring::airflow_cfg()
            .ok_or_else(|| Failure::usage("the home folder is not known").hint("give --file")),
        (None, Form::Env) => {
            Err(Failure::usage("which file does the shell read?").hint("give --file PATH"))
        }
    }
}
