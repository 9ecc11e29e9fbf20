//! The authorization endpoint and pushed requests: which requests are good, and what the callback
//! says. Never shows a page itself.

use serde_json::json;
use url::Url;

use crate::call::{Call, Refusal, Reply};
use crate::clients;
use crate::encode::{pairs, random};
use crate::family::Family;
use crate::pages;
use crate::quirks::{RedirectMatch, Rfc9207};
use crate::scopes;
use crate::world::{Page, Site, World};

/// An authorization request that passed.
#[derive(Clone, Debug)]
pub(crate) struct AuthRequest {
    pub(crate) client: String,
    pub(crate) redirect_uri: String,
    pub(crate) scope: Vec<String>,
    pub(crate) state: Option<String>,
    pub(crate) nonce: Option<String>,
    pub(crate) challenge: String,
    pub(crate) prompt: Option<String>,
    pub(crate) max_age: Option<i64>,
    pub(crate) login_hint: Option<String>,
    pub(crate) resource: Option<String>,
}

/// An authorization code and what it stands for.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) request: AuthRequest,
    pub(crate) sub: String,
    pub(crate) sid: String,
    pub(crate) expires: i64,
    /// The grant it was redeemed for: a second use revokes that.
    pub(crate) grant: Option<String>,
}

/// Why a request was turned away.
#[derive(Debug)]
enum Turned {
    /// Nothing may be sent to an unchecked redirect URI: the person sees a page.
    Shown(Box<Refusal>),
    /// The application hears of it by its callback (RFC 6749 §4.1.2.1).
    SentBack { redirect_uri: String, state: Option<String>, refusal: Box<Refusal> },
}

/// `GET` or `POST` on the authorization endpoint by a browser.
pub(crate) fn authorize(world: &mut World, site: &Site, call: &Call) -> Reply {
    let request = match request(world, call) {
        Ok(request) => request,
        Err(turned) => return turn_away(world, site, turned),
    };
    world.note.client = Some(request.client.clone());
    let session = call.cookie(pages::COOKIE).and_then(|sid| world.session(sid)).cloned();
    let fresh_enough = session.filter(|session| !must_sign_in(world, &request, session.auth_time));
    match (fresh_enough, request.prompt.as_deref()) {
        (Some(session), _) => Reply::redirect(&complete(world, site, &request, &session.sid)),
        (None, Some("none")) => {
            let refusal = Box::new(Refusal::new("login_required", "no session, and prompt=none"));
            let (redirect_uri, state) = (request.redirect_uri, request.state);
            turn_away(world, site, Turned::SentBack { redirect_uri, state, refusal })
        }
        (None, _) => {
            let hint = request.login_hint.clone();
            let flow = random(16);
            let client = clients::name(world, &request.client);
            world.pages.insert(flow.clone(), Page::SignIn(request));
            let action = site.place.path(crate::family::Endpoint::Authorize);
            pages::sign_in::page(
                world,
                &pages::sign_in::SignIn { action, flow: &flow, client, hint },
            )
        }
    }
}

/// A person without a browser: signs in as `sub` and returns where the browser would be sent.
pub(crate) fn authorize_as(
    world: &mut World,
    site: &Site,
    sub: &str,
    query: &str,
) -> Result<String, String> {
    let call = Call { method: "GET".into(), query: query.to_owned(), ..Call::default() };
    let request = match request(world, &call) {
        Ok(request) => request,
        Err(Turned::Shown(refusal)) => return Err(refusal.description),
        Err(turned) => {
            let reply = turn_away(world, site, turned);
            return Ok(reply.header("location").unwrap_or_default().to_owned());
        }
    };
    if world.user(sub).is_none() {
        return Err(format!("no user {sub}"));
    }
    let session = world.session_of(sub).cloned();
    let kept = session.filter(|session| !must_sign_in(world, &request, session.auth_time));
    let sid = match kept {
        Some(session) => session.sid,
        None => sign_in_again(world, sub),
    };
    Ok(complete(world, site, &request, &sid))
}

/// Gives the password once more in the same browser: the session stays, its `auth_time` moves.
pub(crate) fn sign_in_again(world: &mut World, sub: &str) -> String {
    let now = world.seconds();
    let existing =
        world.sessions.iter_mut().rev().find(|session| session.alive && session.sub == sub);
    match existing {
        Some(session) => {
            session.auth_time = now;
            session.sid.clone()
        }
        None => world.sign_on(sub),
    }
}

/// The callback URL of a request that this session answers.
pub(crate) fn complete(world: &mut World, site: &Site, request: &AuthRequest, sid: &str) -> String {
    let sub = world.session(sid).map(|session| session.sub.clone()).unwrap_or_default();
    let value = random(24);
    let code = world.hand_out("authorization_code", value);
    let expires = world.now() + world.quirks.code_ttl * 1000;
    let record = Code {
        request: request.clone(),
        sub: sub.clone(),
        sid: sid.to_owned(),
        expires,
        grant: None,
    };
    world.codes.insert(code.clone(), record);
    world.note.sub = Some(sub);
    let state = request.state.as_deref().unwrap_or_default();
    callback(world, site, &request.redirect_uri, &[("code", &code), ("state", state)])
}

/// RFC 9126 §2.
pub(crate) fn push(world: &mut World, call: &Call) -> Result<Reply, Refusal> {
    let client = clients::authenticate(world, call)?;
    world.note.client = Some(client);
    match checked(world, &|name| call.param(name)) {
        Ok(request) => {
            let uri = format!("urn:ietf:params:oauth:request_uri:{}", random(16));
            let (now, ttl) = (world.now(), world.quirks.par_ttl);
            world.pushed.insert(uri.clone(), (request, now + ttl * 1000));
            Ok(Reply::json(201, &json!({"request_uri": uri, "expires_in": ttl})))
        }
        Err(Turned::Shown(refusal) | Turned::SentBack { refusal, .. }) => Err(*refusal),
    }
}

