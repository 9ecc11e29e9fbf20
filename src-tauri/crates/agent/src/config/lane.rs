//! `[lane.NAME]`: what is in it, and what it has. Who is in one is the door's to find out.

use std::path::Path;

use dagpass_core::lanes::{Quota, Within};

use super::check::Check;
use super::raw::RawLane;
use super::section::At;
use crate::like::is_like;

/// How many may there be? Each may be anybody's of whom nobody sees where he comes from.
const MOST: usize = 16;

/// A lane once it was found true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneConfig {
    pub within: Within,
    /// By the file's name, or by the whole path where that is what is written; `*` stands for any letters.
    programs: Vec<String>,
    /// Of the scope or service that systemd runs it in; with `*`.
    cgroup: Option<String>,
}

impl LaneConfig {
    /// Does its membership hang on who started whom?
    pub fn goes_by_programs(&self) -> bool {
        !self.programs.is_empty()
    }

    pub fn has_program(&self, path: &Path) -> bool {
        let whole = path.to_string_lossy();
        let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let name = if cfg!(windows) { name.to_lowercase().into() } else { name };
        let name = name.strip_suffix(".exe").unwrap_or(&name);
        self.programs.iter().any(|wanted| match wanted.contains(['/', '\\']) {
            true => is_as(&whole, wanted),
            false => is_as(name, wanted),
        })
    }

    /// The scope that a run of it was begun in, by its name.
    pub fn has_own_scope(&self, unit: &str) -> bool {
        scope_s(unit) == Some(&self.within.name)
    }

    pub fn has_unit(&self, unit: &str) -> bool {
        self.has_own_scope(unit) || self.cgroup.as_ref().is_some_and(|wanted| is_as(unit, wanted))
    }
}

/// `dagpass run --lane NAME` has systemd make a scope of this name, with a word of its own at the end.
fn scope_s(unit: &str) -> Option<&str> {
    let (name, _) = unit.strip_prefix("dagpass-lane-")?.strip_suffix(".scope")?.rsplit_once('-')?;
    Some(name)
}

fn is_as(text: &str, wanted: &str) -> bool {
    is_like(text, &wanted.split('*').collect::<Vec<_>>())
}

impl Check<'_> {
    pub(super) fn lanes(&mut self, typed: Vec<(String, At<RawLane>)>) -> Vec<LaneConfig> {
        if let Some((_, one)) = typed.get(MOST) {
            self.problems.add(&one.place, format!("no more than {MOST} lanes may there be"));
        }
        typed.into_iter().map(|(name, at)| self.lane(name, at)).collect()
    }

    fn lane(&mut self, name: String, at: At<RawLane>) -> LaneConfig {
        self.name(&name, &at.place);
        let programs = at.value.programs;
        if let Some(all) = &programs {
            for typed in &all.value {
                let is_any = typed.chars().all(|letter| letter == '*' || letter.is_whitespace());
                if is_any {
                    let hint = "name programs: what is in no lane is in none";
                    self.problems.add_hint(&all.place, format!("`{typed}` names none"), hint);
                } else if typed.matches('*').count() > 4 {
                    self.problems.add(&all.place, format!("`{typed}` has more than four `*`"));
                }
            }
        }
        let place = at.value.cgroup.as_ref().map(|cgroup| cgroup.place.clone());
        let cgroup = self.filled(at.value.cgroup);
        if let (Some(typed), Some(place)) = (&cgroup, place)
            && typed.matches('*').count() > 4
        {
            self.problems.add(&place, "has more than four `*`");
        }
        let count = |typed: Option<At<u32>>| {
            typed.map(|typed| usize::try_from(typed.value).unwrap_or(usize::MAX))
        };
        let tokens = count(at.value.tokens_per_hour);
        let quota = Quota { tokens, audiences: count(at.value.audiences) };
        let within = Within { name: name.into(), quota };
        LaneConfig { within, programs: programs.map(|all| all.value).unwrap_or_default(), cgroup }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;

    const LANE: &str = "[lane.agent]\nprograms = [\"claude\", \"/opt/*/codex\"]\ncgroup = \"app-cursor-*.scope\"\ntokens-per-hour = 60\naudiences = 3\n";

    #[test]
    fn a_lane_is_known_by_its_programs_its_unit_and_the_scope_that_is_made_for_it() {
        let config = parse(LANE, Path::new("config.toml")).unwrap();
        let [lane] = &*config.lanes else { panic!("{:?}", config.lanes) };
        let quota = Quota { tokens: Some(60), audiences: Some(3) };
        assert_eq!(lane.within, Within { name: "agent".into(), quota });
        for (path, expected) in [
            ("/usr/bin/claude", true),
            ("/home/ada/claude", true),
            ("/usr/bin/claude2", false),
            ("/opt/x/codex", true),
            ("/opt/codex", false),
            ("/usr/bin/codex", false),
        ] {
            assert_eq!(lane.has_program(Path::new(path)), expected, "{path}");
        }
        for (unit, expected) in [
            ("app-cursor-17.scope", true),
            ("dagpass-lane-agent-3f9c.scope", true),
            ("dagpass-lane-agent.scope", false),
            ("dagpass-lane-other-3f9c.scope", false),
            ("dagpass-lane-agent-3f9c.service", false),
            ("session-2.scope", false),
        ] {
            assert_eq!(lane.has_unit(unit), expected, "{unit}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_lane_is_told_with_its_key() {
        for (text, key) in [
            ("[lane.\"a b\"]\n", "lane.\"a b\""),
            ("[lane.a]\nprograms = [\"*\"]\n", "lane.a.programs"),
            ("[lane.a]\nprograms = [\"\"]\n", "lane.a.programs"),
            ("[lane.a]\nprograms = [\"*a*a*a*a*\"]\n", "lane.a.programs"),
            ("[lane.a]\ncgroup = \" \"\n", "lane.a.cgroup"),
            ("[lane.a]\ntokens-per-hour = -1\n", "lane.a.tokens-per-hour"),
            ("[lane.a]\ntokens = 1\n", "lane.a.tokens"),
        ] {
            let problems = parse(text, Path::new("config.toml")).unwrap_err();
            assert_eq!(problems.first().map(|one| one.key.as_str()), Some(key), "{text}");
        }
    }
}
