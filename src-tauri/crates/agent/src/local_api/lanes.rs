//! In which lane is whoever asks? By the scope that systemd runs it in, by who started it, by the capability
//! that it presents: what they say is added up, and none of them takes it out of what another says. Where there
//! are lanes and nobody sees where it comes from, it may be in any.

mod shown;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use dagpass_core::error::{ErrorCode, Refusal};
use dagpass_core::lanes::{Lane, Within};
use dagpass_core::principal::{Kind, Lineage, Mark, Principal, Process};

use super::Api;
use super::capability::Holder;
use crate::config::LaneConfig;
use crate::system;

pub(super) use shown::{all, status};

/// How many scopes are remembered that a run began in? The oldest gives way.
const MOST_SCOPES: usize = 1024;

/// What the runs in lanes began with here.
#[derive(Debug, Default)]
pub(super) struct Begun {
    /// Does nothing but its lineage hold one together? What is left of it then goes on without the run.
    by_lineage: AtomicBool,
    /// A scope's name is whoever's that asks systemd for it: these were seen to be their lanes' own.
    scopes: Mutex<VecDeque<String>>,
}

/// A process, its parents and what started those.
#[derive(Debug, Default)]
struct Origin {
    lineage: Lineage,
    /// Of each from the process upwards: what it runs, and the unit that it is in.
    chain: Vec<Place>,
}

#[derive(Debug, Default)]
struct Place {
    program: Option<PathBuf>,
    unit: Option<String>,
}

/// What there is to be in.
struct Known<'a> {
    lanes: &'a [LaneConfig],
    /// The processes that runs in a lane began with.
    roots: Vec<(Mark, Vec<Within>)>,
    /// Somebody may be in one for who started it, and for nothing else.
    by_lineage: bool,
    /// Scopes that are what they are called.
    scopes: Vec<String>,
}

/// Of whoever presents that, by that process.
pub(super) fn of(api: &Api, process: &Process, holder: &Holder) -> Lane {
    match holder.kind {
        Kind::Owner | Kind::Run(_) | Kind::Relay => {}
        Kind::Agent | Kind::Container(_) | Kind::Forwarded(_) => return Lane::Free,
    }
    let config = api.config.current();
    let roots = api.capabilities.roots();
    let begun = api.lanes.by_lineage.load(Ordering::SeqCst);
    if config.lanes.is_empty() && roots.is_empty() && holder.lane.is_free() {
        return Lane::Free;
    }
    let by_lineage = begun || config.lanes.iter().any(LaneConfig::goes_by_programs);
    let origin = Origin::of(process);
    let own = origin.lineage.unit.as_ref();
    let scopes = own.filter(|unit| api.lanes.has_scope(unit)).cloned().into_iter().collect();
    Known { lanes: &config.lanes, roots, by_lineage, scopes }.lane(&origin, &holder.lane)
}

