//! Raw to true: connections and the environments that overlay them. A key of an overlay replaces
//! the whole key below it, tables such as `extra` included.

use std::collections::BTreeMap;
use std::sync::Arc;

use dagpass_core::profile::{OwnToken, Profile, ProfileKind, Scopes};
use dagpass_core::request::{Obtain, SessionKey, Target};
use serde_json::Value;

use super::check::{Check, Known};
use super::connection::{AUTHORIZATION, Connection, Fields, TokenIn};
use super::raw::RawEnvironment;
use super::raw_connection::{RawConnection, RawObtain};
use super::section::{At, Place, Table};
use super::shared_client::Client;
use super::words::is_conn_id;

impl Check<'_> {
    pub(super) fn connections(
        &mut self,
        plain: BTreeMap<String, At<RawConnection>>,
        environments: BTreeMap<String, At<RawEnvironment>>,
        known: &Known,
    ) -> BTreeMap<String, Vec<Connection>> {
        let mut typed: Vec<Typed> = Vec::new();
        for (env, table) in environments {
            for (id, overlay) in table.value.connection {
                let value = match plain.get(&id) {
                    Some(base) => overlay.value.over(&base.value),
                    None => overlay.value,
                };
                let table = At { value, place: overlay.place };
                typed.push(Typed { id, env: Some(env.clone()), table });
            }
        }
        for (id, table) in plain {
            // Without a profile and with overlays it is a template, never a candidate: the default
            // profile must not slip in for an environment nobody chose.
            let template = table.value.profile.is_none() && typed.iter().any(|t| t.id == id);
            if !template {
                typed.push(Typed { id, env: None, table });
            }
        }
        let mut connections: BTreeMap<String, Vec<Connection>> = BTreeMap::new();
        for typed in typed {
            let place = typed.table.place.clone();
            let Some(connection) = self.connection(typed, known) else { continue };
            let others = connections.entry(connection.id.clone()).or_default();
            self.one_client_a_session(&place, &connection, others);
            others.push(connection);
        }
        connections
    }

    fn connection(&mut self, typed: Typed, known: &Known) -> Option<Connection> {
        let Typed { id, env, table: At { value: raw, place } } = typed;
        if !is_conn_id(&id) {
            self.problems.add(&place, format!("Airflow takes no conn_id such as `{id}`"));
        }
        self.connection_goes_to(&raw, &place);
        let name = self.profile_of(raw.profile.as_ref(), &place, known);
        let profile = name.and_then(|name| known.profiles.get(&name).cloned());
        let conn_type = self.required(raw.conn_type.clone(), &place, "conn-type");
        let token_in = self.token_in(&raw);
        let obtain = raw.obtain.as_ref().map_or(RawObtain::Narrow, |obtain| obtain.value);
        self.client_id(&raw, obtain);
        self.has_a_sign_in(&raw, obtain, profile.as_deref());
        let scopes_place = raw.scopes.as_ref().map(|scopes| scopes.place.clone());
        let scopes = raw.scopes.clone().and_then(|scopes| self.scopes(scopes));
        if let (Some(scopes), Some(at), Some(profile)) = (&scopes, &scopes_place, &profile)
            && (obtain == RawObtain::Narrow || self.is_locked("scopes", at))
        {
            self.narrower(at, scopes, profile);
        }
        let target = Target {
            scopes,
            resource: self.filled(raw.resource.clone()),
            audience: self.filled(raw.audience.clone()),
            params: self.params(raw.token_params.clone()),
            obtain: Obtain::Narrow,
        };
        let (token_in, conn_type, base) = (token_in?, conn_type?.value, profile?);
        let client_place = match (&raw.client_id, &raw.obtain) {
            (Some(client_id), _) => client_id.place.clone(),
            (None, Some(obtain)) => obtain.place.clone(),
            (None, None) => place,
        };
        let source = source(&id, obtain, base, (target, raw.client_id));
        if obtain == RawObtain::SignIn {
            let named = format!("connection `{id}`");
            self.clients.push(Client::of(&source.profile, named, client_place));
        }
        Some(Connection {
            id,
            env,
            session: source.session,
            target: source.target,
            profile: source.profile,
            token_in,
            airflow: Fields {
                conn_type,
                host: raw.host.map(|at| at.value),
                login: raw.login.map(|at| at.value),
                port: raw.port.map(|at| at.value),
                schema: raw.schema.map(|at| at.value),
                extra: raw
                    .extra
                    .map(|at| at.value.into_iter().map(plain).collect())
                    .unwrap_or_default(),
            },
        })
    }

    fn client_id(&mut self, raw: &RawConnection, obtain: RawObtain) {
        let Some(client_id) = &raw.client_id else { return };
        if client_id.value.trim().is_empty() {
            self.problems.add(&client_id.place, "is empty");
        }
        if obtain != RawObtain::SignIn {
            let hint = "without it the profile's client is used";
            let message = "is used only with obtain = \"sign-in\"";
            self.problems.add_hint(&client_id.place, message, hint);
        }
    }

    fn has_a_sign_in(&mut self, raw: &RawConnection, obtain: RawObtain, profile: Option<&Profile>) {
        let kind = profile.map_or(ProfileKind::User, |profile| profile.kind);
        if let (RawObtain::SignIn, Some(at), false) = (obtain, &raw.obtain, kind.signs_in()) {
            let message = format!("nobody signs in to a {}", kind.as_str());
            let hint = "without it the connection's own scopes are asked for";
            self.problems.add_hint(&at.place, message, hint);
        }
    }

    /// RFC 6749 §6: a refresh may narrow the grant, never widen it.
    pub(super) fn narrower(&mut self, place: &Place, scopes: &Scopes, profile: &Profile) {
        for scope in scopes.iter().filter(|scope| !profile.scopes.contains(scope)) {
            let (deed, otherwise) = match profile.kind.signs_in() {
                true => ("sign in", ", or use obtain = \"sign-in\""),
                false => ("ask", ""),
            };
            let message = format!("profile `{}` does not {deed} for `{scope}`", profile.name);
            let hint = match self.is_locked("scopes", place) {
                true => "leave it out: `scopes` is locked by the machine's config".to_owned(),
                false => {
                    let key = format!("`profile.{}.scopes`", profile.name);
                    format!("add it to {key}{otherwise}")
                }
            };
            self.problems.add_hint(place, message, hint);
        }
    }

    /// Where the token goes; `None` where that is unclear, which is then on the list.
    fn token_in(&mut self, raw: &RawConnection) -> Option<TokenIn> {
        let http = raw.conn_type.as_ref().is_some_and(|at| at.value == "http");
        let token_in = match raw.token_in.as_ref().map(|at| (at.value.as_str(), &at.place)) {
            None if http => TokenIn::Header,
            None => TokenIn::Password,
            Some(("header", _)) => TokenIn::Header,
            Some(("password", _)) => TokenIn::Password,
            Some((typed, place)) => {
                match typed.strip_prefix("extra.").filter(|key| !key.is_empty()) {
                    Some(key) => TokenIn::Extra(key.to_owned()),
                    None => {
                        let message = format!("`{typed}` is no place for a token");
                        self.problems.add_hint(place, message, "header, password or extra.<key>");
                        return None;
                    }
                }
            }
        };
        let key = match &token_in {
            TokenIn::Header => Some(AUTHORIZATION),
            TokenIn::Extra(key) => Some(key.as_str()),
            TokenIn::Password => None,
        };
        if let (Some(extra), Some(key)) = (&raw.extra, key) {
            let taken = extra.value.keys().find(|typed| typed.eq_ignore_ascii_case(key));
            if let Some(taken) = taken {
                let message = format!("the token goes to `{taken}`, which is set here");
                self.problems.add(&extra.place, message);
            }
        }
        if let (true, TokenIn::Header, Some(extra)) = (http, &token_in, &raw.extra)
            && extra.value.contains_key("headers")
        {
            let hint = "write the headers at the top level of extra";
            let message = "Airflow's HttpHook fails on a table `headers`";
            self.problems.add_hint(&extra.place, message, hint);
        }
        if let (true, TokenIn::Header, Some(login)) = (http, &token_in, &raw.login) {
            let message = "with a login, Airflow's HttpHook sends Basic authentication instead";
            self.problems.add_hint(&login.place, message, "leave `login` out");
        }
        Some(token_in)
    }

    /// A session is one client: two environments may not give the same one different clients.
    fn one_client_a_session(&mut self, place: &Place, new: &Connection, others: &[Connection]) {
        let differs = others.iter().any(|other| {
            other.session == new.session
                && (&other.profile.client_id, &other.profile.scopes)
                    != (&new.profile.client_id, &new.profile.scopes)
        });
        if differs {
            let message = format!(
                "`{}` signs in at profile `{}` with another client-id or other scopes elsewhere",
                new.id, new.session.profile
            );
            let hint = "give each environment a profile of its own";
            self.problems.add_hint(place, message, hint);
        }
    }
}

