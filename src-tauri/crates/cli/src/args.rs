//! What can be typed. Decides the words; never what they do.

use std::ffi::OsString;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use dagpass_client::panel::View;

use crate::duration;

/// One parsed command line.
#[derive(Debug, Parser)]
#[command(
    name = "dagpass",
    version,
    about = "One Ping sign-in a day, a fresh token for every Airflow call",
    after_help = "Examples:\n  dagpass init --pingone eu ENVIRONMENT-ID --client-id CLIENT-ID\n  \
                  dagpass login\n  dagpass status\n  dagpass run -- airflow dags test my_dag"
)]
pub(crate) struct Line {
    /// Machine-readable output on stdout, errors as one JSON object on stderr
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Do not start an agent where none runs
    #[arg(long, global = true)]
    pub(crate) no_start: bool,
    /// The agent's socket or pipe, instead of where it is usually found
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a profile: which issuer, which client, which scopes
    Init(Box<crate::commands::init::Init>),
    /// Sign in, by browser or with a code on another device
    Login(crate::commands::login::Login),
    /// Sign out: the refresh token is revoked and forgotten
    Logout(crate::commands::logout::Logout),
    /// Who is signed in, and until when
    #[command(after_help = "Examples:\n  dagpass status\n  dagpass status --json | jq .profiles")]
    Status,
    /// The person behind a profile
    #[command(after_help = "Examples:\n  dagpass whoami\n  dagpass whoami prod --json")]
    Whoami {
        /// The profile; the default profile where absent
        profile: Option<String>,
    },
    /// Print a fresh access token
    Token(Token),
    /// Run a program that may ask for tokens for as long as it lives
    Run(crate::commands::run::Run),
    /// The agent itself
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass agent start\n  dagpass agent restart\n  dagpass agent pause"
    )]
    Agent(crate::commands::agent::Agent),
    /// Check everything that can be wrong, with the fix for each
    #[command(after_help = "Examples:\n  dagpass doctor\n  dagpass doctor --json")]
    Doctor,
    /// The config file
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass config check\n  dagpass config check --machine config.toml\n  $EDITOR \"$(dagpass config path)\""
    )]
    Config(crate::commands::config::Config),
    /// The record of what was signed in, asked for and issued
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass audit tail\n  dagpass audit tail -n 100 --json\n  dagpass audit verify\n  dagpass audit prove 4711 --output 4711.tlog-proof"
    )]
    Audit(crate::commands::audit::Audit),
    /// Cosign others' ledgers, so that nobody can rewrite them unseen
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass witness key\n  dagpass witness add VKEY\n  dagpass witness serve\n  dagpass witness list"
    )]
    Witness(crate::commands::witness::Witness),
    /// What a rule asks you about, and your answer
    #[command(
        after_help = "Examples:\n  dagpass approve\n  dagpass approve ap-1a2b3c4d5e --run\n  \
                            dagpass approve list --json\n  dagpass approve revoke ap-1a2b3c4d5e"
    )]
    Approve(crate::commands::approve::Approve),
    /// What was handed out to whom, until when, and taking it back
    Leases(crate::commands::leases::Leases),
    /// Wire Airflow to the agent
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass airflow setup --for venv\n  dagpass airflow setup --undo"
    )]
    Airflow(crate::commands::airflow::Airflow),
    /// Doors for a project's containers, and for a machine that ssh forwards a socket to
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass container up\n  dagpass container up --uid 50000 --connection warehouse_api\n  dagpass container status\n  dagpass container down"
    )]
    Container(crate::commands::container::Container),
    /// Where refresh tokens are kept
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass store use keychain\n  dagpass store use passphrase-file"
    )]
    Store(crate::commands::store::Store),
    /// What proves this machine's clients to their issuers by a secret
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass secret set prod\n  pass show ping/prod | dagpass secret set prod\n  dagpass secret list"
    )]
    Secret(crate::commands::secret::Secret),
    /// What proves this machine's clients to their issuers by a key that is made here
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass identity show prod > jwks.json\n  dagpass identity renew prod"
    )]
    Identity(crate::commands::identity::Identity),
    /// Who may have which token, as code
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass policy check\n  dagpass policy show\n  dagpass policy why --connection warehouse_api\n  dagpass policy lint"
    )]
    Policy(crate::commands::policy::Policy),
    /// Ways to servers of the config by which the agent adds the token: no program holds one
    #[command(
        subcommand,
        after_help = "Examples:\n  dagpass run --via warehouse -- ./report.py\n  eval \"$(dagpass proxy env warehouse)\"\n  dagpass proxy status\n  dagpass proxy log"
    )]
    Proxy(crate::commands::proxy::Proxy),
    /// Open the window, or bring it to the front
    #[command(after_help = "Examples:\n  dagpass panel\n  dagpass panel doctor")]
    Panel {
        /// What it shows: sessions, activity, airflow, approvals, settings, doctor or welcome
        view: Option<View>,
    },
    /// Carry connections to an agent whose socket or pipe cannot be reached from here
    Relay(crate::commands::relay::Relay),
    /// Sign out everywhere and remove all of dagpass from this machine
    Purge(crate::commands::purge::Purge),
    /// Completions for a shell
    #[command(
        after_help = "Examples:\n  dagpass completions bash > ~/.local/share/bash-completion/completions/dagpass"
    )]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// `dagpass man`, which neither help nor completions name: it has a line of its own
    #[command(skip)]
    Man(crate::commands::man::Man),
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    curl -K <(dagpass token --format curl) https://airflow.example/api/v2/dags\n  \
    dagpass token prod --scope warehouse:read --min-ttl 5m\n  \
    dagpass token --connection warehouse_api --format json\n  \
    dagpass token --format netrc --host pypi.corp.example\n  \
    git config --global credential.https://git.corp.example.helper \\\n    \
    '!dagpass token --format git --host git.corp.example'")]
