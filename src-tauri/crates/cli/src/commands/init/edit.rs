//! A profile into the text of the config: comments, order and everything else stay.

use toml_edit::{Array, DocumentMut, Item, Table, Value, value};

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
    pub(super) ca_file: Option<String>,
    pub(super) make_default: bool,
    pub(super) force: bool,
}

pub(super) fn add(text: &str, new: &NewProfile) -> Result<String, Failure> {
    let mut config: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
        let failure = Failure::new("config_invalid", "the config is no TOML");
        failure.because(error.message()).hint("run `dagpass config check`")
    })?;
    if let Some(name) = default(&config, new) {
        config["default-profile"] = value(name);
    }
    let profiles = table(&mut config, "profile")?;
    profiles.set_implicit(true);
    if profiles.contains_key(&new.name) && !new.force {
        let failure =
            Failure::new("conflict", format!("there is a profile `{}` already", new.name));
        return Err(failure.hint("give --force to change it, or another name"));
    }
    let profile = table(profiles, &new.name)?;
    profile["issuer"] = value(&new.issuer);
    profile["client-id"] = value(&new.client_id);
    profile["scopes"] = list(new.scopes.iter().map(Value::from));
    if let Some(url) = &new.discovery {
        profile["endpoints"]["discovery"] = value(url);
    }
    if let Some(flow) = &new.flow {
        profile["flow"] = value(flow);
    }
    if !new.redirect_ports.is_empty() {
        let ports = new.redirect_ports.iter().map(|port| Value::from(i64::from(*port)));
        profile["redirect-ports"] = list(ports);
    }
    if let Some(file) = &new.ca_file {
        profile["ca-file"] = value(file);
    }
    Ok(config.to_string())
}

/// The first profile is the default, also when a second one comes; after that, whatever the config says.
fn default(config: &DocumentMut, new: &NewProfile) -> Option<String> {
    if new.make_default {
        return Some(new.name.clone());
    }
    if config.contains_key("default-profile") {
        return None;
    }
    let profiles = config.get("profile").and_then(Item::as_table_like);
    let mut names = profiles.into_iter().flat_map(|profiles| profiles.iter()).map(|(name, _)| name);
    match (names.next(), names.next()) {
        (None, _) => Some(new.name.clone()),
        (Some(only), None) => Some(only.to_owned()),
        (Some(_), Some(_)) => None,
    }
}

fn table<'a>(parent: &'a mut Table, key: &str) -> Result<&'a mut Table, Failure> {
    let item = parent.entry(key).or_insert_with(|| Item::Table(Table::new()));
    let not_a_table =
        || Failure::new("config_invalid", format!("`{key}` in the config is no table"));
    item.as_table_mut().ok_or_else(not_a_table)
}

fn list(values: impl Iterator<Item = Value>) -> Item {
    value(values.collect::<Array>())
}

#[cfg(test)]
mod tests {
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
            ca_file: None,
            make_default: false,
            force: false,
        }
    }

    #[test]
    fn an_empty_config_gets_a_default_profile() {
        assert_eq!(
            add("", &new()).unwrap(),
            "default-profile = \"prod\"\n\n[profile.prod]\n\
             issuer = \"https://auth.pingone.eu/e-1/as\"\nclient-id = \"c-1\"\n\
             scopes = [\"openid\", \"airflow\"]\n"
        );
    }

    #[test]
    fn a_second_profile_leaves_the_first_one_the_default() {
        let profile = |name: &str| format!("[profile.{name}]\nissuer = \"https://{name}\"\n");
        for (before, default) in [
            (String::new(), Some("prod")),
            (profile("dev"), Some("dev")),
            (profile("prod"), Some("prod")),
            (profile("dev") + &profile("test"), None),
            ("default-profile = \"test\"\n".to_owned() + &profile("dev"), Some("test")),
        ] {
            let after = add(&before, &NewProfile { force: true, ..new() }).unwrap();
            let after: DocumentMut = after.parse().unwrap();
            let named = after.get("default-profile").and_then(Item::as_str);
            assert_eq!(named, default, "{before}");
        }
    }

    #[test]
    fn a_document_elsewhere_is_written_down() {
        let url = "https://sso.example/.well-known/openid-configuration?policy_id=p";
        let added = add("", &NewProfile { discovery: Some(url.to_owned()), ..new() }).unwrap();
        let config: DocumentMut = added.parse().unwrap();
        let written = &config["profile"]["prod"]["endpoints"]["discovery"];
        assert_eq!(written.as_str(), Some(url), "{added}");
    }

    #[test]
    fn comments_and_other_profiles_stay() {
        let before = "# ours\ndefault-profile = \"dev\" # daily\n\n[profile.dev] # the small one\n\
                      issuer = \"https://d\"\n\n# end\n[endpoint]\nport = 0\n";
        let after = add(before, &new()).unwrap();
        assert!(after.starts_with("# ours\ndefault-profile = \"dev\" # daily\n"), "{after}");
        for kept in ["[profile.dev] # the small one\n", "# end\n[endpoint]\nport = 0\n"] {
            assert!(after.contains(kept), "{after}");
        }
        let made_default = add(before, &NewProfile { make_default: true, ..new() }).unwrap();
        assert!(made_default.contains("default-profile = \"prod\""), "{made_default}");
    }

    #[test]
    fn a_profile_is_changed_only_by_force_and_keeps_its_other_keys() {
        let before = "[profile.prod]\nissuer = \"https://old\"\nprompt = \"login\" # why\n";
        let refused = add(before, &new()).map_err(|failure| failure.reply.error);
        assert_eq!(refused, Err("conflict".to_owned()));
        let after = add(before, &NewProfile { force: true, flow: Some("device".into()), ..new() });
        let after = after.unwrap();
        assert!(after.contains("prompt = \"login\" # why"), "{after}");
        assert!(after.contains("issuer = \"https://auth.pingone.eu/e-1/as\""), "{after}");
        assert!(after.contains("flow = \"device\"") && !after.contains("https://old"), "{after}");
    }

    #[test]
    fn a_config_that_is_no_toml_is_left_alone() {
        let error = add("a = ", &new()).map_err(|failure| failure.reply.error);
        assert_eq!(error, Err("config_invalid".to_owned()));
    }
}
