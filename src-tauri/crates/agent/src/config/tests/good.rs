//! Good configs: what they mean.

use std::path::Path;
use std::time::Duration;

use dagpass_core::deployment::AssertionKind;
use dagpass_core::profile::{
    AssertionAudience, ClientAuth, DevicePkce, Flow, Profile, ProfileKind, ProfileName, Redirect,
    Scopes,
};
use dagpass_core::request::{Obtain, SessionKey};
use dagpass_core::token::AccessToken;
use serde_json::json;

use super::super::{DeploymentToken, Lookup, StoreChoice};
use super::{EXAMPLE, PROD, good};

#[test]
fn the_example_means_what_it_says() {
    let config = good(EXAMPLE);
    let prod = config.profile(None).expect("the default");
    assert_eq!(prod.issuer.as_str(), "https://auth.pingone.eu/b8a1/as");
    assert_eq!(prod.network.ca_file.as_deref(), Some(Path::new("/etc/dagpass/corp-ca.pem")));
    assert_eq!(prod.network.proxy.as_deref(), Some("http://proxy.corp.example:3128"));
    assert_eq!(
        prod.endpoints.device_authorization.as_deref(),
        Some("https://auth.pingone.eu/b8a1/as/device")
    );
    assert_eq!(prod.refresh_margin, Profile::REFRESH_MARGIN);
    let airflow = &config.airflow["prod"];
    assert_eq!(
        (airflow.deployment.url.as_str(), airflow.token),
        ("https://airflow.corp.example", DeploymentToken::JwtBearer)
    );
    assert_eq!(config.connection_ids(), ["warehouse_api"]);
    assert_eq!(config.store, StoreChoice::Keychain);

    let plain = config.connection("warehouse_api", None).expect("the plain table");
    assert_eq!(plain.session, SessionKey::of("prod"));
    let dev = config.connection("warehouse_api", Some("dev")).expect("the overlay");
    assert_eq!(dev.session, SessionKey::of("dev"));
    assert_eq!(dev.target.scopes, Some(Scopes::parse("warehouse:read")));
}

#[test]
fn an_issuer_is_kept_byte_for_byte() {
    for issuer in [
        "https://am.example:443/am/oauth2",
        "https://x.example/as/",
        "http://127.0.0.1:9/as",
        "http://localhost:9",
        "http://[::1]:9",
    ] {
        let config = good(&format!("[profile.p]\nissuer = \"{issuer}\"\nclient-id = \"c\"\n"));
        assert_eq!(config.profile(None).expect("the only one").issuer.as_str(), issuer);
    }
}

#[test]
fn every_key_of_a_profile_arrives() {
    let config = good(
        r#"
        [profile.p]
        issuer = "https://x.example"
        client-id = "c"
        client-auth = "private-key-jwt"
        flow = "device"
        device-pkce = "off"
        redirect-uri = "http://localhost:{port}/cb"
        redirect-ports = [0]
        login-hint = "me@x.example"
        prompt = "login"
        acr-values = "mfa"
        max-age = "1h30m"
        session-lifetime = "12h"
        refresh-lifetime = "30d"
        refresh-margin = "30s"
        groups-claim = "roles"
        id-token-audiences = ["https://api.x.example"]
        verification-hosts = ["Go.x.example"]
        no-proxy = "x.example"
        "#,
    );
    let p = config.profile(Some("p")).expect("named");
    assert_eq!((p.flow, p.client_auth), (Flow::Device, ClientAuth::PrivateKeyJwt));
    assert_eq!(p.device_pkce, DevicePkce::Off);
    let redirect = Redirect { ports: vec![0], host: "localhost".into(), path: "/cb".into() };
    assert_eq!(p.redirect, redirect);
    assert_eq!(p.max_age, Some(Duration::from_secs(5_400)));
    assert_eq!(p.session_lifetime, Some(Duration::from_secs(43_200)));
    assert_eq!(p.refresh_lifetime, Some(Duration::from_secs(2_592_000)));
    assert_eq!(p.refresh_margin, Duration::from_secs(30));
    assert_eq!((p.groups_claim.as_str(), p.prompt.as_deref()), ("roles", Some("login")));
    assert_eq!(p.id_token_audiences, ["https://api.x.example"]);
    assert_eq!(p.verification_hosts, ["go.x.example"]);
    assert_eq!(p.network.no_proxy.as_deref(), Some("x.example"));
    assert_eq!(p.scopes, Scopes::parse("openid"));
}

