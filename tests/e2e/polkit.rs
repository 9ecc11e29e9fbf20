//! Fact: before an answer that lasts, polkit has the person prove who they are, by the action that the packages
//! bring; without that proof the answer does not count, who answers and who asks hear why, and the record says so.
//! Where polkit knows no such action the answer counts, and says so, unless the config wants it proved. A real
//! polkit, its own agent at a terminal, a real password. Takes root; where we are not, the tests say so.

use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;

use serde_json::{Value, json};

use crate::foreign_home::{ADA, as_ada, give_away, world};
use crate::polkitd::{PASSWORD, Polkit};
use crate::shell::Terminal;
use crate::world::{Ended, Process, World};

const CONFIG: &str = "\
[store]
kind = \"key-file\"
key-file = \"store.key\"
[profile.prod]
issuer = \"http://127.0.0.1:9/as\"
client-id = \"agent\"
[policy]
[[policy.rule]]
id = \"production\"
when = { action = \"resume\" }
then = \"ask\"
";

struct Scene {
    world: World,
    polkit: Polkit,
}

impl Scene {
    fn open(shipped: bool, rules: &str, more: &str) -> Option<Self> {
        let world = world()?;
        world.configure(&format!("{CONFIG}{more}"));
        std::fs::write(world.root().join("store.key"), [7; 32]).unwrap();
        world.secret("Ada's password", PASSWORD);
        give_away(&world.home());
        give_away(&world.root().join("run"));
        for file in ["config.toml", "store.key"] {
            let file = world.root().join(file);
            chown(&file, Some(ADA), None).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        }
        let polkit = Polkit::start(&world, shipped, rules);
        world.start_agent_by(as_ada(&world, "dagpass-agent").arg("run"));
        Some(Self { world, polkit })
    }

    /// A shell of Ada's, whose programs ask.
    fn shell(&self) -> Terminal<'_> {
        let mut setsid = self.world.command("setsid");
        setsid.uid(ADA).gid(ADA);
        let program = self.world.root().join("bin/dagpass");
        Terminal::by(&self.world, &mut setsid, format!("{} agent resume --json", program.display()))
    }

    /// Ada answers at a terminal, and types `password` where polkit asks for it.
    fn answers(&self, words: &str, password: &str) -> Ended {
        let program = self.world.root().join("bin/dagpass");
        let line = format!("{} {words}", program.display());
        let mut terminal = Process::spawn("Ada", &mut self.polkit.terminal(&self.world, &line));
        let mut keyboard = terminal.stdin();
        if !password.is_empty() {
            self.polkit.listens(&program);
            write!(keyboard, "{password}\r").unwrap();
        }
        let ended = terminal.ended();
        self.world.keep_text("Ada's terminal", &format!("{}{}", ended.stdout, ended.stderr));
        ended
    }

    fn ada(&self, words: &[&str]) -> Ended {
        Process::spawn("dagpass", as_ada(&self.world, "dagpass").args(words)).ended()
    }

    fn answered(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.world.state().join("ledger.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["event"] == "approval-answered").collect()
    }

    fn doctor(&self) -> String {
        let found: Value = serde_json::from_str(&self.ada(&["doctor", "--json"]).stdout).unwrap();
        let mut all = found.as_array().or(found["findings"].as_array()).unwrap().iter();
        let one = all.find(|one| one["check"] == "approvals").unwrap();
        format!("{} {}", one["verdict"].as_str().unwrap(), one["detail"].as_str().unwrap())
    }

    fn close(self) {
        self.world.keep_text("polkitd", &self.polkit.said());
        self.polkit.end();
        self.world.close();
    }
}

#[test]
fn polkit_has_the_person_prove_who_they_are_before_an_answer_that_lasts() {
    let Some(scene) = Scene::open(true, "", "") else { return };
    assert!(
        scene.doctor().starts_with("ok polkit has you prove who you are"),
        "{}",
        scene.doctor()
    );
    let mut shell = scene.shell();
    let id = shell.asks();
    let list = scene.ada(&["approve", "list", "--json"]).expect(0).stdout;
    assert_eq!(
        serde_json::from_str::<Value>(&list).unwrap()["pending"][0]["proves"],
        json!(["run", "today", "always"])
    );

    let wrong = scene.answers(&format!("approve {id} --run"), "not it").expect(4);
    assert!(wrong.stdout.contains("AUTHENTICATING FOR dev.dagpass.approve"), "{}", wrong.stdout);
    assert!(wrong.stdout.contains("polkit says no"), "{}", wrong.stdout);
    let (code, said) = shell.wants();
    assert_eq!((code, &said["approval"]), (5, &json!(id)), "it goes on waiting");
    let why = said["cause"].as_str().unwrap();
    assert!(why.contains("does not count: polkit says no"), "{why}");

    let nobody = scene.answers(&format!("approve {id} --run </dev/null"), "").expect(4);
    assert!(nobody.stdout.contains("no authentication agent"), "{}", nobody.stdout);

    let right = scene.answers(&format!("approve {id} --run"), PASSWORD).expect(0);
    assert!(right.stdout.contains("polkit had you prove who you are"), "{}", right.stdout);
    assert!(
        scene.polkit.said().contains("gain ONE-SHOT authorization for action dev.dagpass.approve")
    );
    assert_eq!(shell.wants().0, 0);
    let told: Vec<_> = scene
        .answered()
        .iter()
        .map(|line| (line["outcome"].clone(), line["re_authenticated"].clone()))
        .collect();
    let (failed, no) = (json!("failed"), json!("no"));
    assert_eq!(told, [(failed.clone(), no.clone()), (failed, no), (json!("ok"), json!("polkit"))]);
    shell.close();
    scene.close();
}

#[test]
fn once_and_no_are_a_click_unless_each_is_to_be_proved() {
    for (more, proves) in [("", false), ("[approvals]\nre-authenticate = \"each\"\n", true)] {
        let Some(scene) = Scene::open(true, "", more) else { return };
        let mut shell = scene.shell();
        let id = shell.asks();
        let password = if proves { PASSWORD } else { "" };
        let said = scene.answers(&format!("approve {id} --once"), password).expect(0).stdout;
        assert_eq!(said.contains("Password: "), proves, "{said}");
        let [told] = scene.answered().try_into().unwrap();
        assert_eq!(told["re_authenticated"], if proves { "polkit" } else { "no" }, "{told}");
        assert_eq!(shell.wants().0, 0);
        let id = shell.asks();
        scene.answers(&format!("approve {id} --no"), "").expect(0);
        assert_eq!(shell.wants().1["error"], "approval_refused");
        assert_eq!(scene.answered()[1]["re_authenticated"], Value::Null);
        shell.close();
        scene.close();
    }
}

#[test]
fn what_an_administrator_s_rule_says_holds() {
    let rule = |result: &str| {
        format!(
            "polkit.addRule(function(action, subject) {{ if (action.id == \"dev.dagpass.approve\") \
             return polkit.Result.{result}; }});"
        )
    };
    for (result, code, word) in [("NO", 4, "polkit says no"), ("YES", 0, "polkit had you prove")] {
        let Some(scene) = Scene::open(true, &rule(result), "") else { return };
        let mut shell = scene.shell();
        let id = shell.asks();
        let said = scene.answers(&format!("approve {id} --today"), "").expect(code).stdout;
        assert!(said.contains(word) && !said.contains("Password: "), "{said}");
        shell.close();
        scene.close();
    }
}

#[test]
fn without_the_action_or_a_polkit_an_answer_counts_and_says_so_unless_it_has_to_be_proved() {
    const REQUIRED: &str = "[approvals]\nre-authenticate = \"lasting\"\n";
    for (more, code) in [("", 0), (REQUIRED, 4)] {
        let Some(scene) = Scene::open(false, "", more) else { return };
        let unknown = "polkit knows no action `dev.dagpass.approve`: dagpass's packages bring it";
        assert!(scene.doctor().contains(unknown), "{}", scene.doctor());
        let mut shell = scene.shell();
        let id = shell.asks();
        let said = scene.answers(&format!("approve {id} --run"), "").expect(code).stdout;
        assert!(said.contains(unknown), "{said}");
        // It is gone, and the bus starts nobody by itself.
        scene.world.keep_text("polkitd", &scene.polkit.said());
        scene.polkit.end();
        let doctor = scene.doctor();
        assert!(doctor.contains("there is no polkit on the system bus"), "{doctor}");
        if code == 0 {
            assert!(doctor.contains("an approval is a speed bump"), "{doctor}");
            assert_eq!(shell.wants().0, 0);
            let [told] = scene.answered().try_into().unwrap();
            assert_eq!(told["re_authenticated"], "no", "{told}");
        } else {
            assert!(doctor.starts_with("problem"), "{doctor}");
            let said = scene.answers(&format!("approve {id} --run"), "").expect(4).stdout;
            assert!(said.contains("there is no polkit on the system bus"), "{said}");
            assert_eq!(shell.asks(), id, "it goes on waiting");
        }
        shell.close();
        scene.close();
    }
}
