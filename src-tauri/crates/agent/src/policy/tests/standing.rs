//! What is in force as the file changes, breaks, goes away and comes back, and as the agent ends between.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use dagpass_core::principal::Kind;

use super::super::standing::{News, Standing};
use super::{World, told, world};
use crate::config::{PolicyConfig, parse};
use crate::system::MISSED;

const PERMIT: &str = "@id(\"all\") permit(principal, action, resource);";
const DENY: &str = "@id(\"no\") forbid(principal, action, resource);";

struct Stage {
    folder: tempfile::TempDir,
    standing: Standing,
    news: RefCell<Vec<String>>,
    set: Instant,
}

impl Stage {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let standing = Standing::open(folder.path().join("kept.json"));
        Self { folder, standing, news: RefCell::default(), set: Instant::now() }
    }

    fn again(&mut self) {
        self.standing = Standing::open(self.folder.path().join("kept.json"));
    }

    fn write(&self, text: Option<&str>) {
        let path = self.folder.path().join("policy.cedar");
        match text {
            Some(text) => std::fs::write(path, text).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }

    fn look(&self, policy: &PolicyConfig) -> String {
        self.look_after(policy, Duration::ZERO)
    }

    /// So long after the stage was set.
    fn look_after(&self, policy: &PolicyConfig, late: Duration) -> String {
        let wanted = self.standing.of_person(policy, &self.folder.path().join("config.toml"));
        let told = self.standing.look(wanted, self.set + late, |news| -> Result<(), ()> {
            self.news.borrow_mut().push(match news {
                News::Wrong(problem) => format!("wrong {}", problem.line),
                News::Changed { before, now } => {
                    let has = |one: &Option<_>| if one.is_some() { "some" } else { "none" };
                    format!("{} to {}", has(before), has(now))
                }
            });
            Ok(())
        });
        told.unwrap();
        let shown = self.standing.shown();
        format!("{}: {}", shown.state, super::told(&world().judged(&self.standing.engine)))
    }

    fn news(&self) -> String {
        self.news.take().join(", ")
    }
}

#[test]
fn the_last_good_policy_serves_across_a_restart_and_without_one_no_token_leaves() {
    let mut stage = Stage::new();
    let none = PolicyConfig::default();
    assert_eq!(stage.look(&none), "none: permit");
    stage.write(Some("permit(principal, action"));
    assert_eq!(stage.look(&none), "shut: deny");
    assert_eq!(stage.news(), "wrong 1");
    // Where it lies is told to its owner alone.
    for (kind, is_told) in [(Kind::Owner, true), (Kind::Container("c".into()), false)] {
        let verdict = World { kind, ..world() }.judged(&stage.standing.engine);
        assert_eq!(format!("{verdict:?}").contains("policy.cedar"), is_told, "{verdict:?}");
    }
    stage.write(Some(DENY));
    assert_eq!(stage.look(&none), "in_force: deny no");
    assert_eq!(stage.news(), "none to some");
    stage.write(Some("\n\npermit(principal"));
    assert_eq!(stage.look(&none), "outdated: deny no");
    assert_eq!(stage.news(), "wrong 3");
    stage.again();
    assert_eq!(stage.look(&none), "outdated: deny no");
    assert_eq!(stage.news(), "wrong 3");
    stage.write(Some(PERMIT));
    assert_eq!(stage.look(&none), "in_force: permit all");
    assert_eq!(stage.look(&none), "in_force: permit all");
    assert_eq!(stage.news(), "some to some");
    stage.again();
    assert_eq!(stage.look(&none), "in_force: permit all");
    assert_eq!(stage.news(), "", "the same as before the restart");
}

#[test]
fn a_file_that_is_gone_for_a_moment_is_not_taken_for_none() {
    let stage = Stage::new();
    let none = PolicyConfig::default();
    stage.write(Some(DENY));
    assert_eq!(stage.look(&none), "in_force: deny no");
    stage.write(None);
    assert_eq!(stage.look(&none), "in_force: deny no");
    stage.write(Some(DENY));
    assert_eq!(stage.look(&none), "in_force: deny no");
    stage.write(None);
    // By the clock, however often it is looked at.
    for late in [0, 1, MISSED.as_millis() as u64 - 1] {
        let looked = stage.look_after(&none, Duration::from_millis(late));
        assert_eq!(looked, "in_force: deny no", "{late}");
    }
    assert_eq!(stage.look_after(&none, MISSED), "none: permit");
    assert_eq!(stage.news(), "none to some, some to none");
}

