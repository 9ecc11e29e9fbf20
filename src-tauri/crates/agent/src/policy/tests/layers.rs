//! Layers above and beside the person's own: what they narrow, and what is left of them where the person's own is
//! switched off.

use std::path::Path;
use std::time::{Duration, Instant};

use dagpass_client::wire::ConfigProblem;
use dagpass_core::policy::Action;
use dagpass_core::policy::engine::Authorizer as _;
use dagpass_core::principal::Kind;
use dagpass_core::time::Timestamp;

use super::super::others::{MACHINE, of_machine, of_repository};
use super::super::problem::Source;
use super::super::standing::{Standing, Wanted, Whose};
use super::super::{Engine, Glass};
use super::{NOW, World, told, world};
use crate::system::{closed_folder, own_uid, private_dir};

const ALL: &str = "@id(\"all\") permit(principal, action, resource);";
const NO_TOKEN: &str = "@id(\"all\") permit(principal, action, resource);\n\
                        @id(\"no token\") forbid(principal, action in [Action::\"tokens\"], resource);";
const NO_GLASS: &str = "@id(\"all\") permit(principal, action, resource);\n\
                        @id(\"whole\") forbid(principal, action == Action::\"break-glass\", resource);";
const BROKEN: &str = "permit(principal";

fn standing(folder: &Path, layers: &[(Whose, &str)]) -> Standing {
    let standing = Standing::open(folder.join("kept.json"));
    // All by one name: whose they are is what counts.
    let wanted = |(whose, text): &(Whose, &str)| {
        let source = Source { file: "policy.cedar".to_owned(), text: (*text).to_owned() };
        Wanted::new(*whose, MACHINE.to_owned(), Ok(vec![source]))
    };
    let all = layers.iter().map(wanted).collect();
    let looked = standing.look(all, Instant::now(), |_| -> Result<(), ()> { Ok(()) });
    looked.unwrap();
    standing
}

fn glass() -> Glass {
    let until = Timestamp::from_secs(NOW).plus(Duration::from_secs(3600));
    Glass { reason: "the night".to_owned(), until }
}

#[test]
fn the_machines_policy_is_widened_by_nothing_and_a_broken_glass_leaves_it_whole() {
    let folder = tempfile::tempdir().unwrap();
    for (machines, own, whole, broken, may_break) in [
        (None, Some(NO_TOKEN), "deny no token", "permit", true),
        (None, Some(BROKEN), "deny", "permit", true),
        (Some(ALL), Some(NO_TOKEN), "deny no token", "permit all", true),
        (Some(NO_TOKEN), Some(ALL), "deny no token", "deny no token", true),
        (Some(NO_TOKEN), None, "deny no token", "deny no token", true),
        (Some(NO_GLASS), Some(NO_TOKEN), "deny no token", "permit all", false),
        (Some(BROKEN), Some(ALL), "deny", "deny", true),
        (Some(ALL), Some(BROKEN), "deny", "permit all", true),
    ] {
        let case = format!("{machines:?} {own:?}");
        let machines = machines.map(|text| (Whose::Machine, text));
        let own = own.map(|text| (Whose::PersonFile, text));
        let layers: Vec<_> = machines.into_iter().chain(own).collect();
        let place =
            folder.path().join(case.len().to_string() + &case.replace(['/', '"', '\n'], "")[..20]);
        std::fs::create_dir_all(&place).unwrap();
        let engine = standing(&place, &layers).engine;
        let judged = |world: World| told(&world.judged(&engine));
        assert_eq!(judged(world()), whole, "{case}");
        let breaks = judged(World {
            action: Action::BreakGlass,
            profile: None,
            connection: None,
            ..world()
        });
        assert_eq!(breaks.starts_with("permit"), may_break, "{case}: {breaks}");
        engine.break_glass(Some(glass()));
        assert_eq!(judged(world()), broken, "{case}");
        // By the wall clock, whether anybody looked since or not.
        assert_eq!(judged(World { now: NOW + 3599, ..world() }), broken, "{case}");
        assert_eq!(judged(World { now: NOW + 3600, ..world() }), whole, "{case}");
        assert!(!engine.mended(Timestamp::from_secs(NOW + 3599)));
        assert!(engine.mended(Timestamp::from_secs(NOW + 3600)));
        assert!(!engine.mended(Timestamp::from_secs(NOW + 3600)), "told once");
    }
}

#[test]
fn what_lies_in_the_machine_s_place_and_is_a_stranger_s_is_told_and_shuts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let standing = Standing::open(folder.path().join("kept.json"));
    let problem = ConfigProblem { message: "is not judged by".to_owned(), ..Default::default() };
    for (is_foreign, expected) in [(true, "permit"), (false, "deny")] {
        let wanted = Wanted::new(Whose::Machine, MACHINE.to_owned(), Err(problem.clone()));
        let wanted = Wanted { is_foreign, ..wanted };
        standing.look(vec![wanted], Instant::now(), |_| -> Result<(), ()> { Ok(()) }).unwrap();
        assert_eq!(told(&world().judged(&standing.engine)), expected);
        assert_eq!(standing.shown().problems, std::slice::from_ref(&problem));
    }
}

#[test]
fn the_digest_on_the_record_is_of_all_that_was_in_force_for_that_very_request() {
    let folder = tempfile::tempdir().unwrap();
    let engine = standing(folder.path(), &[(Whose::Machine, ALL), (Whose::PersonFile, ALL)]).engine;
    let digest = |world: World| match world.judged(&engine) {
        dagpass_core::policy::engine::Verdict::Permit(basis) => basis.policy.unwrap(),
        other => panic!("{other:?}"),
    };
    let whole = digest(world());
    assert_eq!(whole.len(), 16);
    engine.break_glass(Some(glass()));
    assert_ne!(digest(world()), whole);
}

