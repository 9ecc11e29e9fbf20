//! In which lane is whoever asks? By the scope that systemd runs it in, by who started it, by the capability
//! that it presents. Where there are lanes and nobody sees where it comes from, it may be in any.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::lanes::{Lane, Within};
use dagpass_core::principal::{Kind, Lineage, Mark, Principal, Process};

use super::Api;
use super::capability::Holder;
use crate::config::LaneConfig;
use crate::system;

/// Did a run begin in a lane here that nothing but its lineage holds together? What is left of it then goes on
/// without the run.
#[derive(Debug, Default)]
pub(super) struct Begun(AtomicBool);

/// A process, its parents and what started those.
#[derive(Debug, Default)]
struct Origin {
    lineage: Lineage,
    /// From the process upwards.
    programs: Vec<Option<PathBuf>>,
}

/// What there is to be in.
struct Known<'a> {
    lanes: &'a [LaneConfig],
    /// The processes that runs in a lane began with.
    roots: Vec<(Mark, Within)>,
    /// Somebody may be in one for who started it, and for nothing else.
    by_lineage: bool,
}

/// Of whoever presents that, by that process.
pub(super) fn of(api: &Api, process: &Process, holder: &Holder) -> Lane {
    match holder.kind {
        Kind::Owner | Kind::Run(_) | Kind::Relay => {}
        Kind::Agent | Kind::Container(_) | Kind::Forwarded(_) => return Lane::Free,
    }
    let config = api.config.current();
    let roots = api.capabilities.roots();
    let begun = api.lanes.0.load(Ordering::SeqCst);
    if config.lanes.is_empty() && roots.is_empty() && holder.lane.is_free() {
        return Lane::Free;
    }
    let by_lineage = begun || config.lanes.iter().any(LaneConfig::goes_by_programs);
    let known = Known { lanes: &config.lanes, roots, by_lineage };
    known.lane(&Origin::of(process), &holder.lane)
}

/// The one that a run is to begin in, and what it begins with.
pub(super) fn begin(
    api: &Api,
    principal: &Principal,
    named: Option<&str>,
) -> Result<Lane, Refusal> {
    let Some(named) = named else { return Ok(principal.lane.clone()) };
    match &principal.lane {
        Lane::Free => {}
        Lane::In(within) if *within.name == *named => return Ok(principal.lane.clone()),
        Lane::In(_) | Lane::Unseen(_) => {
            return Err(Refusal::new(
                ErrorCode::AccessDenied,
                "no run begins in another lane here",
            )
            .because(format!("it is asked for by {}", principal.lane.told())));
        }
    }
    let config = api.config.current();
    let found = config.lanes.iter().find(|lane| *lane.within.name == *named);
    let found = found.ok_or_else(|| {
        let names: Vec<&str> = config.lanes.iter().map(|lane| &*lane.within.name).collect();
        let hint = match names.as_slice() {
            [] => format!("add `[lane.{named}]` to the config"),
            names => format!("there are `{}`", names.join("`, `")),
        };
        Refusal::new(ErrorCode::NotFound, format!("there is no lane `{named}`")).hint(hint)
    })?;
    let unit = principal.process.lineage().unit;
    if !unit.is_some_and(|unit| found.has_unit(&unit)) {
        api.lanes.0.store(true, Ordering::SeqCst);
    }
    Ok(Lane::In(found.within.clone()))
}

impl Origin {
    fn of(process: &Process) -> Self {
        let lineage = process.lineage();
        let program = |mark: &Mark| {
            let found = system::executable(mark.pid);
            // Behind it: a number that is used again is another process.
            found.filter(|_| system::process_alive(mark.pid, mark.started_at))
        };
        let programs = lineage.tree.iter().chain(&lineage.above).map(program).collect();
        Self { lineage, programs }
    }
}

