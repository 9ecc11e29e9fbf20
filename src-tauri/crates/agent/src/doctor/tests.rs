//! One scene, one thing wrong with it at a time: the finding and the fix.

mod callback;
mod keychain;
mod process;
mod proxies;
mod sessions;

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use dagpass_client::wire::{Finding, ProfileStatus, ShipStatus};
use dagpass_core::fakes::FakeStore;
use dagpass_core::ports::{
    Callbacks, Listening, Pending, SignInServer, StoreFailure, TokenFailure,
};
use dagpass_core::profile::{Profile, Redirect};
use dagpass_core::sign_in::{
    Assurance, AuthorizationRequest, AuthorizationUrl, DeviceAuthorization, Offers,
};
use dagpass_core::token::CodeVerifier;

use super::{Deployments, Looked, Scene, examine};
use crate::callback::LoopbackCallbacks;
use crate::config::{AirflowConfig, parse};
use crate::keychain::{Health, HealthState};
use crate::outgoing_proxy::Proxies;

const PROD: &str = "[profile.prod]\nissuer = \"https://auth.example/as\"\nclient-id = \"c\"\nredirect-ports = [0]\n";

/// An issuer that is only ever asked what it offers.
struct Issuer(Result<Offers, TokenFailure>);

impl SignInServer for Issuer {
    fn offers<'a>(&'a self, _: &'a Profile) -> Pending<'a, Result<Offers, TokenFailure>> {
        Box::pin(async { self.0.clone() })
    }

    fn authorize<'a>(
        &'a self,
        _: &'a Profile,
        _: &'a AuthorizationRequest,
    ) -> Pending<'a, Result<AuthorizationUrl, TokenFailure>> {
        panic!("doctor signs nobody in")
    }

    fn device<'a>(
        &'a self,
        _: &'a Profile,
        _: Option<&'a CodeVerifier>,
        _: &'a Assurance,
    ) -> Pending<'a, Result<DeviceAuthorization, TokenFailure>> {
        panic!("doctor signs nobody in")
    }

    fn fetch_keys<'a>(&'a self, _: &'a Profile) -> Pending<'a, Result<(), TokenFailure>> {
        panic!("doctor signs nobody in")
    }
}

struct NoPort;

impl Callbacks for NoPort {
    fn listen<'a>(&'a self, _: &'a Redirect) -> Pending<'a, Result<Listening, String>> {
        Box::pin(async { Err("no port for the callback is free: 21217 (in use)".to_owned()) })
    }
}

/// A world in which everything is right, until a test changes it.
struct World {
    text: String,
    issuer: Issuer,
    store: FakeStore,
    sessions: Vec<ProfileStatus>,
    paused: bool,
    shielded: Result<&'static str, &'static str>,
    unkept: usize,
    tells: Option<crate::presence::Tells>,
    unread_logouts: Option<&'static str>,
    unseen: Option<&'static str>,
    callbacks: Box<dyn Callbacks>,
    socket: String,
    tcp_port: Option<u16>,
    own: Proxies,
    shell: Option<Proxies>,
    _standing: std::net::TcpListener,
}

impl World {
    fn good() -> Self {
        let standing = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let offers = Offers {
            authorization_code: true,
            device_code: true,
            iss_in_callback: false,
            pushes: false,
            revocation: true,
            token_exchange: false,
            issuer: "https://auth.example/as".to_owned(),
            scopes_supported: Vec::new(),
            found_elsewhere: Vec::new(),
            near_groups_claim: None,
            clock_skew: Some(2),
        };
        Self {
            text: PROD.to_owned(),
            issuer: Issuer(Ok(offers)),
            store: FakeStore::default(),
            sessions: Vec::new(),
            paused: false,
            shielded: Ok("closed"),
            unkept: 0,
            tells: None,
            unread_logouts: None,
            unseen: None,
            callbacks: Box::new(LoopbackCallbacks::default()),
            socket: "/".to_owned(),
            tcp_port: Some(standing.local_addr().expect("its number").port()),
            own: Proxies::default(),
            shell: Some(Proxies::default()),
            _standing: standing,
        }
    }

    fn offering(change: impl FnOnce(&mut Offers)) -> Self {
        let mut world = Self::good();
        change(world.issuer.0.as_mut().expect("offers"));
        world
    }