#[test]
fn a_check_names_what_is_wrong_with_the_machine_s_layer_beside_the_person_s() {
    let folder = closed_folder();
    let wanted = |machines: &str| {
        let path = folder.path().join("policy.cedar");
        crate::system::write_private(&path, machines.as_bytes()).unwrap();
        let source = Source { file: "mine.cedar".to_owned(), text: BROKEN.to_owned() };
        let own = Wanted::new(Whose::PersonFile, "mine.cedar".to_owned(), Ok(vec![source]));
        vec![of_machine(folder.path()).unwrap(), own]
    };
    for (machines, is_wrong) in [(BROKEN, true), (ALL, false)] {
        let all = wanted(machines);
        assert_eq!(all[0].name, MACHINE);
        let files: Vec<String> =
            Standing::check(&all).into_iter().map(|problem| problem.file).collect();
        let place = folder.path().join("policy.cedar").display().to_string();
        // Who may not write there is told that it is not the machine's.
        let told = is_wrong || own_uid() != Some(0);
        assert_eq!(files.contains(&place), told, "{machines}: {files:?}");
        assert!(files.contains(&"mine.cedar".to_owned()), "{files:?}");
    }
}

fn write(folder: &Path, text: &str) {
    let place = folder.join(".dagpass");
    private_dir(&place).unwrap();
    crate::system::write_private(&place.join("policy.cedar"), text.as_bytes()).unwrap();
}

#[test]
fn a_run_is_narrowed_by_the_policy_of_where_it_began_and_so_are_the_runs_within_it() {
    let repository = closed_folder();
    let below = repository.path().join("dags");
    private_dir(&below).unwrap();
    write(repository.path(), NO_TOKEN);
    let engine = Engine::default();
    let of = |id: &str| World { kind: Kind::Run(id.to_owned()), ..world() };
    let judged = |id: &str| told(&of(id).judged(&engine));
    assert!(!engine.is_in_force());
    engine.begin_run("outer", (None, Some(&below))).unwrap();
    engine.begin_run("elsewhere", (None, Some(Path::new("/")))).unwrap();
    engine.begin_run("unseen", (None, None)).unwrap();
    engine.begin_run("inner", (Some("outer"), Some(Path::new("/")))).unwrap();
    assert!(engine.is_in_force());
    for (id, expected) in [
        ("outer", "deny no token"),
        ("inner", "deny no token"),
        ("elsewhere", "permit"),
        ("unseen", "permit"),
    ] {
        assert_eq!(judged(id), expected, "{id}");
    }
    assert_eq!(told(&world().judged(&engine)), "permit", "no run at all");
    // What becomes of the file is no matter of a run that goes on.
    write(repository.path(), ALL);
    assert_eq!(judged("outer"), "deny no token");
    engine.begin_run("later", (None, Some(&below))).unwrap();
    assert_eq!(judged("later"), "permit all");
    // It narrows, and widens nothing.
    engine.take(super::engine(&[NO_TOKEN]).stance());
    assert_eq!(judged("later"), "deny no token");
    engine.take(super::engine(&[ALL]).stance());
    assert_eq!(judged("outer"), "deny no token");
    engine.break_glass(Some(glass()));
    assert_eq!(judged("outer"), "permit");
    engine.break_glass(None);
    for id in ["outer", "inner", "later"] {
        engine.end_run(id);
    }
    engine.take(super::super::Stance::Open);
    // What is on its way of a run that ended is judged by less at no time: not at all.
    assert!(engine.is_in_force() && !engine.has_any());
    for id in ["outer", "inner", "later"] {
        assert_eq!(judged(id), "deny", "{id}");
    }
    assert_eq!(judged("unseen"), "permit", "it goes on");
}

#[test]
fn a_policy_that_somebody_else_may_have_written_or_that_does_not_load_is_none_to_begin_by() {
    let repository = closed_folder();
    write(repository.path(), BROKEN);
    let problem = of_repository(repository.path()).unwrap_err();
    assert!(problem.file.ends_with("policy.cedar") && problem.line == 1, "{problem:?}");
    let engine = Engine::default();
    assert!(engine.begin_run("run", (None, Some(repository.path()))).is_err());
    assert!(!engine.is_in_force());
    write(repository.path(), ALL);
    assert!(of_repository(repository.path()).unwrap().is_some());
    // The folder for temporary files is everybody's.
    #[cfg(unix)]
    {
        let open = tempfile::tempdir().unwrap();
        write(open.path(), ALL);
        let problem = of_repository(open.path()).unwrap_err();
        assert!(problem.message.contains("may write to"), "{problem:?}");
    }
    // So is what is above whatever lies in there: neither taken nor an error.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let shared = repository.path().join("shared");
        let work = shared.join("work");
        private_dir(&shared).unwrap();
        private_dir(&work).unwrap();
        write(&shared, BROKEN);
        assert!(of_repository(&work).is_err());
        std::fs::set_permissions(&shared, std::fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(of_repository(&work).unwrap().is_none());
    }
    assert!(of_machine(repository.path()).is_none());
    write(repository.path(), ALL);
    let machines = of_machine(&repository.path().join(".dagpass")).unwrap();
    assert_eq!(machines.sources.is_ok(), own_uid() == Some(0));
}
