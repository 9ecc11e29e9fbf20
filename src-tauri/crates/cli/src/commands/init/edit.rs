//! What a new profile sets in the config, by what is there; the agent writes it.

use std::collections::BTreeMap;

use dagpass_client::wire::{ConfigEdit, ManagedConfig};
use serde_json::{Map, Value as Json};
use toml_edit::{DocumentMut, Item};

use crate::exit::Failure;

pub(super) struct NewProfile {
    pub(super) name: String,
    pub(super) issuer: String,
    /// Where its document is, unless that follows from the issuer.
    pub(super) discovery: Option<String>,
    pub(super) client_id: String,
    pub(super) flow: Option<String>,
    pub(super) scopes: Vec<String>,
    pub(super) redirect_ports: Vec<u16>,
    /// No other profile may have the same callback.
    pub(super) own_callback: bool,
    pub(super) ca_file: Option<String>,
    pub(super) make_default: bool,
    pub(super) force: bool,
    pub(super) theirs: Theirs,
}

/// What the machine's config has already.
#[derive(Clone, Debug, Default)]
pub(super) struct Theirs {
    has_default: bool,
    profiles: Vec<String>,
}

impl Theirs {
    pub(super) fn of(managed: Option<&ManagedConfig>) -> Self {
        let Some(table) = managed.map(|managed| &managed.table) else { return Self::default() };
        let profiles = table.get("profile").and_then(Json::as_object);
        let profiles = profiles.into_iter().flat_map(|all| all.keys().cloned()).collect();
        Self { has_default: table.contains_key("default-profile"), profiles }
    }
}

pub(super) fn edit(text: &str, new: &NewProfile) -> Result<ConfigEdit, Failure> {
    let config: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let failure = Failure::new("config_invalid", "the config is no TOML");
        failure.because(error.message()).hint("run `dagpass config check`")
    })?;
    let profiles = config.get("profile").and_then(Item::as_table_like);
    let is_new = profiles.is_none_or(|profiles| !profiles.contains_key(&new.name))
        && !new.theirs.profiles.contains(&new.name);
    if !is_new && !new.force {
        let failure =
            Failure::new("conflict", format!("there is a profile `{}` already", new.name));
        return Err(failure.hint("give --force to change it, or another name"));
    }
    let mut set = BTreeMap::new();
    if let Some(name) = default(&config, new) {
        set.insert("default-profile".to_owned(), Json::from(name));
    }
    let table = format!("profile.{}", key(&new.name));
    if let Some(url) = &new.discovery {
        set.insert(format!("{table}.endpoints.discovery"), Json::from(url.as_str()));
    }
    set.insert(table, Json::Object(profile(new, is_new)));
    Ok(ConfigEdit { set, ..ConfigEdit::default() })
}

fn profile(new: &NewProfile, is_new: bool) -> Map<String, Json> {
    let mut profile = Map::new();
    let mut put = |key: &str, value: Json| drop(profile.insert(key.to_owned(), value));
    put("issuer", new.issuer.as_str().into());
    put("client-id", new.client_id.as_str().into());
    put("scopes", new.scopes.clone().into());
    if let Some(flow) = &new.flow {
        put("flow", flow.as_str().into());
    }
    if !new.redirect_ports.is_empty() {
        put("redirect-ports", new.redirect_ports.clone().into());
    }
    // What is registered for a profile that exists stays good.
    if is_new && new.own_callback && new.flow.as_deref() != Some("device") {
        put("redirect-path", format!("/callback/{}", new.name).into());
    }
    if let Some(file) = &new.ca_file {
        put("ca-file", file.as_str().into());
    }
    profile
}

/// Quoted where TOML would read it otherwise.
fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.chars().all(bare) { name.to_owned() } else { Json::from(name).to_string() }
}