#[test]
fn a_service_asks_for_what_it_names_and_for_nothing_where_it_names_nothing() {
    let table = |kind: &str, more: &str| {
        good(&format!(
            "[profile.svc]\nissuer = \"https://x.example\"\nclient-id = \"c\"\nkind = \"{kind}\"\n{more}\n"
        ))
    };
    let secret = "client-auth = \"secret-post\"\nscopes = [\"a\"]";
    let config = table("service", secret);
    let svc = config.profile(Some("svc")).expect("named");
    assert_eq!((svc.kind, svc.client_auth), (ProfileKind::Service, ClientAuth::SecretPost));
    assert_eq!(svc.scopes, Scopes::parse("a"));
    let key = "client-auth = \"private-key-jwt\"\nassertion-audience = \"token-endpoint\"";
    let config = table("machine", key);
    let svc = config.profile(Some("svc")).expect("named");
    assert_eq!(svc.assertion_audience, AssertionAudience::TokenEndpoint);
    assert_eq!((svc.kind, svc.scopes.clone()), (ProfileKind::Machine, Scopes::default()));
    let config = table("user", "");
    assert_eq!(config.profile(Some("svc")).expect("named").kind, ProfileKind::User);
}

#[test]
fn a_registered_uri_with_a_port_is_used_as_it_is() {
    let cases = [
        ("http://localhost:8123/cb", vec![8123], "http://localhost:8123/cb"),
        ("http://127.0.0.1:{port}", Redirect::PORTS.to_vec(), "http://127.0.0.1:21217"),
        ("http://[::1]:{port}/", Redirect::PORTS.to_vec(), "http://[::1]:21217/"),
    ];
    for (uri, ports, first) in cases {
        let config = good(&format!(
            "[profile.p]\nissuer = \"https://x.example\"\nclient-id = \"c\"\nredirect-uri = \"{uri}\"\n"
        ));
        let redirect = &config.profile(None).expect("the only one").redirect;
        assert_eq!(redirect.ports, ports, "{uri}");
        assert_eq!(redirect.uri(ports[0]), first, "{uri}");
    }
}

#[test]
fn no_file_is_an_empty_config_that_points_to_init() {
    let config = good("");
    let refusal = config.profile(None).expect_err("none");
    assert_eq!(refusal.hint.as_deref(), Some("run `dagpass init`"));
    assert_eq!(config.connection("x", Some("dev")).expect_err("none"), Lookup::NotFound);
}

#[test]
fn of_two_profiles_without_a_default_one_must_be_named() {
    let text = format!("{PROD}[profile.dev]\nissuer = \"https://x.example\"\nclient-id = \"d\"\n");
    let config = good(&text);
    assert_eq!(
        config.profile(None).expect_err("two").what,
        "which profile? there are `dev`, `prod`"
    );
    assert_eq!(config.profile(Some("dev")).expect("named").client_id, "d");
    assert!(config.profile(Some("x")).is_err());
}

#[test]
fn an_environment_is_chosen_never_guessed() {
    let one = "conn-type = \"http\"\nprofile = \"prod\"\n";
    let listed = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
    let two = good(&format!(
        "{PROD}[env.x.connection.w]\n{one}[env.y.connection.w]\n{one}[env.z.connection.v]\n{one}"
    ));
    assert_eq!(
        two.connection("w", None).expect_err("two"),
        Lookup::Ambiguous { environments: listed(&["x", "y"]) }
    );
    assert_eq!(two.connection("w", Some("y")).expect("chosen").env.as_deref(), Some("y"));
    assert_eq!(two.connection("v", None).expect("the only one").env.as_deref(), Some("z"));
    assert_eq!(
        two.connection("w", Some("z")).expect_err("elsewhere"),
        Lookup::OtherEnvironments { env: "z".into(), environments: listed(&["x", "y"]) }
    );
    assert_eq!(
        two.connection("w", Some("tset")).expect_err("a typing mistake"),
        Lookup::UnknownEnvironment { env: "tset".into(), environments: listed(&["x", "y", "z"]) }
    );
    assert_eq!(two.connection("not_ours", Some("tset")).expect_err("not ours"), Lookup::NotFound);
}

#[test]
fn a_table_without_a_profile_is_a_template_where_overlays_name_one() {
    let config = good(&format!(
        "default-profile = \"prod\"\n{PROD}[connection.w]\nconn-type = \"http\"\nhost = \"h\"\n[env.x.connection.w]\nprofile = \"prod\"\n[env.y.connection.w]\nprofile = \"prod\"\nhost = \"i\"\n"
    ));
    assert!(matches!(config.connection("w", None), Err(Lookup::Ambiguous { .. })));
    let host = |env| config.connection("w", Some(env)).expect("chosen").airflow.host.clone();
    assert_eq!((host("x").as_deref(), host("y").as_deref()), (Some("h"), Some("i")));
}

