//! `dagpass proxy`: ways to the upstreams of the config, and what went by them. The token is put in by the agent;
//! what is printed here is a phantom, good at one upstream's door for the terminal that asked.

use clap::{Subcommand, ValueEnum};
use dagpass_client::wire::{
    ProxyAsk, ProxyEntry, ProxyList, ProxyRequest, ProxyShown, proxy_variable,
};

use crate::exit::Failure;
use crate::output::word;
use crate::world::World;
use crate::{duration, output, time};

#[derive(Debug, Subcommand)]
pub(crate) enum Proxy {
    /// Print the variables by which this terminal reaches an upstream
    #[command(after_help = "Examples:\n  eval \"$(dagpass proxy env warehouse)\"\n  \
                      curl -H \"Authorization: Bearer $DAGPASS_PROXY_BEARER_WAREHOUSE\" \\\n    \"$DAGPASS_PROXY_URL_WAREHOUSE/v1/tables\"\n  \
                      curl -K <(dagpass proxy env warehouse --format curl) http://127.0.0.1:28100/v1/tables")]
    Env {
        /// By its name in the config
        name: String,
        /// How long it is good: 90s, 5m, 1h; at most 12h
        #[arg(long = "for", value_name = "TIME", default_value = "1h", value_parser = duration::parse)]
        seconds: u64,
        /// How it is printed
        #[arg(long, value_enum, default_value_t = Format::Env)]
        format: Format,
    },
    /// Which upstreams there are, and how each is reached
    #[command(
        after_help = "Examples:\n  dagpass proxy status\n  dagpass proxy status --json | jq .upstreams"
    )]
    Status,
    /// The last requests that were sent on, or not
    #[command(after_help = "Examples:\n  dagpass proxy log\n  dagpass proxy log warehouse --json")]
    Log {
        /// Of this upstream alone
        name: Option<String>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Lines for a shell's `eval`
    Env,
    /// The same for PowerShell's `Invoke-Expression`
    Powershell,
    /// curl's config for `-K`, which keeps the phantom off the command line
    Curl,
}

pub(crate) fn run(world: &World, command: Proxy) -> Result<(), Failure> {
    match command {
        Proxy::Env { name, seconds, format } => env(world, name, (seconds, format)),
        Proxy::Status => {
            let list = world.ask_running(|agent| agent.proxy())?;
            if world.json {
                return output::json(&list);
            }
            if list.upstreams.is_empty() {
                output::say("the config has no upstream: add `[upstream.NAME]` with its `url`");
                return Ok(());
            }
            output::out(&status(&list))
        }
        Proxy::Log { name } => log(world, name.as_deref()),
    }
}

fn env(world: &World, upstream: String, (seconds, format): (u64, Format)) -> Result<(), Failure> {
    let ask = ProxyAsk { upstream, seconds: Some(seconds) };
    let entry = world.ask(|agent| agent.enter_proxy(&ask))?;
    if world.json {
        return output::json(&entry);
    }
    output::out(&shaped(&entry, format))
}

/// Neither an address nor a phantom has anything that a shell would read.
fn shaped(entry: &ProxyEntry, format: Format) -> String {
    let variables = variables(entry);
    let lines = variables.iter().map(|(name, value)| match format {
        Format::Env => format!("export {name}='{value}'"),
        Format::Powershell => format!("$env:{name} = '{value}'"),
        Format::Curl => String::new(),
    });
    match format {
        Format::Env | Format::Powershell => lines.collect::<Vec<_>>().join("\n"),
        Format::Curl => format!("header = \"Authorization: Bearer {}\"", entry.bearer.as_str()),
    }
}

/// What a program finds the way by.
pub(super) fn variables(entry: &ProxyEntry) -> [(String, &str); 2] {
    let name = proxy_variable(&entry.upstream);
    [
        (format!("DAGPASS_PROXY_URL_{name}"), entry.url.as_str()),
        (format!("DAGPASS_PROXY_BEARER_{name}"), entry.bearer.as_str()),
    ]
}

fn status(list: &ProxyList) -> String {
    let mut lines = Vec::new();
    for one in &list.upstreams {
        let ProxyShown { name, url, .. } = one;
        let way = match (&one.address, &one.trouble) {
            (Some(address), _) => word(address),
            (None, Some(trouble)) => format!("no door: {}", word(trouble)),
            (None, None) => "no door yet".to_owned(),
        };
        lines.push(format!("{}  {way} -> {}", word(name), word(url)));
        let whose = match &one.connection {
            Some(id) => format!("token of connection {}", word(id)),
            None => format!("token of {}", word(&one.profile)),
        };
        lines.push(format!(
            "  {whose}; {} requests, {} of them not sent",
            one.requests, one.refused
        ));
    }
    lines.join("\n")
}

