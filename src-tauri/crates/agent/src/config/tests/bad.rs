//! Bad configs: the line, the key and the message of each problem.

use super::{PROD, read};

/// `line key: message [hint]` of everything that is wrong.
fn wrong(text: &str) -> Vec<String> {
    let problems = read(text).expect_err(text);
    let line = |p: &dagpass_client::wire::ConfigProblem| {
        let hint = p.hint.as_ref().map(|hint| format!(" [{hint}]")).unwrap_or_default();
        assert_eq!(p.file, "/etc/dagpass/config.toml");
        format!("{}:{} {}: {}{hint}", p.line, p.column, p.key, p.message)
    };
    problems.iter().map(line).collect()
}

#[test]
fn a_bad_profile_names_line_key_and_fix() {
    let cases: &[(&str, &str)] = &[
        ("issuer = 5", "2:10 profile.p.issuer: invalid type: integer `5`, expected a string"),
        (
            "isuer = \"https://x.example\"",
            "2:1 profile.p.isuer: unknown key `isuer` [did you mean `issuer`?]",
        ),
        (
            "client_id = \"c\"",
            "2:1 profile.p.client_id: unknown key `client_id` [did you mean `client-id`?]",
        ),
        (
            "issuer = \"http://auth.example\"",
            "2:10 profile.p.issuer: must be https [http is taken for loopback alone]",
        ),
        ("issuer = \"ftp://auth.example\"", "2:10 profile.p.issuer: must be https, not ftp"),
        (
            "issuer = \"auth.example\"",
            "2:10 profile.p.issuer: is not a URL: relative URL without a base",
        ),
        ("issuer = \" \"", "2:10 profile.p.issuer: is empty"),
        (
            "issuer = \"https://auth.pingone.eu/<environment id>/as\"",
            "2:10 profile.p.issuer: still holds a placeholder [put your own values in; `dagpass init` finds the issuer]",
        ),
        (
            "issuer = \"https://x.example/?a=b\"",
            "2:10 profile.p.issuer: an issuer has no query and no fragment",
        ),
        (
            "issuer = \"https://x.example/.well-known/openid-configuration\"",
            "2:10 profile.p.issuer: is the discovery document, not the issuer [write the `issuer` that this document names]",
        ),
        (
            "flow = \"brwser\"",
            "2:8 profile.p.flow: unknown variant `brwser`, expected one of `auto`, `browser`, `device`",
        ),
        (
            "scopes = \"openid\"",
            "2:10 profile.p.scopes: invalid type: string \"openid\", expected a sequence",
        ),
        (
            "scopes = [\"openid profile\"]",
            "2:10 profile.p.scopes: `openid profile` is not a scope [one name an entry: [\"openid\", \"profile\"]]",
        ),
        (
            "redirect-ports = [70000]",
            "2:19 profile.p.redirect-ports: invalid value: integer `70000`, expected u16",
        ),
        (
            "redirect-ports = []",
            "2:18 profile.p.redirect-ports: names no port [0 stands for any free port]",
        ),
        (
            "redirect-uri = \"http://0.0.0.0:{port}/cb\"",
            "2:16 profile.p.redirect-uri: must be http:// with 127.0.0.1, [::1] or localhost, and a port [for example http://localhost:{port}/cb]",
        ),
        (
            "redirect-uri = \"https://localhost:{port}/cb\"",
            "2:16 profile.p.redirect-uri: must be http:// with 127.0.0.1, [::1] or localhost, and a port [for example http://localhost:{port}/cb]",
        ),
        (
            "redirect-path = \"cb\"",
            "2:17 profile.p.redirect-path: the path must start with `/`, without query or fragment",
        ),
        (
            "session-lifetime = \"12\"",
            "2:20 profile.p.session-lifetime: `12` is not a span of time [for example \"60s\", \"15m\", \"12h\" or \"30d\"]",
        ),
        (
            "refresh-margin = 60",
            "2:18 profile.p.refresh-margin: invalid type: integer `60`, expected a string",
        ),
        (
            "client-auth = \"client_secret_basic\"",
            "2:15 profile.p.client-auth: `client_secret_basic` is none of `none`, `secret-basic`, `secret-post`, `private-key-jwt` [write \"secret-basic\"]",
        ),
        (
            "proxy = \"corp:3128\"",
            "2:9 profile.p.proxy: is not the URL of an HTTP proxy [write it as http://host:port]",
        ),
        (
            "proxy = \"socks5h://me:canary@corp:1080\"",
            "2:9 profile.p.proxy: names a socks5h proxy, which dagpass cannot use: http and https proxies alone [write it as http://host:port]",
        ),
        (
            "proxy = \"http://\"",
            "2:9 profile.p.proxy: is not the URL of an HTTP proxy [write it as http://host:port]",
        ),
        (
            "verification-hosts = [\"https://go.example\"]",
            "2:22 profile.p.verification-hosts: `https://go.example` is not a host name [the bare name, without scheme, port or wildcard]",
        ),
        (
            "client-id = \"c \"",
            "2:13 profile.p.client-id: has a space before or after it [Ping compares it letter by letter]",
        ),
        (
            "assertion-audience = \"token-endpoint\"",
            "2:22 profile.p.assertion-audience: is used only with client-auth = \"private-key-jwt\"",
        ),
        (
            "client-auth = \"private-key-jwt\"\nassertion-audience = \"any\"",
            "3:22 profile.p.assertion-audience: unknown variant `any`, expected `issuer` or `token-endpoint`",
        ),
        (
            "kind = \"robot\"",
            "2:8 profile.p.kind: unknown variant `robot`, expected one of `user`, `service`, `machine`",
        ),
        (
            "kind = \"service\"",
            "2:8 profile.p.kind: a service proves itself, and `client-auth` is `none` [write client-auth = \"private-key-jwt\", \"secret-basic\" or \"secret-post\"]",
        ),
        (
            "client-auth = \"secret-basic\"\nkind = \"machine\"",
            "2:15 profile.p.client-auth: a machine proves itself by a key that was made on it [write client-auth = \"private-key-jwt\"]",
        ),
        (
            "client-auth = \"secret-basic\"\nkind = \"service\"\nprompt = \"login\"",
            "4:10 profile.p.prompt: is a person's: nobody signs in to a service [leave the line out]",
        ),
        (
            "client-auth = \"secret-basic\"\nkind = \"service\"\nredirect-ports = [0]",
            "4:18 profile.p.redirect-ports: is a person's: nobody signs in to a service [leave the line out]",
        ),
        (
            "client-auth = \"secret-basic\"\nkind = \"service\"\nscopes = [\"openid\"]",
            "4:10 profile.p.scopes: `openid` is a person's: nobody signs in to a service [leave it out]",
        ),
        ("login-hint = \"\"", "2:14 profile.p.login-hint: is empty [leave the line out]"),
        ("ca-file = \" \"", "2:11 profile.p.ca-file: is empty [leave the line out]"),
        (
            "token-params = { client_secret = \"x\" }",
            "2:16 profile.p.token-params.client_secret: only public clients are supported [register a public client at Ping: a desktop program cannot keep a secret]",
        ),
        (
            "token-params = { code_verifier = \"x\" }",
            "2:16 profile.p.token-params.code_verifier: `code_verifier` is set by the protocol",
        ),
        (
            "token-params = { acr_values = \"x\" }",
            "2:16 profile.p.token-params.acr_values: `acr_values` has a key of its own: `acr-values`",
        ),
        (
            "endpoints = { token = \"http://x.example/t\" }",
            "2:13 profile.p.endpoints.token: must be https [http is taken for loopback alone]",
        ),
        (
            "endpoints = { tokn = \"https://x.example/t\" }",
            "2:15 profile.p.endpoints: unknown field `tokn`, expected one of `discovery`, `authorization`, `token`, `device_authorization`, `pushed_authorization_request`, `revocation`, `userinfo`, `jwks`, `end_session`",
        ),
    ];
    for (line, problem) in cases {
        let mut text = format!("[profile.p]\n{line}\n");
        for (key, value) in [("issuer", "https://auth.example"), ("client-id", "c")] {
            if !line.starts_with(&format!("{key} =")) {
                text.push_str(&format!("{key} = \"{value}\"\n"));
            }
        }
        assert_eq!(wrong(&text), [*problem], "{line}");
    }
}