#[test]
fn a_connection_with_a_sign_in_of_its_own_is_a_client_of_its_own() {
    let config = good(&format!(
        "{PROD}[connection.w]\nconn-type = \"http\"\nobtain = \"sign-in\"\nclient-id = \"w\"\nscopes = [\"z\"]\n"
    ));
    let key = SessionKey { connection: Some("w".into()), ..SessionKey::of("prod") };
    let connection = config.connection("w", None).expect("ours");
    assert_eq!((&connection.session, &connection.target.obtain), (&key, &Obtain::SignIn));
    assert_eq!(connection.target.scopes, None);
    let client = config.session(&key).expect("derived");
    assert_eq!((client.client_id.as_str(), client.scopes.to_string().as_str()), ("w", "z"));
    assert_eq!(client.issuer.as_str(), "https://auth.example/as");
    for (name, meant) in [
        (Some("prod/w"), &key),
        (Some("prod"), &SessionKey::of("prod")),
        (None, &SessionKey::of("prod")),
    ] {
        let (named, profile) = config.session_named(name).expect("a session");
        assert_eq!((&named, profile.session()), (meant, named.clone()), "{name:?}");
    }
    let unknown = config.session_named(Some("prod/x")).expect_err("nothing is called so");
    assert_eq!(unknown.what, "there is no profile `prod/x`");
    assert_eq!(config.sessions(), [SessionKey::of("prod"), key]);
}

#[test]
fn an_exchange_asks_for_what_the_profile_need_not_have() {
    let config = good(&format!(
        "{PROD}[connection.w]\nconn-type = \"http\"\nobtain = \"exchange\"\nscopes = [\"z\"]\nresource = \"https://w.example\"\ntoken-params = {{ audience = \"w\" }}\n"
    ));
    let target = &config.connection("w", None).expect("ours").target;
    assert_eq!(target.obtain, Obtain::Exchange);
    assert_eq!(target.resource.as_deref(), Some("https://w.example"));
    assert_eq!(target.params["audience"], "w");
}

const DEPLOYMENTS: &str = r#"
[airflow.one]
url = "https://airflow.corp.example/team-a/"
assertion = "id_token"
[airflow.two]
url = "http://127.0.0.1:8080"
token = "direct"
[airflow.three]
url = "http://127.0.0.1:8080/"
"#;

#[test]
fn a_deployment_is_found_by_its_name_or_by_where_its_url_leads() {
    let config = good(&format!("{PROD}{DEPLOYMENTS}"));
    for (wanted, found) in [
        ("one", Some("one")),
        ("https://airflow.corp.example/team-a", Some("one")),
        ("HTTPS://Airflow.corp.example:443/team-a/", Some("one")),
        ("https://airflow.corp.example/team-b", None),
        ("http://airflow.corp.example/team-a", None),
        ("https://airflow.corp.example:8443/team-a", None),
        ("two", Some("two")),
        ("four", None),
        ("", None),
    ] {
        let got = config.deployment(wanted).ok().map(|one| one.deployment.name.as_str());
        assert_eq!(got, found, "{wanted}");
    }
    let several = config.deployment("http://127.0.0.1:8080").expect_err("two of them");
    assert!(several.what.contains("three, two"), "{several}");
    let missing = config.deployment("four").expect_err("none");
    assert_eq!(missing.hint.as_deref(), Some("there are `one`, `three`, `two`"));
}

#[test]
fn a_deployment_takes_ping_s_token_or_gives_its_own() {
    let config = good(&format!("{PROD}{DEPLOYMENTS}"));
    let obtain = |name: &str| config.airflow[name].target().obtain;
    let Obtain::JwtBearer(one) = obtain("one") else { panic!("one gives a JWT") };
    assert_eq!((one.name.as_str(), one.assertion), ("one", AssertionKind::IdToken));
    assert_eq!(one.url, "https://airflow.corp.example/team-a");
    let Obtain::JwtBearer(three) = obtain("three") else { panic!("three gives a JWT") };
    assert_eq!(three.assertion, AssertionKind::AccessToken);
    assert_eq!(obtain("two"), Obtain::Narrow);
    assert_eq!(config.airflow["two"].session(), SessionKey::of("prod"));
}

#[test]
fn a_deployment_that_takes_id_tokens_has_the_sign_in_ask_when_it_was() {
    let asked = |text: &str| good(text).profiles[&ProfileName::new("prod")].max_age;
    let hours = |hours: u64| Some(Duration::from_secs(hours * 3_600));
    assert_eq!(asked(&format!("{PROD}{DEPLOYMENTS}")), hours(12));
    assert_eq!(asked(&format!("{PROD}max-age = \"2h\"\n{DEPLOYMENTS}")), hours(2));
    let access_token = DEPLOYMENTS.replace("id_token", "access_token");
    assert_eq!(asked(&format!("{PROD}{access_token}")), None);
}

