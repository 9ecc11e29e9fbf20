//! The proxy in force, and how it is shown.

use super::{PROD, World};
use crate::outgoing_proxy::Proxies;

fn proxies(pairs: &[(&str, &str)]) -> Proxies {
    Proxies::read(|name| {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

const NOT_INHERITED: &str =
    "[set `proxy` and `no-proxy` in the config: the agent does not inherit a shell]";

#[tokio::test]
async fn a_proxy_of_the_shell_alone_is_told_without_its_password() {
    let shell = proxies(&[
        ("HTTPS_PROXY", "http://ada:canary-pw@proxy.example:3128"),
        ("no_proxy", ".example"),
    ]);
    assert!(!format!("{shell:?}").contains("canary-pw"));
    let world = World { shell: Some(shell.clone()), ..World::good() };
    assert_eq!(
        world.wrong().await,
        [format!(
            "proxy warning: the agent uses no proxy; this shell would use HTTPS_PROXY=http://***@proxy.example:3128, no_proxy=.example {NOT_INHERITED}"
        )]
    );
    let same = World { own: shell.clone(), shell: Some(shell), ..World::good() };
    assert_eq!(same.wrong().await, Vec::<String>::new());
    let named = World {
        text: format!("{PROD}proxy = \"http://ada:canary-pw@p.example:1\"\n"),
        shell: None,
        ..World::good()
    };
    assert_eq!(named.wrong().await, Vec::<String>::new());
    assert!(!format!("{:?}", named.examined().await).contains("canary-pw"));
}

#[tokio::test]
async fn the_proxy_in_force_is_named_with_its_variable_and_what_it_overrides() {
    let idle = "without effect: HTTPS_PROXY goes first, then https_proxy, ALL_PROXY, all_proxy; HTTP_PROXY is for plain http, which is never sent";
    let cases: &[(&[(&str, &str)], String)] = &[
        (&[], "no proxy".to_owned()),
        (
            &[("HTTPS_PROXY", "http://ada:canary-pw@proxy.example:3128")],
            "HTTPS_PROXY=http://***@proxy.example:3128".to_owned(),
        ),
        (
            &[("HTTPS_PROXY", "http://ada:canary@pw#canary@a:1"), ("https_proxy", "http://b:2")],
            format!("HTTPS_PROXY=http://***@a:1 (https_proxy {idle})"),
        ),
        (&[("HTTP_PROXY", "http://c:3")], format!("no proxy (HTTP_PROXY {idle})")),
        (
            &[("https_proxy", "http://b:2"), ("REQUEST_METHOD", "GET")],
            "no proxy (https_proxy without effect: REQUEST_METHOD is set, as by a CGI server, which can set them too)".to_owned(),
        ),
    ];
    for (variables, expected) in cases {
        let world = World { own: proxies(variables), shell: None, ..World::good() };
        let findings = world.examined().await;
        let found = findings.iter().find(|finding| finding.check == "proxy").expect("a finding");
        assert_eq!((found.verdict.as_str(), &found.detail), ("ok", expected), "{variables:?}");
    }
}

#[tokio::test]
async fn a_proxy_that_cannot_be_used_is_named_with_who_names_it() {
    let own = proxies(&[("ALL_PROXY", "socks5h://ada:canary-pw@p.example:1080")]);
    for shell in [None, Some(own.clone())] {
        let world = World { own: own.clone(), shell, ..World::good() };
        assert_eq!(
            world.wrong().await,
            [
                "proxy problem: ALL_PROXY names a socks5h proxy, which dagpass cannot use: http and https proxies alone [set `proxy` in the config, or have the variable name an http proxy and run `dagpass agent restart`]"
            ]
        );
    }
}