    async fn examined(&self) -> Vec<Finding> {
        let path = Path::new("/etc/dagpass/config.toml");
        let (config, problems) = match parse(&self.text, path) {
            Ok(config) => (config, Vec::new()),
            Err(problems) => (parse(PROD, path).expect("the last good one"), problems),
        };
        let health = Health { kind: "secret-service", state: HealthState::Ok, detail: None };
        examine(&Scene {
            config_path: path,
            config: &config,
            config_problems: &problems,
            above: &crate::config::Above::default(),
            issuer: &self.issuer,
            store: &self.store,
            store_health: &health,
            sessions: &self.sessions,
            paused: self.paused,
            shielded: self.shielded,
            unkept: self.unkept,
            tells: self.tells.as_ref(),
            unread_logouts: self.unread_logouts,
            unseen: self.unseen,
            unwritten: None,
            found: &[],
            callbacks: self.callbacks.as_ref(),
            socket: &self.socket,
            tcp_port: self.tcp_port,
            own_proxies: &self.own,
            shell_proxies: self.shell.as_ref(),
            witnesses: &[],
            policy: super::Policy { state: "none", digest: None, problems: &[] },
            shipping: &ShipStatus::default(),
            ledger: super::Ledger::well(Path::new("/state/ledger.jsonl")),
            lanes: (&[], 0),
            containers: &[],
            re_authenticates: Err(String::new()),
            deployments: &NoAirflow,
        })
        .await
    }

    /// `check verdict: detail [hint]` of all that is not `ok`.
    async fn wrong(&self) -> Vec<String> {
        let findings = self.examined().await;
        let wrong = findings.iter().filter(|finding| finding.verdict != "ok").map(|finding| {
            let hint = finding.hint.as_ref().map(|hint| format!(" [{hint}]")).unwrap_or_default();
            assert!(finding.verdict == "skipped" || finding.hint.is_some(), "{finding:?}");
            format!("{} {}: {}{hint}", finding.check, finding.verdict, finding.detail)
        });
        wrong.collect()
    }
}

fn unreachable(cause: &str) -> TokenFailure {
    TokenFailure::Unreachable { cause: cause.into(), sent: false, retry_after: None }
}

struct NoAirflow;

impl Deployments for NoAirflow {
    fn look<'a>(&'a self, airflow: &'a AirflowConfig) -> Pending<'a, Looked> {
        panic!("nobody configured `{}`", airflow.deployment.name)
    }
}

#[tokio::test]
async fn a_world_that_is_right_has_nothing_but_good_findings() {
    let world = World::good();
    let findings = world.examined().await;
    let checks: Vec<&str> = findings.iter().map(|finding| finding.check.as_str()).collect();
    assert_eq!(
        checks,
        [
            "config",
            "proxy",
            "discovery",
            "clock",
            "keychain",
            "process",
            "socket",
            "port",
            "ledger",
            "port"
        ]
    );
    assert_eq!(world.wrong().await, Vec::<String>::new());
    assert_eq!(findings[0].detail, "/etc/dagpass/config.toml: 1 profile, 0 connections");
    assert_eq!(findings[2].detail, "https://auth.example/as: browser, device code, revocation");
}

#[tokio::test]
async fn two_profiles_of_one_client_are_warned_about() {
    let mut world = World::good();
    world.text = format!("{PROD}{}", PROD.replace("[profile.prod]", "[profile.dev]"));
    let wrong = world.wrong().await;
    assert_eq!(
        wrong,
        ["config warning: /etc/dagpass/config.toml:7:13: profile.dev.client-id: the client and \
          issuer of profile `prod` (line 3): PingOne ends the one sign-in when the other is made \
          [register a client for each, or ask for all scopes in one profile]"]
    );
}

#[tokio::test]
async fn a_bad_config_names_line_key_and_fix() {
    let world = World {
        text: "[profile.prod]\nisuer = \"x\"\nclient-id = \"c\"\n".into(),
        ..World::good()
    };
    assert_eq!(
        world.wrong().await,
        [
            "config problem: /etc/dagpass/config.toml:1:1: profile.prod.issuer: `issuer` is missing [mend the line; `dagpass config check` reads it again]",
            "config problem: /etc/dagpass/config.toml:2:1: profile.prod.isuer: unknown key `isuer` [did you mean `issuer`?]",
        ]
    );
    let world = World { text: String::new(), ..World::good() };
    assert_eq!(
        world.wrong().await,
        ["config warning: /etc/dagpass/config.toml has no profile [run `dagpass init`]"]
    );
}

#[tokio::test]
async fn an_issuer_that_gives_no_metadata_says_why() {
    let cases = [
        (
            unreachable("certificate of unknown issuer"),
            "discovery problem: https://auth.example/as cannot be reached: certificate of unknown issuer [check network and VPN, then `proxy` and `ca-file` of profile `prod`]",
        ),
        (
            TokenFailure::Misconfigured {
                error: "issuer_mismatch".into(),
                description: "the document names https://auth.example/as/".into(),
            },
            "discovery problem: https://auth.example/as: issuer_mismatch: the document names https://auth.example/as/ [compare `profile.prod.issuer` with the `issuer` of its discovery document]",
        ),
    ];
    for (failure, expected) in cases {
        let world = World { issuer: Issuer(Err(failure)), ..World::good() };
        assert_eq!(world.wrong().await, [expected]);
    }
}