#[test]
fn the_token_is_in_exactly_one_field() {
    let cases = [
        (
            "conn-type = \"http\"\nhost = \"h\"\nextra = { \"X-Team\" = \"data\" }",
            json!({"conn_type": "http", "host": "h", "extra": {"Authorization": "Bearer canary", "X-Team": "data"}}),
        ),
        (
            "conn-type = \"postgres\"\nlogin = \"me\"\nport = 5432\nschema = \"db\"",
            json!({"conn_type": "postgres", "login": "me", "port": 5432, "schema": "db", "password": "canary"}),
        ),
        (
            "conn-type = \"trino\"\ntoken-in = \"extra.jwt__token\"\nextra = { auth = \"jwt\", since = [2026-01-02] }",
            json!({"conn_type": "trino", "extra": {"auth": "jwt", "since": ["2026-01-02"], "jwt__token": "canary"}}),
        ),
    ];
    for (table, expected) in cases {
        let config = good(&format!("{PROD}[connection.w]\n{table}\n"));
        let rendered =
            config.connection("w", None).expect("ours").render(&AccessToken::new("canary"));
        assert!(!format!("{rendered:?}").contains("canary"));
        let value = serde_json::to_value(&rendered).expect("JSON");
        assert_eq!(value, expected);
        assert_eq!(value.to_string().matches("canary").count(), 1);
    }
}

#[test]
fn the_store_is_what_was_chosen() {
    let cases = [
        ("", StoreChoice::Keychain),
        ("[store]\n", StoreChoice::Keychain),
        ("[store]\nkind = \"passphrase-file\"", StoreChoice::PassphraseFile),
        (
            "[store]\nkind = \"key-file\"\nkey-file = \"k\"",
            StoreChoice::KeyFile("/etc/dagpass/k".into()),
        ),
        ("[store]\nkind = \"key-file\"\nkey-file = \"/k\"", StoreChoice::KeyFile("/k".into())),
    ];
    for (text, store) in cases {
        assert_eq!(good(text).store, store, "{text}");
    }
}

#[test]
fn a_client_that_signs_in_twice_at_one_issuer_is_warned_about_at_its_second_line() {
    let twice = "[profile.dev]\nissuer = \"https://auth.example/as\"\nclient-id = \"c\"\n";
    let apart = "[connection.lake]\nprofile = \"prod\"\nconn-type = \"http\"\n";
    for (more, expected) in [
        ("", None),
        (twice, Some((9, "profile.dev.client-id", "profile `prod` (line 4)"))),
        (&*twice.replace("/as", "/other"), None),
        (&*twice.replace("\"c\"", "\"d\""), None),
        (apart, None),
        (
            &*format!("{apart}obtain = \"sign-in\"\n"),
            Some((10, "connection.lake.obtain", "profile `prod` (line 4)")),
        ),
        (&*format!("{apart}obtain = \"sign-in\"\nclient-id = \"lake\"\n"), None),
    ] {
        let warnings = good(&format!("{PROD}\n{more}")).warnings;
        let found = warnings.first().map(|one| (one.line, one.key.as_str()));
        assert_eq!(found, expected.map(|(line, key, _)| (line, key)), "{more}");
        let text = warnings.first().map_or("", |one| &one.message);
        assert!(text.contains(expected.map_or("", |(_, _, other)| other)), "{text}");
    }
}

#[test]
fn two_issuers_with_one_callback_are_warned_about_at_the_later_profile() {
    let dev = "[profile.dev]\nissuer = \"https://other.example/as\"\nclient-id = \"d\"\n";
    for (more, warned) in [
        ("", true),
        ("redirect-path = \"/callback/dev\"\n", false),
        ("redirect-ports = [4711]\n", false),
        ("redirect-ports = [0]\n", true),
        ("redirect-uri = \"http://localhost:{port}/callback\"\n", true),
        ("flow = \"device\"\n", false),
    ] {
        let config = good(&format!("{PROD}\n{dev}{more}"));
        assert!(config.warnings.is_empty(), "whether it matters is the issuer's to say");
        let told = config.told();
        let found = told.first().map(|one| one.key.as_str());
        assert_eq!(found, warned.then_some("profile.dev.redirect-path"), "{more}");
        let hint = told.first().and_then(|one| one.hint.as_deref()).unwrap_or_default();
        assert_eq!(hint.contains("redirect-path = \"/callback/dev\""), warned, "{hint}");
    }
    let same = dev.replace("other.example", "auth.example");
    assert!(good(&format!("{PROD}\n{same}")).told().is_empty(), "one issuer");
    let config = good(PROD);
    for (issuer, elsewhere) in [("https://auth.example/as", false), ("https://new.example", true)] {
        assert_eq!(config.has_callback_elsewhere(issuer), elsewhere, "{issuer}");
    }
}
