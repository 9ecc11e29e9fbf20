//! What can be typed, as tables.

use super::*;

fn parsed(line: &str) -> Result<Line, String> {
    let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
    parse(&args).map_err(|error| error.kind().to_string())
}

#[test]
fn the_tree_is_sound() {
    tree().debug_assert();
}

#[test]
fn command_lines_of_the_manual_are_taken() {
    let table = [
        "dagpass init --pingone eu e-1 --client-id c",
        "dagpass init dev --pingam https://am/am alpha --client-id c --scope a --scope b",
        "dagpass init --from https://it.corp.example/dagpass.toml --yes",
        "dagpass init --from team.toml --ca-file ca.pem --force",
        "dagpass purge --yes --keep-config --keep-ledger",
        "dagpass token --format netrc --host pypi.corp.example --login me",
        "dagpass token --format curl",
        "dagpass login",
        "dagpass login prod --device --no-open --fresh --accept-subject s",
        "dagpass logout --all --sso",
        "dagpass status --json",
        "dagpass whoami prod",
        "dagpass token",
        "dagpass token prod --resource r --scope a --scope b --min-ttl 60s --format header",
        "dagpass token --connection warehouse_api --json --no-start --socket /s",
        "dagpass --json token",
        "dagpass run -- airflow dags test x",
        "dagpass run --profile a --profile b --env dev -- pytest -x --json",
        "dagpass agent restart",
        "dagpass agent pause",
        "dagpass agent resume",
        "dagpass token --format git --host git.corp.example get",
        "dagpass token prod/reports --format git --host git.corp.example erase",
        "dagpass store use keychain",
        "dagpass store use key-file my.key --drop-unreadable",
        "dagpass store use --json passphrase-file",
        "dagpass agent run --log debug",
        "dagpass container up",
        "dagpass container up --project etl --uid 50000 --uid 1000 --profile prod --connection c",
        "dagpass container up --port --host host.docker.internal",
        "dagpass container up --port 21300 --bind 172.17.0.1",
        "dagpass container up --ssh box",
        "dagpass container down etl-0a1b2c3d",
        "dagpass container status --json",
        "dagpass approve",
        "dagpass approve ap-1",
        "dagpass approve ap-1 --once",
        "dagpass approve ap-1 --always --json",
        "dagpass approve list --json",
        "dagpass approve revoke ap-1",
        "dagpass doctor",
        "dagpass config check c.toml",
        "dagpass config schema",
        "dagpass completions zsh",
        "dagpass audit tail -n 5 --follow",
        "dagpass audit verify",
        "dagpass audit verify copy/ledger.jsonl",
        "dagpass audit verify --key a+b+c --checkpoint c --json",
        "dagpass witness serve --listen 127.0.0.1:0 --folder /srv/w --json",
        "dagpass witness key --name witness.example/ada",
        "dagpass witness add a+b+c",
        "dagpass witness list --json",
        "dagpass audit prove 7 --output 7.tlog-proof",
        "dagpass audit verify-proof 7.tlog-proof --key a+b+c --json",
        "dagpass audit verify-proof 7.tlog-proof --witness a+b+c --witness d+e+f",
        "dagpass audit key",
        "dagpass airflow setup",
        "dagpass airflow setup --print env",
        "dagpass airflow setup --write env --file .env",
        "dagpass airflow setup --undo",
        "dagpass airflow setup --for compose --wheel w.whl --service web --env dev",
        "dagpass airflow setup --for compose --undo",
        "dagpass airflow setup --for venv --python .venv --env dev --dry-run",
        "dagpass airflow setup --for astro --dir p",
        "dagpass airflow setup --for pytest --undo",
        "dagpass airflow wheel --out dist",
        "dagpass airflow import --from a.json --from b.yaml --profile prod --dry-run --json",
        "dagpass airflow import --undo",
        "dagpass airflow setup --server",
        "dagpass airflow setup --server --for-ping pingam --issuer https://i --client c --out d --force",
        "dagpass airflow roles prod --group a --group b --check --json",
    ];
    for line in table {
        assert!(parsed(line).is_ok(), "{line}: {:?}", parsed(line));
    }
}

#[test]
fn what_contradicts_itself_is_a_usage_error() {
    let table = [
        "dagpass",
        "dagpass nothing",
        "dagpass login --browser --device",
        "dagpass logout prod --all",
        "dagpass token --connection c --scope s",
        "dagpass token --min-ttl soon",
        "dagpass token --format xml",
        "dagpass run",
        "dagpass container up --bind 172.17.0.1",
        "dagpass container up --port 0 --bind everywhere",
        "dagpass container up --ssh box --port",
        "dagpass container up --ssh box --uid 7",
        "dagpass init --pingone eu",
        "dagpass init --issuer https://a --pingfederate https://b",
        "dagpass airflow setup --write cfg --undo",
    ];
    for line in table {
        let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        assert_eq!(parse(&args).unwrap_err().exit_code(), 2, "{line}");
    }
}

#[test]
fn a_programs_own_flags_are_its_own() {
    let Ok(Line { json: false, command: Command::Run(_), .. }) =
        parsed("dagpass run -- prog --json --env x")
    else {
        panic!("--json was taken from the program")
    };
}

#[test]
fn the_short_way_to_token_takes_what_the_whole_tree_takes() {
    let line = parsed("dagpass token prod --min-ttl 5m --json").unwrap();
    let Command::Token(token) = line.command else { panic!("no token") };
    assert_eq!(
        (token.profile.as_deref(), token.min_ttl, line.json),
        (Some("prod"), Some(300), true)
    );
    let args = ["dagpass", "token", "--help"].map(OsString::from);
    assert_eq!(parse(&args).unwrap_err().exit_code(), 0);
}

#[test]
fn every_command_has_an_example_in_its_help() {
    for command in tree().get_subcommands() {
        let name = command.get_name();
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(help.contains("Examples:") && help.contains("dagpass"), "{name}");
    }
}
