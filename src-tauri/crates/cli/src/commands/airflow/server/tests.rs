//! The files of each product, and that a folder's own are left alone.

use super::*;

fn plan(product: Product) -> Plan {
    Plan {
        product,
        issuer: "https://ping.example/as".into(),
        client: "laptop".into(),
        audience: "https://airflow.example".into(),
        url: "https://airflow.example".into(),
        web_client: None,
        claim: "groups".into(),
    }
}

const ALL: [Product; 3] = [Product::PingOne, Product::PingFederate, Product::PingAm];

fn file(plan: &Plan, name: &str) -> String {
    plan.files().into_iter().find(|(known, _)| *known == name).expect(name).1
}

#[test]
fn an_issuer_tells_its_product() {
    let table = [
        ("https://auth.pingone.eu/b8a1/as", Some(Product::PingOne)),
        ("https://login.corp.example/as", Some(Product::PingOne)),
        ("https://sso.corp.example", Some(Product::PingFederate)),
        ("https://sso.corp.example:9031/", Some(Product::PingFederate)),
        ("https://x.forgeblocks.com:443/am/oauth2/realms/root/realms/alpha", Some(Product::PingAm)),
        ("https://am.corp.example/openam/oauth2", Some(Product::PingAm)),
        ("https://login.corp.example/tenant/v2.0", None),
        ("login", None),
    ];
    for (issuer, product) in table {
        assert_eq!(Product::of(issuer), product, "{issuer}");
    }
}

#[test]
fn every_product_s_files_are_filled_in_and_name_the_redirect_uri() {
    for product in ALL {
        let plan = plan(product);
        for (name, text) in plan.files() {
            for hole in
                ["@product@", "@scope@", "@issuer@", "@audience@", "@url@", "client@", "@wheel@"]
            {
                assert!(!text.contains(hole), "{product:?} {name}: {hole}");
            }
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{product:?} {name}");
        }
        let notes = file(&plan, "PING-SETUP.md");
        assert_eq!(plan.redirect_uri(), "https://airflow.example/auth/oauth-authorized/ping");
        assert!(notes.contains(&format!("`{}`", plan.redirect_uri())), "{product:?}");
        for (name, text) in plan.files() {
            assert!(
                !text.contains("2.11") && !text.contains("example/oauth-"),
                "{name}: not served"
            );
        }
        let settings = file(&plan, "airflow.env");
        assert!(settings.contains("AIRFLOW__DAGPASS_AUTH__ISSUER=https://ping.example/as\n"));
        let unnamed = settings.contains("REPLACE-WITH");
        assert_eq!(unnamed, product == Product::PingOne, "{product:?}");
        assert_eq!(plan.to_fill_in().len(), if unnamed { 3 } else { 2 }, "{product:?}");
    }
}

#[test]
fn settings_are_assignments_and_a_secret_comes_from_a_command_alone() {
    for product in ALL {
        let settings = file(&plan(product), "airflow.env");
        let lines = settings.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let names: Vec<&str> = lines
            .map(|line| line.split_once('=').map(|(name, _)| name).expect("an assignment"))
            .collect();
        assert!(names.iter().all(|name| name.starts_with("AIRFLOW__")), "{names:?}");
        let secret: Vec<&&str> = names.iter().filter(|name| name.contains("SECRET")).collect();
        assert_eq!(secret, [&"AIRFLOW__DAGPASS_AUTH__CLIENT_SECRET_CMD"]);
    }
}

#[test]
fn a_value_that_a_shell_would_read_is_refused() {
    for bad in ["", "a b", "a$b", "a;b", "a`b`", "a\nb", "a'b", "a\"b", "a#b", "a\\b"] {
        assert_eq!(one_word("url", Some(&bad.to_owned())).unwrap_err().exit, 2, "{bad}");
    }
    for good in ["https://a.example:443/am/oauth2?x=y", "b8a1-c0ffee", "a,b"] {
        assert!(one_word("url", Some(&good.to_owned())).is_ok(), "{good}");
    }
}

#[test]
fn what_is_in_the_folder_stays_unless_told_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("airflow-roles.json");
    std::fs::write(&own, "mine").unwrap();
    let plan = plan(Product::PingAm);
    let refused = plan.write(folder.path(), false).unwrap_err();
    assert!(refused.reply.error_description.contains("airflow-roles.json"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "none or all");
    assert_eq!(std::fs::read_to_string(&own).unwrap(), "mine");

    let written = plan.write(folder.path(), true).unwrap();
    let results: Vec<&str> = written.iter().map(|file| file.result).collect();
    assert_eq!(results, ["wrote", "wrote", "replaced", "wrote"]);
    assert!(std::fs::read_to_string(&own).unwrap().contains("\"AF-Admins\": [\"Admin\"]"));
}