impl Known<'_> {
    /// What holds of the process goes before what its capability says: it may be another's.
    fn lane(&self, origin: &Origin, held: &Lane) -> Lane {
        let lineage = &origin.lineage;
        if lineage.is_of_agent {
            return Lane::Free;
        }
        let of_unit =
            |lane: &&LaneConfig| lineage.unit.as_ref().is_some_and(|unit| lane.has_unit(unit));
        if let Some(lane) = self.lanes.iter().find(of_unit) {
            return Lane::In(lane.within.clone());
        }
        let chain = lineage.tree.iter().chain(&lineage.above).zip(&origin.programs);
        // The outermost: whatever is begun within a lane stays in it.
        let begun = chain.filter_map(|(mark, program)| self.begun_by(mark, program.as_ref()));
        if let Some(within) = begun.last() {
            return Lane::In(within);
        }
        if !held.is_free() {
            return held.clone();
        }
        let is_lost = !lineage.is_seen() || (self.by_lineage && lineage.is_adopted);
        if self.lanes.is_empty() || !is_lost {
            return Lane::Free;
        }
        Lane::Unseen(self.lanes.iter().map(|lane| lane.within.clone()).collect::<Arc<[_]>>())
    }

    fn begun_by(&self, mark: &Mark, program: Option<&PathBuf>) -> Option<Within> {
        if let Some((_, within)) = self.roots.iter().find(|(root, _)| root == mark) {
            return Some(within.clone());
        }
        let program = program?;
        let lane = self.lanes.iter().find(|lane| lane.has_program(program))?;
        Some(lane.within.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    const LANES: &str =
        "[lane.agent]\nprograms = [\"claude\"]\n[lane.other]\nprograms = [\"codex\"]\n";

    fn mark(pid: u32) -> Mark {
        Mark { pid, started_at: Some(1) }
    }

    /// From the process upwards, each by what it runs.
    fn origin(programs: &[&str]) -> Origin {
        let tree = (0..programs.len()).map(|at| mark(100 - at as u32)).collect();
        let lineage = Lineage { tree, ..Lineage::default() };
        let programs = programs.iter().map(|name| Some(PathBuf::from("/usr/bin").join(name)));
        Origin { lineage, programs: programs.collect() }
    }

    fn within(name: &str) -> Lane {
        Lane::In(Within { name: name.into(), quota: Default::default() })
    }

    fn told(lane: &Lane) -> String {
        match lane {
            Lane::Free => "free".to_owned(),
            Lane::In(within) => within.name.to_string(),
            Lane::Unseen(all) => format!("unseen of {}", all.len()),
        }
    }

    #[test]
    fn who_started_it_decides_and_whoever_nobody_sees_the_origin_of_may_be_in_any() {
        let lanes = parse(LANES, Path::new("config.toml")).unwrap().lanes;
        let adopted = |mut origin: Origin| {
            origin.lineage.is_adopted = true;
            origin
        };
        let in_unit = |mut origin: Origin, unit: &str| {
            origin.lineage.unit = Some(unit.to_owned());
            origin
        };
        let of_agent = |mut origin: Origin| {
            origin.lineage.is_of_agent = true;
            origin
        };
        let hidden = |mut origin: Origin| {
            origin.programs = vec![None; origin.programs.len()];
            origin
        };
        let free = || Lane::Free;
        for (case, origin, held, expected) in [
            ("a terminal", origin(&["dagpass", "bash", "term"]), free(), "free"),
            ("its program", origin(&["claude", "bash"]), free(), "agent"),
            (
                "below it",
                origin(&["dagpass", "python3", "bash", "claude", "bash"]),
                free(),
                "agent",
            ),
            ("one within another", origin(&["dagpass", "claude", "codex"]), free(), "other"),
            ("adopted", adopted(origin(&["dagpass", "bash"])), free(), "unseen of 2"),
            ("adopted, and its program", adopted(origin(&["dagpass", "codex"])), free(), "other"),
            (
                "its scope, adopted",
                in_unit(adopted(origin(&["sh"])), "dagpass-lane-agent-1.scope"),
                free(),
                "agent",
            ),
            ("another scope", in_unit(origin(&["sh"]), "session-1.scope"), free(), "free"),
            ("not shown at all", Origin::default(), free(), "unseen of 2"),
            ("by its capability", Origin::default(), within("other"), "other"),
            ("another's capability", origin(&["dagpass", "claude"]), within("other"), "agent"),
            ("programs that are not shown", hidden(origin(&["dagpass", "claude"])), free(), "free"),
            ("the window", of_agent(origin(&["panel", "claude"])), free(), "free"),
        ] {
            let known = Known { lanes: &lanes, roots: Vec::new(), by_lineage: true };
            assert_eq!(told(&known.lane(&origin, &held)), expected, "{case}");
        }
    }

    #[test]
    fn what_a_run_in_a_lane_began_with_holds_all_that_it_starts() {
        let lanes = parse("[lane.agent]\n", Path::new("config.toml")).unwrap().lanes;
        let Lane::In(root) = within("agent") else { panic!() };
        let known = |by_lineage| {
            let roots = vec![(mark(98), root.clone())];
            Known { lanes: &lanes, roots, by_lineage }
        };
        let below = origin(&["sh", "sh", "dagpass", "bash"]);
        assert_eq!(told(&known(true).lane(&below, &Lane::Free)), "agent");
        let mut beside = origin(&["sh", "bash"]);
        assert_eq!(told(&known(true).lane(&beside, &Lane::Free)), "free");
        beside.lineage.is_adopted = true;
        assert_eq!(told(&known(true).lane(&beside, &Lane::Free)), "unseen of 1");
        // Where every lane is a scope, no lineage has to be whole.
        assert_eq!(told(&known(false).lane(&beside, &Lane::Free)), "free");
    }
}