fn log(world: &World, name: Option<&str>) -> Result<(), Failure> {
    let mut list = world.ask_running(|agent| agent.proxy())?;
    list.upstreams.retain(|one| name.is_none_or(|name| one.name == name));
    if let (Some(name), true) = (name, list.upstreams.is_empty()) {
        let failure = Failure::new("not_found", format!("there is no upstream `{name}`"));
        return Err(failure.hint("run `dagpass proxy status` to see them"));
    }
    if world.json {
        return output::json(&list);
    }
    let text = lines(&list, time::now());
    if text.is_empty() {
        output::say(
            "nothing was sent on since the agent began; `dagpass audit tail` has what was before",
        );
        return Ok(());
    }
    output::out(&text)
}

/// Oldest first, of all together.
fn lines(list: &ProxyList, now: i64) -> String {
    let mut all: Vec<(&ProxyShown, &ProxyRequest)> = Vec::new();
    for upstream in &list.upstreams {
        all.extend(upstream.last.iter().map(|request| (upstream, request)));
    }
    all.sort_by_key(|(_, request)| request.at);
    let line = |(upstream, request): (&ProxyShown, &ProxyRequest)| {
        let program = request.program.as_deref().and_then(|path| path.rsplit(['/', '\\']).next());
        let who = match (program, request.pid) {
            (Some(program), Some(pid)) => format!("{} ({pid})", word(program)),
            (None, Some(pid)) => format!("process {pid}"),
            (_, None) => "a program".to_owned(),
        };
        let refused = request.refused.as_deref().map(|why| format!(": {}", word(why)));
        format!(
            "{}  {}  {} {} {}, {} ms, {who}{}",
            time::show(request.at, now),
            word(&upstream.name),
            request.status,
            word(&request.method),
            word(&request.path),
            request.took_ms,
            refused.unwrap_or_default(),
        )
    };
    all.into_iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> ProxyEntry {
        ProxyEntry {
            upstream: "lake-api".into(),
            url: "http://127.0.0.1:28100/api".into(),
            bearer: "ph4ntom".to_owned().into(),
            expires_at: None,
        }
    }

    #[test]
    fn a_way_is_printed_as_each_shell_takes_it() {
        for (format, text) in [
            (
                Format::Env,
                "export DAGPASS_PROXY_URL_LAKE_API='http://127.0.0.1:28100/api'\n\
                 export DAGPASS_PROXY_BEARER_LAKE_API='ph4ntom'",
            ),
            (
                Format::Powershell,
                "$env:DAGPASS_PROXY_URL_LAKE_API = 'http://127.0.0.1:28100/api'\n\
                 $env:DAGPASS_PROXY_BEARER_LAKE_API = 'ph4ntom'",
            ),
            (Format::Curl, "header = \"Authorization: Bearer ph4ntom\""),
        ] {
            assert_eq!(shaped(&entry(), format), text);
        }
    }

    #[test]
    fn what_was_sent_is_a_line_each_and_nothing_reaches_the_terminal_as_it_came() {
        let request = |at: i64, path: &str, refused: Option<&str>| ProxyRequest {
            at,
            method: "GET".into(),
            path: path.into(),
            status: if refused.is_some() { 403 } else { 200 },
            refused: refused.map(str::to_owned),
            took_ms: 12,
            pid: Some(77),
            program: Some("/usr/bin/curl".into()),
            run: None,
        };
        let shown = |name: &str, last| ProxyShown {
            name: name.into(),
            url: "https://lake.example/".into(),
            address: Some("http://127.0.0.1:1".into()),
            profile: "prod".into(),
            requests: 2,
            last,
            ..ProxyShown::default()
        };
        let list = ProxyList {
            upstreams: vec![
                shown("lake", vec![request(20, "/b\u{1b}[31m", None)]),
                shown("w", vec![request(10, "/a", Some("no rule permits it"))]),
            ],
        };
        let text = lines(&list, 86_400);
        let both: Vec<&str> = text.lines().collect();
        assert!(both[0].ends_with("w  403 GET /a, 12 ms, curl (77): no rule permits it"), "{text}");
        assert!(both[1].contains("lake  200 GET /b"), "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
        let text = status(&list);
        assert!(
            text.starts_with(
                "lake  http://127.0.0.1:1 -> https://lake.example/\n  token of prod; 2 requests"
            ),
            "{text}"
        );
    }
}