/// One table, overlays applied.
struct Typed {
    id: String,
    env: Option<String>,
    table: At<RawConnection>,
}

/// Which sign-in a token comes from, and which of its tokens.
struct Source {
    session: SessionKey,
    target: Target,
    profile: Arc<Profile>,
}

/// `asked` is what the table asks for, and the client it names.
fn source(
    id: &str,
    obtain: RawObtain,
    base: Arc<Profile>,
    asked: (Target, Option<At<String>>),
) -> Source {
    let own = SessionKey { profile: base.name.clone(), connection: None };
    let (target, client_id) = asked;
    match obtain {
        RawObtain::Narrow => Source { session: own, target, profile: base },
        RawObtain::Exchange => {
            let target = Target { obtain: Obtain::Exchange, ..target };
            Source { session: own, target, profile: base }
        }
        RawObtain::SignIn => {
            let mut profile = Profile::clone(&base);
            profile.connection = Some(id.to_owned());
            if let Some(client_id) = client_id {
                profile.client_id = client_id.value;
            }
            if let Some(scopes) = &target.scopes {
                profile.scopes = scopes.clone();
            }
            let Target { resource, audience, params, .. } = target;
            profile.own_token = OwnToken { resource, audience, params };
            Source {
                session: SessionKey { connection: Some(id.to_owned()), ..own },
                // The sign-in asked for just these scopes: the whole grant is wanted.
                target: Target::of_sign_in(&profile),
                profile: Arc::new(profile),
            }
        }
    }
}

/// JSON has no dates: one becomes its text. The parser hands it over as a table of one private key.
fn plain((key, value): (String, Value)) -> (String, Value) {
    const DATE: &str = "$__toml_private_datetime";
    let value = match value {
        Value::Object(table) if table.contains_key(DATE) => {
            table.into_iter().next().map_or(Value::Null, |(_, text)| text)
        }
        Value::Object(table) => Value::Object(table.into_iter().map(plain).collect()),
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| plain((String::new(), item)).1).collect())
        }
        other => other,
    };
    (key, value)
}