#[test]
fn a_file_that_went_away_while_the_agent_was_off_is_missed_for_as_long() {
    let mut stage = Stage::new();
    let none = PolicyConfig::default();
    stage.write(Some(DENY));
    stage.look(&none);
    stage.write(None);
    stage.again();
    assert_eq!(stage.look(&none), "in_force: deny no");
    // And it is still known by then how the last good one went.
    stage.write(Some("permit(principal"));
    assert_eq!(stage.look(&none), "outdated: deny no");
    stage.write(None);
    stage.again();
    assert_eq!(stage.look(&none), "in_force: deny no");
    assert_eq!(stage.look_after(&none, MISSED), "none: permit");
    stage.again();
    assert_eq!(stage.look(&none), "none: permit");
}

#[test]
fn what_is_kept_stands_in_for_the_person_s_own_policy_and_for_no_other() {
    let mut stage = Stage::new();
    let none = PolicyConfig::default();
    let kept = stage.folder.path().join("kept.json");
    stage.write(Some(DENY));
    stage.look(&none);
    let text = std::fs::read_to_string(&kept).unwrap();
    stage.write(Some("permit(principal"));
    // What was changed there is not what was kept.
    for (from, to, expected) in [
        ("", "", "outdated: deny no"),
        ("forbid(", "permit(", "shut: deny"),
        ("person-file", "machine", "shut: deny"),
    ] {
        crate::system::write_private(&kept, text.replace(from, to).as_bytes()).unwrap();
        stage.again();
        assert_eq!(stage.look(&none), expected, "{from} {to}");
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_a_policy_that_cannot_be_read() {
    let stage = Stage::new();
    let link = stage.folder.path().join("policy.cedar");
    std::os::unix::fs::symlink(stage.folder.path().join("gone"), link).unwrap();
    assert_eq!(stage.look(&PolicyConfig::default()), "shut: deny");
}

#[test]
fn a_file_that_the_config_names_has_to_be_there_and_the_rules_are_a_layer_of_their_own() {
    let stage = Stage::new();
    let rules =
        "[policy]\nfile = \"mine.cedar\"\n[[policy.rule]]\nid = \"r\"\nwhen = {}\nthen = \"ask\"\n";
    let config = parse(rules, &stage.folder.path().join("config.toml")).unwrap().policy;
    assert_eq!(stage.look(&config), "shut: deny");
    std::fs::write(stage.folder.path().join("mine.cedar"), PERMIT).unwrap();
    assert_eq!(stage.look(&config), "in_force: ask r");
    std::fs::write(stage.folder.path().join("mine.cedar"), DENY).unwrap();
    assert_eq!(stage.look(&config), "in_force: deny no");
    let names: Vec<String> =
        stage.standing.layers().unwrap().all.iter().map(|layer| layer.name.clone()).collect();
    assert_eq!(names, ["config.toml", "mine.cedar"]);
}

#[test]
fn a_change_that_is_not_on_the_record_is_not_taken() {
    let stage = Stage::new();
    let config = stage.folder.path().join("config.toml");
    stage.write(Some(PERMIT));
    let look = |full: bool| {
        let wanted = stage.standing.of_person(&PolicyConfig::default(), &config);
        let told =
            stage.standing.look(wanted, stage.set, |_| if full { Err("full") } else { Ok(()) });
        (told, told_now(&stage.standing))
    };
    assert_eq!(look(true), (Err("full"), "deny".to_owned()));
    assert_eq!(look(false), (Ok(true), "permit all".to_owned()));
    stage.write(Some(DENY));
    assert_eq!(look(true), (Err("full"), "permit all".to_owned()));
    assert_eq!(look(false), (Ok(true), "deny no".to_owned()));
}

fn told_now(standing: &Standing) -> String {
    told(&world().judged(&standing.engine))
}

#[cfg(unix)]
#[test]
fn what_is_kept_is_the_owner_s_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::new();
    stage.write(Some(PERMIT));
    stage.look(&PolicyConfig::default());
    let kept = stage.folder.path().join("kept.json");
    assert_eq!(std::fs::metadata(kept).unwrap().permissions().mode() & 0o777, 0o600);
}