#[test]
fn what_needs_a_person_is_told_where_a_profile_has_none() {
    let service = "[profile.svc]\nissuer = \"https://x.example\"\nclient-id = \"c\"\nkind = \"service\"\nclient-auth = \"secret-basic\"\nscopes = [\"a\"]\n";
    let connection = "[connection.w]\nconn-type = \"http\"\nscopes = [\"b\"]\n";
    assert_eq!(
        wrong(&format!("{service}{connection}")),
        [
            "9:10 connection.w.scopes: profile `svc` does not ask for `b` [add it to `profile.svc.scopes`]"
        ]
    );
    assert_eq!(
        wrong(&format!("{service}[connection.w]\nconn-type = \"http\"\nobtain = \"sign-in\"\n")),
        [
            "9:10 connection.w.obtain: nobody signs in to a service [without it the connection's own scopes are asked for]"
        ]
    );
    let airflow = "[airflow.a]\nurl = \"https://x.example\"\nassertion = \"id_token\"\n";
    assert_eq!(
        wrong(&format!("{service}{airflow}")),
        ["9:13 airflow.a.assertion: nobody signs in to its profile, so there is no ID token"]
    );
}

#[test]
fn all_problems_come_at_once_in_the_order_of_the_file() {
    let text = "default-profile = \"prd\"\nproxi = \"x\"\n\n[profile.prod]\nflow = 1\nissuer = \"http://x.example\"\n\n[airflow.a]\nurl = \"http://x.example\"\n\n[store]\nkind = \"key-file\"\n";
    assert_eq!(
        wrong(text),
        [
            "1:19 default-profile: there is no profile `prd` [did you mean `prod`?]",
            "2:1 proxi: unknown key `proxi` [did you mean `proxy`?]",
            "4:1 profile.prod.client-id: `client-id` is missing",
            "5:8 profile.prod.flow: expected a string",
            "6:10 profile.prod.issuer: must be https [http is taken for loopback alone]",
            "8:1 airflow.a.profile: which profile? [name one here, or set `default-profile`]",
            "9:7 airflow.a.url: must be https [http is taken for loopback alone]",
            "11:1 store.key-file: kind = \"key-file\" needs the path of one [for example: head -c 32 /dev/urandom > dagpass.key, with mode 0600]",
        ]
    );
}