/// The first profile is the default, also when a second one comes; after that, whatever the config says.
fn default(config: &DocumentMut, new: &NewProfile) -> Option<String> {
    if new.make_default {
        return Some(new.name.clone());
    }
    if config.contains_key("default-profile") || new.theirs.has_default {
        return None;
    }
    let profiles = config.get("profile").and_then(Item::as_table_like);
    let own = profiles.into_iter().flat_map(|profiles| profiles.iter()).map(|(name, _)| name);
    let theirs = new.theirs.profiles.iter().map(String::as_str);
    let mut names = theirs.clone().chain(own.filter(|own| !theirs.clone().any(|one| one == *own)));
    match (names.next(), names.next()) {
        (None, _) => Some(new.name.clone()),
        (Some(only), None) => Some(only.to_owned()),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn new() -> NewProfile {
        NewProfile {
            name: "prod".into(),
            issuer: "https://auth.pingone.eu/e-1/as".into(),
            discovery: None,
            client_id: "c-1".into(),
            flow: None,
            scopes: vec!["openid".into(), "airflow".into()],
            redirect_ports: Vec::new(),
            own_callback: false,
            ca_file: None,
            make_default: false,
            theirs: Theirs::default(),
            force: false,
        }
    }

    fn set(text: &str, new: &NewProfile) -> BTreeMap<String, Json> {
        edit(text, new).unwrap().set
    }

    #[test]
    fn an_empty_config_gets_a_default_profile() {
        let profile = json!({
            "issuer": "https://auth.pingone.eu/e-1/as", "client-id": "c-1",
            "scopes": ["openid", "airflow"],
        });
        let expected = [("default-profile", json!("prod")), ("profile.prod", profile)];
        let expected = expected.map(|(key, value)| (key.to_owned(), value));
        assert_eq!(set("", &new()), BTreeMap::from(expected));
    }

    #[test]
    fn a_profile_beside_the_machine_s_leaves_its_default_the_default() {
        let table = |text: &str| serde_json::from_str(text).unwrap();
        let one = r#"{"profile": {"corp": {}}}"#;
        let said = r#"{"profile": {"corp": {}}, "default-profile": "corp"}"#;
        for (theirs, make_default, default) in [
            (one, false, Some("corp")),
            (said, false, None),
            (said, true, Some("prod")),
            ("{}", false, Some("prod")),
        ] {
            let managed = ManagedConfig { table: table(theirs), ..ManagedConfig::default() };
            let new = NewProfile { theirs: Theirs::of(Some(&managed)), make_default, ..new() };
            let named =
                set("", &new).get("default-profile").and_then(Json::as_str).map(str::to_owned);
            assert_eq!(named.as_deref(), default, "{theirs} {make_default}");
        }
        let managed = ManagedConfig { table: table(one), ..ManagedConfig::default() };
        let theirs = Theirs::of(Some(&managed));
        let over = NewProfile { name: "corp".into(), theirs, ..new() };
        assert!(edit("", &over).is_err(), "nobody writes over theirs unasked");
    }

    #[test]
    fn a_second_profile_leaves_the_first_one_the_default() {
        let profile = |name: &str| format!("[profile.{name}]\nissuer = \"https://{name}\"\n");
        for (before, make_default, default) in [
            (String::new(), false, Some("prod")),
            (profile("dev"), false, Some("dev")),
            (profile("prod"), false, Some("prod")),
            (profile("dev") + &profile("test"), false, None),
            ("default-profile = \"test\"\n".to_owned() + &profile("dev"), false, None),
            ("default-profile = \"test\"\n".to_owned() + &profile("dev"), true, Some("prod")),
        ] {
            let set = set(&before, &NewProfile { force: true, make_default, ..new() });
            let named = set.get("default-profile").and_then(Json::as_str);
            assert_eq!(named, default, "{before}");
        }
    }

    #[test]
    fn what_is_given_is_set_and_nothing_else() {
        let url = "https://sso.example/.well-known/openid-configuration?policy_id=p";
        let whole = NewProfile {
            name: "a.b".into(),
            discovery: Some(url.into()),
            flow: Some("browser".into()),
            redirect_ports: vec![0],
            ca_file: Some("/ca.pem".into()),
            ..new()
        };
        let set = set("", &whole);
        assert_eq!(set["profile.\"a.b\".endpoints.discovery"], url);
        let table = &set["profile.\"a.b\""];
        assert_eq!(table["flow"], "browser");
        assert_eq!(table["redirect-ports"], json!([0]));
        assert_eq!(table["ca-file"], "/ca.pem");
        assert_eq!(table.get("redirect-path"), None);
    }

    #[test]
    fn a_callback_of_its_own_is_for_a_new_profile_with_a_browser() {
        let there = "[profile.prod]\nissuer = \"https://old\"\n";
        for (before, flow, own) in [
            ("", None, true),
            ("", Some("browser"), true),
            ("", Some("device"), false),
            (there, None, false),
        ] {
            let flow = flow.map(str::to_owned);
            let profile = NewProfile { own_callback: true, force: true, flow, ..new() };
            let path = set(before, &profile)["profile.prod"].get("redirect-path").cloned();
            assert_eq!(path, own.then(|| json!("/callback/prod")), "{before}");
        }
    }

    #[test]
    fn a_profile_is_changed_only_by_force_and_no_toml_is_left_alone() {
        for (before, refused) in [("[profile.prod]\n", "conflict"), ("a = ", "config_invalid")] {
            let error = edit(before, &new()).map_err(|failure| failure.reply.error);
            assert_eq!(error.err().as_deref(), Some(refused));
        }
    }
}
