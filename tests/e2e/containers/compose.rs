//! `dagpass airflow setup --for compose`: one file is written, by the project's door; nothing that was
//! there is touched; undo leaves nothing. Compose itself is not run here.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;

use crate::world::{Ended, Process, World};

const STOCK: &str = include_str!("../../cases/compose/docker-compose.yaml");
const CONFIG: &str = "[profile.prod]\nissuer = \"http://127.0.0.1:9/as\"\nclient-id = \"agent\"\n";

fn setup(world: &World, project: &Path, more: &[&str]) -> Ended {
    let mut command = world.command("sh");
    // However private the person's files are: what is mounted must be readable to the services.
    command.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_dagpass")]);
    command.args(["airflow", "setup", "--for", "compose"]).args(more).current_dir(project);
    let ended = Process::spawn("dagpass airflow setup", &mut command).ended();
    world.keep_text("stdout of dagpass airflow setup", &ended.stdout);
    world.keep_text("stderr of dagpass airflow setup", &ended.stderr);
    ended
}

#[test]
fn the_override_mounts_the_project_s_door_and_touches_nothing_else() {
    let world = World::bare();
    world.configure(CONFIG);
    world.start_agent();
    let project = world.home().join("etl");
    fs::create_dir_all(&project).unwrap();
    fs::write(project.join("docker-compose.yaml"), STOCK).unwrap();
    fs::write(project.join("Dockerfile"), "FROM apache/airflow\n").unwrap();
    fs::write(project.join(".env"), "AIRFLOW_UID=4711\n").unwrap();
    let wheel = world.home().join("airflow_provider_dagpass-0.1.0-py3-none-any.whl");
    fs::write(&wheel, "").unwrap();
    let wheel = wheel.display().to_string();
    let file = project.join("docker-compose.override.yml");

    setup(&world, &project, &["--wheel", "/nowhere.whl"]).expect(2);
    let shown = setup(&world, &project, &["--dry-run"]).expect(0).stdout;
    assert!(shown.contains("--- (no file)") && shown.contains("airflow-worker:"), "{shown}");
    assert!(!file.exists() && !world.state().join("airflow-wheels").exists());
    let said = world.cli(&["--json", "container", "status"]).expect(0).stdout;
    let doors: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(doors["containers"], serde_json::json!([]), "a dry run opens no door");
    setup(&world, &project, &["--wheel", &wheel]).expect(0);
    let said = world.cli(&["--json", "container", "status"]).expect(0).stdout;
    let doors: Value = serde_json::from_str(&said).unwrap();
    let door = &doors["containers"][0];
    assert_eq!(door["rules"]["uids"], serde_json::json!([4711]), "by the project's .env");
    super::capability(&world, Path::new(door["folder"].as_str().unwrap()));
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(&format!("source: {}", door["folder"])), "{text}");
    assert!(text.contains("airflow-worker:") && !text.contains("airflow-init:"), "{text}");

    let again = setup(&world, &project, &["--wheel", &wheel]).expect(0);
    assert!(again.stderr.contains("is wired already"), "{}", again.stderr);
    fs::write(&file, format!("{text}# mine\n")).unwrap();
    setup(&world, &project, &["--undo"]).expect(1);
    fs::write(&file, &text).unwrap();
    setup(&world, &project, &["--undo"]).expect(0);
    let mut left: Vec<_> = fs::read_dir(&project)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort_unstable();
    assert_eq!(left, [".env", "Dockerfile", "docker-compose.yaml"]);
    assert_eq!(fs::read_to_string(project.join("docker-compose.yaml")).unwrap(), STOCK);

    // Without a wheel it is the one that is part of the program, readable to whoever the services are.
    setup(&world, &project, &[]).expect(0);
    let text = fs::read_to_string(&file).unwrap();
    let state = world.state().display().to_string();
    let mounted = text.lines().find_map(|line| {
        let source = line.trim().strip_prefix("source: \"")?.strip_suffix('"')?;
        source.ends_with(".whl").then(|| Path::new(source).to_owned())
    });
    let mounted = mounted.unwrap();
    assert!(mounted.starts_with(&state), "{}", mounted.display());
    assert_eq!(fs::metadata(&mounted).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(fs::read(&mounted).unwrap().starts_with(b"PK"));
    assert!(setup(&world, &project, &[]).expect(0).stderr.contains("is wired already"));
    setup(&world, &project, &["--undo"]).expect(0);
    assert!(!file.exists() && !mounted.exists());

    let theirs = "services:\n  web: {} # why\n";
    fs::write(&file, theirs).unwrap();
    let refused = setup(&world, &project, &["--wheel", &wheel]).expect(1);
    assert!(refused.stdout.starts_with("x-dagpass: &dagpass\n"), "{}", refused.stdout);
    assert_eq!(fs::read_to_string(&file).unwrap(), theirs);
    world.close();
}