#[test]
fn text_that_is_no_toml_says_where() {
    let problems = wrong("[profile.prod\nissuer = \"x\"\n");
    assert!(problems[0].starts_with("1:14 : "), "{problems:?}");
    let problems = wrong("a = 1\na = 2\n");
    assert!(problems[0].starts_with("2:1 : duplicate key"), "{problems:?}");
}

#[test]
fn a_bad_connection_names_line_key_and_fix() {
    let cases: &[(&str, &str)] = &[
        (
            "profile = \"prud\"",
            "8:11 connection.w.profile: there is no profile `prud` [did you mean `prod`?]",
        ),
        (
            "scopes = [\"a\", \"c\"]",
            "8:10 connection.w.scopes: profile `prod` does not sign in for `c` [add it to `profile.prod.scopes`, or use obtain = \"sign-in\"]",
        ),
        (
            "token-in = \"body\"",
            "8:12 connection.w.token-in: `body` is no place for a token [header, password or extra.<key>]",
        ),
        (
            "token-in = \"extra.\"",
            "8:12 connection.w.token-in: `extra.` is no place for a token [header, password or extra.<key>]",
        ),
        (
            "client-id = \"other\"",
            "8:13 connection.w.client-id: is used only with obtain = \"sign-in\" [without it the profile's client is used]",
        ),
        (
            "obtain = \"signin\"",
            "8:10 connection.w.obtain: unknown variant `signin`, expected one of `narrow`, `sign-in`, `exchange`",
        ),
        (
            "extra = { authorization = \"Basic x\" }",
            "8:9 connection.w.extra: the token goes to `authorization`, which is set here",
        ),
        (
            "extra = { headers = {} }",
            "8:9 connection.w.extra: Airflow's HttpHook fails on a table `headers` [write the headers at the top level of extra]",
        ),
        (
            "login = \"me\"",
            "8:9 connection.w.login: with a login, Airflow's HttpHook sends Basic authentication instead [leave `login` out]",
        ),
        ("port = -1", "8:8 connection.w.port: invalid value: integer `-1`, expected u16"),
        (
            "password = \"x\"",
            "8:1 connection.w.password: unknown key `password` [known here: profile, conn-type, host, login, port, schema, extra, scopes, resource, audience, obtain, token-in, token-params, client-id]",
        ),
    ];
    for (line, problem) in cases {
        let text = format!("{PROD}[connection.w]\nconn-type = \"http\"\n{line}\n");
        let text = text.trim_start_matches('\n').to_owned();
        let text = format!("\n{text}");
        assert_eq!(wrong(&text), [problem.to_string()], "{line}");
    }
}

