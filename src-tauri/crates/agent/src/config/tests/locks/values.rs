//! What is locked, what the person writes, and what that is told.

use super::{MACHINE, MINE, good, locking, told};

#[test]
fn a_value_that_is_another_than_the_locked_one_is_told_and_the_same_is_none() {
    let has = |value: &str| format!("is locked by {MACHINE}, which has {value}");
    let none = format!("is locked by {MACHINE}, which has none");
    let own = format!("is locked by {MACHINE}, and none of its profiles has this so");
    let joint =
        format!("is locked by {MACHINE}, and none of its profiles has all that is locked so");
    // What is locked, what the person writes, and what that is told.
    let table: &[(&str, &str, &[String])] = &[
        ("default-profile", "default-profile = \"prod\"", &[]),
        (
            "default-profile",
            "default-profile = \"test\"",
            &[format!("1:19 default-profile: {}", has("`prod`"))],
        ),
        ("no-proxy", "no-proxy = \"a\"", &[format!("1:12 no-proxy: {none}")]),
        ("proxy", "proxy = \"http://ada:canary@proxy.corp.example:3128\"", &[]),
        (
            "proxy",
            "proxy = \"http://p:1\"",
            &[format!("1:9 proxy: {}", has("`http://***@proxy.corp.example:3128`"))],
        ),
        ("proxy", "profile.prod.proxy = \"http://ada:canary@proxy.corp.example:3128\"", &[]),
        (
            "proxy",
            "profile.test.proxy = \"http://p:1\"",
            &[format!("1:22 profile.test.proxy: {}", has("`http://***@proxy.corp.example:3128`"))],
        ),
        (
            "ca-file",
            "ca-file = \"corp-ca.pem\"",
            &[format!("1:11 ca-file: {}", has("`corp-ca.pem`"))],
        ),
        ("ca-file", "ca-file = \"/etc/dagpass/corp-ca.pem\"", &[]),
        ("ca-file", &format!("{MINE}ca-file = \"/etc/dagpass/corp-ca.pem\""), &[]),
        (
            "ca-file",
            &format!("{MINE}ca-file = \"x.pem\""),
            &[format!("4:11 profile.mine.ca-file: {}", has("`corp-ca.pem`"))],
        ),
        (
            "connection-hosts",
            "connection-hosts = [\"warehouse.corp.example\", \"*.lake.example\"]",
            &[],
        ),
        (
            "connection-hosts",
            "connection-hosts = [\"warehouse.corp.example\", \"*.lake.example\", \"evil.example\"]",
            &[format!("1:20 connection-hosts: {}", has("another"))],
        ),
        ("issuer", "profile.prod.issuer = \"https://auth.corp.example/as\"", &[]),
        (
            "issuer",
            "profile.prod.issuer = \"https://auth.corp.example/as/\"",
            &[format!("1:23 profile.prod.issuer: {}", has("`https://auth.corp.example/as`"))],
        ),
        // Elsewhere in other words.
        (
            "issuer",
            "profile.test.endpoints.token = \"https://evil.example/t\"",
            &[format!("1:14 profile.test.endpoints: {none}")],
        ),
        (
            "issuer",
            "profile.prod.endpoints.token = \"https://evil.example/t\"",
            &[format!(
                "1:32 profile.prod.endpoints.token: {}",
                has("`https://auth.corp.example/t`")
            )],
        ),
        (
            "issuer",
            "profile.prod.verification-hosts = [\"evil.example\"]",
            &[format!("1:35 profile.prod.verification-hosts: {none}")],
        ),
        (
            "issuer",
            "[profile.own]\nissuer = \"https://evil.example\"\nclient-id = \"c\"",
            &[format!("2:10 profile.own.issuer: {own}")],
        ),
        // One like `test`, which names no endpoint, and one that is half of each.
        (
            "issuer",
            "[profile.own]\nissuer = \"https://auth.test.example/as\"\nclient-id = \"c\"",
            &[],
        ),
        ("issuer", MINE, &[format!("1:1 profile.mine: {joint}")]),
        ("acr-values", "profile.prod.acr-values = \"mfa\"", &[]),
        (
            "acr-values",
            "profile.prod.acr-values = \"pwd\"",
            &[format!("1:27 profile.prod.acr-values: {}", has("`mfa`"))],
        ),
        (
            "acr-values",
            "profile.test.acr-values = \"pwd\"",
            &[format!("1:27 profile.test.acr-values: {none}")],
        ),
        (
            "acr-values",
            &format!("{MINE}acr-values = \"pwd\""),
            &[format!("4:14 profile.mine.acr-values: {own}")],
        ),
        ("acr-values", MINE, &[]),
        // As `test` has none: a person who may choose is not made to take the stronger one.
        ("acr-values issuer", MINE, &[format!("1:1 profile.mine: {joint}")]),
        ("client-id", "profile.prod.client-id = \"corp\"", &[]),
        (
            "client-id",
            "profile.prod.client-id = \"own\"",
            &[format!("1:26 profile.prod.client-id: {}", has("`corp`"))],
        ),
        (
            "client-id",
            "[env.dev.connection.w]\nconn-type = \"http\"\nhost = \"a.lake.example\"\nobtain = \"sign-in\"\nclient-id = \"own\"",
            &[format!(
                "5:13 env.dev.connection.w.client-id: is locked by {MACHINE}, which names no such client"
            )],
        ),
        (
            "client-id",
            "[connection.w]\nconn-type = \"http\"\nhost = \"a.lake.example\"\nobtain = \"sign-in\"\nclient-id = \"corp-test\"",
            &[],
        ),
        ("scopes", "profile.prod.scopes = [\"openid\", \"a\", \"b\"]", &[]),
        (
            "scopes",
            "profile.prod.scopes = [\"openid\", \"a\"]",
            &[format!("1:23 profile.prod.scopes: {}", has("another"))],
        ),
        (
            "scopes",
            "[connection.w]\nconn-type = \"http\"\nhost = \"a.lake.example\"\nobtain = \"sign-in\"\nscopes = [\"admin\"]",
            &["5:10 connection.w.scopes: profile `prod` does not sign in for `admin`".to_owned()],
        ),
        ("audit", "[audit]\ndurability = \"synced\"", &[]),
        ("audit", "audit = {}", &[]),
        (
            "audit",
            "[audit]\ndurability = \"written\"",
            &[format!("2:14 audit.durability: {}", has("`synced`"))],
        ),
        (
            "audit",
            "[audit.ship]\notlp = \"https://c.example\"",
            &[format!("1:1 audit.ship: {none}")],
        ),
        (
            "audit",
            "audit = 1",
            &[
                format!("1:9 audit: {}", has("another")),
                "1:9 audit: expected a table, found integer".to_owned(),
            ],
        ),
        ("policy", "[policy]\nfile = \"own.cedar\"", &[format!("1:1 policy: {none}")]),
        (
            "policy",
            "[[policy.rule]]\nwhen = { remote = true }\nthen = \"deny\"",
            &[format!("1:3 policy: {none}")],
        ),
        ("policy", "[policy]", &[]),
        ("logout", "[logout]\nafter = \"12h\"", &[]),
        ("logout", "[logout]\nafter = \"720m\"", &[format!("2:9 logout.after: {}", has("`12h`"))]),
        ("logout", "[logout]\ngrace = \"1h\"", &[format!("2:9 logout.grace: {none}")]),
        ("store", "[store]\nkey-file = \"/etc/dagpass/dagpass.key\"", &[]),
        (
            "store",
            "[store]\nkind = \"keychain\"",
            &[format!("2:8 store.kind: {}", has("`key-file`"))],
        ),
        (
            "notifications",
            "[notifications]\nenabled = false",
            &[format!("1:1 notifications: {none}")],
        ),
        ("approvals", "[approvals]", &[]),
        ("endpoint", "[endpoint]\nport = 1", &[format!("1:1 endpoint: {none}")]),
        ("profile", "[profile.prod]\nclient-id = \"corp\"", &[]),
        (
            "profile",
            "[profile.prod]\nprompt = \"none\"",
            &[format!("2:10 profile.prod.prompt: {none}")],
        ),
        ("profile", MINE, &[format!("1:1 profile.mine: {none}")]),
        ("connection", "[connection.warehouse]\nextra = { timeout = 5 }", &[]),
        (
            "connection",
            "[connection.warehouse]\nextra.timeout = 0x6",
            &[format!("2:17 connection.warehouse.extra.timeout: {}", has("`5`"))],
        ),
        (
            "connection",
            "[connection.w]\nconn-type = \"http\"\nhost = \"a.lake.example\"",
            &[format!("1:1 connection.w: {none}")],
        ),
        // What an environment lays over it is its own in other words.
        (
            "connection",
            "[env.dev.connection.warehouse]\nprofile = \"test\"",
            &[format!("1:2 env: {none}")],
        ),
        // And an upstream is where a token goes.
        (
            "connection",
            "[upstream.w]\nurl = \"https://a.lake.example\"",
            &[format!("1:2 upstream: {none}")],
        ),
        (
            "airflow",
            "[airflow.prod]\nurl = \"https://a.lake.example\"",
            &[format!("2:7 airflow.prod.url: {}", has("`https://airflow.lake.example`"))],
        ),
        ("lane", "[lane.agent]\ntokens-per-hour = 2_0", &[]),
        (
            "lane",
            "[lane.agent]\ntokens-per-hour = 200",
            &[format!("2:19 lane.agent.tokens-per-hour: {}", has("`20`"))],
        ),
    ];
    let mut other = Vec::new();
    for (locked, text, expected) in table {
        let machines = locking(&locked.split(' ').collect::<Vec<_>>());
        let found = told(text, &machines);
        assert!(!found.join(" ").contains("canary"), "{found:?}");
        // It is the lock that says so, but for what is wrong by itself.
        if found.len() == 1 && !text.contains("admin") {
            let _unlocked = good(text, &locking(&[]));
        }
        if found != *expected {
            other.push((locked, text, found));
        }
    }
    assert!(other.is_empty(), "{other:#?}");
}
