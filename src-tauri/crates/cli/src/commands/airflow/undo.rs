//! Takes back what `setup` did, by its receipts: files as they were, and the package out of an interpreter
//! that had none, once nothing else that was set up uses it there.

use std::path::{Path, PathBuf};

use dagpass_client::place;
use serde_json::json;

use super::interpreter::Interpreter;
use super::receipt::Receipt;
use crate::exit::Failure;
use crate::output;
use crate::world::World;

/// One layout's, or the only one there is.
pub(super) fn run(
    world: &World,
    state: &Path,
    which: Option<(&str, &Path)>,
) -> Result<(), Failure> {
    let mut all = match which {
        Some((layout, target)) => {
            let mut all = Receipt::all(state)?;
            all.retain(|receipt| receipt.layout == layout && receipt.target == target);
            all
        }
        None => Receipt::wirings(state)?,
    };
    if all.len() > 1 {
        let failure = Failure::usage("which one?").because(
            all.iter()
                .map(|one| format!("{} of {}", one.layout, one.target.display()))
                .collect::<Vec<_>>()
                .join(", "),
        );
        return Err(failure.hint("give --for LAYOUT with --dir or AIRFLOW_HOME, or --file PATH"));
    }
    match all.pop() {
        Some(receipt) => undo(world, state, receipt),
        None => Err(Failure::new("not_found", "nothing here was wired by us")),
    }
}

/// The one that wrote this file.
pub(super) fn of_file(world: &World, state: &Path, file: &Path) -> Result<(), Failure> {
    let mut all = Receipt::all(state)?;
    all.retain(|receipt| receipt.files.iter().any(|kept| kept.path == file));
    match all.pop() {
        Some(receipt) => undo(world, state, receipt),
        None => Err(Failure::new("not_found", format!("{} is not wired by us", file.display()))),
    }
}

/// What was wired on this machine, each once.
pub(crate) fn wired() -> Vec<PathBuf> {
    let all = place::state_dir().ok().and_then(|state| Receipt::wirings(&state).ok());
    let mut targets: Vec<PathBuf> =
        all.unwrap_or_default().into_iter().map(|receipt| receipt.target).collect();
    targets.sort();
    targets.dedup();
    targets
}

/// Everything that was wired there, undone without a word.
pub(crate) fn take_back(target: &Path) -> Result<(), Failure> {
    let state = place::state_dir();
    let state = state.map_err(|error| Failure::new("no_place", error.to_string()))?;
    for receipt in Receipt::wirings(&state)?.into_iter().filter(|receipt| receipt.target == target)
    {
        reverse(&state, receipt)?;
    }
    Ok(())
}

fn undo(world: &World, state: &Path, receipt: Receipt) -> Result<(), Failure> {
    let files: Vec<PathBuf> = receipt.files.iter().map(|kept| kept.path.clone()).collect();
    let python = receipt.python.clone();
    let uninstalled = reverse(state, receipt)?;
    if world.json {
        return output::json(&json!({
            "files": files, "result": "restored", "uninstalled": python.filter(|_| uninstalled)
        }));
    }
    for file in files {
        output::say(&format!("{} is as it was before", file.display()));
    }
    if uninstalled {
        output::say("airflow-provider-dagpass is taken out of the interpreter again");
    }
    Ok(())
}

/// Whether the package went too.
fn reverse(state: &Path, mut receipt: Receipt) -> Result<bool, Failure> {
    let changed = receipt.restore()?;
    let Some(file) = changed.first() else {
        receipt.remove()?;
        return take_away(state, &receipt);
    };
    receipt.save()?;
    let names: Vec<String> = changed.iter().map(|file| file.display().to_string()).collect();
    let failure = Failure::new("conflict", format!("{} was changed since", names.join(", ")));
    Err(failure.hint(match receipt.copy_of(file) {
        Some(copy) => format!("what was there before is {}", copy.display()),
        None => "there was no such file before: take our lines out by hand".to_owned(),
    }))
}

fn take_away(state: &Path, receipt: &Receipt) -> Result<bool, Failure> {
    let Some(python) = receipt.python.as_ref().filter(|_| receipt.installed) else {
        return Ok(false);
    };
    let others = Receipt::all(state)?;
    if let Some(mut other) = others.into_iter().find(|other| other.python.as_ref() == Some(python))
    {
        // It goes with the last one that needs it.
        other.installed = true;
        other.save()?;
        return Ok(false);
    }
    Interpreter::asked(python.clone(), "the receipt")?.uninstall()?;
    Ok(true)
}