#[tokio::test]
async fn what_the_profile_needs_and_the_issuer_lacks_is_named() {
    let mut world = World::offering(|offers| offers.device_code = false);
    assert_eq!(world.wrong().await, Vec::<String>::new(), "auto takes the other way");
    world.text.push_str("flow = \"device\"\n");
    let skipped = "port skipped: no callback: this profile signs in by code";
    assert_eq!(
        world.wrong().await,
        [
            "discovery problem: the issuer does not offer the device flow [change `profile.prod.flow`, or have the grant allowed for this client at Ping]",
            skipped,
        ]
    );
    let world = World::offering(|offers| offers.scopes_supported = vec!["profile".into()]);
    assert_eq!(
        world.wrong().await,
        [
            "discovery warning: the issuer does not list these scopes: openid [check `profile.prod.scopes`; some issuers leave custom scopes out of the list]"
        ]
    );
}

#[tokio::test]
async fn a_groups_claim_of_another_spelling_is_named() {
    let world = World::offering(|offers| offers.near_groups_claim = Some("Groups".into()));
    assert_eq!(
        world.wrong().await,
        [
            "groups warning: `groups-claim` is `groups`, and the issuer writes `Groups` [set `groups-claim = \"Groups\"` in `[profile.prod]`]"
        ]
    );
}

#[tokio::test]
async fn an_endpoint_that_the_document_does_not_name_is_told_with_how_it_was_found() {
    let path = "revocation by PingAM's own path";
    let world = World::offering(|offers| offers.found_elsewhere = vec![path.into()]);
    let findings = world.examined().await;
    let told = |finding: &Finding| finding.verdict == "ok" && finding.detail.ends_with(path);
    assert!(findings.iter().any(told), "{findings:?}");
}

#[tokio::test]
async fn clocks_may_be_a_minute_apart() {
    let fix = "[let the system set its time from the network (NTP)]";
    let cases = [
        (Some(60), None),
        (Some(-60), None),
        (
            Some(95),
            Some(format!("clock warning: this machine's clock is 95 s behind the issuer's {fix}")),
        ),
        (
            Some(-61),
            Some(format!(
                "clock warning: this machine's clock is 61 s ahead of the issuer's {fix}"
            )),
        ),
        (None, Some("clock skipped: the issuer sent no `Date`".to_owned())),
    ];
    for (skew, expected) in cases {
        let world = World::offering(|offers| offers.clock_skew = skew);
        assert_eq!(world.wrong().await, expected.into_iter().collect::<Vec<_>>(), "{skew:?}");
    }
}

#[tokio::test]
async fn a_socket_or_port_that_is_gone_is_told() {
    let world = World { socket: "/nonexistent/agent.sock".into(), tcp_port: None, ..World::good() };
    assert_eq!(
        world.wrong().await,
        [
            "socket problem: /nonexistent/agent.sock is gone: something removed it [run `dagpass agent restart`; sessions are kept]",
            "port warning: the TCP endpoint does not stand; the socket serves alone [set `[endpoint] port` to a free one, or 0, and `dagpass agent restart`]",
        ]
    );
    let world = World { unseen: Some("install it"), ..World::good() };
    assert_eq!(
        world.wrong().await,
        ["tray warning: this desktop shows no icons, so nobody sees the agent's [install it]"]
    );
    let world = World { callbacks: Box::new(NoPort), ..World::good() };
    assert_eq!(
        world.wrong().await,
        [
            "port warning: no port for the callback is free: 21217 (in use) [free one, or register another at Ping and add it to `profile.prod.redirect-ports`]"
        ]
    );
}

#[tokio::test]
async fn a_ca_file_must_hold_certificates() {
    let folder = tempfile::tempdir().expect("a folder");
    let good =
        rcgen::generate_simple_self_signed(vec!["ca.example".into()]).expect("made").cert.pem();
    let broken = good.replace("MII", "AAA");
    let cases = [
        ("good.pem", good.clone(), ""),
        ("marked.pem", format!("\u{feff}{}", good.replace('\n', "\r\n")), ""),
        ("empty.pem", String::new(), "is empty"),
        ("text.pem", "hello".to_owned(), "holds no certificate in PEM form"),
        ("half.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n".to_owned(), "is no whole PEM: "),
        ("broken.pem", broken, "certificate 1 cannot be used: "),
    ];
    for (name, text, cause) in cases {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("written");
        let world = World { text: format!("{PROD}ca-file = {path:?}\n"), ..World::good() };
        let findings = world.examined().await;
        let found = findings.iter().find(|finding| finding.check == "ca").expect("a finding");
        if cause.is_empty() {
            assert_eq!(found.detail, format!("{}: 1 certificate", path.display()));
        } else {
            assert_eq!(found.verdict, "problem", "{name}");
            assert!(found.detail.starts_with(&format!("{} {cause}", path.display())), "{found:?}");
        }
    }
    let missing =
        World { text: format!("{PROD}ca-file = \"/nonexistent/ca.pem\"\n"), ..World::good() };
    assert!(
        missing.wrong().await[0].starts_with("ca problem: /nonexistent/ca.pem cannot be read: ")
    );
}