/// The one that a run is to begin in, and what it begins with.
pub(super) fn begin(
    api: &Api,
    principal: &Principal,
    named: Option<&str>,
) -> Result<Lane, Refusal> {
    let Some(named) = named else { return Ok(principal.lane.clone()) };
    let unit = principal.process.lineage().unit;
    match &principal.lane {
        Lane::Free => {}
        Lane::In(within) if *within.name == *named => {
            let config = api.config.current();
            let lane = config.lanes.iter().find(|lane| *lane.within.name == *named);
            api.lanes.begin(unit.filter(|unit| lane.is_some_and(|lane| lane.has_own_scope(unit))));
            return Ok(principal.lane.clone());
        }
        Lane::In(_) | Lane::Each(_) | Lane::Unseen(_) => {
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
    if !unit.is_some_and(|unit| found.has_unit(&unit)) {
        api.lanes.by_lineage.store(true, Ordering::SeqCst);
    }
    Ok(Lane::In(found.within.clone()))
}

impl Begun {
    fn begin(&self, scope: Option<String>) {
        let Some(scope) = scope else { return };
        let mut scopes = self.scopes();
        if !scopes.contains(&scope) {
            scopes.push_back(scope);
        }
        if scopes.len() > MOST_SCOPES {
            scopes.pop_front();
        }
    }

    fn has_scope(&self, unit: &String) -> bool {
        self.scopes().contains(unit)
    }

    fn scopes(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Origin {
    fn of(process: &Process) -> Self {
        let lineage = process.lineage();
        let place = |mark: &Mark| {
            let found =
                Place { program: system::executable(mark.pid), unit: system::unit(mark.pid) };
            // Behind it: a number that is used again is another process.
            if system::process_alive(mark.pid, mark.started_at) { found } else { Place::default() }
        };
        let chain = lineage.tree.iter().chain(&lineage.above).map(place).collect();
        Self { lineage, chain }
    }
}

impl Known<'_> {
    /// Nobody gets out of a lane by what he can choose himself: the name of a scope, another's capability. Where
    /// they disagree it is in each. A name that nothing speaks for is any lane's.
    fn lane(&self, origin: &Origin, held: &Lane) -> Lane {
        let lineage = &origin.lineage;
        if lineage.is_of_agent {
            return Lane::Free;
        }
        let chain = lineage.tree.iter().chain(&lineage.above).zip(&origin.chain);
        // The outermost: whatever is begun within a lane stays in it.
        let begun = chain.filter_map(|(mark, place)| self.begun_by(mark, place)).last();
        let of_unit = lineage.unit.as_ref().and_then(|unit| self.of_unit(unit));
        let is_lost = !lineage.is_seen() || lineage.is_adopted;
        if of_unit.is_some()
            && is_lost
            && !lineage.unit.as_ref().is_some_and(|unit| self.scopes.contains(unit))
        {
            return Lane::of(self.all());
        }
        let held_by = held.within().iter().map(|one| self.as_it_is(one));
        let claims = of_unit.into_iter().chain(begun.into_iter().flatten()).chain(held_by);
        let found = Lane::of(claims);
        if !found.is_free() || !held.is_free() {
            return if found.is_free() { held.clone() } else { found };
        }
        let may_be_in_any = !lineage.is_seen() || (self.by_lineage && lineage.is_adopted);
        if self.lanes.is_empty() || !may_be_in_any {
            return Lane::Free;
        }
        Lane::Unseen(self.all().collect())
    }

    fn all(&self) -> impl Iterator<Item = Within> {
        self.lanes.iter().map(|lane| lane.within.clone())
    }

    fn of_unit(&self, unit: &str) -> Option<Within> {
        let lane = self.lanes.iter().find(|lane| lane.has_unit(unit))?;
        Some(lane.within.clone())
    }

    fn begun_by(&self, mark: &Mark, place: &Place) -> Option<Vec<Within>> {
        if let Some((_, within)) = self.roots.iter().find(|(root, _)| root == mark) {
            return Some(within.iter().map(|one| self.as_it_is(one)).collect());
        }
        if let Some(within) = place.unit.as_ref().and_then(|unit| self.of_unit(unit)) {
            return Some(vec![within]);
        }
        let program = place.program.as_ref()?;
        let lane = self.lanes.iter().find(|lane| lane.has_program(program))?;
        Some(vec![lane.within.clone()])
    }

    /// By the config of now; one that it has no more is as it was.
    fn as_it_is(&self, one: &Within) -> Within {
        let found = self.lanes.iter().find(|lane| lane.within.name == one.name);
        found.map_or_else(|| one.clone(), |lane| lane.within.clone())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::parse;

    const LANES: &str =
        "[lane.agent]\nprograms = [\"claude\"]\n[lane.other]\nprograms = [\"codex\"]\n";

    /// Of a run that began here.
    const SCOPE: &str = "dagpass-lane-agent-1.scope";

    fn mark(pid: u32) -> Mark {
        Mark { pid, started_at: Some(1) }
    }

    /// From the process upwards, each by what it runs.
    fn origin(programs: &[&str]) -> Origin {
        let tree = (0..programs.len()).map(|at| mark(100 - at as u32)).collect();
        let lineage = Lineage { tree, ..Lineage::default() };
        let place = |name: &&str| Place {
            program: Some(PathBuf::from("/usr/bin").join(name)),
            ..Place::default()
        };
        Origin { lineage, chain: programs.iter().map(place).collect() }
    }

    fn within(name: &str) -> Lane {
        Lane::In(Within { name: name.into(), quota: Default::default() })
    }

    fn told(lane: &Lane) -> String {
        match lane {
            Lane::Free => "free".to_owned(),
            Lane::In(within) => within.name.to_string(),
            Lane::Each(all) => format!("each of {}", all.len()),
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
            origin.chain.iter_mut().for_each(|place| place.program = None);
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
            ("its scope, adopted", in_unit(adopted(origin(&["sh"])), SCOPE), free(), "agent"),
            ("another scope", in_unit(origin(&["sh"]), "session-1.scope"), free(), "free"),
            ("not shown at all", Origin::default(), free(), "unseen of 2"),
            ("by its capability", Origin::default(), within("other"), "other"),
            ("another's capability", origin(&["dagpass", "claude"]), within("other"), "each of 2"),
            ("its own capability", origin(&["dagpass", "claude"]), within("agent"), "agent"),
            ("programs that are not shown", hidden(origin(&["dagpass", "claude"])), free(), "free"),
            ("the window", of_agent(origin(&["panel", "claude"])), free(), "free"),
        ] {
            let scopes = vec![SCOPE.to_owned()];
            let known = Known { lanes: &lanes, roots: Vec::new(), by_lineage: true, scopes };
            assert_eq!(told(&known.lane(&origin, &held)), expected, "{case}");
        }
    }

    #[test]
    fn what_a_run_in_a_lane_began_with_holds_all_that_it_starts() {
        let lanes = parse("[lane.agent]\n", Path::new("config.toml")).unwrap().lanes;
        let Lane::In(root) = within("agent") else { panic!() };
        let known = |by_lineage| {
            let roots = vec![(mark(98), vec![root.clone()])];
            Known { lanes: &lanes, roots, by_lineage, scopes: Vec::new() }
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

    #[test]
    fn no_name_that_a_program_chooses_takes_it_out_of_its_lane() {
        const OF_OTHER: &str = "dagpass-lane-other-7.scope";
        let text = "[lane.agent]\nprograms = [\"claude\"]\ntokens-per-hour = 5\n\
                    [lane.other]\ntokens-per-hour = 60\n[lane.third]\ncgroup = \"app-*.scope\"\n";
        let lanes = parse(text, Path::new("config.toml")).unwrap().lanes;
        let in_unit = |mut origin: Origin, at: usize, unit: &str| {
            origin.chain[at].unit = Some(unit.to_owned());
            if at == 0 {
                origin.lineage.unit = Some(unit.to_owned());
            }
            origin
        };
        let left = |mut origin: Origin| {
            origin.lineage.is_adopted = true;
            origin
        };
        let below = || origin(&["sh", "systemd-run", "claude", "bash"]);
        let mut found = Vec::new();
        for scopes in [Vec::new(), vec![OF_OTHER.to_owned()]] {
            let known = Known { lanes: &lanes, roots: Vec::new(), by_lineage: false, scopes };
            let lane = |origin: Origin| known.lane(&origin, &Lane::Free).names().join(" ");
            found.push([
                // Its scope says one lane, and who started it another.
                lane(in_unit(below(), 0, OF_OTHER)),
                // It comes out of another lane's scope, by whichever name.
                lane(in_unit(in_unit(origin(&["sh", "code"]), 1, "app-code-1.scope"), 0, OF_OTHER)),
                lane(in_unit(
                    in_unit(origin(&["sh", "code"]), 1, "app-code-1.scope"),
                    0,
                    "x.scope",
                )),
                // Whoever started it is gone, so that its scope's name is all that speaks for it.
                lane(left(in_unit(origin(&["sh"]), 0, OF_OTHER))),
                // Out of no lane anybody may go into one.
                lane(in_unit(origin(&["sh", "bash"]), 0, OF_OTHER)),
            ]);
        }
        let both = ["other agent", "other third", "third"];
        assert_eq!(found[0], [both[0], both[1], both[2], "agent other third", "other"]);
        assert_eq!(found[1], [both[0], both[1], both[2], "other", "other"]);
    }

    #[test]
    fn a_quota_that_is_set_while_a_run_goes_on_is_its_own() {
        let lanes = parse("[lane.agent]\ntokens-per-hour = 7\n", Path::new("c")).unwrap().lanes;
        let Lane::In(before) = within("agent") else { panic!() };
        let (roots, scopes) = (vec![(mark(100), vec![before])], Vec::new());
        let known = Known { lanes: &lanes, roots, by_lineage: true, scopes };
        for (origin, held) in [(origin(&["sh"]), Lane::Free), (Origin::default(), within("agent"))]
        {
            let Lane::In(now) = known.lane(&origin, &held) else { panic!() };
            assert_eq!(now.quota.tokens, Some(7));
        }
    }

    #[test]
    fn scopes_are_remembered_once_each_and_few() {
        let begun = Begun::default();
        for at in 0..MOST_SCOPES + 1 {
            (0..2).for_each(|_| begun.begin(Some(at.to_string())));
        }
        assert!(!begun.has_scope(&"0".to_owned()) && begun.has_scope(&"1".to_owned()));
        assert_eq!(begun.scopes().len(), MOST_SCOPES);
    }
}
