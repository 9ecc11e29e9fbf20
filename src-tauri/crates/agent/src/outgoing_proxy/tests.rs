use super::*;

type Variables = &'static [(&'static str, &'static str)];

fn environment(pairs: Variables) -> Proxies {
    Proxies::read(|name| {
        pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
    })
}

fn network(proxy: Option<&str>, no_proxy: Option<&str>) -> Network {
    Network {
        proxy: proxy.map(str::to_owned),
        no_proxy: no_proxy.map(str::to_owned),
        ..Network::default()
    }
}

fn shown(way: Result<Way, (Source, Unusable)>) -> String {
    match way {
        Ok(Way::Direct) => "direct".to_owned(),
        Ok(Way::System) => "system".to_owned(),
        Ok(Way::Through(by, address)) => format!("{by}: {address}"),
        Err((by, unusable)) => format!("{by} names {unusable}"),
    }
}

#[test]
fn the_first_variable_that_is_set_names_the_proxy() {
    let table: &[(Variables, &str)] = &[
        (&[], "system"),
        (
            &[("HTTPS_PROXY", "http://a:1"), ("https_proxy", "http://b:2")],
            "HTTPS_PROXY: http://a:1",
        ),
        (&[("https_proxy", "http://b:2"), ("ALL_PROXY", "http://c:3")], "https_proxy: http://b:2"),
        (&[("ALL_PROXY", "http://c:3"), ("all_proxy", "http://d:4")], "ALL_PROXY: http://c:3"),
        (&[("all_proxy", "http://d:4")], "all_proxy: http://d:4"),
        (&[("HTTPS_PROXY", ""), ("https_proxy", "b:2")], "https_proxy: http://b:2"),
        (&[("HTTPS_PROXY", " "), ("ALL_PROXY", "c")], "ALL_PROXY: http://c:80"),
        (&[("HTTP_PROXY", "http://e:5"), ("http_proxy", "http://f:6")], "system"),
        (&[("HTTPS_PROXY", "https://a")], "HTTPS_PROXY: https://a:443"),
        (
            &[("HTTPS_PROXY", "socks5h://me:pw@a:1"), ("https_proxy", "http://b:2")],
            "HTTPS_PROXY names a socks5h proxy, which dagpass cannot use: http and https proxies alone",
        ),
        (
            &[("all_proxy", "ftp://a:1")],
            "all_proxy names a ftp proxy, which dagpass cannot use: http and https proxies alone",
        ),
        (
            &[("HTTPS_PROXY", "http://")],
            "HTTPS_PROXY names no address of a proxy; one is http://host:port",
        ),
        (&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", "corp.example")], "direct"),
        (&[("HTTPS_PROXY", "socks5://a:1"), ("no_proxy", ".corp.example")], "direct"),
        (
            &[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", "x"), ("no_proxy", "corp.example")],
            "HTTPS_PROXY: http://a:1",
        ),
        (&[("HTTPS_PROXY", "http://a:1"), ("REQUEST_METHOD", "GET")], "direct"),
    ];
    let url = Url::parse("https://ping.corp.example/as").unwrap();
    for (variables, expected) in table {
        let way = way(&network(None, None), &environment(variables), &url);
        assert_eq!(shown(way), *expected, "{variables:?}");
    }
}

#[test]
fn the_config_s_proxy_goes_before_every_variable_and_has_exceptions_of_its_own() {
    let variables = environment(&[("HTTPS_PROXY", "http://a:1"), ("NO_PROXY", "*")]);
    let proxy = Some("http://me:pw@own:9");
    let config = "`proxy` in the config: http://***@own:9";
    let table = [
        ("https://ping.example/", proxy, None, config),
        ("https://ping.example/", proxy, Some("example"), "direct"),
        ("https://ping.example/", None, Some("ping.example"), "direct"),
        (
            "https://ping.example/",
            Some("socks5://x:1"),
            None,
            "`proxy` in the config names a socks5 proxy, which dagpass cannot use: http and https proxies alone",
        ),
        ("http://127.0.0.1:1/", proxy, None, "direct"),
        ("http://localhost:1/", Some("socks5://x:1"), None, "direct"),
    ];
    for (url, proxy, except, expected) in table {
        let url = Url::parse(url).unwrap();
        let way = way(&network(proxy, except), &variables, &url);
        assert_eq!(shown(way), expected, "{url} {proxy:?} {except:?}");
    }
}

#[test]
fn what_has_no_effect_is_known() {
    let table: &[(Variables, &[&str])] = &[
        (&[("HTTPS_PROXY", "a:1"), ("https_proxy", "b:2")], &["https_proxy"]),
        (&[("HTTPS_PROXY", "a:1"), ("https_proxy", "a:1")], &[]),
        (&[("HTTPS_PROXY", "a:1"), ("HTTP_PROXY", "a:1")], &[]),
        (&[("HTTP_PROXY", "a:1")], &["HTTP_PROXY"]),
        (&[("NO_PROXY", "a"), ("no_proxy", "b")], &["no_proxy"]),
        (&[("HTTPS_PROXY", "a:1"), ("REQUEST_METHOD", "GET")], &["HTTPS_PROXY"]),
    ];
    for (variables, expected) in table {
        assert_eq!(environment(variables).without_effect(), *expected, "{variables:?}");
    }
}

#[test]
fn everything_up_to_the_last_at_sign_is_the_login_and_never_shown() {
    let table = [
        ("http://proxy.example:3128", "http://proxy.example:3128", None),
        ("http://proxy.example:3128/", "http://proxy.example:3128", None),
        ("http://ada:canary@proxy.example:3128", "http://***@proxy.example:3128", Some("canary")),
        ("http://ada:can@ary@proxy.example:1", "http://***@proxy.example:1", Some("can%40ary")),
        ("http://ada:can#ary@proxy.example:1", "http://***@proxy.example:1", Some("can%23ary")),
        ("http://ada:can/a?ry@proxy.example:1", "http://***@proxy.example:1", Some("can%2Fa%3Fry")),
        ("http://ada:can:ary@proxy.example:1", "http://***@proxy.example:1", Some("can%3Aary")),
        ("http://ada:can%40ary@proxy.example:1", "http://***@proxy.example:1", Some("can%40ary")),
        ("ada:can@ary@proxy.example:1", "http://***@proxy.example:1", Some("can%40ary")),
        ("http://ada:can://ary@[::1]:8", "http://***@[::1]:8", Some("can%3A%2F%2Fary")),
        ("HTTP://canary@proxy.example:1", "http://***@proxy.example:1", None),
    ];
    for (text, expected, password) in table {
        let address = Address::parse(text).expect(text);
        assert_eq!(address.to_string(), expected, "{text}");
        assert_eq!(format!("{address:?}"), expected, "{text}");
        assert_eq!(address.expose().password(), password, "{text}");
    }
    for (text, expected) in [
        ("socks5h://ada:can#ary@p:1", "socks5h://***@p:1"),
        ("ada:can ary@", "***@"),
        ("http:/ada:canary@p:1", "***@p:1"),
        ("p:1", "p:1"),
    ] {
        assert_eq!(masked(text), expected, "{text}");
    }
    let debug = format!("{:?}", environment(&[("HTTPS_PROXY", "http://ada:can@a#ry@p:1")]));
    assert_eq!(debug, r#"{"HTTPS_PROXY": "http://***@p:1"}"#);
}

#[test]
fn an_exception_is_a_host_a_domain_an_address_or_a_network() {
    let host = "https://ping.corp.example/as";
    let table = [
        (host, None, false),
        (host, Some(""), false),
        (host, Some("*"), true),
        (host, Some("ping.corp.example"), true),
        (host, Some("corp.example"), true),
        (host, Some(".corp.example"), true),
        (host, Some("*.CORP.example"), true),
        (host, Some("a.test, corp.example"), true),
        (host, Some("orp.example"), false),
        ("https://10.1.2.3/", Some("10.1.2.3"), true),
        ("https://10.1.2.3/", Some("10.1.0.0/16"), true),
        ("https://10.1.2.3/", Some("10.2.0.0/16"), false),
        ("https://10.1.2.3/", Some("0.0.0.0/0"), true),
        ("https://10.1.2.3/", Some("10.1.2.3/33"), false),
        ("https://10.1.2.3/", Some("2.3"), false),
        ("https://10.1.2.3/", Some("::/0"), false),
        ("https://[fd00::7]/", Some("fd00::/8"), true),
        ("https://[fd00::7]/", Some("[fd00::7]"), true),
        ("https://[fd00::7]/", Some("fe80::/10"), false),
    ];
    for (url, entry, expected) in table {
        assert_eq!(excepted(entry, &Url::parse(url).unwrap()), expected, "{url} {entry:?}");
    }
}

#[test]
fn loopback_is_an_address_or_the_name() {
    for (url, expected) in [
        ("http://127.0.0.1:1/", true),
        ("http://127.8.8.8/", true),
        ("http://[::1]:2/", true),
        ("http://localhost/", true),
        ("http://localhost.example/", false),
        ("http://10.0.0.1/", false),
    ] {
        assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
    }
}