#[test]
fn a_bad_deployment_names_line_key_and_fix() {
    for (lines, problem) in [
        (
            "url = \"http://airflow.corp.example\"",
            "7:7 airflow.w.url: must be https [http is taken for loopback alone]",
        ),
        ("url = \"ftp://a\"", "7:7 airflow.w.url: must be https, not ftp"),
        (
            "url = \"https://a\"\nkeychain-item = \"../x\"",
            "8:17 airflow.w.keychain-item: `../x` cannot be a name [letters, digits, `_`, `-` and `.`, at most 64]",
        ),
        (
            "url = \"https://a\"\nkeychain-item = \"x\"\n[airflow.z]\nurl = \"https://b\"\nkeychain-item = \"x\"",
            "11:17 airflow.z.keychain-item: another deployment has the item `x` [give each an environment of its own]",
        ),
        (
            "token = \"direct\"\nassertion = \"id_token\"\nurl = \"https://a\"",
            "8:13 airflow.w.assertion: is used only with token = \"exchange\"",
        ),
        (
            "assertion = \"jwt\"\nurl = \"https://a\"",
            "7:13 airflow.w.assertion: unknown variant `jwt`, expected `access_token` or `id_token`",
        ),
    ] {
        let text = format!("{PROD}[airflow.w]\n{lines}\n");
        assert_eq!(wrong(&text), [problem.to_string()], "{lines}");
    }
}

#[test]
fn a_mistake_below_an_overlay_is_told_once() {
    let text = format!(
        "{PROD}[connection.w]\nprofile = \"prod\"\nconn-type = \"http\"\nscopes = [\"z\"]\n[env.dev.connection.w]\nhost = \"h\"\n"
    );
    assert_eq!(wrong(&text).len(), 1);
}

#[test]
fn one_session_with_two_clients_is_refused() {
    let one = "conn-type = \"http\"\nprofile = \"prod\"\nobtain = \"sign-in\"\n";
    let text = format!(
        "{PROD}[env.x.connection.w]\n{one}client-id = \"1\"\n[env.y.connection.w]\n{one}client-id = \"2\"\n"
    );
    assert_eq!(
        wrong(&text),
        [
            "11:1 env.y.connection.w: `w` signs in at profile `prod` with another client-id or other scopes elsewhere [give each environment a profile of its own]"
        ]
    );
}

#[test]
fn names_that_could_leave_their_folder_are_refused() {
    let base = "issuer = \"https://x.example\"\nclient-id = \"c\"\n";
    for name in ["\"../x\"", "\"a/b\"", "\"\"", "\".x\"", "\"a b\""] {
        let problems = wrong(&format!("[profile.{name}]\n{base}"));
        assert!(problems[0].contains("cannot be a name"), "{name}: {problems:?}");
    }
}
