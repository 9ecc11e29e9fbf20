//! `dagpass init`: from a Ping product and a client to a profile in the config. The agent reads the
//! discovery document and checks the text; this decides only the words.

use std::path::PathBuf;

use clap::Args;
use dagpass_client::preset::Preset;
use dagpass_client::wire::{DiscoverAsk, DiscoverReply};

use crate::exit::Failure;
use crate::world::World;
use crate::{input, output};

mod edit;
mod handed_out;
mod merge;
mod preset;
mod register;

use edit::{NewProfile, Theirs};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  dagpass init                                    # asks\n  \
    dagpass init --pingone eu ENVIRONMENT-ID --client-id CLIENT-ID\n  \
    dagpass init dev --pingfederate https://sso.corp.example:9031 --client-id airflow-cli\n  \
    dagpass init --pingam https://am.corp.example/am alpha --client-id airflow-cli\n  \
    dagpass init --issuer https://login.corp.example --client-id airflow-cli --scope openid\n  \
    dagpass init --from https://it.corp.example/dagpass.toml")]
pub(crate) struct Init {
    /// What the profile is called
    #[arg(default_value = "prod")]
    profile: String,
    /// PingOne: its region (com, ca, eu, com.au, sg, asia) or custom domain, and the environment's id
    #[arg(long, num_args = 2, value_names = ["REGION", "ENVIRONMENT"], group = "preset")]
    pingone: Option<Vec<String>>,
    /// PingFederate: its base URL
    #[arg(long, value_name = "URL", group = "preset")]
    pingfederate: Option<String>,
    /// PingAM or Advanced Identity Cloud: base URL with its path, and the realm
    #[arg(long, num_args = 2, value_names = ["URL", "REALM"], group = "preset")]
    pingam: Option<Vec<String>>,
    /// Any OpenID provider: its issuer
    #[arg(long, value_name = "URL", group = "preset")]
    issuer: Option<String>,
    /// What an admin hands out: a file or an https URL, shown before it is taken
    #[arg(long, value_name = "FILE|URL", group = "preset", conflicts_with_all = ["client_id", "scope", "flow", "redirect_port", "default"])]
    from: Option<String>,
    /// Take what --from gives without asking
    #[arg(long, requires = "from")]
    yes: bool,
    /// The client registered for dagpass
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// What sign-in asks for; repeat for several
    #[arg(long)]
    scope: Vec<String>,
    /// How people sign in
    #[arg(long, value_parser = ["auto", "browser", "device"])]
    flow: Option<String>,
    /// A port registered for the callback; repeat for several, 0 is any
    #[arg(long, value_name = "PORT")]
    redirect_port: Vec<u16>,
    /// A company's own certificate authority, as PEM
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Make it the default profile
    #[arg(long)]
    default: bool,
    /// Change a profile that exists
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(world: &World, args: &Init) -> Result<(), Failure> {
    world.notice_config();
    if let Some(source) = &args.from {
        return handed_out::run(world, source, args);
    }
    let preset = match preset::from_args(args) {
        Some(preset) => preset,
        None => ask_preset()?,
    };
    let client_id = match &args.client_id {
        Some(id) => id.trim().to_owned(),
        None => ask("client id", "--client-id")?,
    };
    let ca_file = args.ca_file.as_deref().map(absolute).transpose()?;
    let discover =
        DiscoverAsk { url: preset.discovery_url()?, ca_file: ca_file.clone(), proxy: None };
    let found = world.ask(|agent| agent.discover(&discover))?;
    output::say(&summary(&discover.url, &found));
    let config = world.ask(|agent| agent.config())?;
    let profile = NewProfile {
        name: args.profile.clone(),
        issuer: found.issuer.clone(),
        discovery: found.discovery.clone(),
        client_id,
        flow: args.flow.clone(),
        scopes: scopes(&args.scope, &found),
        redirect_ports: args.redirect_port.clone(),
        own_callback: found.own_callback,
        ca_file,
        make_default: args.default,
        force: args.force,
        theirs: Theirs::of(config.managed.as_ref()),
    };
    let mut edit = edit::edit(&config.text, &profile)?;
    edit.digest = Some(config.digest).filter(|digest| !digest.is_empty());
    let written = world.ask(|agent| agent.edit_config(&edit))?;
    let callbacks = register::callbacks(&written.text, &profile.name, &found.redirect_ports);
    done(world, &written.path, &profile, &callbacks)
}

fn done(
    world: &World,
    path: &str,
    profile: &NewProfile,
    callbacks: &[String],
) -> Result<(), Failure> {
    if world.json {
        return output::json(&serde_json::json!({
            "path": path, "profile": profile.name, "issuer": profile.issuer,
            "redirect_uris": callbacks,
        }));
    }
    let name = &profile.name;
    output::say(&format!("profile `{name}` is written to {path}"));
    if !callbacks.is_empty() {
        let list: String = callbacks.iter().map(|uri| format!("\n  {uri}")).collect();
        output::say(&format!("redirect URIs of the client `{}` at Ping:{list}", profile.client_id));
    }
    output::say(&format!("next: `dagpass login {name}`"));
    Ok(())
}

fn summary(url: &str, found: &DiscoverReply) -> String {
    let word = |there: bool| if there { "yes" } else { "no" };
    let skew = match found.clock_skew {
        Some(skew) if skew.abs() > 30 => format!("\nnote: its clock is {skew} s from ours"),
        Some(_) | None => String::new(),
    };
    format!(
        "{url}\n  issuer         {}\n  browser        {}\n  device code    {}{skew}",
        found.issuer,
        word(found.authorization_code),
        word(found.device_code)
    )
}

/// Where nothing was asked for: who it is, and a refresh token where that has to be asked for.
fn scopes(asked: &[String], found: &DiscoverReply) -> Vec<String> {
    if !asked.is_empty() {
        return asked.to_vec();
    }
    let supported = |scope: &str| found.scopes_supported.iter().any(|one| one == scope);
    let optional = ["profile", "offline_access"].into_iter().filter(|scope| supported(scope));
    std::iter::once("openid").chain(optional).map(str::to_owned).collect()
}

fn absolute(file: &std::path::Path) -> Result<String, Failure> {
    let path = std::fs::canonicalize(file).map_err(|error| {
        Failure::usage(format!("{} cannot be read", file.display())).because(error)
    })?;
    let text = path.to_str().map(str::to_owned);
    text.ok_or_else(|| Failure::usage("the CA file's path is no UTF-8"))
}

fn ask_preset() -> Result<Preset, Failure> {
    input::require_person("one of --pingone, --pingfederate, --pingam, --issuer")?;
    output::say("which product signs people in?");
    output::say("  1 PingOne   2 PingFederate   3 PingAM / Advanced Identity Cloud   4 another");
    Ok(match ask("number", "--issuer")?.as_str() {
        "1" => Preset::PingOne {
            region: ask("region (com, ca, eu, com.au, sg, asia)", "--pingone")?,
            environment: ask("environment id", "--pingone")?,
        },
        "2" => Preset::PingFederate { url: ask("base URL", "--pingfederate")? },
        "3" => Preset::PingAm {
            url: ask("base URL, such as https://am.corp.example/am", "--pingam")?,
            realm: ask("realm", "--pingam")?,
        },
        "4" => Preset::Issuer { url: ask("issuer", "--issuer")? },
        other => return Err(Failure::usage(format!("`{other}` is none of 1 to 4"))),
    })
}

fn ask(what: &str, flag: &str) -> Result<String, Failure> {
    match input::answer(&format!("{what}: "), flag)?.as_str() {
        "" => Err(Failure::usage(format!("no {what} was given"))),
        answer => Ok(answer.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_that_were_asked_for_are_taken_as_they_are() {
        let found = DiscoverReply {
            issuer: "i".into(),
            authorization_code: true,
            device_code: false,
            scopes_supported: vec!["openid".into(), "offline_access".into()],
            discovery: None,
            own_callback: false,
            redirect_ports: vec![21217],
            clock_skew: Some(-90),
        };
        assert_eq!(scopes(&["a".to_owned()], &found), ["a"]);
        assert_eq!(scopes(&[], &found), ["openid", "offline_access"]);
        assert_eq!(
            summary("u", &found),
            "u\n  issuer         i\n  browser        yes\n  device code    no\n\
             note: its clock is -90 s from ours"
        );
    }
}
