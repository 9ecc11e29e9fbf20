//! `[upstream.NAME]`: what each mistake is told by line and key, and what a good one means.

use super::read;

const PROD: &str = "[profile.prod]\nissuer = \"https://auth.example/as\"\nclient-id = \"c\"\nscopes = [\"a\", \"b\"]\n\
                    [connection.w]\nconn-type = \"http\"\nscopes = [\"a\"]\n\
                    [env.dev.connection.two]\nconn-type = \"http\"\n\
                    [env.qa.connection.two]\nconn-type = \"http\"\n";

#[test]
fn a_bad_upstream_names_line_key_and_fix() {
    const URL: &str = "url = \"https://w.example\"\n";
    for (more, expected) in [
        ("", "12:1 upstream.w.url: `url` is missing"),
        (
            "url = \"http://w.example\"",
            "13:7 upstream.w.url: must be https [http is taken for loopback alone]",
        ),
        (
            "url = \"https://me:x@w.example\"",
            "13:7 upstream.w.url: an upstream has no login, query or fragment [https://host, with a port or a path where it has one]",
        ),
        (
            "url = \"https://w.example/a/../b\"",
            "13:7 upstream.w.url: its path can be read in two ways [write it plainly]",
        ),
        (
            "url = \"https://w.example/a;b\"",
            "13:7 upstream.w.url: its path can be read in two ways [write it plainly]",
        ),
        (
            &format!("{URL}profil = \"x\""),
            "14:1 upstream.w.profil: unknown key `profil` [did you mean `profile`?]",
        ),
        (
            &format!("{URL}profile = \"x\""),
            "14:11 upstream.w.profile: there is no profile `x` [there are: prod]",
        ),
        (
            &format!("{URL}scopes = [\"c\"]"),
            "14:10 upstream.w.scopes: profile `prod` does not sign in for `c` [add it to `profile.prod.scopes`, or use obtain = \"sign-in\"]",
        ),
        (
            &format!("{URL}connection = \"x\""),
            "14:14 upstream.w.connection: there is no connection `x` [name one of the config's, or `profile` and `scopes`]",
        ),
        (
            &format!("{URL}connection = \"two\""),
            "14:14 upstream.w.connection: `two` is in several environments alone [name `profile` and `scopes` instead]",
        ),
        (
            &format!("{URL}connection = \"w\"\nscopes = [\"a\"]"),
            "15:10 upstream.w.scopes: `connection` says whose token it is, `scopes` as well [name one of the two]",
        ),
        (
            &format!("{URL}header = \"Host\""),
            "14:10 upstream.w.header: `Host` carries something else than a token",
        ),
        (
            &format!("{URL}header = \"X Y\""),
            "14:10 upstream.w.header: `X Y` is not the name of a header",
        ),
        (
            &format!("{URL}keep-authorization = true"),
            "14:22 upstream.w.keep-authorization: the token goes in that very header [name another `header` for the token]",
        ),
        (
            &format!("{URL}methods = [\"get\"]"),
            "14:11 upstream.w.methods: `get` is no method [as in \"GET\"]",
        ),
        (
            &format!("{URL}methods = [\"CONNECT\"]"),
            "14:11 upstream.w.methods: CONNECT is never sent on",
        ),
        (
            &format!("{URL}methods = []"),
            "14:11 upstream.w.methods: permits nothing [leave the line out for any]",
        ),
        (
            &format!("{URL}paths = [\"v1/*\"]"),
            "14:9 upstream.w.paths: `v1/*` is no path [as in \"/v1/*\"]",
        ),
        (
            &format!("{URL}paths = [\"/a/../*\"]"),
            "14:9 upstream.w.paths: `/a/../*` is no path [as in \"/v1/*\"]",
        ),
        (
            &format!("{URL}port = 70000"),
            "14:8 upstream.w.port: invalid value: integer `70000`, expected u16",
        ),
        (
            &format!("{URL}port = 21300\n[endpoint]\nport = 21300"),
            "14:8 upstream.w.port: port 21300 is given to another of our own doors [each needs a port of its own]",
        ),
        (
            &format!("{URL}[upstream.\"a.b\"]\n{URL}[upstream.a_b]\n{URL}"),
            "16:1 upstream.a_b: `a_b` and `a.b` would share the variables of A_B [give one of them another name]",
        ),
    ] {
        let problems = read(&format!("{PROD}[upstream.w]\n{more}")).expect_err(more);
        let told: Vec<String> = problems
            .iter()
            .map(|one| {
                let hint = one.hint.as_ref().map(|hint| format!(" [{hint}]")).unwrap_or_default();
                format!("{}:{} {}: {}{hint}", one.line, one.column, one.key, one.message)
            })
            .collect();
        assert_eq!(told, [expected], "{more}");
    }
}

#[test]
fn an_upstream_has_the_token_of_its_connection_or_of_its_profile_s_scopes() {
    let text = format!(
        "{PROD}[upstream.w]\nurl = \"https://w.example:8443/api/\"\nconnection = \"w\"\n\
         methods = [\"GET\"]\npaths = [\"/api/v1/*\"]\nport = 28100\n\
         [upstream.l]\nurl = \"http://127.0.0.1:9/\"\nscopes = [\"b\"]\nheader = \"X-Token\"\n\
         keep-authorization = true\n"
    );
    let config = read(&text).unwrap();
    let (w, l) = (&config.upstreams["w"], &config.upstreams["l"]);
    let scopes = |one: &super::super::Upstream| one.target.scopes.as_ref().map(ToString::to_string);
    assert_eq!((scopes(w).as_deref(), scopes(l).as_deref()), (Some("a"), Some("b")));
    assert_eq!((w.connection.as_deref(), l.connection.as_deref()), (Some("w"), None));
    assert_eq!(
        (w.origin().as_str(), w.authority().as_str()),
        ("https://w.example:8443", "w.example:8443")
    );
    assert_eq!((w.header.as_str(), l.header.as_str()), ("authorization", "x-token"));
    assert_eq!((w.port, l.port, w.is_here(), l.is_here()), (28100, 0, false, true));
    for (path, takes) in [
        ("/api/v1/x", true),
        ("/api/v1/", true),
        ("/api/v1", false),
        ("/api", false),
        ("/apiv1/x", false),
        ("/v1/x", false),
        ("/", false),
    ] {
        assert_eq!(w.takes_path(path), takes, "{path}");
    }
    assert!(l.takes_path("/") && l.takes_path("/any/thing"));
    for (method, one, other) in [
        ("GET", true, true),
        ("POST", false, true),
        ("TRACE", false, false),
        ("CONNECT", false, false),
    ] {
        assert_eq!((w.takes_method(method), l.takes_method(method)), (one, other), "{method}");
    }
}