pub(crate) struct Token {
    /// The profile, or PROFILE/CONN_ID for a connection with a sign-in of its own; the default
    /// profile where absent
    pub(crate) profile: Option<String>,
    /// What git asks of a credential helper, with --format git: get, store or erase
    #[arg(hide = true)]
    pub(crate) action: Option<String>,
    /// An Airflow conn_id of the config: its profile, scopes and resource
    #[arg(long, value_name = "CONN_ID", conflicts_with_all = ["scope", "resource"])]
    pub(crate) connection: Option<String>,
    /// An Airflow deployment of the config: its own JWT
    #[arg(long, value_name = "NAME", conflicts_with_all = ["connection", "scope", "resource"])]
    pub(crate) airflow: Option<String>,
    /// The API the token is for (RFC 8707)
    #[arg(long)]
    pub(crate) resource: Option<String>,
    /// Only these of the profile's scopes; repeat for several
    #[arg(long)]
    pub(crate) scope: Vec<String>,
    /// The environment whose connections are meant
    #[arg(long)]
    pub(crate) env: Option<String>,
    /// How long the token must still live: 90, 60s, 5m, 1h
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) min_ttl: Option<u64>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = Format::Bare)]
    pub(crate) format: Format,
    /// The host that a netrc line or a git credential is for
    #[arg(long, required_if_eq_any = [("format", "netrc"), ("format", "git")])]
    pub(crate) host: Option<String>,
    /// The user's name beside it, where the token is the password
    #[arg(long, value_name = "NAME", default_value = "oauth2")]
    pub(crate) login: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// The token alone
    Bare,
    /// `Authorization: Bearer …`
    Header,
    /// RFC 6749 §5.1 with `expires_at`
    Json,
    /// Lines for a shell's `eval`
    Env,
    /// The same for PowerShell's `Invoke-Expression`
    Powershell,
    /// kubectl's ExecCredential
    Kubectl,
    /// curl's config for `-K`, which keeps the token off the command line
    Curl,
    /// A line for `~/.netrc`: the token as password for --host
    Netrc,
    /// What git's credential helpers answer for --host
    Git,
}

pub(crate) fn parse(args: &[OsString]) -> Result<Line, clap::Error> {
    // `token` runs thousands of times a day: its own small tree is built in a fraction of the time.
    if args.get(1).is_some_and(|first| first == "token")
        && let Ok(line) = TokenLine::try_parse_from(&args[1..])
    {
        let TokenLine { json, no_start, socket, token } = line;
        return Ok(Line { json, no_start, socket, command: Command::Token(token) });
    }
    if args.get(1).is_some_and(|first| first == "man") {
        let ManLine { man } = ManLine::try_parse_from(&args[1..])?;
        let command = Command::Man(man);
        return Ok(Line { json: false, no_start: true, socket: None, command });
    }
    Line::try_parse_from(args)
}

/// The whole tree, for completions and the manual.
pub(crate) fn tree() -> clap::Command {
    Line::command()
}

#[derive(Parser)]
#[command(name = "token", disable_help_flag = true)]
struct TokenLine {
    #[arg(long)]
    json: bool,
    #[arg(long)]
    no_start: bool,
    #[arg(long)]
    socket: Option<String>,
    #[command(flatten)]
    token: Token,
}

/// For whoever packages dagpass, and nobody else.
#[derive(Parser)]
#[command(name = "dagpass man", about = "Write the manual's pages into a folder")]
struct ManLine {
    #[command(flatten)]
    man: crate::commands::man::Man,
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