fn request(world: &mut World, call: &Call) -> Result<AuthRequest, Turned> {
    let shown = |text: &str| Turned::Shown(Box::new(Refusal::new("invalid_request", text)));
    if let Some(uri) = call.param("request_uri") {
        let (request, expires) =
            world.pushed.remove(&uri).ok_or_else(|| shown("unknown request_uri"))?;
        if expires <= world.now() {
            return Err(shown("the pushed request has expired"));
        }
        return Ok(request);
    }
    if world.quirks.require_par {
        return Err(shown("pushed authorization requests are required"));
    }
    checked(world, &|name| call.param(name))
}

fn checked(world: &World, param: &dyn Fn(&str) -> Option<String>) -> Result<AuthRequest, Turned> {
    let shown = |error: &str, text: &str| Turned::Shown(Box::new(Refusal::new(error, text)));
    let client = param("client_id").unwrap_or_default();
    if world.client(&client).is_none() {
        return Err(shown("invalid_client", "unknown client_id"));
    }
    let redirect_uri = param("redirect_uri").unwrap_or_default();
    if !redirect_allowed(world, &redirect_uri) {
        return Err(shown("invalid_request", "Redirect URI mismatch"));
    }
    let state = param("state");
    let back = |refusal: Refusal| Turned::SentBack {
        redirect_uri: redirect_uri.clone(),
        state: state.clone(),
        refusal: Box::new(refusal),
    };
    if param("response_type").as_deref() != Some("code") {
        return Err(back(Refusal::new("unsupported_response_type", "only code is supported")));
    }
    let method = param("code_challenge_method");
    let Some(challenge) = param("code_challenge").filter(|_| method.as_deref() == Some("S256"))
    else {
        return Err(back(Refusal::new("invalid_request", "PKCE with S256 is required")));
    };
    let resource = param("resource");
    let scope = scopes::requested(world, &param("scope").unwrap_or_default(), resource.as_deref())
        .map_err(&back)?;
    Ok(AuthRequest {
        client,
        redirect_uri: redirect_uri.clone(),
        scope,
        state: state.clone(),
        nonce: param("nonce"),
        challenge,
        prompt: param("prompt"),
        max_age: param("max_age").and_then(|text| text.parse().ok()),
        login_hint: param("login_hint"),
        resource,
    })
}

fn must_sign_in(world: &World, request: &AuthRequest, auth_time: i64) -> bool {
    let too_old = request.max_age.is_some_and(|limit| world.seconds() - auth_time > limit);
    let asks = |word: &str| matches!(word, "login" | "select_account");
    let prompt = request.prompt.as_deref().unwrap_or_default();
    too_old || prompt.split_whitespace().any(asks)
}

fn turn_away(world: &mut World, site: &Site, turned: Turned) -> Reply {
    match turned {
        Turned::Shown(refusal) => {
            world.note.error = Some(refusal.error.clone());
            pages::message(world, 400, "This request cannot be served", &refusal.description)
        }
        Turned::SentBack { redirect_uri, state, refusal } => {
            world.note.error = Some(refusal.error.clone());
            let members = [
                ("error", refusal.error.as_str()),
                ("error_description", &refusal.description),
                ("state", state.as_deref().unwrap_or_default()),
            ];
            Reply::redirect(&callback(world, site, &redirect_uri, &members))
        }
    }
}

fn callback(world: &World, site: &Site, redirect_uri: &str, members: &[(&str, &str)]) -> String {
    let Ok(mut url) = Url::parse(redirect_uri) else { return redirect_uri.to_owned() };
    {
        let mut query = url.query_pairs_mut();
        query.extend_pairs(members.iter().filter(|(_, value)| !value.is_empty()));
        match world.quirks.rfc9207 {
            Rfc9207::Right => query.append_pair("iss", &site.issuer),
            Rfc9207::Wrong => query.append_pair("iss", "https://other.test"),
            Rfc9207::Absent => &mut query,
        };
    }
    url.into()
}

/// Does a redirect URI match a registered one, by the rule in force?
fn redirect_allowed(world: &World, asked: &str) -> bool {
    let loopback = ["127.0.0.1", "localhost", "[::1]"];
    let Ok(url) = Url::parse(asked) else { return false };
    let host = url.host_str().unwrap_or_default();
    let portless = |registered: &str| {
        let registered = registered.replace(":*/", "/");
        Url::parse(&registered).is_ok_and(|known| {
            loopback.contains(&host)
                && known.scheme() == url.scheme()
                && known.host_str() == Some(host)
                && known.path() == url.path()
        })
    };
    world.quirks.redirect_uris.iter().any(|registered| match world.quirks.redirect_match {
        RedirectMatch::Exact => registered == asked,
        RedirectMatch::AnyPort => {
            // PingOne's documentation takes `localhost` and `127.0.0.1` alike.
            let named = registered.replace("127.0.0.1", host);
            portless(registered) || (world.family == Family::PingOne && portless(&named))
        }
        RedirectMatch::WildcardPort => {
            registered == asked || (registered.contains(":*/") && portless(registered))
        }
    })
}

/// The query of a URL, for those who come without a browser.
pub(crate) fn query_of(url: &str) -> Option<(String, String)> {
    let url = Url::parse(url).ok()?;
    Some((url.path().to_owned(), url.query().unwrap_or_default().to_owned()))
}

/// `name=value` pairs of a callback, for tests and the control route.
pub fn callback_member(url: &str, name: &str) -> Option<String> {
    let (_, query) = query_of(url)?;
    pairs(&query).into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
